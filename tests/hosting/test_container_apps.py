"""CIPP's container: list it, and start, stop or restart it. A start pulls the newest image of its tag."""

from collections.abc import Iterator
from typing import Any

import pytest
from azure.data.tables import TableServiceClient

from tests.support import phrases
from tests.support.api import Api
from tests.support.own_tables import forget_starts
from tests.support.sandbox_client import Sandbox

SITE = "cippabc12"
START = 0.4  # seconds of the sandbox until the container responds
REGISTRIES = ("ghcr.io", "pkg-containers.githubusercontent.com")


@pytest.fixture
def container(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A CIPP in a container that starts quickly."""
    nowhere.setenv("CIPP_START_TIMEOUT_SECONDS", "10")
    azure.reset(shape="container", start_seconds=START, propagation_seconds=0)
    forget_starts(azure)
    yield azure
    azure.faults([])
    forget_starts(azure)


@pytest.fixture
def moved(container: Sandbox) -> Sandbox:
    """The same, and the tag moved to a newer version."""
    container.reset(shape="container", start_seconds=START, propagation_seconds=0, update_available=True)
    return container


def restarts(sandbox: Sandbox) -> list[dict[str, Any]]:
    return [call for call in sandbox.calls("management.azure.com") if call["path"].endswith(("/restart", "/start"))]


def calls_of_registries(sandbox: Sandbox) -> list[dict[str, Any]]:
    return [call for host in REGISTRIES for call in sandbox.calls(host)]


def runs(sandbox: Sandbox) -> tuple[str, str]:
    (process,) = sandbox.state()["cipp"]
    return process["phase"], process["version"]


def use_image(sandbox: Sandbox, text: str) -> None:
    path = f"/sites/{SITE}/config/web$"
    sandbox.faults([{"method": "GET", "path": path, "times": 0, "edit": [["properties.linuxFxVersion", text]]}])


def test_list_shows_the_kind_of_each_app(container: Sandbox) -> None:
    apps = Api().get("ListFunctionApps").results
    main = next(app for app in apps if app["IsMain"])
    assert (main["Name"], main["Kind"], main["OffloadSuffix"]) == (SITE, "WebApp", None)
    assert [app["Kind"] for app in apps if app["AnswersThis"]] in ([], ["FunctionApp"])
    assert container.state()["cipp"][0]["name"] == SITE


def test_other_container_of_the_group_is_a_note(container: Sandbox) -> None:
    container.reset(shape="container", state="S11")
    (main,) = [app for app in Api().get("ListFunctionApps").results if app["IsMain"]]
    assert any("CIPP_FUNCTION_APP" in problem for problem in main["Problems"])


def test_restart_without_an_update_is_followed_to_the_end(container: Sandbox) -> None:
    (app,) = Api().post("ExecFunctionAppRestart").results["Apps"]
    assert (app["Name"], app["Kind"], app["State"], app["NotSeen"]) == (SITE, "WebApp", "Running", None)
    assert app["Condition"] == "Up"
    assert f"{phrases.PHASE_IS} Ready" in app["Seen"]
    assert "10.8.5" in app["Seen"]
    assert runs(container) == ("Ready", "10.8.5")
    (call,) = restarts(container)
    assert "synchronous=true" not in call["url"]


def test_stop_and_start_of_the_container(container: Sandbox) -> None:
    api = Api()
    assert api.post("ExecFunctionAppStop").results["Apps"][0]["State"] == "Stopped"
    refused = api.post("ExecFunctionAppStart", {})  # without a running version, nothing can be compared
    assert refused.status == 409
    assert 'Update: "10.8.5"' in refused.results
    (app,) = api.post("ExecFunctionAppStart", {"Update": "10.8.5"}).results["Apps"]
    assert (app["State"], app["NotSeen"]) == ("Running", None)
    assert runs(container) == ("Ready", "10.8.5")


@pytest.mark.parametrize("action", ["Start", "Restart"])
@pytest.mark.parametrize("extra", [{}, {"Update": "10.8.5"}, {"Update": "latest"}, {"All": True}])
def test_possible_update_needs_the_consent(moved: Sandbox, action: str, extra: dict[str, object]) -> None:
    refused = Api().post(f"ExecFunctionApp{action}", extra)
    assert refused.status == 409
    assert "10.8.5 to 10.8.6" in refused.results
    assert 'Update: "10.8.6"' in refused.results
    assert restarts(moved) == []


@pytest.mark.parametrize("consent", [{"Update": "10.8.6"}, {"Force": True}])
def test_update_with_consent_is_installed(moved: Sandbox, consent: dict[str, object]) -> None:
    (app,) = Api().post("ExecFunctionAppRestart", consent).results["Apps"]
    assert "10.8.6" in app["Seen"]
    assert runs(moved) == ("Ready", "10.8.6")


def test_dry_run_shows_the_image_the_versions_and_the_text_to_send(moved: Sandbox) -> None:
    results = Api().post("ExecFunctionAppRestart", {"DryRun": True}).results
    text = " ".join(results["WouldDo"])
    assert results["WouldDo"][0].startswith("Refuse: ")
    for part in ("ghcr.io/cyberdrain/cipp:latest", "10.8.5", "10.8.6", 'Update: "10.8.6"', "UTC", "jobs"):
        assert part in text
    allowed = Api().post("ExecFunctionAppRestart", {"DryRun": True, "Update": "10.8.6"}).results["WouldDo"]
    assert not any(step.startswith("Refuse") for step in allowed)
    assert restarts(moved) == []


def test_dry_run_without_an_update_needs_no_consent(container: Sandbox) -> None:
    would_do = Api().post("ExecFunctionAppRestart", {"All": True, "DryRun": True}).results["WouldDo"]
    assert "same" in " ".join(would_do)
    assert not any("Update:" in step for step in would_do)
    assert restarts(container) == []


@pytest.mark.parametrize(
    ("image", "consent"),
    [
        ("DOCKER|ghcr.io/someone/cipp:latest", "ghcr.io/someone/cipp:latest"),
        ("DOCKER|cipp.azurecr.io/cyberdrain/cipp:latest", "cipp.azurecr.io/cyberdrain/cipp:latest"),
        ("DOCKER|cyberdrain/cipp", "docker.io/cyberdrain/cipp:latest"),
        ("COMPOSE|c2VjcmV0", "unknown"),
    ],
)
def test_image_of_another_registry_is_not_compared(container: Sandbox, image: str, consent: str) -> None:
    use_image(container, image)
    refused = Api().post("ExecFunctionAppRestart")
    assert refused.status == 409
    assert f'Update: "{consent}"' in refused.results
    assert "c2VjcmV0" not in refused.text
    assert calls_of_registries(container) == []
    assert {call["host"] for call in container.calls()} <= {
        "management.azure.com",
        "cippabc12.azurewebsites.net",
        *(call["host"] for call in container.calls() if call["host"].endswith((".vault.azure.net", "127.0.0.1"))),
    }
    assert Api().post("ExecFunctionAppRestart", {"Update": consent}).status == 200


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_refusing_registry_leaves_the_update_possible(container: Sandbox, status: int) -> None:
    container.faults([{"host": "ghcr.io", "mode": "refuse", "status": status, "times": 0}])
    refused = Api().post("ExecFunctionAppRestart")
    assert refused.status == 409
    assert 'Update: "ghcr.io/cyberdrain/cipp:latest"' in refused.results
    assert restarts(container) == []


@pytest.mark.usefixtures("moved")
def test_consent_to_an_unknown_version_does_not_cover_a_known_one() -> None:
    refused = Api().post("ExecFunctionAppRestart", {"Update": "ghcr.io/cyberdrain/cipp:latest"})
    assert refused.status == 409
    assert 'Update: "10.8.6"' in refused.results


def test_unknown_running_version_leaves_the_update_possible(container: Sandbox) -> None:
    page = {"body": "<html></html>", "headers": {"Content-Type": "text/html"}}
    container.faults([{"host": "*.azurewebsites.net", "path": "version.json", "times": 0, "answer": page}])
    refused = Api().post("ExecFunctionAppRestart")
    assert refused.status == 409
    assert 'Update: "10.8.5"' in refused.results


def test_token_of_the_registry_is_sent_to_no_other_host(moved: Sandbox) -> None:
    assert Api().post("ExecFunctionAppRestart", {"DryRun": True}).status == 200
    hosts = {call["host"] for call in calls_of_registries(moved)}
    assert hosts == set(REGISTRIES)  # the blobs' host refuses a request with the token


@pytest.mark.parametrize("pinned", ["10.8.4", "digest"])
def test_pinned_image_is_not_an_update(container: Sandbox, pinned: str) -> None:
    container.reset(shape="container", start_seconds=START, propagation_seconds=0, pinned=pinned)
    assert Api().post("ExecFunctionAppRestart").status == 200


def test_deleted_tag_is_named(container: Sandbox) -> None:
    use_image(container, "DOCKER|ghcr.io/cyberdrain/cipp:feat-gone")
    refused = Api().post("ExecFunctionAppRestart")
    assert refused.status == 409
    assert "'feat-gone'" in refused.results


def test_third_start_in_half_an_hour_needs_force(container: Sandbox) -> None:
    api = Api()
    assert [api.post("ExecFunctionAppRestart").status for _ in range(3)] == [200, 200, 409]
    assert "Force" in api.post("ExecFunctionAppRestart").results
    assert Api().post("ExecFunctionAppRestart").status == 409  # another instance knows it too
    assert Api().post("ExecFunctionAppRestart", {"DryRun": True}).results["WouldDo"][0].startswith("Refuse")
    assert len(restarts(container)) == 2
    container.advance(31 * 60)
    assert Api().post("ExecFunctionAppRestart").status == 200
    assert Api().post("ExecFunctionAppRestart", {"Force": True}).status == 200


@pytest.mark.parametrize(("mode", "counted"), [("refuse", False), ("drop-after", True)])
def test_start_counts_unless_azure_certainly_refused_it(container: Sandbox, mode: str, *, counted: bool) -> None:
    fault = {"path": "/restart$", "mode": mode, "times": 2, **({"status": 409} if mode == "refuse" else {})}
    container.faults([fault])
    body = {"Update": "10.8.5"}  # a version that does not respond right after a cut call
    assert [Api().post("ExecFunctionAppRestart", body).status for _ in range(2)] == [500, 500]
    assert (Api().post("ExecFunctionAppRestart", body).status == 409) is counted


def test_container_that_is_still_starting_is_not_a_failure(container: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("CIPP_START_TIMEOUT_SECONDS", "0.3")
    container.reset(shape="container", start_seconds=600, propagation_seconds=0)
    container.advance(3_600)
    answer = Api().post("ExecFunctionAppRestart")
    assert answer.status == 202
    (app,) = answer.results["Apps"]
    assert "not a failure" in app["Seen"]
    assert (app["Condition"], bool(app["NotSeen"])) == ("Starting", True)


@pytest.mark.parametrize("status", [502, 503, 504])
def test_any_shut_port_means_not_up_yet(container: Sandbox, nowhere: pytest.MonkeyPatch, status: int) -> None:
    nowhere.setenv("CIPP_START_TIMEOUT_SECONDS", "0.3")
    fault = {"host": "*.azurewebsites.net", "path": "health", "nth": 2, "times": 0, "mode": "refuse", "status": status}
    container.faults([fault])
    (app,) = Api().post("ExecFunctionAppRestart").results["Apps"]
    assert phrases.NOT_UP_YET in app["Seen"]


def test_restart_of_a_stopped_container_is_not_followed(container: Sandbox) -> None:
    assert Api().post("ExecFunctionAppStop").status == 200
    (app,) = Api().post("ExecFunctionAppRestart", {"Force": True}).results["Apps"]
    assert (app["State"], app["Condition"]) == ("Stopped", "Down")
    assert "ExecFunctionAppStart" in app["Seen"]
    assert container.state()["sites"][SITE]["state"] == "Stopped"


def test_no_host_from_azure_is_trusted_with_a_call(container: Sandbox) -> None:
    path = f"/sites/{SITE}$"
    edit = [["properties.defaultHostName", "ghcr.io"], ["properties.hostNames", []]]
    container.faults([{"method": "GET", "path": path, "times": 0, "edit": edit}])
    would_do = " ".join(Api().post("ExecFunctionAppRestart", {"DryRun": True}).results["WouldDo"])
    assert "Running version: unknown." in would_do
    assert not [call for call in container.calls("ghcr.io") if call["path"] in ("/version.json", "/api/setup/health")]


def test_own_update_is_shown_by_cipps_settings(container: Sandbox) -> None:
    tables = TableServiceClient.from_connection_string(container.env["AzureWebJobsStorage"])
    row = {"PartitionKey": "Settings", "RowKey": "UpdateConfig", "AutoUpdate": "False"}
    tables.get_table_client("ContainerUpdateSettings").upsert_entity(row)
    text = " ".join(Api().post("ExecFunctionAppRestart", {"DryRun": True}).results["WouldDo"])
    assert phrases.NO_SELF_UPDATE in text


@pytest.mark.every_case("each image is another rule of CIPP's check")
@pytest.mark.parametrize(
    ("image", "looks"),
    [
        ("ghcr.io/cyberdrain/cipp:latest", True),
        ("ghcr.io/someone/cipp:latest", True),
        ("registry.example.com/cipp:latest", False),
        ("cyberdrain/cipp:latest", False),
        (f"ghcr.io/cyberdrain/cipp@sha256:{'0' * 64}", False),
    ],
)
def test_own_update_is_announced_only_for_images_that_cipp_checks(
    container: Sandbox, image: str, *, looks: bool
) -> None:
    use_image(container, f"DOCKER|{image}")
    text = " ".join(Api().post("ExecFunctionAppRestart", {"DryRun": True}).results["WouldDo"])
    assert ("23:00" in text, phrases.NO_SELF_UPDATE in text) == (looks, not looks)
