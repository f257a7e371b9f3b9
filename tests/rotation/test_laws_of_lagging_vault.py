"""The vault's list is up to a minute old: what others store or disable meanwhile still counts."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from backend.rotation.planning.memory import KeyMemory, tried
from backend.rotation.results import KeyReport, Outcome
from tests.support.rotation.held_run import held_call
from tests.support.rotation.scene import SECRET, TOKEN, VAULT, Scene
from tests.support.sandbox.certificate import Certificate

LAG_SECONDS = 60.0
NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
CIPPS = Certificate()
HOUR = timedelta(hours=1)
AT_STORE: dict[str, object] = {"host": VAULT, "method": "PUT", "path": f"^/secrets/{TOKEN}$"}


@pytest.fixture
def lagging(scene: Scene) -> Scene:
    """A CIPP without direct tenants on a Tuesday, whose vault's lists lag."""
    scene.others.reset(propagation_seconds=0, direct_tenants=0, vault_list_lag_seconds=LAG_SECONDS)
    scene.midweek()
    return scene


def new_token(scene: Scene) -> str:
    """Return a token that a person gets by signing in."""
    form = {"refresh_token": scene.value(TOKEN), "client_secret": scene.value(SECRET)}
    return str(scene.others.token(grant_type="refresh_token", **form).json()["refresh_token"])


def bury(scene: Scene, nowhere: pytest.MonkeyPatch, token: str) -> None:
    """Store a token while a run stores its own on top of it."""
    with held_call(scene, nowhere, AT_STORE, "ExecKeyRotation", {"Names": [TOKEN]}) as run:
        scene.others.store(TOKEN, token)
        scene.go(seconds=2)
        scene.azure.faults([])
        assert run.result().results["Keys"][0]["Outcome"] == "rotated"
    assert scene.value(TOKEN) != token


def list_calls(scene: Scene) -> int:
    return len(scene.calls(VAULT, "GET", f"/secrets/{TOKEN}/versions"))


def catch_up(scene: Scene) -> None:
    scene.tick("KeyRotationCatchUp")


def run_by_hand(scene: Scene) -> None:
    scene.rotate(TOKEN)


@pytest.mark.parametrize("early", [None, catch_up, run_by_hand])
def test_buried_token_is_put_back_by_the_hourly_run(
    lagging: Scene, nowhere: pytest.MonkeyPatch, early: Callable[[Scene], None] | None
) -> None:
    """A run that comes before the vault's list is up to date must not end the search."""
    token = new_token(lagging)
    bury(lagging, nowhere, token)
    if early:
        lagging.go(seconds=10)
        early(lagging)
    lagging.go(hours=1)
    catch_up(lagging)
    assert lagging.value(TOKEN) == token


def test_buried_token_is_put_back_when_the_key_was_rotated_before(lagging: Scene, nowhere: pytest.MonkeyPatch) -> None:
    lagging.rotate(TOKEN)
    lagging.go(days=7)
    token = new_token(lagging)
    bury(lagging, nowhere, token)
    lagging.go(hours=1)
    catch_up(lagging)
    assert lagging.value(TOKEN) == token


def test_versions_are_listed_again_only_until_the_list_has_the_new_one(lagging: Scene) -> None:
    lagging.rotate(TOKEN)
    lagging.go(hours=1)
    before = list_calls(lagging)
    catch_up(lagging)
    after_an_hour = list_calls(lagging)
    lagging.go(hours=1)
    catch_up(lagging)
    assert (after_an_hour - before, list_calls(lagging) - after_an_hour) == (1, 0)


@pytest.mark.parametrize("outcome", ["rotated", "unchanged"])
def test_unsettled_attempt_keeps_the_time_of_the_previous_attempt(outcome: Outcome) -> None:
    report = KeyReport(name=TOKEN, kind="RefreshToken", outcome=outcome, reason="R.", current_since=NOON)
    for last in (None, NOON - HOUR):
        memory = KeyMemory(TOKEN.lower(), tried=last)
        assert tried(memory, report, NOON + HOUR, is_unsettled=True).tried == last
        settled = tried(memory, report, NOON + HOUR).tried
        assert settled == (NOON if outcome == "unchanged" else NOON + HOUR)


def test_unchanged_key_keeps_the_time_of_a_later_try() -> None:
    report = KeyReport(name=TOKEN, kind="RefreshToken", outcome="unchanged", reason="R.", current_since=NOON)
    memory = KeyMemory(TOKEN.lower(), tried=NOON + HOUR)
    assert tried(memory, report, NOON + 2 * HOUR) == memory


# A version that the list still shows as enabled


def replaced_secret(scene: Scene) -> tuple[str, str]:
    """Let an admin store another client secret; return the version under it and the keyId of the new one."""
    old = str(scene.served(SECRET)["version"])
    made = scene.others.add_secret("By an admin")
    scene.others.store(SECRET, made["secretText"])
    scene.go(minutes=10)
    return old, made["keyId"]


def test_client_secret_is_renewed_when_an_old_version_was_just_disabled(lagging: Scene) -> None:
    lagging.others.give_certificate(CIPPS)
    old, _ = replaced_secret(lagging)
    lagging.others.disable(SECRET, old)
    assert lagging.report(SECRET, force=True)["Outcome"] == "rotated"
    assert lagging.signs_in()


def test_run_uses_the_certificate_when_the_old_secret_was_just_disabled(lagging: Scene) -> None:
    lagging.others.give_certificate(CIPPS)
    old, key_id = replaced_secret(lagging)
    lagging.others.add_secret("Another one")
    lagging.others.remove_secret(key_id)
    lagging.others.disable(SECRET, old)
    keys = lagging.rotate()["Keys"]
    assert [key["Outcome"] for key in keys if key["Outcome"] == "failed"] == [], keys
    assert lagging.signs_in()


def test_revoked_token_is_repaired_from_older_one_when_last_was_disabled(lagging: Scene) -> None:
    good = new_token(lagging)
    lagging.others.store(TOKEN, good)
    lagging.go(minutes=5)
    disabled = lagging.others.store(TOKEN, new_token(lagging))
    lagging.go(minutes=5)
    lagging.others.store(TOKEN, "a token that Entra refuses")
    lagging.go(minutes=10)
    lagging.others.disable(TOKEN, disabled)
    assert lagging.report(TOKEN, force=True)["Outcome"] == "rotated"
    assert lagging.redeems()


def test_buried_token_that_was_just_disabled_is_not_put_back(lagging: Scene, nowhere: pytest.MonkeyPatch) -> None:
    bury(lagging, nowhere, new_token(lagging))
    lagging.go(hours=1)
    lagging.others.disable(TOKEN, lagging.versions(TOKEN)[-2]["version"])
    served = lagging.value(TOKEN)
    key = lagging.report(TOKEN)
    assert (key["Outcome"], lagging.value(TOKEN)) == ("unchanged", served), key
