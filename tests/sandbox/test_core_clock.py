"""The sandbox's clock: its start, its rate, and the parts that stay in real time."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest

from sandbox import names
from sandbox.clock import Clock
from tests.support.sandbox.certificate import Certificate
from tests.support.sandbox.vault_calls import Vault, identity_token
from tests.support.sandbox_client import Sandbox

RATE = 200
LOGIN = f"https://login.microsoftonline.com/{names.TENANT_ID}/oauth2/v2.0/token"
STARTS = ["1999-12-31T23:59:30Z", "2026-11-28T23:30:00+00:00", "2044-02-29T05:00:00+09:00", "20260919T233000Z"]


@pytest.fixture(autouse=True)
def _as_before(sandbox: Sandbox) -> Iterator[None]:
    yield
    sandbox.reset()


def now(sandbox: Sandbox) -> datetime:
    return datetime.fromisoformat(sandbox.state()["now"])


def date(sandbox: Sandbox) -> datetime:
    return parsedate_to_datetime(sandbox.web().get("https://graph.microsoft.com/v1.0/x").headers["date"])


def sign_in(sandbox: Sandbox) -> int:
    state = sandbox.state()
    (app_id,) = state["applications"]
    secret = state["applications"][app_id]["passwordCredentials"][-1]["secretText"]
    form = {"grant_type": "client_credentials", "scope": "https://graph.microsoft.com/.default"}
    return sandbox.web().post(LOGIN, data={**form, "client_id": app_id, "client_secret": secret}).status_code


@pytest.mark.parametrize("start", STARTS)
def test_reset_starts_the_clock_and_seeds_at_now(sandbox: Sandbox, start: str) -> None:
    sandbox.reset(now=start)
    began = datetime.fromisoformat(start)
    for shown in (now(sandbox), date(sandbox)):
        assert timedelta(seconds=-1) < shown - began < timedelta(seconds=20)
    (stored,) = sandbox.state()["vaults"][names.VAULT]["secrets"]["RefreshToken"]
    assert datetime.fromisoformat(stored["created"]) == began - timedelta(days=40)
    assert sign_in(sandbox) == 200


def test_reset_without_now_starts_at_real_time(sandbox: Sandbox) -> None:
    sandbox.control("POST", "reset", {})
    assert abs(now(sandbox) - datetime.now(UTC)) < timedelta(seconds=5)


@pytest.mark.parametrize(
    "body",
    [
        {"now": "2026-11-28T23:30:00"},
        {"now": "2026-11-28"},
        {"now": "2026-02-30T23:30:00Z"},
        {"now": "midday"},
        {"now": ""},
        {"now": 1_764_372_600},
        {"now": "0001-01-01T00:00:00+14:00"},
        {"now": "9999-12-31T23:59:59-14:00"},
        {"clock_rate": 0},
        {"clock_rate": -1},
        {"clock_rate": 1_000.5},
        {"clock_rate": True},
        {"clock_rate": "60"},
        {"clock_rate": None},
        {"clock_rate": float("nan")},
        {"clock_rate": float("inf")},
    ],
)
def test_reset_refuses_an_invalid_time(sandbox: Sandbox, body: dict[str, object]) -> None:
    before = sandbox.reset(direct_tenants=1)
    status, text = sandbox.refused("reset", json.dumps(body).encode())
    (field,) = body
    assert status == 400
    assert json.loads(text)["error"].startswith(f"{field} must be ")
    assert sandbox.state()["applications"] == before["applications"]


def test_clock_runs_at_its_rate_and_is_still_advanced(sandbox: Sandbox) -> None:
    sandbox.reset(now="2027-03-28T00:59:40Z", clock_rate=RATE)
    first, began = now(sandbox), time.monotonic()
    time.sleep(0.5)
    passed = now(sandbox) - first
    most = timedelta(seconds=(time.monotonic() - began + 0.5) * RATE)
    assert timedelta(seconds=0.4 * RATE) < passed < most
    sandbox.advance(86_400)
    assert timedelta(days=1) <= now(sandbox) - first - passed < timedelta(days=1) + 2 * most


@pytest.mark.compares_times
def test_propagation_takes_time_at_the_clocks_rate(sandbox: Sandbox) -> None:
    state = sandbox.reset(propagation_seconds=60, clock_rate=RATE)
    (app,) = state["applications"].values()
    bearer = _graph_token(sandbox)
    made = sandbox.web().post(
        f"https://graph.microsoft.com/v1.0/applications/{app['id']}/addPassword",
        headers={"Authorization": f"Bearer {bearer}"},
        json={"passwordCredential": {"displayName": "new"}},
    )
    assert made.status_code == 200, made.text
    began, made_at = time.monotonic(), now(sandbox)
    while sign_in(sandbox) != 200:
        assert time.monotonic() - began < 30
    assert now(sandbox) - made_at >= timedelta(seconds=58)
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("start", ["2015-06-17T12:10:00Z", "2044-02-29T05:00:00Z"])
def test_tokens_and_assertions_stay_in_real_time(sandbox: Sandbox, start: str) -> None:
    """After a year of sandbox time, a token that was issued before is still valid, and so is a new assertion."""
    sandbox.reset(now=start, propagation_seconds=0, clock_rate=RATE)
    bearer = _graph_token(sandbox)
    certificate = Certificate(days=40_000)
    (app,) = sandbox.state()["applications"].values()
    headers = {"Authorization": f"Bearer {bearer}"}
    url = f"https://graph.microsoft.com/v1.0/applications/{app['id']}"
    if start > "2026":
        patched = sandbox.web().patch(url, headers=headers, json={"keyCredentials": [certificate.entry()]})
        assert patched.status_code == 204, patched.text
    sandbox.advance(86_400 * 365)
    assert sandbox.web().get(url, headers=headers).status_code == 200
    if start > "2026":
        form = {"grant_type": "client_credentials", "scope": "https://graph.microsoft.com/.default"}
        form |= {"client_id": names.SAM_APP_ID, "client_assertion": certificate.signed(names.SAM_APP_ID, LOGIN)}
        form["client_assertion_type"] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        assert sandbox.web().post(LOGIN, data=form).status_code == 200


def test_write_limit_of_the_vault_stays_in_real_time(sandbox: Sandbox) -> None:
    sandbox.reset(vault_writes_per_10s=1, clock_rate=1_000)
    vault = Vault(sandbox, sandbox.web(), identity_token(sandbox))
    stored = [vault.call("PUT", f"/secrets/Other{number}", {"value": "x"}).status_code for number in range(2)]
    assert stored == [200, 429]


def test_past_moment_keeps_its_sandbox_time() -> None:
    """Times before the start count back from it. Advancing the clock changes no time before that."""
    start = datetime(2030, 1, 1, tzinfo=UTC)
    began = datetime.now(UTC)
    clock = Clock(start, 10)
    ended = datetime.now(UTC)
    assert start - timedelta(seconds=600) <= clock.at(ended - timedelta(seconds=60)) <= start
    shown = clock.at(ended)
    clock.advance(3_600)
    assert clock.at(ended) == shown
    assert clock.at(began) <= start
    assert clock.now() >= shown + timedelta(seconds=3_600)
    moments = [clock.at(began + timedelta(seconds=second / 10)) for second in range(-100, 100)]
    assert moments == sorted(moments)


def _graph_token(sandbox: Sandbox) -> str:
    state = sandbox.state()
    (app_id,) = state["applications"]
    secret = state["applications"][app_id]["passwordCredentials"][-1]["secretText"]
    form = {"grant_type": "client_credentials", "scope": "https://graph.microsoft.com/.default"}
    answer = sandbox.web().post(LOGIN, data={**form, "client_id": app_id, "client_secret": secret})
    return str(answer.json()["access_token"])
