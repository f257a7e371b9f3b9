"""A write that the vault completes after the run gave up does no harm."""

import time

import pytest

from tests.rotation.test_two_actors import store_a_certificate, store_a_secret, store_a_token
from tests.support import phrases
from tests.support.rotation.checks import refused_now
from tests.support.rotation.scene import CERTIFICATE, SECRET, TOKEN, Scene
from tests.support.rotation.theirs import orphans, touched

SOON_SECONDS = 30
STORES = {TOKEN: store_a_token, SECRET: store_a_secret, CERTIFICATE: store_a_certificate}


def give_up(scene: Scene, key: str, nowhere: pytest.MonkeyPatch) -> None:
    """Run while the vault is busy with the write for longer than the run waits."""
    nowhere.setenv("AZURE_READ_TIMEOUT_SECONDS", "1.5")
    scene.azure.faults([{"method": "PUT", "path": f"^/secrets/{key}$", "mode": "hold"}])
    report = scene.report(key)
    assert report["Outcome"] == "failed"
    assert f"Azure {phrases.DID_NOT_RESPOND}" in report["Reason"]
    if key != TOKEN:
        assert phrases.STILL_ON_APP in report["Reason"]


def let_it_through(scene: Scene, key: str) -> None:
    """Let the vault get done with it."""
    scene.azure.faults([])
    end = time.monotonic() + SOON_SECONDS
    while not (versions := scene.versions(key)) or "rotated-by" not in versions[-1]["tags"]:
        assert time.monotonic() < end
        time.sleep(0.01)


def signs_in(scene: Scene, key: str) -> bool:
    return {TOKEN: scene.redeems, SECRET: scene.signs_in, CERTIFICATE: scene.certificate_signs_in}[key]()


@pytest.mark.parametrize("key", STORES)
def test_store_that_takes_effect_late_leaves_a_valid_key(scene: Scene, nowhere: pytest.MonkeyPatch, key: str) -> None:
    scene.midweek()
    give_up(scene, key, nowhere)
    let_it_through(scene, key)
    assert signs_in(scene, key)
    scene.go(hours=1)
    assert scene.report(key)["Outcome"] == "unchanged"
    assert signs_in(scene, key)


@pytest.mark.each_value
@pytest.mark.parametrize("status", [500, 503, 504])
@pytest.mark.parametrize("key", STORES)
def test_store_that_was_refused_signs_in_when_it_takes_effect(scene: Scene, key: str, status: int) -> None:
    scene.midweek()
    late = {"mode": "refuse-then-do", "status": status, "after_seconds": SOON_SECONDS, "times": 0}
    scene.azure.faults([{"method": "PUT", "path": f"^/secrets/{key}$", **late}])
    scene.rotate(key)
    scene.azure.faults([])
    assert list(refused_now(scene.others, scene.azure.state())) == []
    scene.go(seconds=SOON_SECONDS + 1)
    assert not scene.others.made.is_version(scene.served(key))
    assert list(refused_now(scene.others, scene.azure.state())) == []
    scene.go(hours=1)
    scene.rotate(key)
    assert list(refused_now(scene.others, scene.azure.state())) == []
    assert list(orphans(scene.others.made, scene.azure.state())) == []


@pytest.mark.parametrize("key", STORES)
def test_late_write_over_a_version_of_others_is_undone(scene: Scene, nowhere: pytest.MonkeyPatch, key: str) -> None:
    give_up(scene, key, nowhere)
    wanted = STORES[key](scene)[key]
    time.sleep(1.1)  # the vault's times are whole seconds
    let_it_through(scene, key)
    before = scene.azure.state()
    assert scene.value(key) != wanted
    report = scene.report(key)
    assert report["Outcome"] == "rotated"
    assert phrases.THIS_APP_OVERWROTE in report["Reason"]
    assert scene.value(key) == wanted
    assert signs_in(scene, key)
    assert touched(scene.others.made, before, scene.azure.state()) == []


def test_client_secret_that_is_created_late_is_removed_by_a_later_run(
    scene: Scene, nowhere: pytest.MonkeyPatch
) -> None:
    nowhere.setenv("AZURE_READ_TIMEOUT_SECONDS", "1.5")
    scene.azure.faults([{"path": "/addPassword$", "mode": "hold"}])
    assert scene.report(SECRET)["Outcome"] == "failed"
    scene.azure.faults([])
    end = time.monotonic() + SOON_SECONDS
    while len(scene.secrets_on_app()) < 2:
        assert time.monotonic() < end
        time.sleep(0.01)
    scene.go(hours=1)
    assert scene.report(SECRET)["Outcome"] == "rotated"
    assert len(scene.secrets_on_app()) == 2
    assert list(orphans(scene.others.made, scene.azure.state())) == []
    assert scene.signs_in()
