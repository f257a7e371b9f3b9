"""Failures of the vault during a manual change of a secret."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.api import Answer, Api
from tests.support.bad_days import BAD_DAYS, IMPATIENT, LONGEST_SECONDS, check_told, day_of
from tests.support.by_hand import PLAIN, changes, recover, restore, set_secret
from tests.support.rotation.others import Others
from tests.support.rotation.scene import SECRET, VAULT, Scene
from tests.support.sandbox_client import Sandbox


@pytest.fixture
def scene(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> Iterator[Scene]:
    """The seeded CIPP with one direct tenant and short waits. Faults are removed after the test."""
    azure.reset(propagation_seconds=0, direct_tenants=1)
    for name, value in IMPATIENT.items():
        nowhere.setenv(name, value)
    yield Scene(azure, Others(azure))
    azure.faults([])


ACTS: dict[str, Callable[[Scene], Answer]] = {
    "versions": lambda scene: Api().get(f"ListKeyVaultSecretVersions?Name={scene.tenants()[0]}"),
    "set": lambda _scene: set_secret(PLAIN, "hush-hush"),
    "set a key": lambda _scene: set_secret(SECRET, "hush-hush"),
    "restore": lambda scene: restore(PLAIN, scene.versions(PLAIN)[0]["version"]),
    "recover": lambda _scene: recover("Deleted"),
}
STRUCK = [
    ("versions", "GET", "/versions$"),
    ("set", "PUT", f"/secrets/{PLAIN}$"),
    ("set a key", "GET", "/secrets/TenantID/"),
    ("restore", "GET", "/versions$"),
    ("restore", "GET", f"/secrets/{PLAIN}/[0-9a-f]+$"),
    ("restore", "PUT", f"/secrets/{PLAIN}$"),
    ("recover", "GET", "/secrets$"),
    ("recover", "POST", "/recover$"),
]


@pytest.mark.compares_times
@pytest.mark.each_value
@pytest.mark.parametrize("fault", BAD_DAYS, ids=day_of)
@pytest.mark.parametrize(("act", "method", "path"), STRUCK)
def test_failure_of_the_vault_is_reported_in_time(
    scene: Scene, fault: dict[str, Any], act: str, method: str, path: str
) -> None:
    scene.others.store(PLAIN, "one")
    scene.others.store(PLAIN, "two")
    scene.others.store("Deleted", "one")
    scene.others.delete("Deleted")
    done = len(changes(scene))
    scene.azure.faults([{"host": VAULT, "method": method, "path": path, "times": 0, **fault}])
    started = time.monotonic()
    answer = ACTS[act](scene)
    assert time.monotonic() - started < LONGEST_SECONDS
    check_told(answer, fault)
    assert "hush-hush" not in answer.text
    if method == "PUT":
        assert len(changes(scene)) == done + 1  # a second call would create a second version
