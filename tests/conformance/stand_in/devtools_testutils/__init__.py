"""A replacement for the test kit of Microsoft's SDKs that runs their recorded tests live.

Microsoft's kit replays recordings through a proxy. Here, every call goes to the running sandbox, so everything
about recordings does nothing.
"""

import asyncio
import functools
import uuid
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest
from azure.identity import ManagedIdentityCredential
from azure.identity.aio import ManagedIdentityCredential as AsyncManagedIdentityCredential

__all__ = [
    "AzureMgmtPreparer",
    "AzureRecordedTestCase",
    "add_body_key_sanitizer",
    "add_general_regex_sanitizer",
    "add_oauth_response_sanitizer",
    "add_remove_header_sanitizer",
    "is_live",
    "recorded_by_proxy",
    "remove_batch_sanitizers",
    "set_custom_default_matcher",
    "test_proxy",
]

_Test = TypeVar("_Test", bound=Callable[..., Any])


def is_live() -> bool:
    """Return that the tests run against a service."""
    return True


def recorded_by_proxy(test: _Test) -> _Test:
    """Return the test unchanged."""
    return test


@pytest.fixture(scope="session")
def test_proxy() -> None:
    """Replace the fixture of the recording proxy, which is absent."""


def _nothing(*_arguments: object, **_options: object) -> None:
    """Do nothing: no recordings exist to clean or to match."""


add_body_key_sanitizer = _nothing
add_general_regex_sanitizer = _nothing
add_oauth_response_sanitizer = _nothing
add_remove_header_sanitizer = _nothing
remove_batch_sanitizers = _nothing
set_custom_default_matcher = _nothing


class AzureRecordedTestCase:
    """The base of Microsoft's test classes."""

    is_live = True

    @staticmethod
    def await_prepared_test(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
        """Return a synchronous test for an asynchronous one. pytest passes its parameters by name."""

        @functools.wraps(test)
        def run(self: object, **parameters: object) -> None:
            asyncio.run(test(self, **parameters))

        return run

    def get_resource_name(self, name: str) -> str:
        """Return a name that no other test and no earlier run has used. It is the same within a test."""
        names: dict[str, str] = self.__dict__.setdefault("_names", {})
        return names.setdefault(name, f"{name}-{uuid.uuid4().hex[:12]}")

    def get_credential(self, _client: type, *, is_async: bool = False) -> Any:  # noqa: ANN401 - one of two
        """Return a credential of the sandbox's managed identity."""
        return AsyncManagedIdentityCredential() if is_async else ManagedIdentityCredential()

    def create_client_from_credential(self, client: type, credential: object, **options: object) -> Any:  # noqa: ANN401 - any client
        """Return a client that logs its requests, unless the test sets another option."""
        return client(credential=credential, **{"logging_enable": True, **options})

    def fail(self, message: str) -> None:
        """Fail the test."""
        pytest.fail(message)


class AzureMgmtPreparer:
    """A base class in Microsoft's kit that no test of secrets uses."""
