"""Responses to the caller when Azure refuses, fails, or times out."""

import time
from dataclasses import dataclass

import pytest

from backend.configuration.timeouts import Limits
from tests.support import phrases
from tests.support.api import Answer, Api
from tests.support.sandbox_client import Sandbox


@dataclass(frozen=True)
class Called:
    """An endpoint, and the host of Azure's that it depends on."""

    name: str
    host: str = "management.azure.com"

    def by(self, api: Api) -> Answer:
        return api.get(self.name) if self.name.startswith("List") else api.post(self.name)


# One endpoint for each kind of action and each host. tests/openapi/test_calls_of_the_description.py calls every one.
CALLS = [
    Called("ListFunctionApps"),
    Called("ListKeyVaultSecrets", "*.vault.azure.net"),
    Called("ExecFunctionAppStart"),
    Called("ExecFunctionAppStop"),
    Called("ExecFunctionAppRestart"),
]


@pytest.mark.parametrize("called", CALLS, ids=lambda called: called.name)
@pytest.mark.parametrize("status", [400, 403, 404, 409, 429, 503])
def test_refusal_of_azure_is_returned_with_its_status(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, called: Called, status: int
) -> None:
    nowhere.setenv("AZURE_DEADLINE_SECONDS", "0.2")
    azure.faults([{"host": called.host, "mode": "refuse", "status": status, "retry_after": 2700, "times": 0}])
    answer = called.by(Api())
    # Without the main app, the shape of CIPP is unknown, so a write is refused.
    expected = 409 if called.name.startswith("Exec") else 404 if status == 404 else 500
    assert answer.status == expected
    if status != 404:
        assert answer.body["azureStatus"] == status
    assert answer.results == f"{answer.body['detail']} {answer.body['advice']}".rstrip()
    assert answer.results.startswith("Couldn't ")


@pytest.mark.compares_times
@pytest.mark.parametrize("called", CALLS, ids=lambda called: called.name)
@pytest.mark.parametrize("mode", ["hang", "drop-after"])
def test_timeout_of_azure_is_reported_in_time(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, called: Called, mode: str
) -> None:
    nowhere.setenv("AZURE_READ_TIMEOUT_SECONDS", "0.2")
    nowhere.setenv("AZURE_DEADLINE_SECONDS", "0.2")
    nowhere.setenv("RESTART_TIMEOUT_SECONDS", "0.2")
    azure.faults([{"host": called.host, "mode": mode, "times": 0}])
    started = time.monotonic()
    answer = called.by(Api())
    assert time.monotonic() - started < 2
    assert answer.status == (409 if called.name.startswith("Exec") else 500)
    assert phrases.DID_NOT_RESPOND in answer.results
    assert "azureStatus" not in answer.body


@pytest.mark.parametrize("called", CALLS, ids=lambda called: called.name)
def test_transient_error_of_azure_is_retried(api: Api, azure: Sandbox, called: Called) -> None:
    azure.faults([{"host": called.host, "method": "GET", "mode": "refuse", "status": 503, "times": 2}])
    assert called.by(api).status == 200


@pytest.mark.compares_times
def test_retry_after_beyond_the_deadline_is_not_waited_for(api: Api, azure: Sandbox) -> None:
    azure.faults([{"host": "management.azure.com", "mode": "refuse", "status": 429, "retry_after": 2700, "times": 0}])
    started = time.monotonic()
    answer = api.get("ListFunctionApps")
    assert time.monotonic() - started < 2
    assert answer.body["azureStatus"] == 429


def test_the_waits_of_one_call_end_within_20_seconds_by_default() -> None:
    limits = Limits()
    assert limits.azure_deadline_seconds <= 20
    assert limits.azure_connect_timeout_seconds + limits.azure_read_timeout_seconds <= limits.azure_deadline_seconds
    assert limits.restart_timeout_seconds <= 20
    assert limits.discovery_timeout_seconds < 3


@pytest.mark.parametrize("value", ["0", "-1", "soon", "nan", "1e9", "1,5"])
@pytest.mark.parametrize("setting", ["AZURE_READ_TIMEOUT_SECONDS", "RESTART_TIMEOUT_SECONDS"])
def test_invalid_timeout_is_reported_with_its_setting(nowhere: pytest.MonkeyPatch, setting: str, value: str) -> None:
    nowhere.setenv("WEBSITE_SITE_NAME", "cippabc12")
    nowhere.setenv(setting, value)
    answer = Api().get("ListKeyVaultSecrets")
    assert answer.status == 500
    assert setting in answer.results


@pytest.mark.parametrize(
    ("host", "name"), [("management.azure.com", "ListFunctionApps"), ("*.vault.azure.net", "ListKeyVaultSecrets")]
)
@pytest.mark.parametrize("value", ["soon", "-1", "1 minute"])
def test_refusal_with_unreadable_retry_after_stays_a_refusal(azure: Sandbox, host: str, name: str, value: str) -> None:
    azure.faults([{"host": host, "mode": "refuse", "status": 429, "retry_after": value, "times": 0}])
    answer = Api().get(name)
    assert (answer.status, answer.body["azureStatus"]) == (500, 429), answer.text
