"""ExecBackendVersionSet: pin and unpin CIPP's image, faults of it, copies of tables, and the roll back by evidence."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

import pytest
from azure.data.tables import TableServiceClient, UpdateMode

from backend.concurrency.deadline import Deadline
from backend.hosting.container.versions import change
from backend.hosting.container.versions.table_copies import COMPLETE, COPIED, PREFIX
from backend.operations.operations import Operations
from backend.services import Services
from tests.hosting.test_container_apps import SITE, runs
from tests.support.api import Api, functions
from tests.support.bad_days import IMPATIENT
from tests.support.own_tables import forget_starts
from tests.support.sandbox_client import Sandbox

IMAGE: Final = "DOCKER|ghcr.io/cyberdrain/cipp:"
NO_LOG: Final = {"path": "/containerlogs$", "times": 0, "mode": "refuse", "status": 403}
PATCH: Final = {"method": "PATCH", "path": "/config/web$"}
QUICK: Final = {"shape": "container", "start_seconds": 0.4, "propagation_seconds": 0}
QUICKLY: Final = {"CIPP_START_POLL_SECONDS": "0.3"}
PIN: Final = {"Version": "10.8.4", "RollBack": True}


@pytest.fixture
def container(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A CIPP in a container that starts quickly."""
    nowhere.setenv("CIPP_START_TIMEOUT_SECONDS", "6")
    nowhere.setenv("CIPP_START_POLL_SECONDS", "0.3")
    azure.reset(**QUICK)
    forget_starts(azure)
    yield azure
    azure.faults([])
    forget_starts(azure)
    with tables_of(azure) as tables:
        for name in copies(azure):
            tables.delete_table(name)


def tables_of(sandbox: Sandbox) -> TableServiceClient:
    return TableServiceClient.from_connection_string(sandbox.env["AzureWebJobsStorage"])


def copies(sandbox: Sandbox) -> list[str]:
    with tables_of(sandbox) as tables:
        return [table.name for table in tables.list_tables() if table.name.startswith(PREFIX)]


def image(sandbox: Sandbox) -> str:
    found: str = sandbox.state()["sites"][SITE]["siteConfig"]["linuxFxVersion"]
    return found


def patches(sandbox: Sandbox) -> list[dict[str, Any]]:
    return [call for call in sandbox.calls("management.azure.com") if call["method"] == "PATCH"]


def outcomes() -> list[str]:
    return [one["Outcome"] for one in Api().get("ListBackendOperations").results]


def pin_a_broken_version(sandbox: Sandbox) -> None:
    """Pin a version that never starts, and let the time for its start pass. No log shows why it failed."""
    sandbox.reset(**QUICK, broken="10.8.4")
    sandbox.faults([NO_LOG])
    assert Api().post("ExecBackendVersionSet", PIN).status == 202
    sandbox.advance(601)


def timer() -> None:
    Api()
    functions()["keyrotationcatchup"].get_user_function()(None)


@pytest.mark.slow("CIPP starts several times")
def test_pin_and_unpin(container: Sandbox) -> None:
    answer = Api().post("ExecBackendVersionSet", PIN)
    assert answer.status == 200, answer.text
    act = answer.results
    assert (act["VersionBefore"], act["VersionAfter"]) == ("10.8.5", "10.8.4")
    assert (act["Operation"]["Outcome"], act["Operation"]["By"]) == ("done", "admin@contoso.com")
    assert image(container) == f"{IMAGE}10.8.4"
    assert runs(container) == ("Ready", "10.8.4")
    seen = Api().get("ListBackendVersions").results
    assert (seen["Configured"]["IsPinned"], seen["History"]["GoBackTo"]) == (True, "10.8.5")
    container.advance(31 * 60)
    assert Api().post("ExecBackendVersionSet", {"Channel": "latest"}).status == 200
    assert image(container) == f"{IMAGE}latest"
    assert runs(container)[1] == "10.8.5"
    assert outcomes() == ["done", "done"]


def test_dry_run_changes_nothing_and_states_both_versions(container: Sandbox) -> None:
    act = Api().post("ExecBackendVersionSet", PIN | {"DryRun": True}).results
    text = " ".join(act["WouldDo"])
    for part in ("10.8.5", "10.8.4", "restarts", "older", "pinned", "600 s", ":latest", *COPIED):
        assert part in text
    assert (patches(container), copies(container), outcomes()) == ([], [], [])
    unpin = Api().post("ExecBackendVersionSet", {"Channel": "dev", "DryRun": True}).results
    assert unpin["VersionAfter"] == "10.8.5+dev.4f1c9ab"


