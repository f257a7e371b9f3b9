"""The function apps of this deployment: list, start, stop, restart."""

import time

import pytest

from tests.support import phrases
from tests.support.api import Api
from tests.support.sandbox_client import Sandbox


def test_list_contains_the_main_app_its_offload_apps_and_this_app(api: Api) -> None:
    apps = {app["Name"]: app for app in api.get("ListFunctionApps").results}
    assert list(apps) == ["cippabc12", "cippabc12-proc", "cippabc12-backend"]
    assert [app["IsMain"] for app in apps.values()] == [True, False, False]
    assert [app["OffloadSuffix"] for app in apps.values()] == [None, "proc", None]
    assert [app["AnswersThis"] for app in apps.values()] == [False, False, True]
    assert apps["cippabc12"]["DefaultHostName"] == "cippabc12.azurewebsites.net"
    assert apps["cippabc12"]["PortalLink"].endswith("/Microsoft.Web/sites/cippabc12/appServices")


def test_stop_and_start_use_the_main_app_by_default(api: Api, azure: Sandbox) -> None:
    assert api.post("ExecFunctionAppStop").results["Apps"][0]["State"] == "Stopped"
    assert azure.state()["sites"]["cippabc12"]["state"] == "Stopped"
    assert api.post("ExecFunctionAppStart", {}).results["Apps"][0]["State"] == "Running"
    assert azure.state()["sites"]["cippabc12"]["state"] == "Running"


@pytest.mark.parametrize("name", ["cippabc12-proc", "CIPPabc12-PROC"])
def test_app_is_found_case_insensitively(api: Api, azure: Sandbox, name: str) -> None:
    assert api.post("ExecFunctionAppStop", {"name": name}).status == 200
    assert azure.state()["sites"]["cippabc12-proc"]["state"] == "Stopped"
    assert azure.state()["sites"]["cippabc12"]["state"] == "Running"


def test_all_includes_the_main_and_offload_apps_but_not_this_app(api: Api, azure: Sandbox) -> None:
    assert api.post("ExecFunctionAppStop", {"All": True}).status == 200
    states = {name: site["state"] for name, site in azure.state()["sites"].items()}
    assert states == {"cippabc12": "Stopped", "cippabc12-proc": "Stopped", "cippabc12-backend": "Running"}


@pytest.mark.parametrize("endpoint", ["ExecFunctionAppStart", "ExecFunctionAppStop", "ExecFunctionAppRestart"])
def test_app_of_another_deployment_is_not_found_or_changed(api: Api, azure: Sandbox, endpoint: str) -> None:
    answer = api.post(endpoint, {"Name": "somebodyelses"})
    assert answer.status == 404
    assert "cippabc12-proc" in answer.results
    assert not [call for call in azure.calls("management.azure.com") if call["method"] == "POST"]


@pytest.mark.parametrize("action", ["Stop", "Restart"])
def test_this_app_is_stopped_or_restarted_only_with_force(api: Api, azure: Sandbox, action: str) -> None:
    refused = api.post(f"ExecFunctionApp{action}", {"Name": "cippabc12-backend"})
    assert refused.status == 409
    assert "Force" in refused.results
    assert not [call for call in azure.calls("management.azure.com") if call["method"] == "POST"]
    assert api.post(f"ExecFunctionApp{action}", {"Name": "cippabc12-backend", "Force": True}).status == 200


@pytest.mark.parametrize("action", ["Start", "Stop", "Restart"])
def test_dry_run_reports_its_steps_and_changes_nothing(api: Api, azure: Sandbox, action: str) -> None:
    results = api.post(f"ExecFunctionApp{action}", {"All": True, "DryRun": True}).results
    assert results["DryRun"] is True
    assert len(results["WouldDo"]) == 2
    assert not [call for call in azure.calls("management.azure.com") if call["method"] == "POST"]


def test_restart_reports_what_arm_shows_and_what_it_cannot(api: Api, azure: Sandbox) -> None:
    app = api.post("ExecFunctionAppRestart").results["Apps"][0]
    assert (app["State"], app["Condition"]) == ("Running", "Up")
    assert phrases.INSTANCES_READY in app["Seen"]
    assert phrases.CANT_SHOW in app["NotSeen"]
    restarts = [call for call in azure.calls("management.azure.com") if call["path"].endswith("/restart")]
    assert len(restarts) == 1
    assert "synchronous=true" in restarts[0]["url"]


def test_restart_is_never_retried(api: Api, azure: Sandbox) -> None:
    azure.faults([{"path": "/restart$", "mode": "refuse", "status": 503, "times": 0}])
    answer = api.post("ExecFunctionAppRestart")
    assert answer.status == 500
    assert answer.body["azureStatus"] == 503
    assert len([call for call in azure.calls("management.azure.com") if call["path"].endswith("/restart")]) == 1


def test_first_failure_stops_and_reports_the_processed_apps(api: Api, azure: Sandbox) -> None:
    azure.faults([{"path": "/cippabc12-proc/stop$", "mode": "refuse", "status": 400, "times": 0}])
    answer = api.post("ExecFunctionAppStop", {"All": True})
    assert answer.status == 500
    assert "Done before: cippabc12." in answer.results


def test_missing_permission_is_named_with_the_command_that_grants_it(api: Api, azure: Sandbox) -> None:
    azure.faults([{"path": "/stop$", "mode": "refuse", "status": 403, "times": 0}])
    answer = api.post("ExecFunctionAppStop")
    assert (answer.status, answer.body["azureStatus"]) == (500, 403)
    assert "Missing: Microsoft.Web/sites/stop/action" in answer.results
    assert '--role "Website Contributor" --scope /subscriptions/' in answer.results


def test_dry_run_on_this_app_reports_the_refusal(api: Api) -> None:
    answer = api.post("ExecFunctionAppStop", {"Name": "cippabc12-backend", "DryRun": True})
    assert answer.status == 200
    assert answer.results["DryRun"] is True
    assert "Force" in answer.results["WouldDo"][0]


@pytest.mark.compares_times
def test_restart_ends_in_time_when_arm_does_not_show_its_outcome(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("RESTART_TIMEOUT_SECONDS", "1")
    azure.faults([{"method": "GET", "path": "/sites/cippabc12$", "mode": "hang", "times": 0, "nth": 2}])
    started = time.monotonic()
    answer = Api().post("ExecFunctionAppRestart")
    assert time.monotonic() - started < 2
    assert answer.status == 200
    assert (answer.results["Apps"][0]["State"], answer.results["Apps"][0]["Condition"]) == (None, "Unknown")
    assert "without a state" in answer.results["Apps"][0]["Seen"]


def test_restart_of_a_stopped_app_reports_that_it_stays_stopped(api: Api) -> None:
    assert api.post("ExecFunctionAppStop").status == 200
    app = api.post("ExecFunctionAppRestart").results["Apps"][0]
    assert (app["State"], app["Condition"]) == ("Stopped", "Down")
    assert "ExecFunctionAppStart" in app["Seen"]


def test_restart_with_an_instance_that_is_not_ready_is_starting(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("RESTART_TIMEOUT_SECONDS", "0.2")
    azure.faults([{"path": "/instances$", "times": 0, "edit": [["value.0.properties.state", "STOPPED"]]}])
    app = Api().post("ExecFunctionAppRestart").results["Apps"][0]
    assert (app["State"], app["Condition"]) == ("Running", "Starting")
