"""Manual changes in a vault whose lists are a minute old."""

from collections.abc import Iterator

import pytest

from tests.support import phrases
from tests.support.api import Api
from tests.support.by_hand import PLAIN, recover, restore
from tests.support.rotation.others import Others
from tests.support.rotation.scene import Scene
from tests.support.sandbox_client import Sandbox

LAG_SECONDS = 60


@pytest.fixture
def scene(azure: Sandbox) -> Iterator[Scene]:
    azure.reset(propagation_seconds=0, direct_tenants=1, vault_list_lag_seconds=LAG_SECONDS)
    yield Scene(azure, Others(azure))
    azure.reset()


def test_just_stored_version_is_listed_as_the_current_one(scene: Scene) -> None:
    one = scene.others.store(PLAIN, "one")
    answer = Api().get(f"ListKeyVaultSecretVersions?Name={PLAIN}")
    assert [(version["Version"], version["Current"]) for version in answer.results] == [(one, True)]


def test_old_version_is_restored_when_the_list_still_shows_it_as_current(scene: Scene) -> None:
    one = scene.others.store(PLAIN, "one")
    scene.azure.advance(LAG_SECONDS)
    two = scene.others.store(PLAIN, "two")
    current = restore(PLAIN, two)
    assert (current.status, phrases.ALREADY_CURRENT in current.results) == (409, True)
    answer = restore(PLAIN, one)
    assert answer.status == 200, answer.text
    assert scene.value(PLAIN) == "one"


def test_just_deleted_secret_is_recovered_when_the_list_still_has_it(scene: Scene) -> None:
    scene.others.store(PLAIN, "one")
    scene.azure.advance(LAG_SECONDS)
    scene.others.delete(PLAIN)
    assert Api().get(f"ListKeyVaultSecretVersions?Name={PLAIN}").status == 404
    answer = recover(PLAIN)
    assert answer.status == 200, answer.text
    assert scene.value(PLAIN) == "one"
