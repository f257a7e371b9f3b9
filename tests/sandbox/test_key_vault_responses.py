"""The vault's exact responses on the wire."""

import json
from collections.abc import Iterator

import pytest

from tests.support.sandbox.sign_in import sam
from tests.support.sandbox.vault_calls import Vault, fresh_vault, identity_token
from tests.support.sandbox_client import Sandbox

TENANT = "c9a3e1f7-52d8-4b6a-8f14-7e0d2b9c6a35"
CHALLENGE = f'Bearer authorization="https://login.microsoftonline.com/{TENANT}", resource="https://vault.azure.net"'


@pytest.fixture
def vault(sandbox: Sandbox) -> Iterator[Vault]:
    with fresh_vault(sandbox, propagation_seconds=0) as vault:
        yield vault


@pytest.mark.parametrize(
    ("method", "path", "version"),
    [
        ("GET", "/secrets", "7.4"),
        ("GET", "/secrets/none/", "7.4"),
        ("PUT", "/secrets/in_valid", None),
        ("DELETE", "/deletedsecrets/none", "no"),
    ],
)
def test_token_is_checked_before_everything_else(vault: Vault, method: str, path: str, version: str | None) -> None:
    answer = vault.call(method, path, version=version, headers={"Authorization": None})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == CHALLENGE
    assert answer.text == (
        '{"error":{"code":"Unauthorized","message":"AKV10000: Request is missing a Bearer or PoP token."}}'
    )


