"""A store recovers a deleted secret only if the caller allows it."""

import os

import pytest

from backend.azure.clients import Clients
from backend.installation.discovery import Discovery
from backend.key_vault.secrets import Stored
from backend.key_vault.vault import DeletedError, KeyVault
from backend.values import SecretText
from tests.support import phrases
from tests.support.by_hand import PLAIN
from tests.support.rotation.others import Others
from tests.support.rotation.scene import VAULT, Scene
from tests.support.sandbox_client import Sandbox


@pytest.fixture
def scene(azure: Sandbox) -> Scene:
    azure.reset(propagation_seconds=0, direct_tenants=1)
    return Scene(azure, Others(azure))


def store(value: str, *, recovers: bool) -> Stored:
    clients = Clients(os.environ)
    vault = KeyVault(clients, Discovery(os.environ, clients))
    return vault.store(PLAIN, SecretText(value), tags={}, content_type="", expires=None, recovers=recovers)


def test_deleted_secret_stays_deleted_when_a_store_may_not_recover_it(scene: Scene) -> None:
    scene.others.store(PLAIN, "one")
    scene.others.delete(PLAIN)
    with pytest.raises(DeletedError, match=f"'{PLAIN}' {phrases.WAS_DELETED}"):
        store("two", recovers=False)
    assert scene.versions(PLAIN) == []
    assert not scene.calls(VAULT, "POST", "/recover")


def test_deleted_name_is_recovered_when_a_store_may_recover_it(scene: Scene) -> None:
    scene.others.store(PLAIN, "one")
    scene.others.delete(PLAIN)
    assert store("two", recovers=True).value.reveal() == "two"
    assert len(scene.versions(PLAIN)) == 2


@pytest.mark.parametrize("deleted_before", [False, True])
def test_version_is_stored_without_recovery(scene: Scene, *, deleted_before: bool) -> None:
    if deleted_before:  # and recovered since
        scene.others.store(PLAIN, "one")
        scene.others.delete(PLAIN)
        store("two", recovers=True)
    store("three", recovers=False)
    assert scene.value(PLAIN) == "three"
