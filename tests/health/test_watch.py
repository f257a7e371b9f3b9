"""The lines of the log that the alerts outside CIPP look for."""

import json
import logging
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from backend.concurrency import background
from backend.concurrency.deadline import Deadline
from backend.configuration.function_timeout import SETTING as TIMEOUT
from backend.credentials.kinds import Kind
from backend.health import watch
from backend.health.watch import SEVERE_STATE, SIGN_IN_WORKS_UNTIL, UNKNOWN, WORKS_UNTIL, unknown_keys
from backend.hosting.installation_states import OLDEST_SECONDS, STALE_SECONDS
from backend.key_vault.secrets import Version
from backend.rotation.results import KeyState
from sandbox import names
from settings.http.process import services
from settings.pages.keys.key_rotation import catch_up
from tests.support import phrases
from tests.support.admin import SITES_API, WEB, Admin
from tests.support.api import Api
from tests.support.sandbox_client import Sandbox

AUTH = f"/sites/{names.VAULT}/config/authsettingsV2"
NO_LIMIT = Deadline(float("inf"))


def log_state(listed: Mapping[str, Version] | None = None, host_stops: Deadline = NO_LIMIT) -> None:
    """Log the state as the hourly timer does."""
    services().watch.log_state(listed, host_stops)


def container_cipp(azure: Sandbox) -> None:
    """Make CIPP a container, and start a process of this app."""
    azure.reset(shape="container", propagation_seconds=0)
    Api()


def turn_sign_in_off(azure: Sandbox) -> None:
    """Turn off sign-in of CIPP's container."""
    off = {"properties": {"platform": {"enabled": False}}}
    Admin(azure).call("PUT", f"{WEB}{AUTH}", SITES_API, off)


def end_hanging(azure: Sandbox) -> None:
    """Let Azure respond again, and wait for the looks in the background, so that no other test counts their calls."""
    azure.faults([])
    for thread in threading.enumerate():
        if thread.daemon and thread.name in (phrases.WATCH_THREAD, phrases.KEYS_THREAD):
            thread.join(20)


def lines(caplog: pytest.LogCaptureFixture, event: str) -> list[tuple[int, dict[str, Any]]]:
    """The lines of an event with their levels."""
    found = [(record.levelno, record.getMessage()) for record in caplog.records if record.name == "cipp.watch"]
    parsed = [(level, json.loads(text)) for level, text in found]
    return [(level, line) for level, line in parsed if line.get("event") == event]