def test_refusal_of_an_invalid_token_has_the_reason(vault: Vault) -> None:
    for token, why in (
        (identity_token(vault.sandbox, "https://management.azure.com/"), "AKV10022: Invalid audience. Expected "),
        (vault.token[:-4] + "AAAA", "AKV10046: "),
        ("nonsense", "AKV10046: "),
    ):
        answer = vault.call("GET", "/secrets", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == CHALLENGE
        assert answer.json()["error"]["message"].startswith(why)


@pytest.mark.parametrize("audience", ["https://vault.azure.net", "https://vault.azure.net/"])
def test_audience_can_end_in_a_slash(vault: Vault, audience: str) -> None:
    token = identity_token(vault.sandbox, audience)
    assert vault.call("GET", "/secrets", headers={"Authorization": f"Bearer {token}"}).status_code == 200


@pytest.mark.parametrize(
    ("suffix", "login"),
    [
        ("vault.usgovcloudapi.net", "login.microsoftonline.us"),
        ("vault.azure.cn", "login.chinacloudapi.cn"),
    ],
)
def test_other_clouds_require_their_own_tokens(vault: Vault, suffix: str, login: str) -> None:
    host = f"https://CIPPABC12.{suffix}"
    refused = vault.call("GET", f"{host}/secrets")
    assert refused.status_code == 401
    challenge = f'Bearer authorization="https://{login}/{TENANT}", resource="https://{suffix}"'
    assert refused.headers["www-authenticate"] == challenge
    token = identity_token(vault.sandbox, f"https://{suffix}")
    answer = vault.call("GET", f"{host}/secrets/TenantID", headers={"Authorization": f"Bearer {token}"})
    assert answer.json()["id"].startswith(f"https://cippabc12.{suffix}/secrets/TenantID/")


def test_refusal_names_the_principal_without_an_access_policy(vault: Vault) -> None:
    app = sam(vault.sandbox, propagation_seconds=0)
    token = app.sign_in(scope="https://vault.azure.net/.default").json()["access_token"]
    answer = vault.call("GET", "/secrets/none", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 403
    error = answer.json()["error"]
    assert (error["code"], error["innererror"]) == ("Forbidden", {"code": "AccessDenied"})
    assert error["message"].startswith(f"The user, group or application 'appid={app.app_id};oid=")
    assert error["message"].endswith(
        f";iss=https://sts.windows.net/{TENANT}/' does not have secrets get permission on key vault "
        "'cippabc12;location=westeurope'. For help resolving this issue, please see "
        "https://go.microsoft.com/fwlink/?linkid=2125287"
    )


def test_unknown_api_version_is_refused(vault: Vault) -> None:
    answer = vault.call("GET", "/secrets", version=None)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadParameter")
    assert answer.json()["error"]["message"] == "api-version must be specified"
    answer = vault.call("GET", "/secrets", version="7.9")
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == (
        "The specified version (7.9) is not recognized. Consider using the latest supported version (2026-04-01)."
    )
    for version in ("2016-10-01", "7.0", "7.6", "2025-07-01", "2026-04-01"):
        assert vault.call("GET", "/secrets", version=version).status_code == 200


def test_every_response_has_key_vaults_headers(vault: Vault) -> None:
    answers = [
        vault.call("PUT", "/secrets/x", {"value": "v"}),
        vault.call("GET", "/secrets", headers={"Authorization": None}),
        vault.call("DELETE", "/secrets/x"),
        vault.call("DELETE", "/deletedsecrets/x"),
    ]
    assert [answer.status_code for answer in answers] == [200, 401, 200, 204]
    for answer in answers:
        assert answer.headers["x-ms-keyvault-region"] == "westeurope"
        assert answer.headers["x-ms-keyvault-network-info"] == (
            "conn_type=Ipv4;addr=127.0.0.1;act_addr_fam=InterNetwork;"
        )
        assert answer.headers["strict-transport-security"] == "max-age=31536000;includeSubDomains"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-cache", "no-cache")
        assert answer.headers["expires"] == "-1"
        assert {"x-ms-request-id", "x-ms-keyvault-service-version", "date"} <= set(answer.headers)
    assert answers[0].headers["content-type"] == "application/json; charset=utf-8"
    assert answers[3].content == b""
    assert "content-type" not in answers[3].headers


def test_bundle_has_the_recorded_members_in_order(vault: Vault) -> None:
    body = {"value": "ABC123", "tags": {"test": "foo"}, "contentType": "text", "attributes": {"exp": 2538720000}}
    stored = json.loads(vault.call("PUT", "/secrets/secret1", body).text)
    assert list(stored) == ["value", "contentType", "id", "attributes", "tags"]
    assert list(stored["attributes"]) == ["enabled", "exp", "created", "updated", "recoveryLevel", "recoverableDays"]
    deleted = json.loads(vault.call("DELETE", "/secrets/secret1").text)
    assert list(deleted)[:3] == ["recoveryId", "deletedDate", "scheduledPurgeDate"]
    assert "value" not in deleted
    assert deleted["recoveryId"] == "https://cippabc12.vault.azure.net/deletedsecrets/secret1"
    assert deleted["id"] == stored["id"]
    (item,) = vault.call("GET", "/deletedsecrets").json()["value"]
    assert item["id"] == "https://cippabc12.vault.azure.net/secrets/secret1"


def test_trailing_slash_means_the_latest_version(vault: Vault) -> None:
    vault.call("PUT", "/secrets/x", {"value": "1"})
    assert vault.call("GET", "/secrets/x/").json() == vault.call("GET", "/secrets/x").json()
    assert vault.call("PATCH", "/secrets/x/", {"contentType": "c"}).json()["contentType"] == "c"


def test_vault_uses_the_clock_of_the_sandbox(vault: Vault) -> None:
    before = vault.call("PUT", "/secrets/x", {"value": "1"}).json()["attributes"]["created"]
    vault.sandbox.advance(86_400)
    after = vault.call("PUT", "/secrets/x", {"value": "2"}).json()["attributes"]["created"]
    assert 86_400 <= after - before < 86_460


def test_unknown_vault_or_operation_returns_501(vault: Vault) -> None:
    assert vault.call("GET", "https://other.vault.azure.net/secrets").status_code == 501
    assert vault.call("GET", "/keys").status_code == 501


def test_known_path_with_another_method_returns_405(vault: Vault) -> None:
    answer = vault.call("PUT", "/secrets/", {"value": "v"})
    assert answer.status_code == 405
    assert answer.text == '{"error":{"code":"MethodNotAllowed","message":"HTTP PUT not allowed"}}'
    assert vault.call("PUT", "/secrets/", headers={"Authorization": None}).status_code == 401
