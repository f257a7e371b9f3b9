"""A stand-in for the test kit of Microsoft's SDKs that runs their recorded tests live.

Theirs replays recordings through a proxy; here every call goes to the running sandbox, so all that has to do
with recordings does nothing.
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
    """Say that the tests run against a service."""
    return True


def recorded_by_proxy(test: _Test) -> _Test:
    """Leave the test as it is."""
    return test


@pytest.fixture(scope="session")
def test_proxy() -> None:
    """Stand for the recording proxy, which is not there."""


def _nothing(*_arguments: object, **_options: object) -> None:
    """Do nothing: there is no recording to clean or to match."""


add_body_key_sanitizer = _nothing
add_general_regex_sanitizer = _nothing
add_oauth_response_sanitizer = _nothing
add_remove_header_sanitizer = _nothing
remove_batch_sanitizers = _nothing
set_custom_default_matcher = _nothing


class AzureRecordedTestCase:
    """The base of their test classes."""

    is_live = True

    @staticmethod
    def await_prepared_test(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
        """Make a plain test of an asynchronous one; pytest fills in its parameters by name."""

        @functools.wraps(test)
        def run(self: object, **parameters: object) -> None:
            asyncio.run(test(self, **parameters))

        return run

    def get_resource_name(self, name: str) -> str:
        """Make a name that no other test and no earlier run has used; the same name twice within a test."""
        names: dict[str, str] = self.__dict__.setdefault("_names", {})
        return names.setdefault(name, f"{name}-{uuid.uuid4().hex[:12]}")

    def get_credential(self, _client: type, *, is_async: bool = False) -> Any:  # noqa: ANN401 - one of two
        """Sign in as the sandbox's managed identity."""
        return AsyncManagedIdentityCredential() if is_async else ManagedIdentityCredential()

    def create_client_from_credential(self, client: type, credential: object, **options: object) -> Any:  # noqa: ANN401 - any client
        """Make a client that logs what it sends, unless the test wants otherwise."""
        return client(credential=credential, **{"logging_enable": True, **options})

    def fail(self, message: str) -> None:
        """Fail the test."""
        pytest.fail(message)


class AzureMgmtPreparer:
    """Something that theirs inherits from and no test of secrets uses."""
