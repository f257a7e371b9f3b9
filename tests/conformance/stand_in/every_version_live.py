"""A pytest plugin: run Microsoft's tests live with every API version, without the waits for Azure."""

import asyncio
import importlib
import time
from collections.abc import Iterator
from typing import Final
from unittest import mock

import pytest

_LONGEST_SECONDS: Final = 2.0


def pytest_collection_modifyitems() -> None:
    """Remove the skip of older versions, which only protects Microsoft's own vaults."""
    for module, name in (("_test_case", "SecretsClientPreparer"), ("_async_test_case", "AsyncSecretsClientPreparer")):
        preparer = getattr(importlib.import_module(module), name)
        preparer._skip_if_not_configured = lambda _self, _version: None  # noqa: SLF001 - Microsoft's kit skips them


@pytest.fixture(scope="session", autouse=True)
def short_waits() -> Iterator[None]:
    """Shorten the minute that the tests wait for a purge. The sandbox purges immediately."""
    sleep, async_sleep = time.sleep, asyncio.sleep

    def short_sleep(seconds: float) -> None:
        sleep(min(seconds, _LONGEST_SECONDS))

    async def short_async_sleep(seconds: float, result: object = None) -> object:
        return await async_sleep(min(seconds, _LONGEST_SECONDS), result)

    with mock.patch("time.sleep", short_sleep), mock.patch("asyncio.sleep", short_async_sleep):
        yield