@pytest.mark.every_case("each is refused for another reason")
@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"Channel": "latest", "Version": "10.8.4"}, 400),
        ({"Version": "sha256:" + "0" * 64}, 400),
        ({"Version": "10.8"}, 400),
        ({"Channel": "10.8.4"}, 400),
        ({"Channel": "feat-gone"}, 404),
        ({"Version": "10.7.9"}, 404),
    ],
)
def test_tag_must_be_one_of_cipps(container: Sandbox, body: dict[str, object], status: int) -> None:
    assert Api().post("ExecBackendVersionSet", body).status == status
    assert patches(container) == []


def test_nothing_begins_without_the_registry_or_with_another_image(container: Sandbox) -> None:
    container.faults([{"host": "ghcr.io", "mode": "refuse", "status": 503, "times": 0}])
    assert Api().post("ExecBackendVersionSet", PIN | {"Force": True}).status == 409
    edit = [["properties.linuxFxVersion", "DOCKER|ghcr.io/someone/cipp:latest"]]
    container.faults([{"method": "GET", "path": "/config/web$", "times": 0, "edit": edit}])
    assert Api().post("ExecBackendVersionSet", PIN | {"Force": True}).status == 409
    assert (patches(container), outcomes()) == ([], [])


@pytest.mark.slow("CIPP starts several times")
def test_starts_must_fit_into_the_limit_of_cipps_host(container: Sandbox) -> None:
    assert Api().post("ExecFunctionAppRestart").status == 200
    refused = Api().post("ExecBackendVersionSet", PIN)
    assert refused.status == 409
    assert Api().post("ExecBackendVersionSet", PIN | {"DryRun": True}).results["WouldDo"][0].startswith("Refuse")
    assert (patches(container), copies(container)) == ([], [])
    assert Api().post("ExecBackendVersionSet", {"Version": "10.8.4"}).status == 200  # two starts fit
    assert Api().post("ExecFunctionAppRestart").status == 409


def test_small_tables_are_copied_with_their_types_and_can_be_restored(container: Sandbox) -> None:
    with tables_of(container) as tables:
        there = {table.name for table in tables.list_tables()}
        before = {name: list(tables.get_table_client(name).list_entities()) for name in COPIED if name in there}
        assert {"Config", "allowedUsers", "FeatureFlags"} <= before.keys()
        act = Api().post("ExecBackendVersionSet", PIN).results
        assert act["Copy"]
        copied = {name.removeprefix(f"{PREFIX}{act['Copy']}") for name in copies(container)}
        assert copied == before.keys() | {COMPLETE}
        for name in before:  # as docs/runbooks/restore-tables.md: delete what is there, and put the copy in its place
            table = tables.get_table_client(name)
            for row in list(table.list_entities()):
                table.delete_entity(row)
            for row in tables.get_table_client(f"{PREFIX}{act['Copy']}{name}").list_entities():
                table.upsert_entity(row, mode=UpdateMode.REPLACE)
        for name, rows in before.items():
            assert list(tables.get_table_client(name).list_entities()) == rows


def test_nothing_is_changed_if_the_tables_cant_be_copied(container: Sandbox) -> None:
    made = {"host": "127.0.0.1", "method": "POST", "body": PREFIX}
    container.faults([{**made, "mode": "refuse", "status": 403, "times": 0}])
    assert Api().post("ExecBackendVersionSet", PIN).status == 500
    assert (patches(container), outcomes()) == ([], [])
    forced = PIN | {"Force": True}  # a CIPP that is down must not stay down because of a copy
    assert "without a copy" in str(Api().post("ExecBackendVersionSet", forced | {"DryRun": True}).results["WouldDo"])
    answer = Api().post("ExecBackendVersionSet", forced)
    # No part of Done is about the limit, because the starts of the first request were given back.
    assert (answer.status, answer.results["Copy"], len(answer.results["Done"])) == (200, None, 3)
    container.faults([])
    container.advance(31 * 60)
    assert Api().post("ExecBackendVersionSet", {"Version": "10.8.3"}).status == 200


