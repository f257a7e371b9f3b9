import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.support.sandbox_client import Sandbox

GRAPH = "https://graph.microsoft.com/v1.0/organization"


@pytest.fixture
def clean(sandbox: Sandbox) -> Sandbox:
    sandbox.reset()
    return sandbox


def statuses(sandbox: Sandbox, calls: int) -> list[int]:
    web = sandbox.web()
    return [web.get(GRAPH).status_code for _ in range(calls)]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({}, [503, 401, 401, 401]),
        ({"nth": 2}, [401, 503, 401, 401]),
        ({"nth": 2, "times": 2}, [401, 503, 503, 401]),
        ({"times": 0}, [503, 503, 503, 503]),
        ({"method": "GET", "host": "graph.microsoft.com", "path": "/v1.0/organization"}, [503, 401, 401, 401]),
        ({"path": "ORGANI[SZ]ation$"}, [503, 401, 401, 401]),
        ({"host": "*.microsoft.com"}, [503, 401, 401, 401]),
        ({"host": "GRAPH.microsoft.com"}, [503, 401, 401, 401]),
        ({"method": "POST"}, [401, 401, 401, 401]),
        ({"host": "*.vault.azure.net"}, [401, 401, 401, 401]),
        ({"path": "^/organization"}, [401, 401, 401, 401]),
    ],
)
def test_fault_applies_to_the_calls_that_it_matches(
    clean: Sandbox, fault: dict[str, object], expected: list[int]
) -> None:
    clean.faults([{"method": "*", "host": "*", "path": ".*", "mode": "refuse", "status": 503, **fault}])
    assert statuses(clean, 4) == expected


def test_each_fault_counts_every_matching_call(clean: Sandbox) -> None:
    one = {"mode": "refuse", "status": 429, "retry_after": 7, "nth": 1}
    two = {"mode": "refuse", "status": 500, "nth": 3}
    clean.faults([one, two])
    assert statuses(clean, 4) == [429, 401, 500, 401]
    assert clean.calls()[0]["response_headers"]["retry-after"] == "7"
    clean.faults([])
    assert statuses(clean, 1) == [401]


@pytest.mark.parametrize(
    ("url", "member"),
    [
        ("https://cippabc12.vault.azure.net/secrets", "error"),
        ("https://management.azure.com/subscriptions?api-version=2022-12-01", "error"),
        (GRAPH, "error"),
        ("https://login.microsoftonline.com/common/oauth2/v2.0/token", "error_description"),
    ],
)
def test_refusal_has_the_format_of_its_service(clean: Sandbox, url: str, member: str) -> None:
    clean.faults([{"mode": "refuse", "status": 429}])
    answer = clean.web().get(url)
    assert answer.status_code == 429
    assert "retry-after" not in answer.headers
    assert member in answer.json()


def test_drop_after_applies_the_call_and_cuts_the_connection(clean: Sandbox) -> None:
    app_id, app = next(iter(clean.state()["applications"].items()))
    headers = {"Authorization": f"Bearer {graph_token(clean)}"}
    clean.faults([{"method": "POST", "path": "/addPassword$", "mode": "drop-after"}])
    url = f"https://graph.microsoft.com/v1.0/applications/{app['id']}/addPassword"
    with pytest.raises(requests.ConnectionError):
        clean.web().post(url, json={}, headers=headers)
    assert len(clean.state()["applications"][app_id]["passwordCredentials"]) == 2
    assert clean.calls()[-1]["status"] == 200


def test_hang_never_responds_and_has_no_effect(clean: Sandbox) -> None:
    clean.faults([{"mode": "hang"}])
    with pytest.raises(requests.ReadTimeout):
        clean.web().get(GRAPH, timeout=0.3)
    assert [call["status"] for call in clean.calls() if call["host"] == "graph.microsoft.com"] == [0]
    assert statuses(clean, 1) == [401]


def test_call_is_held_until_the_faults_are_replaced(clean: Sandbox) -> None:
    clean.faults([{"mode": "hold", "nth": 2}])
    with ThreadPoolExecutor() as workers:
        answers = workers.submit(statuses, clean, 3)
        clean.wait_until_held()
        assert [call["status"] for call in clean.calls()] == [401, 0]
        assert not answers.done()
        clean.faults([])
        assert answers.result() == [401, 401, 401]


def test_held_call_takes_effect_when_its_client_gives_up(clean: Sandbox) -> None:
    clean.faults([{"mode": "hold"}])
    with pytest.raises(requests.ReadTimeout):
        clean.web().get(GRAPH, timeout=0.3)
    clean.faults([])
    assert statuses(clean, 1) == [401]
    assert [call["status"] for call in clean.calls()] == [401, 401]


def test_faults_apply_to_the_identity_endpoint(clean: Sandbox) -> None:
    clean.faults([{"host": "127.0.0.1", "mode": "refuse", "status": 500}])
    assert requests.get(clean.env["IDENTITY_ENDPOINT"], timeout=5).status_code == 500


def test_latency_delays_one_host_or_every_vault(clean: Sandbox) -> None:
    clean.reset(latency_seconds={"graph.microsoft.com": 0.3, "vault": 0.3})
    for url, slow in ((GRAPH, True), ("https://cippabc12.vault.azure.net/secrets", True)):
        before = time.monotonic()
        clean.web().get(url)
        assert (time.monotonic() - before >= 0.3) is slow
    clean.reset()


def graph_token(sandbox: Sandbox) -> str:
    secrets = sandbox.state()["vaults"]["cippabc12"]["secrets"]
    form = {
        "client_id": secrets["ApplicationID"][-1]["value"],
        "client_secret": secrets["ApplicationSecret"][-1]["value"],
        "scope": "https://graph.microsoft.com/.default",
        "grant_type": "client_credentials",
    }
    tenant = secrets["TenantID"][-1]["value"]
    answer = sandbox.web().post(f"https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token", data=form)
    return str(answer.json()["access_token"])
