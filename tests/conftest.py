"""Fixtures of all tests."""

import os
from collections.abc import Iterator

import pytest
from azure.data.tables import TableServiceClient
from hypothesis import settings

from tests import planted_plugin
from tests.api import AMBIENT, QUICK, Api
from tests.planted import in_tables
from tests.sandbox_client import Sandbox

# The same histories and calls in every run of the tests; a soak makes others, and more of them.
settings.register_profile("test", derandomize=True, max_examples=100)
settings.register_profile("soak", derandomize=False, max_examples=2_000)
settings.load_profile("test")


def pytest_configure(config: pytest.Config) -> None:
    """Search for planted values in every test."""
    if not config.pluginmanager.has_plugin("planted"):
        config.pluginmanager.register(planted_plugin, "planted")


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One running sandbox for all tests; a test that changes it or looks at its calls resets it first."""
    with Sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        running.reset()
        yield running
        tables = TableServiceClient.from_connection_string(running.env["AzureWebJobsStorage"])
        planted_plugin.fail_if_any(in_tables(tables))


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without a trace of Azure or of this machine: a development host that nothing was told."""
    for name in list(os.environ):
        if name.startswith(AMBIENT):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AZURE_FUNCTIONS_ENVIRONMENT", "Development")
    return monkeypatch


@pytest.fixture
def azure(sandbox: Sandbox, nowhere: pytest.MonkeyPatch) -> Sandbox:
    """The sandbox as seeded, and this process aimed at it, as this API's own app."""
    sandbox.reset(propagation_seconds=0)
    for name, value in {**sandbox.env, **QUICK}.items():
        nowhere.setenv(name, value)
    return sandbox


@pytest.fixture
def api(azure: Sandbox) -> Api:
    """The API, on the sandbox."""
    del azure
    return Api()