@pytest.mark.slow("CIPP starts several times")
@pytest.mark.every_case("each fault leaves another state")
@pytest.mark.parametrize("mode", ["refuse", "drop-before", "drop-after", "hang", "refuse-then-do"])
def test_repeated_write_ends_correctly(container: Sandbox, nowhere: pytest.MonkeyPatch, mode: str) -> None:
    nowhere.setenv("AZURE_READ_TIMEOUT_SECONDS", "1")
    nowhere.setenv("AZURE_DEADLINE_SECONDS", "2")
    status = {"refuse": {"status": 403}, "refuse-then-do": {"status": 500}}.get(mode, {})
    container.faults([{**PATCH, "mode": mode, **status}])
    first = Api().post("ExecBackendVersionSet", PIN)
    took_effect = mode in ("drop-after", "refuse-then-do")
    assert first.status == (200 if took_effect else 500), first.text
    container.faults([])
    if mode == "refuse":
        assert outcomes() == ["failed"]
    elif not took_effect:
        assert outcomes() == ["running"]
    second = Api().post("ExecBackendVersionSet", PIN)
    assert second.status == 200, second.text
    assert runs(container) == ("Ready", "10.8.4")
    assert sorted(outcomes()) == (["done", "failed"] if mode == "refuse" else ["done"])  # both may begin in a second
    assert len(patches(container)) == (1 if took_effect else 2)


@pytest.mark.slow("CIPP starts several times")
@pytest.mark.each_value
@pytest.mark.parametrize("mode", ["refuse", "drop-before", "drop-after", "hang", "refuse-then-do"])
@pytest.mark.parametrize("table", ["CippBackendRestarts", PREFIX, "CippBackendOperations"])
def test_change_is_repeated_after_a_write_of_a_table_failed(
    container: Sandbox, nowhere: pytest.MonkeyPatch, table: str, mode: str
) -> None:
    """The starts, the copy and the operation are stored before the image is set. No start is lost by a failure."""
    for name, value in IMPATIENT.items():
        nowhere.setenv(name, value)
    status = {"status": 500 if mode == "refuse-then-do" else 403} if mode.startswith("refuse") else {}
    where = {"host": "127.0.0.1", "body" if table == PREFIX else "path": table, "times": 0}
    container.faults([{**where, "method": method, "mode": mode, **status} for method in ("POST", "PUT", "PATCH")])
    first = Api().post("ExecBackendVersionSet", PIN)
    assert first.status in (200, 202, 409, 500), first.text
    assert any(planted["seen"] for planted in container.control("GET", "faults")["faults"])
    container.faults([])
    second = Api().post("ExecBackendVersionSet", PIN)
    assert second.status == 200, second.text
    assert runs(container) == ("Ready", "10.8.4")
    assert image(container) == f"{IMAGE}10.8.4"
    assert len(patches(container)) == 1
    assert "running" not in outcomes()


@pytest.mark.slow("CIPP starts several times")
@pytest.mark.every_case("each fault leaves another state")
@pytest.mark.parametrize("mode", ["refuse", "drop-after", "hang", "refuse-then-do"])
def test_roll_back_whose_write_fails_ends_correctly(container: Sandbox, nowhere: pytest.MonkeyPatch, mode: str) -> None:
    for name, value in IMPATIENT.items():
        nowhere.setenv(name, value)
    nowhere.setenv("CIPP_START_TIMEOUT_SECONDS", "0")
    pin_a_broken_version(container)
    assert outcomes() == ["running"]  # a first look found it down
    status = {"refuse": {"status": 403}, "refuse-then-do": {"status": 500}}.get(mode, {})
    container.faults([NO_LOG, {**PATCH, "mode": mode, **status}])
    container.advance(601)
    Api().get("ListBackendOperations")
    container.faults([NO_LOG])
    for _ in range(3):
        container.advance(301)
        Api().get("ListBackendOperations")
    assert outcomes() == ["undone"]
    assert (image(container), runs(container)) == (f"{IMAGE}10.8.5", ("Ready", "10.8.5"))


