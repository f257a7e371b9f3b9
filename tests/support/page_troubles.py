"""Failures of Azure, for the tests of the Backend page's endpoints."""

import time
from dataclasses import dataclass

import pytest

from tests.support import phrases
from tests.support.api import Answer, Api
from tests.support.sandbox_client import Sandbox

ARM = "management.azure.com"
# So that timeouts are short, but requests that work still complete on a busy machine.
SHORT = {"AZURE_READ_TIMEOUT_SECONDS": "2", "AZURE_DEADLINE_SECONDS": "2"}
AMONG_OTHERS = {"AZURE_READ_TIMEOUT_SECONDS": "4", "AZURE_DEADLINE_SECONDS": "5"}
MOST_SECONDS = 15.0  # with these waits, or 20 with the defaults (tests/azure/test_refusals.py)
REFUSALS = (403, 404, 409, 429, 500, 503)
SILENCES = ("hang", "drop-after")


@dataclass(frozen=True)
class EndpointCall:
    """A call of an endpoint, and the call to Azure that decides its result."""

    name: str
    method: str
    path: str
    body: dict[str, object] | None = None

    def by(self, api: Api) -> Answer:
        return api.get(self.name) if self.body is None else api.post(self.name, self.body)


def cases(*endpoint_call: EndpointCall) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("endpoint_call", endpoint_call, ids=lambda one: one.name)


def assert_refusal_is_reported(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, endpoint_call: EndpointCall, status: int
) -> Answer:
    """Refuse the deciding call. The caller gets an error soon."""
    answer = _answer(azure, nowhere, endpoint_call, {"mode": "refuse", "status": status, "retry_after": 2700})
    if status == 404:
        assert answer.status == 404
    else:
        assert (answer.status, answer.body["azureStatus"]) == (500, status)
    assert answer.results.startswith("Couldn't ")
    assert "<" not in answer.results
    if status == 403:
        assert "Missing: Microsoft." in answer.results
        assert "ListBackendRights" in answer.results
    return answer


def assert_timeout_is_reported(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, endpoint_call: EndpointCall, mode: str
) -> None:
    """Let the deciding call hang, or cut it after Azure received it. The caller gets an error soon."""
    answer = _answer(azure, nowhere, endpoint_call, {"mode": mode})
    assert answer.status == 500
    assert phrases.DID_NOT_RESPOND in answer.results
    assert "azureStatus" not in answer.body


def _answer(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, endpoint_call: EndpointCall, fault: dict[str, object]
) -> Answer:
    if fault["mode"] != "refuse":  # a refusal returns immediately, without a wait of 2,700 s
        for name, value in SHORT.items():
            nowhere.setenv(name, value)
    api = Api()
    azure.faults([{"host": ARM, "method": endpoint_call.method, "path": endpoint_call.path, "times": 0, **fault}])
    began = time.monotonic()
    answer = endpoint_call.by(api)
    assert time.monotonic() - began < MOST_SECONDS
    return answer
