"""The source of an app's code, its deployments, the versions of CIPP's apps, and a sync with the fork."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from backend.hosting.functions.code import same_version
from sandbox import names
from tests.support import phrases
from tests.support.api import Api
from tests.support.bad_days import BAD_DAYS, IMPATIENT, LONGEST_SECONDS, check_told, day_of
from tests.support.rotation.others import Others
from tests.support.sandbox.arm import WEB, Arm
from tests.support.sandbox_client import Sandbox

ARM = "management.azure.com"
FORK = "https://github.com/contosomsp/CIPP-API"
BY_HAND = {"repoUrl": FORK, "branch": "main", "isManualIntegration": True, "isGitHubAction": False}
COMMIT, OTHER_COMMIT, ZIP = "a" * 40, "b" * 40, "c" * 32


def connect(azure: Sandbox, site: str = names.MAIN_SITE, **more: object) -> None:
    """Connect an app to the fork as an admin does in the portal."""
    path = f"{WEB}/sites/{site}/sourcecontrols/web"
    assert Arm(azure).call("PUT", path, {"properties": {**BY_HAND, **more}}).status_code == 201


def syncs(azure: Sandbox) -> list[dict[str, Any]]:
    return [call for call in azure.calls(ARM) if call["method"] == "POST" and call["path"].endswith("/sync")]


@pytest.fixture
def impatient(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> Iterator[Api]:
    """The API with short waits. Faults are removed after the test."""
    for name, value in IMPATIENT.items():
        nowhere.setenv(name, value)
    yield Api()
    azure.faults([])


def test_source_and_deployments_are_returned_the_newest_first(api: Api, azure: Sandbox) -> None:
    results = api.get("ListFunctionAppDeployments").results
    assert results["Name"] == names.MAIN_SITE
    assert results["Source"] == {
        "RepoUrl": FORK,
        "Branch": "master",
        "IsGitHubAction": True,
        "IsManualIntegration": False,
    }
    stored = azure.state()["sites"][names.MAIN_SITE]["deployments"]
    assert [one["Id"] for one in results["Deployments"]] == [one["id"] for one in stored]
    assert results["Deployments"][0] == {
        "Id": stored[0]["id"],
        "Time": results["Deployments"][0]["Time"],
        "Author": "alex",
        "Message": "Merge v10.8.2",
        "Status": "Success",
        "Active": True,
    }
    times = [one["Time"] for one in results["Deployments"]]
    assert times == sorted(times, reverse=True)
    assert [one["Active"] for one in results["Deployments"]] == [True, False, False]


def test_an_app_without_a_repository_has_no_source(api: Api) -> None:
    results = api.get(f"ListFunctionAppDeployments?Name={names.OFFLOAD_SITE}").results
    assert (results["Name"], results["Source"], results["Deployments"]) == (names.OFFLOAD_SITE, None, [])


def test_same_version_of_the_apps_is_reported(api: Api, azure: Sandbox) -> None:
    results = api.get("ListFunctionAppDeployments").results
    assert set(results["Versions"]) == {names.MAIN_SITE, names.OFFLOAD_SITE}
    assert results["SameVersion"] is None  # Azure shows no deployment of the offload app
    for site in (names.MAIN_SITE, names.OFFLOAD_SITE):
        connect(azure, site)
        assert api.post("ExecFunctionAppDeploymentSync", {"Name": site}).status == 200
    assert api.get("ListFunctionAppDeployments").results["SameVersion"] is False


@pytest.mark.parametrize(
    ("versions", "same"),
    [
        ([COMMIT, COMMIT], True),
        ([COMMIT, OTHER_COMMIT], False),
        ([COMMIT, COMMIT, OTHER_COMMIT], False),
        ([COMMIT, None], None),
        ([None, None], None),
        ([ZIP, "d" * 32], None),  # a zip file's deployment has a unique name, so nothing is known
        ([ZIP, COMMIT], None),
        ([COMMIT], True),
        ([], None),
    ],
)
def test_two_versions_differ_only_when_both_are_commits(versions: list[str | None], same: bool | None) -> None:
    assert same_version(versions) is same


def test_failure_of_another_app_affects_only_the_comparison(impatient: Api, azure: Sandbox) -> None:
    azure.faults([{"path": "/cippabc12-proc/deployments$", "mode": "refuse", "status": 500, "times": 0}])
    answer = impatient.get("ListFunctionAppDeployments")
    assert answer.status == 200
    assert len(answer.results["Deployments"]) == 3
    assert answer.results["SameVersion"] is None


def test_sync_pulls_from_the_fork_and_names_the_endpoint_for_its_state(api: Api, azure: Sandbox) -> None:
    connect(azure)
    answer = api.post("ExecFunctionAppDeploymentSync")
    assert answer.status == 200, answer.text
    assert f"{FORK} (main)" in answer.results["Done"][0]
    assert "ListFunctionAppDeployments" in answer.results["Done"][0]
    assert api.get("ListFunctionAppDeployments").results["Deployments"][0]["Message"] == "Pulled"
    assert len(syncs(azure)) == 1


def test_dry_run_does_not_sync(api: Api, azure: Sandbox) -> None:
    connect(azure)
    answer = api.post("ExecFunctionAppDeploymentSync", {"DryRun": True})
    assert answer.status == 200
    assert FORK in answer.results["WouldDo"][0]
    assert syncs(azure) == []


def test_sync_is_refused_when_a_github_action_deploys_the_app(api: Api, azure: Sandbox) -> None:
    answer = api.post("ExecFunctionAppDeploymentSync")
    assert answer.status == 409
    assert f"{FORK}/actions" in answer.results
    assert syncs(azure) == []


def test_sync_is_refused_when_the_app_has_no_repository(api: Api, azure: Sandbox) -> None:
    answer = api.post("ExecFunctionAppDeploymentSync", {"Name": names.OFFLOAD_SITE})
    assert answer.status == 409
    assert phrases.NO_REPOSITORY in answer.results
    assert syncs(azure) == []


def test_conflict_of_a_sync_is_reported(api: Api, azure: Sandbox) -> None:
    connect(azure)
    azure.faults([{"path": "/sync$", "mode": "refuse", "status": 409, "times": 0}])
    answer = api.post("ExecFunctionAppDeploymentSync")
    assert answer.status == 409
    assert "conflict" in answer.results
    assert len(syncs(azure)) == 1


def test_this_app_is_synced_only_with_force(api: Api, azure: Sandbox) -> None:
    connect(azure, names.BACKEND_SITE)
    body = {"Name": names.BACKEND_SITE}
    refused = api.post("ExecFunctionAppDeploymentSync", body)
    assert refused.status == 409
    assert "Force" in refused.results
    assert syncs(azure) == []
    assert api.post("ExecFunctionAppDeploymentSync", {**body, "Force": True}).status == 200


@pytest.mark.parametrize("endpoint", ["ListFunctionAppDeployments", "ExecFunctionAppDeploymentSync"])
def test_an_app_of_another_deployment_is_not_found(api: Api, azure: Sandbox, endpoint: str) -> None:
    is_list = endpoint.startswith("List")
    name = "somebodyelses"
    answer = api.get(f"{endpoint}?Name={name}") if is_list else api.post(endpoint, {"Name": name})
    assert answer.status == 404
    assert not [call for call in azure.calls(ARM) if name in call["path"]]


@pytest.mark.compares_times
@pytest.mark.parametrize("fault", BAD_DAYS, ids=day_of)
def test_failed_sync_is_reported_and_not_retried(impatient: Api, azure: Sandbox, fault: dict[str, Any]) -> None:
    connect(azure)
    azure.faults([{"path": "/sync$", "times": 0, **fault}])
    started = time.monotonic()
    check_told(impatient.post("ExecFunctionAppDeploymentSync"), fault)
    assert time.monotonic() - started < LONGEST_SECONDS
    assert len(syncs(azure)) == 1


@pytest.mark.compares_times
@pytest.mark.each_value
@pytest.mark.parametrize("fault", [day for day in BAD_DAYS if day.get("status") != 404], ids=day_of)
@pytest.mark.parametrize("path", ["/sites$", "/cippabc12/sourcecontrols/web$", "/cippabc12/deployments$"])
def test_failure_of_a_list_is_reported(impatient: Api, azure: Sandbox, fault: dict[str, Any], path: str) -> None:
    azure.faults([{"host": ARM, "path": path, "times": 0, **fault}])
    started = time.monotonic()
    check_told(impatient.get("ListFunctionAppDeployments"), fault)
    assert time.monotonic() - started < LONGEST_SECONDS
    if "deployments" not in path:
        check_told(impatient.post("ExecFunctionAppDeploymentSync"), fault)
        assert syncs(azure) == []


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        (f"https://oauth2:{names.PLANTED}@gitlab.example.com/msp/api.git", "https://gitlab.example.com/msp/api.git"),
        (f"HTTPS://{names.PLANTED}@GitLab.example.com/msp/api?x={names.PLANTED}", "https://gitlab.example.com/msp/api"),
        (f"//u:{names.PLANTED}@gitlab.example.com/api#{names.PLANTED}", "//gitlab.example.com/api"),
        (f"https://u:{names.PLANTED}@[2001:db8::1]:8443/api", "https://[2001:db8::1]:8443/api"),
        (f"u:{names.PLANTED}@gitlab.example.com:msp/api.git", "gitlab.example.com:msp/api.git"),
        (f"https://u:{names.PLANTED}/x@gitlab.example.com/api", None),
        (f"https://u%3A{names.PLANTED}%40gitlab.example.com/api", None),
        (names.PLANTED, None),
    ],
)
def test_repository_is_shown_and_recorded_without_its_token(
    api: Api, azure: Sandbox, address: str, shown: str | None
) -> None:
    connect(azure, repoUrl=address)
    source = api.get("ListFunctionAppDeployments")
    assert source.results["Source"]["RepoUrl"] == shown
    answers = [source, *(api.post("ExecFunctionAppDeploymentSync", {"DryRun": dry}) for dry in (True, False))]
    assert [answer.status for answer in answers] == [200] * 3
    assert f" {shown or phrases.ITS_REPOSITORY} (main)" in answers[1].results["WouldDo"][0]
    connect(azure, repoUrl=address, isGitHubAction=True)
    answers.append(api.post("ExecFunctionAppDeploymentSync"))
    assert answers[3].status == 409
    outputs = [answer.text for answer in answers] + [str(row) for row in Others(azure).rows("CippLogs", record=True)]
    assert not any(names.PLANTED in text for text in outputs)


def test_deployment_is_listed_without_the_token_in_its_message(api: Api) -> None:
    answer = api.get("ListFunctionAppDeployments")
    assert answer.results["Deployments"][1]["Message"] == f"Merge v10.8.1 from {FORK}"
    assert names.PLANTED not in answer.text


def test_refused_sync_shows_no_token(impatient: Api, azure: Sandbox) -> None:
    connect(azure, repoUrl=f"https://oauth2:{names.PLANTED}@gitlab.example.com/msp/api.git")
    azure.faults([{"method": "POST", "path": "/sync$", "mode": "refuse", "status": 409, "times": 0}])
    answer = impatient.post("ExecFunctionAppDeploymentSync")
    assert (answer.status, names.PLANTED in answer.text) == (409, False)
