"""Fixtures of all tests."""

from collections.abc import Iterator

import pytest

from tests.sandbox_client import Sandbox


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One running sandbox for all tests; a test that changes it or looks at its calls resets it first."""
    with Sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running
