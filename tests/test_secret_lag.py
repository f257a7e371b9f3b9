"""Changes by hand of a vault whose lists are a minute old."""

from collections.abc import Iterator

import pytest

from tests.api import Api
from tests.by_hand import PLAIN, recover, restore
from tests.rotation.others import Others
from tests.rotation.scene import Scene
from tests.sandbox_client import Sandbox

LAG_SECONDS = 60


@pytest.fixture
def scene(azure: Sandbox) -> Iterator[Scene]:
    azure.reset(propagation_seconds=0, direct_tenants=1, vault_list_lag_seconds=LAG_SECONDS)
    yield Scene(azure, Others(azure))
    azure.reset()


def test_version_that_was_stored_just_now_is_listed_as_the_current_one(scene: Scene) -> None:
    one = scene.others.store(PLAIN, "one")
    answer = Api().get(f"ListKeyVaultSecretVersions?Name={PLAIN}")
    assert [(version["Version"], version["Current"]) for version in answer.results] == [(one, True)]


def test_restore_makes_an_old_version_current_though_the_list_shows_it_so(scene: Scene) -> None:
    one = scene.others.store(PLAIN, "one")
    scene.azure.advance(LAG_SECONDS)
    two = scene.others.store(PLAIN, "two")
    current = restore(PLAIN, two)
    assert (current.status, "is the current one already" in current.results) == (409, True)
    answer = restore(PLAIN, one)
    assert answer.status == 200, answer.text
    assert scene.value(PLAIN) == "one"


def test_secret_that_was_deleted_just_now_is_recovered_though_the_list_has_it(scene: Scene) -> None:
    scene.others.store(PLAIN, "one")
    scene.azure.advance(LAG_SECONDS)
    scene.others.delete(PLAIN)
    assert Api().get(f"ListKeyVaultSecretVersions?Name={PLAIN}").status == 404
    answer = recover(PLAIN)
    assert answer.status == 200, answer.text
    assert scene.value(PLAIN) == "one"
