"""A restore that is killed while an old version is enabled leaves a mark. Later changes disable that version."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import phrases
from tests.support.api import QUICK, Api
from tests.support.by_hand import DRY, FORCE, PLAIN, changes, fresh, recover, restore, set_secret
from tests.support.rotation.held_run import LOCKS
from tests.support.rotation.instance import Instance
from tests.support.rotation.others import Others
from tests.support.rotation.scene import SECRET, TOKEN, VAULT, Scene
from tests.support.sandbox_client import Sandbox

MARK = "enabled-for-restore"
OWN_TAGS = {"team": "identity"}


@pytest.fixture
def scene(azure: Sandbox) -> Iterator[Scene]:
    """The seeded CIPP with one direct tenant. Faults are removed after the test."""
    azure.reset(propagation_seconds=0, direct_tenants=1)
    yield Scene(azure, Others(azure))
    azure.faults([])


def version_of(scene: Scene, name: str, version: str) -> dict[str, Any]:
    return next(found for found in scene.versions(name) if found["version"] == version)


def disabled_version(scene: Scene, name: str, value: str, now: str) -> str:
    """Store a value and another one on top, and disable the first."""
    old = scene.others.store(name, value, tags=OWN_TAGS)
    scene.others.store(name, now)
    scene.others.disable(name, old)
    return old


def kill_restore(scene: Scene, name: str, version: str) -> None:
    """Restore in another process, and kill it after it has enabled the version, before it disables it."""
    scene.azure.faults([{"host": VAULT, "method": "GET", "path": f"/secrets/{name}/{version}$", "mode": "hold"}])
    with Instance({**scene.azure.env, **QUICK, "AZURE_FUNCTIONS_ENVIRONMENT": "Development"}) as other:
        other.begin_at("ExecKeyVaultSecretRestore", Name=name, Version=version)
        scene.azure.wait_until_held()
    scene.azure.faults([])
    for lock in scene.others.rows(LOCKS):  # of the killed process. It expires half a minute later
        scene.others.tables.get_table_client(LOCKS).delete_entity(lock)
    left = version_of(scene, name, version)
    assert (left["enabled"], set(left["tags"])) == (True, {"team", MARK})


def check_repaired(scene: Scene, name: str, version: str) -> None:
    left = version_of(scene, name, version)
    assert (left["enabled"], left["tags"]) == (False, OWN_TAGS)
    served = scene.served(name)
    assert served["enabled"]
    assert MARK not in served["tags"]


def test_next_manual_value_disables_the_version_of_a_killed_restore(scene: Scene) -> None:
    old = disabled_version(scene, PLAIN, "one", "two")
    kill_restore(scene, PLAIN, old)
    answer = set_secret(PLAIN, "three")
    assert answer.status == 200, answer.text
    assert f"Disabled version {old} of '{PLAIN}'" in " ".join(answer.results["Done"])
    check_repaired(scene, PLAIN, old)


def test_repeated_restore_disables_the_version_after_its_read(scene: Scene) -> None:
    old = disabled_version(scene, PLAIN, "one", "two")
    kill_restore(scene, PLAIN, old)
    assert restore(PLAIN, old).status == 200
    assert scene.served(PLAIN)["value"] == "one"
    check_repaired(scene, PLAIN, old)


def test_restore_of_another_version_disables_the_leftover(scene: Scene) -> None:
    other = scene.others.store(PLAIN, "zero")
    old = disabled_version(scene, PLAIN, "one", "two")
    kill_restore(scene, PLAIN, old)
    answer = restore(PLAIN, other)
    assert answer.status == 200, answer.text
    assert scene.served(PLAIN)["value"] == "zero"
    check_repaired(scene, PLAIN, old)


def test_recovery_disables_the_leftover(scene: Scene) -> None:
    old = disabled_version(scene, PLAIN, "one", "two")
    kill_restore(scene, PLAIN, old)
    scene.others.delete(PLAIN)
    assert recover(PLAIN).status == 200
    check_repaired(scene, PLAIN, old)


@pytest.mark.parametrize(("name", "kind"), [(TOKEN, "RefreshToken"), (SECRET, "ClientSecret")])
def test_next_rotation_of_a_key_disables_the_leftover(scene: Scene, name: str, kind: str) -> None:
    old = disabled_version(scene, name, scene.value(name), fresh(scene, kind))
    kill_restore(scene, name, old)
    before = len(changes(scene))
    assert Api().post("ExecKeyRotation", {"Names": [name], **DRY}).status == 200
    assert len(changes(scene)) == before
    answer = Api().post("ExecKeyRotation", {"Names": [name]})
    assert answer.status == 200, answer.text
    assert answer.results["Keys"][0]["Outcome"] in ("rotated", "unchanged")
    check_repaired(scene, name, old)


def test_rotation_does_not_restore_the_leftover(scene: Scene) -> None:
    old = disabled_version(scene, TOKEN, scene.value(TOKEN), "a revoked token")
    kill_restore(scene, TOKEN, old)
    answer = Api().post("ExecKeyRotation", {"Names": [TOKEN]})
    assert answer.status == 200, answer.text
    left = version_of(scene, TOKEN, old)
    assert (left["enabled"], left["tags"]) == (False, OWN_TAGS)
    assert all(found["tags"].get("healed-from") != old for found in scene.versions(TOKEN))


def test_dry_run_does_not_change_the_leftover(scene: Scene) -> None:
    old = disabled_version(scene, PLAIN, "one", "two")
    kill_restore(scene, PLAIN, old)
    before = scene.versions(PLAIN)
    dry = restore(PLAIN, old, **DRY)
    assert phrases.DISABLE_AGAIN in dry.results["WouldDo"][0]
    assert set_secret(PLAIN, "three", **DRY).status == 200
    assert scene.versions(PLAIN) == before


def test_leftover_that_cannot_be_disabled_is_reported_and_the_change_stays(scene: Scene) -> None:
    old = disabled_version(scene, PLAIN, "one", "two")
    kill_restore(scene, PLAIN, old)
    refused = {"host": VAULT, "method": "PATCH", "times": 0, "mode": "refuse", "status": 403}
    scene.azure.faults([refused])
    answer = set_secret(PLAIN, "three")
    assert answer.status == 200, answer.text
    assert f"Version {old} of '{PLAIN}' {phrases.STILL_ENABLED}" in " ".join(answer.results["Done"])
    scene.azure.faults([])
    assert set_secret(PLAIN, "four").status == 200
    check_repaired(scene, PLAIN, old)


def test_versions_without_the_mark_stay_enabled(scene: Scene) -> None:
    old = scene.others.store(PLAIN, "one", tags=OWN_TAGS)
    scene.others.store(PLAIN, "two")
    assert set_secret(PLAIN, "three").status == 200
    assert version_of(scene, PLAIN, old)["enabled"] is True


def test_a_version_with_all_its_tags_is_restored_without_a_mark(scene: Scene) -> None:
    tags = {f"tag-{number}": "x" for number in range(15)}
    old = scene.others.store(PLAIN, "one", tags=tags)
    scene.others.store(PLAIN, "two")
    scene.others.disable(PLAIN, old)
    assert restore(PLAIN, old, **FORCE).status == 200
    left = version_of(scene, PLAIN, old)
    assert (left["enabled"], left["tags"]) == (False, tags)
