"""The mode `refuse-then-do`: the call is refused, and takes effect later."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.sandbox.vault_calls import Vault, fresh_vault
from tests.support.sandbox_client import Sandbox

PUT: dict[str, object] = {"method": "PUT", "mode": "refuse-then-do", "status": 503}


@pytest.fixture
def vault(sandbox: Sandbox) -> Iterator[Vault]:
    with fresh_vault(sandbox, direct_tenants=0) as vault:
        yield vault


def values(vault: Vault, name: str = "x") -> list[str]:
    """Return what the vault stores, without using its API."""
    stored: dict[str, Any] = vault.sandbox.state()["vaults"]["cippabc12"]["secrets"]
    return [version["value"] for version in stored.get(name, [])]


def store(vault: Vault, value: str, name: str = "x") -> int:
    return vault.call("PUT", f"/secrets/{name}", {"value": value, "tags": {"a": value}}).status_code


def test_refused_request_takes_effect_at_the_next_call(vault: Vault) -> None:
    vault.sandbox.faults([PUT])
    refused = vault.call("PUT", "/secrets/x", {"value": "late"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "ServiceUnavailable")
    assert vault.call("GET", "/secrets/x").json()["value"] == "late"
    assert [call["method"] for call in vault.sandbox.calls("cippabc12.vault.azure.net")] == ["PUT", "GET"]
    assert vault.sandbox.control("GET", "faults")["faults"] == [{"seen": 1, "held": 0}]


def test_refused_request_takes_effect_when_the_state_is_read(vault: Vault) -> None:
    vault.sandbox.faults([PUT])
    assert store(vault, "late") == 503
    assert values(vault) == ["late"]


def test_effect_waits_until_due_on_the_sandbox_clock(vault: Vault) -> None:
    vault.sandbox.faults([PUT | {"after_seconds": 60}])
    assert store(vault, "late") == 503
    assert vault.call("GET", "/secrets/x").status_code == 404
    vault.sandbox.advance(50)
    assert values(vault) == []
    before = vault.sandbox.control("POST", "clock", {"advance_seconds": 100})["now"]
    vault.sandbox.advance(1000)
    (version,) = vault.sandbox.state()["vaults"]["cippabc12"]["secrets"]["x"]
    assert version["created"] <= before  # it took effect with the first advance past its due time
    assert version["tags"] == {"a": "late"}


def test_effects_happen_in_the_order_of_their_due_times(vault: Vault) -> None:
    for seconds in (30, 10, 20, 10):
        vault.sandbox.faults([PUT | {"after_seconds": seconds}])
        store(vault, str(seconds) + ("b" if values(vault, "marker") else ""))
        vault.sandbox.faults([])
        if seconds == 10:
            store(vault, "m", "marker")
    vault.sandbox.advance(60)
    assert values(vault) == ["10", "10b", "20b", "30"]


def test_effect_survives_new_faults_and_is_not_counted_by_them(vault: Vault) -> None:
    vault.sandbox.faults([PUT | {"after_seconds": 60}])
    store(vault, "late")
    vault.sandbox.faults([{"method": "PUT", "mode": "refuse", "status": 500, "times": 0}])
    vault.sandbox.advance(61)
    assert values(vault) == ["late"]
    assert vault.sandbox.control("GET", "faults")["faults"] == [{"seen": 0, "held": 0}]


def test_effect_happens_before_a_later_call_with_a_fault(vault: Vault) -> None:
    vault.sandbox.faults([PUT, {"method": "GET", "mode": "refuse", "status": 500}])
    store(vault, "late")
    assert vault.call("GET", "/secrets/x").status_code == 500
    vault.sandbox.faults([])
    store(vault, "later")
    assert values(vault) == ["late", "later"]


def test_reset_cancels_the_effect(vault: Vault) -> None:
    vault.sandbox.faults([PUT | {"after_seconds": 60}])
    store(vault, "late")
    vault.sandbox.reset(direct_tenants=0)
    vault.sandbox.advance(120)
    assert values(vault) == []


def test_effect_can_fail(vault: Vault) -> None:
    vault.sandbox.faults([PUT])
    assert vault.call("PUT", "/secrets/no_such_name", {"value": "x"}).status_code == 503
    assert store(vault, "x") == 200
    assert values(vault, "no_such_name") == []


def test_refusal_has_the_response_of_the_fault(vault: Vault) -> None:
    vault.sandbox.faults([PUT | {"status": 429, "retry_after": 7, "edit": [["error.message", "busy"]]}])
    refused = vault.call("PUT", "/secrets/x", {"value": "late"})
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "7")
    assert refused.json()["error"]["message"] == "busy"
    vault.sandbox.faults([{"method": "PUT", "mode": "refuse-then-do", "answer": {"status": 200, "body": "done"}}])
    assert vault.call("PUT", "/secrets/x", {"value": "later"}).text == "done"
    assert values(vault) == ["late", "later"]