@pytest.mark.slow("CIPP starts several times")
def test_broken_version_is_rolled_back_within_the_response(
    container: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    container.reset(**QUICK, broken="10.8.4")
    answer = Api().post("ExecBackendVersionSet", PIN)
    assert answer.status == 200, answer.text
    assert answer.results["Operation"]["Outcome"] == "undone"
    assert image(container) == f"{IMAGE}10.8.5"
    assert runs(container) == ("Ready", "10.8.5")
    assert len(patches(container)) == 2
    with tables_of(container) as tables:
        rows = [dict(row) for row in tables.get_table_client("CippLogs").list_entities()]
    operation = answer.results["Operation"]
    found = [row for row in rows if operation["Id"] in row["Message"] and row["Severity"] == "Critical"]
    assert sorted(row["API"] for row in found) == [
        "Alerts",
        "Alerts",
        "Backend",
        "Backend",
    ]  # when it began and when it ended
    assert {row["Username"] for row in found} == {operation["By"]}
    logged = [json.loads(one.getMessage()) for one in caplog.records if one.name == "cipp.logbook"]
    assert [(line["event"], line["state"]) for line in logged] == [
        ("VersionRollBack", "running"),
        ("VersionRollBack", "undone"),
    ]  # what the alert `critical-event` outside CIPP looks for


@pytest.mark.slow("CIPP starts several times")
def test_roll_back_pins_the_former_version_if_its_tag_has_moved(container: Sandbox) -> None:
    container.reset(**QUICK, broken="10.8.4", update_available=True)
    assert Api().post("ExecBackendVersionSet", PIN).results["Operation"]["Outcome"] == "undone"
    assert image(container) == f"{IMAGE}10.8.5"
    assert runs(container) == ("Ready", "10.8.5")


def test_concurrent_looks_roll_back_only_one_time(container: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("CIPP_START_TIMEOUT_SECONDS", "0")
    pin_a_broken_version(container)
    looks = [Services({**container.env, **QUICKLY}).completion for _ in range(3)]
    threads = [threading.Thread(target=look.look) for look in looks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(patches(container)) == 2
    assert image(container) == f"{IMAGE}10.8.5"


def test_time_alone_rolls_nothing_back(container: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("CIPP_START_TIMEOUT_SECONDS", "0")
    container.faults([{**PATCH, "answer": {"body": {}}}])  # accepted, without effect
    assert Api().post("ExecBackendVersionSet", PIN).status == 202
    container.advance(3_600)
    assert outcomes() == ["failed"]
    assert (image(container), len(patches(container))) == (f"{IMAGE}latest", 1)


@pytest.mark.slow("CIPP starts several times")
def test_timer_rolls_back_what_a_killed_process_began(container: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    """The log shows nothing, so only the health after the time limit is evidence. The first roll back is lost."""
    nowhere.setenv("CIPP_START_TIMEOUT_SECONDS", "0")
    container.reset(**QUICK, broken="10.8.4")
    container.faults([NO_LOG])
    assert Api().post("ExecBackendVersionSet", PIN).status == 202
    assert (outcomes(), len(patches(container))) == (["running"], 1)
    container.advance(601)
    container.faults([NO_LOG, {**PATCH, "mode": "drop-before"}])
    assert (outcomes(), image(container)) == (["running"], f"{IMAGE}10.8.4")
    container.advance(301)
    timer()
    assert image(container) == f"{IMAGE}10.8.5"
    container.advance(60)
    assert outcomes() == ["undone"]
    assert runs(container) == ("Ready", "10.8.5")
    assert len(patches(container)) == 3


def test_time_limit_counts_from_a_later_start(container: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("CIPP_START_TIMEOUT_SECONDS", "0")
    container.reset(**QUICK, broken="10.8.4")
    container.faults([{"path": "/containerlogs$", "times": 0, "mode": "refuse", "status": 403}])
    assert Api().post("ExecBackendVersionSet", PIN).status == 202
    container.advance(590)
    assert Api().post("ExecFunctionAppRestart", {"Force": True}).status == 202
    container.advance(30)
    assert outcomes() == ["running", "running"]
    assert (image(container), len(patches(container))) == (f"{IMAGE}10.8.4", 1)


def test_force_ends_no_change_that_another_process_rolls_back_now(
    container: Sandbox, nowhere: pytest.MonkeyPatch
) -> None:
    nowhere.setenv("CIPP_START_TIMEOUT_SECONDS", "0")
    container.reset(**{**QUICK, "start_seconds": 300})
    assert Api().post("ExecBackendVersionSet", PIN).status == 202
    changed = {"host": "127.0.0.1", "method": "GET", "path": "CippBackendOperations\\(Part", "times": 0}
    container.faults([{**changed, "edit": [["Revision", "that of another process"]]}])
    assert Api().post("ExecBackendVersionSet", {"Version": "10.8.3", "Force": True}).status == 409
    assert len(patches(container)) == 1


@pytest.mark.slow("CIPP starts several times")
def test_lines_of_the_former_container_do_not_count(container: Sandbox) -> None:
    """CIPP ends again and again, and an admin sets the version that ran before."""
    container.reset(**QUICK, broken="10.8.5")
    assert Api().post("ExecBackendVersionSet", PIN).status == 409  # an image that does not run restores nothing
    assert patches(container) == []
    answer = Api().post("ExecBackendVersionSet", {"Version": "10.8.4"})
    assert (answer.status, answer.results["Operation"]["Outcome"]) == (200, "done")
    assert (image(container), len(patches(container))) == (f"{IMAGE}10.8.4", 1)


@pytest.mark.parametrize("is_stopped", [False, True])
def test_start_that_is_advised_is_not_refused(
    container: Sandbox, nowhere: pytest.MonkeyPatch, *, is_stopped: bool
) -> None:
    """The starts that a change has reserved and no more needs are given back."""
    nowhere.setenv("CIPP_START_TIMEOUT_SECONDS", "0")
    shown = {"method": "GET", "path": "/config/web$", "times": 0}
    container.faults([{**PATCH, "answer": {"body": {}}}])  # Azure sets the image and restarts nothing
    assert Api().post("ExecBackendVersionSet", PIN).status == 202
    container.faults([{**shown, "edit": [["properties.linuxFxVersion", f"{IMAGE}10.8.4"]]}])
    if is_stopped:
        assert Api().post("ExecFunctionAppStop").status == 200
    container.advance(601)
    assert outcomes() == ["failed" if is_stopped else "running"]
    act = "ExecFunctionAppStart" if is_stopped else "ExecFunctionAppRestart"
    assert Api().post(act, {"Update": "10.8.4"}).status in (200, 202)


def test_nothing_is_changed_if_the_response_would_be_too_late(container: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    with nowhere.context() as late:
        late.setattr(change, "END_SECONDS", change.WRITE_SECONDS + 1)
        late.setenv("AZURE_READ_TIMEOUT_SECONDS", "1")
        container.faults([{"host": "127.0.0.1", "method": "GET", "path": "/CustomRoles", "mode": "hang"}])
        assert Api().post("ExecBackendVersionSet", PIN).status == 409
    assert (patches(container), outcomes()) == ([], [])
    assert Api().post("ExecBackendVersionSet", PIN).status == 200  # its reserved starts were given back


def test_look_that_is_cut_off_does_not_count(container: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("CIPP_START_TIMEOUT_SECONDS", "0")
    container.reset(**{**QUICK, "start_seconds": 300})
    assert Api().post("ExecBackendVersionSet", PIN).status == 202
    container.advance(601)  # CIPP is ready now
    services = Services({**container.env, **QUICKLY})
    (stored,) = Operations(services.clients).open()
    assert services.hosting.completers["version"](stored, Deadline.after(0)) is None
    assert outcomes() == ["done"]


def test_change_of_an_app_that_cipp_has_left_ends(container: Sandbox) -> None:
    services = Services({**container.env, **QUICKLY})
    lasts = timedelta(minutes=10)
    Operations(services.clients).begin("version", "cippold99", before="", by="", lasts=lasts, step="Set the image.")
    assert outcomes() == ["unknown"]
    assert patches(container) == []


def test_other_version_needs_force_while_a_change_is_running(container: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("CIPP_START_TIMEOUT_SECONDS", "0")
    container.reset(**{**QUICK, "start_seconds": 300})
    assert Api().post("ExecBackendVersionSet", {"Version": "10.8.4"}).status == 202
    assert Api().post("ExecBackendVersionSet", {"Version": "10.8.3"}).status == 409
    assert Api().post("ExecBackendVersionSet", {"Version": "10.8.4"}).status == 202  # the same one continues
    added = {"Version": "10.8.4", "RollBack": True}
    for extra in ({}, {"Force": True}):
        assert Api().post("ExecBackendVersionSet", {**added, **extra}).status == 409  # it can't be added any more
    assert (outcomes(), len(patches(container))) == (["running"], 1)
    other = {"Version": "10.8.3", "Force": True}
    assert "limit" not in str(Api().post("ExecBackendVersionSet", {**other, "DryRun": True}).results)
    third = Api().post("ExecFunctionAppRestart", {"Force": True})
    assert third.status == 202
    assert "limit" in str(Api().post("ExecBackendVersionSet", {"Version": "10.8.3"}).body)  # what Force also does
    assert "limit" in str(Api().post("ExecBackendVersionSet", {**other, "DryRun": True}).results)
    forced = Api().post("ExecBackendVersionSet", other)
    assert (forced.status, "limit" in str(forced.results["Done"])) == (202, True)
    assert sorted(outcomes()) == ["running", "running", "unknown"]  # one is the restart
    assert image(container) == f"{IMAGE}10.8.3"


def test_function_apps_have_no_version_to_set(azure: Sandbox) -> None:
    azure.reset()
    for extra in ({}, {"DryRun": True}):
        answer = Api().post("ExecBackendVersionSet", {"Channel": "latest", **extra})
        assert answer.status == 409
        assert answer.body["NotInThisShape"]["Instead"]
