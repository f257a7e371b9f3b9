"""The vault's lists lag behind while reads of one secret are current: the result of a read is never lost."""

import os
from collections.abc import Iterator

import pytest

from backend.azure.clients import Clients
from backend.errors import AzureRefusedError
from backend.installation.discovery import Discovery
from backend.key_vault.vault import KeyVault, StaleListError
from tests.support import phrases
from tests.support.by_hand import PLAIN
from tests.support.rotation.others import Others
from tests.support.rotation.scene import VAULT, Scene
from tests.support.sandbox_client import Sandbox

LAG_SECONDS = 60


@pytest.fixture
def scene(azure: Sandbox) -> Iterator[Scene]:
    """The seeded CIPP, with a vault whose lists are a minute old."""
    azure.reset(propagation_seconds=0, direct_tenants=1, vault_list_lag_seconds=LAG_SECONDS)
    yield Scene(azure, Others(azure))
    azure.reset()


@pytest.fixture
def vault(scene: Scene) -> KeyVault:
    del scene
    clients = Clients(os.environ)
    return KeyVault(clients, Discovery(os.environ, clients))


def ids(vault: KeyVault, name: str = PLAIN) -> list[str]:
    return [version.id for version in vault.current_versions(name)]


def test_current_version_is_first_when_the_list_lacks_it(scene: Scene, vault: KeyVault) -> None:
    one = scene.others.store(PLAIN, "one")
    assert vault.versions(PLAIN) == []
    assert ids(vault) == [one]
    scene.azure.advance(LAG_SECONDS)
    two = scene.others.store(PLAIN, "two", tags={"rotated-by": "me"}, contentType="text")
    assert [version.id for version in vault.versions(PLAIN)] == [one]
    served, earlier = vault.current_versions(PLAIN)
    assert (served.id, served.enabled, served.content_type) == (two, True, "text")
    assert dict(served.tags) == {"rotated-by": "me"}
    assert earlier.created < served.created <= scene.now()
    assert earlier.id == one


def test_current_versions_are_those_of_the_list_when_it_is_current(scene: Scene, vault: KeyVault) -> None:
    stored = [scene.others.store(PLAIN, str(number)) for number in range(30)]  # more than a page, in one second
    scene.azure.advance(LAG_SECONDS)
    versions = vault.current_versions(PLAIN)
    assert versions[0].id == stored[-1]
    assert {version.id for version in versions} == set(stored)
    assert versions == vault.versions(PLAIN)


def test_current_version_has_the_data_of_a_read(scene: Scene, vault: KeyVault) -> None:
    one = scene.others.store(PLAIN, "one")
    scene.azure.advance(LAG_SECONDS)
    change = {"tags": {"team": "identity"}}
    assert scene.others.vault.call("PATCH", f"/secrets/{PLAIN}/{one}", change).ok
    assert dict(vault.versions(PLAIN)[0].tags) == {}
    (served,) = vault.current_versions(PLAIN)
    assert dict(served.tags) == {"team": "identity"}


def test_just_deleted_secret_has_no_versions(scene: Scene, vault: KeyVault) -> None:
    scene.others.store(PLAIN, "one")
    scene.azure.advance(LAG_SECONDS)
    scene.others.delete(PLAIN)
    assert len(vault.versions(PLAIN)) == 1
    assert ids(vault) == []
    assert ids(vault, "nothing") == []


def test_disabled_current_version_is_first_when_the_list_shows_it_enabled(scene: Scene, vault: KeyVault) -> None:
    one = scene.others.store(PLAIN, "one")
    scene.azure.advance(1)
    two = scene.others.store(PLAIN, "two")
    scene.azure.advance(LAG_SECONDS)
    scene.others.disable(PLAIN, two)
    for _ in range(2):
        assert [(version.id, version.enabled) for version in vault.current_versions(PLAIN)] == [
            (two, False),
            (one, True),
        ]
        scene.azure.advance(LAG_SECONDS)


def test_disabled_current_version_is_reported_when_the_list_lacks_it(scene: Scene, vault: KeyVault) -> None:
    scene.others.store(PLAIN, "one")
    scene.azure.advance(LAG_SECONDS)
    scene.others.disable(PLAIN, scene.others.store(PLAIN, "two"))
    with pytest.raises(StaleListError, match=phrases.NOT_LISTED_YET):
        vault.current_versions(PLAIN)
    scene.azure.advance(LAG_SECONDS)
    assert [version.enabled for version in vault.current_versions(PLAIN)] == [False, True]


def test_refused_read_does_not_count_as_a_missing_secret(scene: Scene, vault: KeyVault) -> None:
    scene.others.store(PLAIN, "one")
    scene.azure.faults([{"host": VAULT, "path": f"/secrets/{PLAIN}/$", "mode": "refuse", "status": 403, "times": 0}])
    with pytest.raises(AzureRefusedError):
        vault.current_versions(PLAIN)
    scene.azure.faults([])


def test_names_are_those_of_the_served_versions(scene: Scene, vault: KeyVault) -> None:
    scene.others.store("zeta", "one")
    scene.others.store("Alpha", "one")
    scene.azure.advance(LAG_SECONDS)
    names = vault.names()
    assert names == sorted(vault.served(), key=str.lower)
    assert {"Alpha", "zeta"} <= set(names)
