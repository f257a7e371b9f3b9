"""The fixtures of all tests."""

import gc
import os
from collections.abc import Iterator
from functools import lru_cache

import pytest
from azure.data.tables import TableServiceClient
from cryptography.hazmat.primitives.serialization import pkcs12
from hypothesis import settings

from tests.support import planted_plugin, slow_plugin
from tests.support.api import AMBIENT, QUICK, Api
from tests.support.keep_list import kept, loaded
from tests.support.planted import in_tables
from tests.support.sandbox_client import Sandbox
from tests.support.tiers import FULL, left_out, longest_first, of_another_step

# The tests use the same scenarios and calls in every run. A soak uses others, and more of them.
settings.register_profile("test", derandomize=True, max_examples=100)
settings.register_profile("soak", derandomize=False, max_examples=2_000)
settings.load_profile("test")


# The Graph SDK's 70,000 objects stay, and by default they are looked through often: that takes a seventh of a rotation.
gc.set_threshold(20_000, 10, 10)

pytest_plugins = ["tests.support.host", "tests.support.rotation.fixtures"]


def pytest_configure(config: pytest.Config) -> None:
    """Search for planted values in every test, and watch for slow ones."""
    if not config.pluginmanager.has_plugin("planted"):
        config.pluginmanager.register(planted_plugin, "planted")
    slow_plugin.register(config)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests of another step and, in the reduced tier, those of the full tier. Begin with the longest."""
    if unneeded := {*of_another_step(items), *(() if FULL else left_out(items))}:
        config.hook.pytest_deselected(items=list(unneeded))
        items[:] = longest_first([item for item in items if item not in unneeded])


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox for all tests. A test that changes it or reads its calls resets it first."""
    with Sandbox(tmp_path_factory.mktemp("sandbox"), trusts_others=False) as running:
        running.reset()
        yield running
        tables = TableServiceClient.from_connection_string(running.env["AzureWebJobsStorage"])
        planted_plugin.fail_if_any(in_tables(tables))


@pytest.fixture(scope="session", autouse=True)
def certificates_are_read_once() -> Iterator[None]:
    """Read each stored certificate once in this process. OpenSSL checks its primes: half of a catch-up's time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pkcs12, "load_key_and_certificates", lru_cache(1_000)(pkcs12.load_key_and_certificates))
        yield


@pytest.fixture(scope="session", autouse=True)
def keep_list_is_complete() -> Iterator[None]:
    """At the end, every module of Microsoft Graph's SDK that the tests have loaded must be in the package."""
    yield
    missing = sorted(loaded() - kept()) if loaded() else []
    assert missing == [], "The package lacks modules that this app loads. See deploy/package/keep_list.py."


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment of a development host without any settings of Azure or of this machine."""
    for name in list(os.environ):
        if name.startswith(AMBIENT):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AZURE_FUNCTIONS_ENVIRONMENT", "Development")
    return monkeypatch


@pytest.fixture
def azure(sandbox: Sandbox, nowhere: pytest.MonkeyPatch) -> Sandbox:
    """The sandbox in its initial state, and this process configured to use it."""
    sandbox.reset(propagation_seconds=0)
    for name, value in {**sandbox.env, **QUICK}.items():
        nowhere.setenv(name, value)
    return sandbox


@pytest.fixture
def api(azure: Sandbox) -> Api:
    """The API, configured to use the sandbox."""
    del azure
    return Api()