@pytest.mark.slow("the timer also rotates and checks keys")
def test_hourly_timer_logs_until_when_cipp_works(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        catch_up(services())
    ((level, line),) = lines(caplog, WORKS_UNTIL)
    assert level == logging.INFO
    shown = api.get("ListKeyRotations").results["WorksUntil"]
    assert datetime.fromisoformat(line["worksUntil"]) == datetime.fromisoformat(shown)
    assert isinstance(line["daysLeft"], float)
    assert line["daysLeft"] > 0


def test_days_left_are_counted_by_the_clock_of_azure(
    azure: Sandbox, api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    del api
    with caplog.at_level(logging.INFO):
        log_state()
        azure.advance(seconds=2 * 86_400)
        log_state()
    (_, first), (_, second) = lines(caplog, WORKS_UNTIL)
    assert first["worksUntil"] == second["worksUntil"]
    assert first["daysLeft"] - second["daysLeft"] == pytest.approx(2, abs=0.1)


def test_vault_is_not_listed_again_after_a_run_without_changes(
    azure: Sandbox, api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    del api
    listed = services().key_vault.served()
    before = len(azure.calls())
    with caplog.at_level(logging.INFO):
        log_state(listed)
    assert lines(caplog, WORKS_UNTIL)
    assert not [call for call in azure.calls()[before:] if call["path"].rstrip("/") == "/secrets"]


def states_in(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    """The states that were logged, with their levels."""
    return [(level, line["state"]) for level, line in lines(caplog, SEVERE_STATE)]


def test_sign_in_that_is_turned_off_is_logged_in_the_same_hour(
    azure: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    container_cipp(azure)
    with caplog.at_level(logging.INFO):
        log_state()
        assert states_in(caplog) == []
        turn_sign_in_off(azure)
        log_state()
    assert states_in(caplog) == [(logging.ERROR, "S8")]


def test_container_that_replaced_function_apps_is_seen_in_the_same_hour(
    azure: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    azure.reset(propagation_seconds=0)
    Api()
    with caplog.at_level(logging.INFO):
        log_state()
        azure.reset(shape="container", propagation_seconds=0, sign_in_off=True)
        log_state()
    assert (logging.ERROR, "S8") in states_in(caplog)


@pytest.mark.slow("it waits until the hanging call ends")
@pytest.mark.parametrize("age", [STALE_SECONDS, OLDEST_SECONDS])
def test_old_look_is_not_shown_as_the_state_of_now(azure: Sandbox, monkeypatch: pytest.MonkeyPatch, age: float) -> None:
    container_cipp(azure)
    turn_sign_in_off(azure)
    states = services().installation_states
    assert "S8" in [state.code for state in states.states()]
    clock = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: clock() + age)
    azure.faults([{"path": AUTH, "mode": "hang", "times": 0}])
    shown = [state.code for state in states.states(Deadline.after(0.1))]
    end_hanging(azure)
    assert ("S8" in shown) is (age < OLDEST_SECONDS)


@pytest.mark.parametrize(
    "path", [AUTH, f"/sites/{names.VAULT}$"], ids=["sign-in not readable", "main app not readable"]
)
def test_unreadable_sign_in_of_cipp_is_logged_as_unknown(
    azure: Sandbox, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    container_cipp(azure)
    log_state()
    azure.faults([{"path": path, "times": 0, "answer": {"status": 403}}])
    with caplog.at_level(logging.INFO):
        log_state()
    assert states_in(caplog) == [(logging.WARNING, UNKNOWN)]
    assert lines(caplog, WORKS_UNTIL)


def test_sign_in_that_azure_does_not_show_is_logged_as_unknown(
    azure: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    container_cipp(azure)
    azure.faults([{"path": AUTH, "times": 0, "answer": {"status": 200, "body": {"properties": {}}}}])
    with caplog.at_level(logging.INFO):
        log_state()
    assert states_in(caplog) == [(logging.WARNING, UNKNOWN)]


@pytest.mark.slow("it waits until the hanging call ends")
def test_sign_in_that_is_slow_to_read_is_logged_as_unknown(
    azure: Sandbox, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    container_cipp(azure)
    log_state()
    caplog.clear()
    monkeypatch.setattr(watch, "STATES_WAIT_SECONDS", 0.5)
    azure.faults([{"path": AUTH, "mode": "hang", "times": 0}])
    with caplog.at_level(logging.INFO):
        log_state()
    end_hanging(azure)
    assert states_in(caplog) == [(logging.WARNING, UNKNOWN)]
    assert lines(caplog, WORKS_UNTIL)


def test_function_apps_have_no_unknown_sign_in(azure: Sandbox, api: Api, caplog: pytest.LogCaptureFixture) -> None:
    del azure, api
    with caplog.at_level(logging.INFO):
        log_state()
    assert states_in(caplog) == []


def test_hourly_timer_without_time_left_logs_that_all_is_unknown(
    azure: Sandbox, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TIMEOUT, "00:00:15")
    container_cipp(azure)
    turn_sign_in_off(azure)
    with caplog.at_level(logging.INFO):
        catch_up(services())
    assert states_in(caplog) == [(logging.WARNING, UNKNOWN)]
    ((level, line),) = lines(caplog, WORKS_UNTIL)
    assert level == logging.WARNING
    assert "daysLeft" not in line


@pytest.mark.slow("it waits until the hanging calls end")
@pytest.mark.every_case("each is one of the two parts of the watch")
@pytest.mark.compares_times
@pytest.mark.parametrize("hangs", [AUTH, "^/secrets/?$"], ids=["sign-in", "list of the vault"])
def test_watch_ends_before_the_host_stops_the_function(
    azure: Sandbox, caplog: pytest.LogCaptureFixture, hangs: str
) -> None:
    container_cipp(azure)
    log_state()
    caplog.clear()
    azure.faults([{"path": hangs, "mode": "hang", "times": 0}])
    began = time.monotonic()
    with caplog.at_level(logging.INFO):
        log_state(host_stops=Deadline.after(watch.END_SECONDS + 2))
    assert time.monotonic() - began < 5
    end_hanging(azure)
    assert states_in(caplog) == ([(logging.WARNING, UNKNOWN)] if hangs == AUTH else [])
    assert [level for level, _ in lines(caplog, WORKS_UNTIL)] == [logging.WARNING]


def test_unreadable_vault_is_a_warning_and_not_an_expiry(
    azure: Sandbox, api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    del api
    azure.faults([{"host": f"{names.VAULT}.vault.azure.net", "times": 0, "answer": {"status": 403}}])
    with caplog.at_level(logging.INFO):
        log_state()
    ((level, line),) = lines(caplog, WORKS_UNTIL)
    assert level == logging.WARNING
    assert not {"worksUntil", "daysLeft", "daysAtMost"} & set(line)


def test_unknown_expiry_of_the_client_secret_leaves_out_the_days_left(
    azure: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    azure.reset(propagation_seconds=0)
    Api()
    azure.faults([{"host": "graph.microsoft.com", "times": 0, "answer": {"status": 403}}])
    with caplog.at_level(logging.INFO):
        log_state()
    ((level, line),) = lines(caplog, WORKS_UNTIL)
    assert level == logging.WARNING
    assert "daysLeft" not in line
    assert line["daysAtMost"] > 0
    assert "ApplicationSecret" in line["message"]


@pytest.mark.parametrize(
    ("kind", "counts", "ends", "is_unknown"),
    [
        ("ClientSecret", True, None, True),
        ("RefreshToken", True, None, True),
        ("Certificate", True, None, True),
        ("ClientSecret", False, None, False),
        ("ClientSecret", True, datetime(2026, 9, 2, tzinfo=UTC), False),
        ("TenantRefreshToken", True, None, False),
    ],
)
def test_days_left_are_uncertain_if_a_vital_key_may_expire_any_time(
    kind: Kind, counts: bool, ends: datetime | None, is_unknown: bool
) -> None:
    key = KeyState(
        name="key",
        kind=kind,
        display_name=None,
        current_since=None,
        ends=ends,
        last_proven=None,
        counts=counts,
        overlapping=[],
        problems=[],
    )
    assert unknown_keys([key]) == (["key"] if is_unknown else [])


@pytest.mark.slow("the timer also checks keys")
def test_hourly_timer_works_without_a_time_limit_of_the_host(
    azure: Sandbox, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    azure.reset(propagation_seconds=0)
    monkeypatch.setenv(TIMEOUT, "-1")
    monkeypatch.setenv("ENABLE_ROTATION", "false")
    Api()
    with caplog.at_level(logging.INFO):
        catch_up(services())
    assert [level for level, _ in lines(caplog, WORKS_UNTIL)] == [logging.INFO]
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_catch_up_runs_although_no_thread_can_start(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    del api
    known = services()

    def fail(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(background, "start", fail)
    known.installation_states.remember()


@pytest.mark.slow("the timer runs twice")
@pytest.mark.parametrize("rotates", [True, False])
def test_vault_is_listed_once_an_hour(
    azure: Sandbox, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, *, rotates: bool
) -> None:
    azure.reset(propagation_seconds=0)
    monkeypatch.setenv("ENABLE_ROTATION", str(rotates).lower())
    monkeypatch.setenv("KEY_ROTATION_PULSE_HOURS", "1")
    Api()
    catch_up(services())  # what is due is renewed
    before = len(azure.calls())
    with caplog.at_level(logging.INFO):
        catch_up(services())
    assert lines(caplog, WORKS_UNTIL)
    calls = [call for call in azure.calls()[before:] if call["path"].rstrip("/") == "/secrets"]
    assert len([call for call in calls if "skiptoken" not in json.dumps(call).lower()]) == 1


def test_state_is_logged_although_the_timer_fails(
    api: Api, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    del api
    known = services()

    def fail(_host_stops: Deadline) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(known.rotation_by_clock, "catch_up", fail)
    with caplog.at_level(logging.INFO), pytest.raises(RuntimeError):
        catch_up(known)
    assert lines(caplog, WORKS_UNTIL)


def test_sign_in_of_a_container_has_a_line_of_its_own(azure: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    azure.reset(propagation_seconds=0, shape="container", direct_tenants=0)
    shown = Api().get("ListKeyRotations").results["SignInWorksUntil"]
    path = f"/applications\\(appId='{names.SSO_APP_ID}'\\)"
    with caplog.at_level(logging.INFO):
        log_state()
        azure.faults([{"host": "graph.microsoft.com", "path": path, "mode": "refuse", "status": 403, "times": 0}])
        log_state()
    (level, line), (unknown_level, unknown) = lines(caplog, SIGN_IN_WORKS_UNTIL)
    assert (level, unknown_level) == (logging.INFO, logging.WARNING)
    assert datetime.fromisoformat(line["worksUntil"]) == datetime.fromisoformat(shown)
    assert line["daysLeft"] > 0
    assert "daysLeft" not in unknown
