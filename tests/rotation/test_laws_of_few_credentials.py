"""Half a year of Sundays without a restart of CIPP: few credentials of this app are usable at any time."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from sandbox import names
from tests.support import phrases
from tests.support.rotation.scene import CERTIFICATE, SECRET, VAULT, Scene, key_of, moment
from tests.support.rotation.theirs import too_many_live

SITES = (names.MAIN_SITE, names.OFFLOAD_SITE)
WEEKS = 26


@pytest.fixture
def running(scene: Scene, nowhere: pytest.MonkeyPatch) -> Scene:
    """CIPP's apps run with the client secret and the certificate that the first run made."""
    nowhere.setenv("KEY_ROTATION_PROOF_COUNT", "1")
    scene.others.reset(propagation_seconds=0, direct_tenants=0)
    scene.go_to(scene.sunday() + timedelta(hours=1))
    scene.rotate(SECRET, CERTIFICATE)
    scene.go(seconds=2)
    for site in SITES:
        scene.others.restart(site)
    return scene


def wrong_with(scene: Scene, held_secret: str, ends: datetime) -> Iterator[str]:
    """Look at the app and the vault after a run."""
    now = scene.azure.state()
    yield from too_many_live(scene.others.made, now)
    if not scene.signs_in():
        yield "what the vault serves does not sign in"
    if not scene.certificate_signs_in():
        yield "the certificate that the vault serves does not sign in"
    if moment(now["now"]) < ends and not scene.others.sign_in(held_secret).ok:
        yield "the client secret with which CIPP runs does not sign in"


@pytest.mark.timeout(240)
@pytest.mark.slow("a run for each week")
@pytest.mark.parametrize(
    ("weeks", "force"),
    [
        pytest.param(WEEKS, False, marks=pytest.mark.full_tier("half of the weeks are run by force")),
        (WEEKS // 2, True),
    ],
)
def test_few_credentials_are_usable_when_cipp_is_not_restarted(running: Scene, weeks: int, *, force: bool) -> None:
    held, served = running.value(SECRET), running.served(SECRET)
    ends = moment(served["expires"])
    wrong, reports = [], []
    for week in range(1, weeks + 1):
        running.go(days=7)
        rotation = running.rotate(SECRET, CERTIFICATE, force=force)
        reports.append((key_of(rotation["Keys"], SECRET), rotation["Warnings"]))
        wrong += [f"week {week}: {one}" for one in wrong_with(running, held, ends)]
    assert wrong == []
    assert not [report for report, _ in reports if report["Outcome"] == "failed"]
    left = [report["Reason"] for report, _ in reports if report["Outcome"] == "unchanged"]
    assert len(left) > weeks // 3
    assert all("Restart 'cippabc12', " in reason for reason in left if f"Due, but {phrases.MIGHT_NOT_USE}" in reason)
    named = [reason for reason in left if "Restart 'cippabc12'" in reason]
    assert len(named) > weeks // 3
    for site in SITES:
        assert all(any(f"Restart '{site}' before " in text for text in warnings) for _, warnings in reports[1:20])


def test_next_secret_is_created_when_every_app_has_restarted(running: Scene) -> None:
    running.go(days=7)
    assert running.report(SECRET)["Outcome"] == "rotated"
    running.go(days=7)
    key = running.report(SECRET)
    assert key["Outcome"] == "unchanged"
    assert f"Due, but {phrases.MIGHT_NOT_USE} the {phrases.CLIENT_SECRET}" in key["Reason"]
    running.others.restart(SITES[0])
    key = running.report(SECRET)
    assert key["Outcome"] == "unchanged"
    assert f"Restart '{SITES[1]}' (ExecFunctionAppRestart)" in key["Reason"]
    running.others.restart(SITES[1])
    assert running.report(SECRET)["Outcome"] == "rotated"


@pytest.mark.parametrize("reason", ["near its expiry", "revoked"])
@pytest.mark.slow("a run for each week")
def test_next_secret_is_created_without_a_restart_when_it_must_be(running: Scene, reason: str) -> None:
    running.go(days=7)
    assert running.report(SECRET)["Outcome"] == "rotated"
    if reason == "revoked":
        running.go(hours=2)
        running.others.remove_secret(running.served(SECRET)["tags"]["credential-id"])
        for version in running.versions(SECRET)[:-1]:
            running.others.disable(SECRET, version["version"])
    else:
        running.go(days=136)
    assert running.report(SECRET)["Outcome"] == "rotated"
    assert running.signs_in()


def test_secret_by_an_admin_is_due_without_a_restart(running: Scene) -> None:
    """It is not this app's, so how CIPP came to it is the admin's business."""
    running.others.store(SECRET, running.others.add_secret("By an admin")["secretText"])
    running.go(days=8)
    assert running.report(SECRET)["Outcome"] == "rotated"


@pytest.mark.parametrize("key", [SECRET, CERTIFICATE])
@pytest.mark.slow("eight runs, each with faults")
def test_stores_that_are_cut_add_up_to_no_more_credentials(scene: Scene, nowhere: pytest.MonkeyPatch, key: str) -> None:
    nowhere.setenv("KEY_ROTATION_PROOF_COUNT", "1")
    scene.others.reset(propagation_seconds=0, direct_tenants=0)
    scene.midweek()
    scene.rotate(SECRET, CERTIFICATE)
    scene.go(hours=2)
    if key == SECRET:
        for version in scene.versions(SECRET)[:-1]:
            scene.others.disable(SECRET, version["version"])
        scene.others.remove_secret(scene.served(SECRET)["tags"]["credential-id"])
    else:
        scene.others.patch_app(keyCredentials=[])
    scene.go(minutes=10)
    cut = {"host": VAULT, "method": "PUT", "path": f"^/secrets/{key}$", "mode": "drop-before", "times": 0}
    scene.azure.faults([cut])
    for _ in range(8):
        scene.go(days=1)
        assert scene.report(key, force=key == CERTIFICATE)["Outcome"] == "failed"
    assert list(too_many_live(scene.others.made, scene.azure.state())) == []
