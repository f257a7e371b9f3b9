"""Reads that are out of date: app registrations in Graph, and the vault's lists."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.past import Past
from tests.support.sandbox.certificate import Certificate
from tests.support.sandbox.sign_in import Sam, sam
from tests.support.sandbox.vault_calls import Vault, fresh_vault
from tests.support.sandbox_client import Sandbox

LAG = 60
START = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def app(sandbox: Sandbox) -> Sam:
    return sam(sandbox, propagation_seconds=0, graph_read_lag_seconds=LAG)


@pytest.fixture
def vault(sandbox: Sandbox) -> Iterator[Vault]:
    with fresh_vault(sandbox, direct_tenants=0, vault_list_lag_seconds=LAG) as vault:
        yield vault


def moment(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("now", "expected"),
    [(0, "seed"), (9.9, "seed"), (10, "seed"), (19.9, "seed"), (20, "one"), (24.9, "one"), (25, "two"), (99, "two")],
)
def test_past_shows_the_state_as_of_the_lag(now: float, expected: str) -> None:
    past: Past[str] = Past(timedelta(seconds=10))
    current = "seed"
    for seconds, new in ((10, "one"), (15, "two")):
        if now >= seconds:
            past.replaced("key", current, moment(seconds))
            current = new
    assert past.seen("key", current, moment(now)) == expected
    assert past.seen("other", "current", moment(now)) == "current"


@pytest.mark.parametrize(("lag", "kept"), [(0, 0), (1, 1), (10, 1)])
def test_past_keeps_only_what_the_lag_can_show(lag: int, kept: int) -> None:
    past: Past[int] = Past(timedelta(seconds=lag))
    for number in range(1000):
        past.replaced("key", number, moment(number))
    assert len(list(past.changed_keys())) == kept
    assert past.seen("key", 1000, moment(1000 + lag)) == 1000
    assert not list(past.changed_keys())


def read_each_way(app: Sam, select: str) -> list[Any]:
    """Read one property of the app in each way that Graph provides."""
    by_id = f"/applications/{app.object_id}?$select={select}"
    listed = f"/applications?$filter=appId eq '{app.app_id}'&$select={select}"
    request = {"id": "1", "method": "GET", "url": by_id}
    batch = app.graph("POST", "/v1.0/$batch", {"requests": [request]}).json()["responses"][0]["body"]
    return [
        app.graph("GET", f"/v1.0{by_id}").json()[select],
        app.graph("GET", f"/beta/applications(appId='{app.app_id}')?$select={select}").json()[select],
        app.graph("GET", f"/v1.0{listed}").json()["value"][0][select],
        batch[select],
    ]


def test_graph_reads_show_the_app_as_of_the_lag(app: Sam) -> None:
    path = f"/v1.0/applications/{app.object_id}"
    made = app.graph("POST", f"{path}/addPassword", {"passwordCredential": {"displayName": "new"}}).json()
    certificate = Certificate()
    assert app.graph("PATCH", path, {"keyCredentials": [certificate.entry()], "displayName": "renamed"}).ok
    assert len(app.application()["passwordCredentials"]) == 2
    assert [len(seen) for seen in read_each_way(app, "passwordCredentials")] == [1] * 4
    assert [len(seen) for seen in read_each_way(app, "keyCredentials")] == [0] * 4
    assert set(read_each_way(app, "displayName")) == {"CIPP-SAM"}
    app.sandbox.advance(LAG)
    assert [len(seen) for seen in read_each_way(app, "passwordCredentials")] == [2] * 4
    assert [len(seen) for seen in read_each_way(app, "keyCredentials")] == [1] * 4
    assert set(read_each_way(app, "displayName")) == {"renamed"}
    assert app.sign_in(client_secret=made["secretText"]).ok


def test_graph_writes_change_the_current_app(app: Sam) -> None:
    path = f"/v1.0/applications/{app.object_id}"
    first, second = Certificate(), Certificate()
    made = app.graph("POST", f"{path}/addPassword", {}).json()
    app.graph("PATCH", path, {"keyCredentials": [first.entry()]})
    proof = first.signed(app.object_id, "00000002-0000-0000-c000-000000000000")
    added = app.graph("POST", f"{path}/addKey", {"keyCredential": second.entry(), "proof": proof})
    assert added.status_code == 200
    assert app.graph("POST", f"{path}/removeKey", {"keyId": added.json()["keyId"], "proof": proof}).status_code == 204
    assert app.graph("POST", f"{path}/removePassword", {"keyId": made["keyId"]}).status_code == 204
    assert app.graph("POST", f"{path}/removePassword", {"keyId": made["keyId"]}).status_code == 400
    assert app.graph("PATCH", path, {"notes": "x"}).ok
    assert app.sign_in(client_secret=made["secretText"]).status_code == 401
    application = app.application()
    assert (len(application["passwordCredentials"]), len(application["keyCredentials"])) == (1, 1)


def test_stale_list_in_a_patch_removes_what_it_does_not_name(app: Sam) -> None:
    path = f"/v1.0/applications/{app.object_id}"
    app.graph("PATCH", path, {"keyCredentials": [Certificate().entry()]})
    stale = app.graph("GET", path).json()["keyCredentials"]
    assert app.graph("PATCH", path, {"keyCredentials": [*stale, Certificate().entry()]}).ok
    assert len(app.application()["keyCredentials"]) == 1


@pytest.mark.parametrize("lag", [None, 0])
def test_graph_reads_its_own_writes_without_a_lag(sandbox: Sandbox, lag: int | None) -> None:
    app = sam(sandbox, propagation_seconds=0, **({} if lag is None else {"graph_read_lag_seconds": lag}))
    app.graph("POST", f"/v1.0/applications/{app.object_id}/addPassword", {})
    assert [len(seen) for seen in read_each_way(app, "passwordCredentials")] == [2] * 4


def listed(vault: Vault, path: str = "/secrets") -> list[str]:
    return [one["id"].rpartition("/")[2] for one in vault.call("GET", path).json()["value"]]


def test_vault_lists_show_the_state_as_of_the_lag(vault: Vault) -> None:
    seed = listed(vault)
    new = vault.call("PUT", "/secrets/new", {"value": "1"}).json()["id"].rpartition("/")[2]
    (old,) = listed(vault, "/secrets/TenantID/versions")
    vault.call("PUT", "/secrets/TENANTID", {"value": "2"})
    vault.call("DELETE", "/secrets/RefreshToken")
    assert listed(vault) == seed
    assert listed(vault, "/secrets/new/versions") == []
    assert listed(vault, "/secrets/TenantID/versions") == [old]
    assert listed(vault, "/deletedsecrets") == []
    vault.sandbox.advance(LAG)
    assert listed(vault) == [*(name for name in seed if name not in ("RefreshToken", "TenantID")), "new", "TenantID"]
    assert listed(vault, "/secrets/new/versions") == [new]
    assert len(listed(vault, "/secrets/tenantid/versions")) == 2
    assert listed(vault, "/deletedsecrets") == ["RefreshToken"]


def test_vault_shows_the_current_state_of_one_secret(vault: Vault) -> None:
    made = vault.call("PUT", "/secrets/new", {"value": "1"}).json()
    version = made["id"].rpartition("/")[2]
    assert vault.call("GET", "/secrets/new").json()["value"] == "1"
    assert vault.call("GET", f"/secrets/new/{version}").json()["value"] == "1"
    vault.call("DELETE", "/secrets/new")
    assert vault.call("GET", "/secrets/new").status_code == 404
    assert vault.call("GET", "/deletedsecrets/new").status_code == 200
    assert list(vault.sandbox.state()["vaults"]["cippabc12"]["deleted"]) == ["new"]


def test_vault_lists_show_attributes_as_of_the_lag(vault: Vault) -> None:
    change = {"attributes": {"enabled": False}, "tags": {"a": "b"}}
    assert vault.call("PATCH", "/secrets/TenantID", change).ok
    (seen,) = vault.call("GET", "/secrets/TenantID/versions").json()["value"]
    assert (seen["attributes"]["enabled"], seen.get("tags")) == (True, None)
    vault.sandbox.advance(LAG)
    (seen,) = vault.call("GET", "/secrets/TenantID/versions").json()["value"]
    assert (seen["attributes"]["enabled"], seen["tags"]) == (False, {"a": "b"})


def test_vault_lists_follow_each_change_after_its_lag(vault: Vault) -> None:
    vault.call("PUT", "/secrets/new", {"value": "1"})
    vault.sandbox.advance(40)
    vault.call("DELETE", "/secrets/new")
    vault.sandbox.advance(10)
    assert ("new" in listed(vault), listed(vault, "/deletedsecrets")) == (False, [])
    vault.sandbox.advance(15)
    assert ("new" in listed(vault), listed(vault, "/deletedsecrets")) == (True, [])
    vault.call("DELETE", "/deletedsecrets/new")
    vault.sandbox.advance(40)
    assert ("new" in listed(vault), listed(vault, "/deletedsecrets")) == (False, ["new"])
    vault.sandbox.advance(40)
    assert ("new" in listed(vault), listed(vault, "/deletedsecrets")) == (False, [])


@pytest.mark.compares_times
def test_large_vault_is_written_and_listed_quickly(sandbox: Sandbox) -> None:
    many = {f"secret-{number:05}": {"value": "x"} for number in range(10_000)}
    with fresh_vault(sandbox, secrets=many, vault_list_lag_seconds=LAG, vault_writes_per_10s=10_000) as vault:
        before = time.monotonic()
        for number in range(100):
            assert vault.call("PUT", f"/secrets/secret-{number:05}", {"value": "y"}).ok
        assert vault.call("GET", "/secrets").ok
        assert time.monotonic() - before < 10  # a copy of the vault for each write would take far longer
    sandbox.reset()


@pytest.mark.parametrize("name", ["graph_read_lag_seconds", "vault_list_lag_seconds"])
@pytest.mark.parametrize("value", [-1, "1", True, None, 1e300])
def test_error_names_the_invalid_lag(sandbox: Sandbox, name: str, value: object) -> None:
    status, text = sandbox.refused("reset", json.dumps({name: value}).encode())
    assert status == 400
    assert name in json.loads(text)["error"]
