"""Fixtures of the rotation's tests."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.support.api import QUICK
from tests.support.rotation.deployment import Deployment
from tests.support.rotation.history import History
from tests.support.rotation.lag import Lag, shorten_lock
from tests.support.rotation.others import Others
from tests.support.rotation.scene import Scene
from tests.support.sandbox_client import Sandbox

# Nothing of what these shorten is what a history is about.
SHORT = {
    **QUICK,
    "KEY_ROTATION_PROOF_COUNT": "1",
    "KEY_ROTATION_PROOF_GAP_SECONDS": "0.01",
    "KEY_ROTATION_PROOF_TIMEOUT_SECONDS": "0.5",
    "AZURE_DEADLINE_SECONDS": "2",
}


@pytest.fixture
def scene(azure: Sandbox) -> Scene:
    """The seeded CIPP with one direct tenant, and CIPP's storage with CIPP's tables alone: nothing was ever rotated."""
    others = Others(azure)
    others.reset(propagation_seconds=0, direct_tenants=1)
    others.clear_tables()
    return Scene(azure, others)


@pytest.fixture
def restarting(scene: Scene, nowhere: pytest.MonkeyPatch) -> Scene:
    """The seeded CIPP on a Tuesday at noon. This app may restart CIPP's apps."""
    nowhere.setenv("KEY_ROTATION_RESTART_CIPP", "true")
    nowhere.setenv("KEY_ROTATION_PULSE_HOURS", "0")
    scene.go_to(scene.sunday() + timedelta(days=2, hours=12))
    return scene


@pytest.fixture
def three_sign_in_checks(azure: Sandbox, nowhere: pytest.MonkeyPatch) -> None:
    """A new key must sign in as often as by default, not once as in most tests."""
    del azure  # whose environment has another number
    nowhere.setenv("KEY_ROTATION_PROOF_COUNT", "3")


@pytest.fixture
def hurry(scene: Scene, nowhere: pytest.MonkeyPatch) -> Callable[..., None]:
    """Start over with a clock that runs so many times as fast, and shorten this process's waits for it alike.

    These are the waits for Azure's time to pass: between sign-ins with a new credential, and for the lock, whose
    age is judged by the storage's clock. Waits for a response stay as they are.
    """

    def reset(rate: float, **options: object) -> None:
        for name, value in Lag(clock_rate=rate).settings.items():
            nowhere.setenv(name, value)
        shorten_lock(nowhere, rate)
        scene.others.reset(**{"direct_tenants": 1, "clock_rate": rate, **options})

    return reset


@pytest.fixture(scope="module")
def deployment(sandbox: Sandbox) -> Deployment:
    """The same CIPP, restarted for each case of a sweep."""
    return Deployment(sandbox)


@pytest.fixture
def new_history(scene: Scene, deployment: Deployment, nowhere: pytest.MonkeyPatch) -> Callable[..., History]:
    """Make a history of some keys; of all if none is named. Options choose how CIPP is installed."""
    environ = {**deployment.environ, **SHORT}
    for name, value in environ.items():
        nowhere.setenv(name, value)
    return lambda *keys, **cipp: History(scene, environ, keys, **cipp)
