"""The lines of the log that the alerts outside CIPP look for."""

import json
import logging
from datetime import datetime
from typing import Any

import pytest

from backend.health.watch import SEVERE_STATE, WORKS_UNTIL
from sandbox import names
from settings.http.process import services
from settings.pages.key_rotation import catch_up
from tests.support.admin import SITES_API, WEB, Admin
from tests.support.api import Api
from tests.support.sandbox_client import Sandbox


def lines(caplog: pytest.LogCaptureFixture, event: str) -> list[tuple[int, dict[str, Any]]]:
    """The lines of an event with their levels."""
    found = [(record.levelno, record.getMessage()) for record in caplog.records if record.name == "cipp.watch"]
    parsed = [(level, json.loads(text)) for level, text in found]
    return [(level, line) for level, line in parsed if line.get("event") == event]


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
        services().watch.log_state(None)
        azure.advance(seconds=2 * 86_400)
        services().watch.log_state(None)
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
        services().watch.log_state(listed)
    assert lines(caplog, WORKS_UNTIL)
    assert not [call for call in azure.calls()[before:] if call["path"].rstrip("/") == "/secrets"]


@pytest.mark.parametrize("is_on", [True, False])
def test_sign_in_of_cipp_that_is_off_is_logged_as_s8(
    azure: Sandbox, caplog: pytest.LogCaptureFixture, *, is_on: bool
) -> None:
    azure.reset(shape="container", propagation_seconds=0)
    if not is_on:
        off = {"properties": {"platform": {"enabled": False}}}
        Admin(azure).call("PUT", f"{WEB}/sites/{names.VAULT}/config/authsettingsV2", SITES_API, off)
    Api()
    with caplog.at_level(logging.INFO):
        services().watch.log_state(None)
    found = lines(caplog, SEVERE_STATE)
    assert [(level, line["state"]) for level, line in found] == ([] if is_on else [(logging.ERROR, "S8")])


def test_unreadable_vault_is_a_warning_and_not_an_expiry(
    azure: Sandbox, api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    del api
    azure.faults([{"host": f"{names.VAULT}.vault.azure.net", "times": 0, "answer": {"status": 403}}])
    with caplog.at_level(logging.INFO):
        services().watch.log_state(None)
    assert lines(caplog, WORKS_UNTIL) == []
    assert [record.levelno for record in caplog.records if record.name == "cipp.watch"] == [logging.WARNING]


def test_state_is_logged_although_the_timer_fails(
    api: Api, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    del api
    known = services()

    def fail() -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(known.rotation_by_clock, "catch_up", fail)
    with caplog.at_level(logging.INFO), pytest.raises(RuntimeError):
        catch_up(known)
    assert lines(caplog, WORKS_UNTIL)
