"""CIPP's own jobs: the weekly run, the reconcile of the certificate, and the check for updates."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sandbox import names
from sandbox.cipp.calendar import next_nightly, next_weekly, quarter
from sandbox.cipp.update_check import is_due
from tests.support.rotation.pfx import pfx, thumbprint
from tests.support.sandbox.arm import SITE, Arm
from tests.support.sandbox.certificate import Certificate
from tests.support.sandbox.cipp_process import DAY, NOON, SHAPES, main, put, row, rows
from tests.support.sandbox.sign_in import sam
from tests.support.sandbox.vault_calls import VAULT, identity_token
from tests.support.sandbox_client import Sandbox

WEEK = 7 * DAY
SIX = str(int(datetime(2026, 12, 2, 18, tzinfo=UTC).timestamp()))
AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def versions(sandbox: Sandbox, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sandbox.state()["vaults"][names.VAULT]["secrets"].get(name, [])
    return found


def keys(sandbox: Sandbox) -> set[str]:
    app = sandbox.state()["applications"][names.SAM_APP_ID]
    return {one["customKeyIdentifier"] for one in app["keyCredentials"]}


def store_certificate(sandbox: Sandbox, certificate: Certificate) -> None:
    headers = {"Authorization": f"Bearer {identity_token(sandbox)}"}
    url = f"{VAULT}/secrets/SAMCertificate?api-version=7.4"
    assert sandbox.web().put(url, json={"value": pfx(certificate)}, headers=headers).ok


@pytest.mark.parametrize("shape", SHAPES)
def test_weekly_run_renews_on_sunday_at_midnight(sandbox: Sandbox, shape: str) -> None:
    sandbox.reset(shape=shape, now=NOON, cipp_jobs=True, timezone="Europe/Amsterdam")
    sandbox.advance(3.4 * DAY)
    assert len(versions(sandbox, "RefreshToken")) == 1
    sandbox.advance(DAY)
    for name in ("RefreshToken", "ApplicationSecret"):  # the seeded secret has 20 days left
        assert [one["created"] for one in versions(sandbox, name)][1:] == ["2026-12-05T23:00:00Z"]
    assert main(sandbox)["works"] is True
    assert main(sandbox)["holds"]["RefreshToken"] == versions(sandbox, "RefreshToken")[-1]["version"]


@pytest.mark.parametrize("shape", SHAPES)
def test_cipp_alone_works_for_a_year(sandbox: Sandbox, shape: str) -> None:
    sandbox.reset(shape=shape, now=NOON, cipp_jobs=True)
    for _ in range(60):
        sandbox.advance(WEEK)
        assert main(sandbox)["works"] is True
    assert len(versions(sandbox, "RefreshToken")) == 61
    assert len(versions(sandbox, "ApplicationSecret")) == 2
    assert len(keys(sandbox)) <= 2


def test_weekly_run_makes_no_secret_in_certificate_only_mode(sandbox: Sandbox) -> None:
    sandbox.reset(shape="container", now=NOON, cipp_jobs=True, certificate_only=True)
    sandbox.advance(50 * WEEK)
    assert main(sandbox)["works"] is True
    assert len(versions(sandbox, "ApplicationSecret")) == 1
    assert len(versions(sandbox, "SAMCertificate")) == 2


@pytest.mark.parametrize("options", [{}, {"no_reconcile": True}, {"old_cipp": True}])
def test_reconcile_removes_what_is_older_than_the_newest_two_versions(
    sandbox: Sandbox, options: dict[str, object]
) -> None:
    app = sam(sandbox, shape="container", now=NOON, cipp_jobs=True, propagation_seconds=0, **options)
    (seeded,) = keys(sandbox)
    added = [Certificate(), Certificate()]
    for certificate in added:
        known = app.graph("GET", f"/v1.0/applications/{app.object_id}").json()["keyCredentials"]
        body = {"keyCredentials": [*known, certificate.entry()]}
        assert app.graph("PATCH", f"/v1.0/applications/{app.object_id}", body).ok
        store_certificate(sandbox, certificate)
        sandbox.advance(60)
    assert seeded in keys(sandbox)
    sandbox.advance(WEEK)
    assert (seeded in keys(sandbox)) is bool(options)
    assert {thumbprint(one.x509) for one in added} <= keys(sandbox)


@pytest.mark.parametrize(("reconciles", "made"), [(True, 0), (False, 1)])
def test_certificate_that_is_not_on_the_app_is_registered_or_replaced(
    sandbox: Sandbox,
    reconciles: bool,
    made: int,
) -> None:
    app = sam(sandbox, shape="container", now=NOON, cipp_jobs=True, propagation_seconds=0, no_reconcile=not reconciles)
    assert app.graph("PATCH", f"/v1.0/applications/{app.object_id}", {"keyCredentials": []}).ok
    assert main(sandbox)["fails"] == ["SAMCertificate"]
    sandbox.advance(WEEK)
    assert len(versions(sandbox, "SAMCertificate")) == 1 + made
    assert main(sandbox)["works"] is True


def test_container_updates_itself_at_its_hour(sandbox: Sandbox) -> None:
    sandbox.reset(shape="container", now=NOON, cipp_jobs=True, update_available=True)
    sandbox.advance(10.5 * 3600)
    assert main(sandbox)["version"] == "10.8.5"
    sandbox.advance(3600)
    assert (main(sandbox)["version"], main(sandbox)["started"]) == ("10.8.6", "2026-12-02T23:00:00Z")
    found = row(sandbox, "ContainerUpdateSettings", "UpdateConfig")
    assert (found["UpdateAvailable"], found["RemoteVersion"], found["RunningVersion"]) == ("True", "10.8.6", "10.8.5")
    sandbox.advance(DAY)
    assert row(sandbox, "ContainerUpdateSettings", "UpdateConfig")["UpdateAvailable"] == "False"
    assert main(sandbox)["started"] == "2026-12-02T23:00:00Z"


def test_container_with_updates_off_only_notes_the_update(sandbox: Sandbox) -> None:
    sandbox.reset(shape="container", now=NOON, cipp_jobs=True, update_available=True)
    put(sandbox, "ContainerUpdateSettings", "Settings", "UpdateConfig", AutoUpdate="False", CheckTime="15")
    sandbox.advance(4 * 3600)
    found = row(sandbox, "ContainerUpdateSettings", "UpdateConfig")
    assert (found["UpdateAvailable"], found["CheckTime"], found["AutoUpdate"]) == ("True", "15", "False")
    assert main(sandbox)["version"] == "10.8.5"


def test_pinned_container_finds_no_update(sandbox: Sandbox) -> None:
    for pinned in ("10.8.5", "digest"):
        sandbox.reset(shape="container", now=NOON, cipp_jobs=True, update_available=True, pinned=pinned)
        sandbox.advance(DAY)
        assert main(sandbox)["version"] == "10.8.5"
        assert row(sandbox, "ContainerUpdateSettings", "UpdateConfig")["UpdateAvailable"] == "False"


def test_jobs_of_the_same_minute_all_run(sandbox: Sandbox) -> None:
    sandbox.reset(shape="container", now="2026-12-05T23:30:00Z", cipp_jobs=True, update_available=True)
    put(sandbox, "ContainerUpdateSettings", "Settings", "UpdateConfig", CheckTime="0")
    sandbox.advance(3600)
    assert main(sandbox)["started"] == "2026-12-06T00:00:00Z"
    assert versions(sandbox, "RefreshToken")[-1]["created"] == "2026-12-06T00:00:00Z"


def test_weekly_run_of_a_dark_container_is_lost(sandbox: Sandbox) -> None:
    sandbox.reset(shape="container", now="2026-12-05T23:59:50Z", cipp_jobs=True)
    Arm(sandbox).call("POST", f"{SITE}/restart")
    sandbox.advance(DAY)
    assert len(versions(sandbox, "RefreshToken")) == 1
    assert rows(sandbox, "AccessChecks") != []


@pytest.mark.parametrize(
    ("settings", "at", "due"),
    [
        ({}, "2026-12-02T23:00:00Z", True),
        ({}, "2026-12-02T22:00:00Z", False),
        ({"CheckTime": ""}, "2026-12-02T22:00:00Z", True),
        ({"CheckTime": "0"}, "2026-12-03T00:00:00Z", True),
        ({"CheckInterval": "0"}, "2026-12-02T23:00:00Z", False),
        ({"CheckInterval": "4h", "CheckTime": "", "LastCheck": SIX}, "2026-12-02T22:00:00Z", True),
        ({"CheckInterval": "1d", "CheckTime": "", "LastCheck": SIX}, "2026-12-03T00:00:00Z", False),
    ],
)
def test_hour_of_the_update_check(settings: dict[str, str], at: str, due: bool) -> None:
    assert is_due(settings, datetime.fromisoformat(at), UTC) is due


def test_half_hour_zones_check_twice() -> None:
    zone = ZoneInfo("Asia/Kolkata")
    hours = [datetime(2026, 12, 2, hour, tzinfo=UTC) for hour in range(24)]
    assert [hour.astimezone(zone).hour for hour in hours if is_due({}, hour, zone)] == [22, 23]


def test_timers_follow_daylight_saving() -> None:
    spring = datetime(2026, 3, 29, 0, 0, tzinfo=UTC)
    assert next_nightly(spring, AMSTERDAM) == datetime(2026, 3, 29, 22, 30, tzinfo=UTC)
    assert next_weekly(spring, AMSTERDAM) == datetime(2026, 4, 4, 22, 0, tzinfo=UTC)
    assert next_weekly(spring - timedelta(hours=2), AMSTERDAM) == datetime(2026, 3, 28, 23, 0, tzinfo=UTC)
    assert quarter(spring + timedelta(minutes=14)) == spring
