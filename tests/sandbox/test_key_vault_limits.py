"""The vault's limits: names, sizes, pages, calls."""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from azure.core.exceptions import HttpResponseError
from azure.identity import ManagedIdentityCredential
from azure.keyvault.secrets import SecretClient

from tests.support.sandbox.vault_calls import Vault, fresh_vault
from tests.support.sandbox_client import Sandbox

INVALID = "Property  has invalid value\r\n"


@pytest.fixture
def vault(sandbox: Sandbox) -> Iterator[Vault]:
    with fresh_vault(sandbox, direct_tenants=0) as vault:
        yield vault


@pytest.mark.parametrize("name", ["a", "9", "-", "a" * 127])
def test_valid_name_is_accepted(vault: Vault, name: str) -> None:
    assert vault.call("PUT", f"/secrets/{name}", {"value": "v"}).status_code == 200


@pytest.mark.parametrize("name", ["a_b", "a.b", "ä", "a" * 128])
def test_invalid_name_is_refused(vault: Vault, name: str) -> None:
    for method, body in (("PUT", {"value": "v"}), ("GET", None), ("DELETE", None)):
        answer = vault.call(method, f"/secrets/{name}", body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadParameter")
        assert answer.json()["error"]["message"] == f"The request URI contains an invalid name: {name}"


@pytest.mark.parametrize(
    "body",
    [
        {"value": ""},
        {"value": "v" * 25_600},
        {"value": "ä" * 12_800},
        {"value": "v", "contentType": "c" * 255},
        {"value": "v", "tags": {str(number): "v" for number in range(15)}},
        {"value": "v", "tags": {"n" * 512: "v" * 512}},
        {"value": "v", "attributes": {"enabled": False, "exp": 0, "nbf": None}},
    ],
)
def test_secret_of_the_largest_size_is_accepted(vault: Vault, body: dict[str, object]) -> None:
    assert vault.call("PUT", "/secrets/x", body).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"value": None},
        {"value": 1},
        {"value": "v" * 25_601},
        {"value": "ä" * 12_801},
        {"value": "v", "contentType": "c" * 256},
        {"value": "v", "contentType": 1},
        {"value": "v", "tags": {str(number): "v" for number in range(16)}},
        {"value": "v", "tags": {"n" * 513: "v"}},
        {"value": "v", "tags": {"n": "v" * 513}},
        {"value": "v", "tags": {"n": 1}},
        {"value": "v", "tags": ["n"]},
        {"value": "v", "attributes": {"enabled": "yes"}},
        {"value": "v", "attributes": {"exp": "2050-01-01T00:00:00Z"}},
        {"value": "v", "attributes": {"exp": 10**18}},
        {"value": "v", "attributes": []},
    ],
)
def test_invalid_secret_is_refused(vault: Vault, body: object) -> None:
    answer = vault.call("PUT", "/secrets/x", body)
    assert (answer.status_code, answer.json()["error"]) == (400, {"code": "BadParameter", "message": INVALID})
    assert "x" not in vault.sandbox.state()["vaults"]["cippabc12"]["secrets"]


def test_list_has_pages_of_at_most_25(vault: Vault) -> None:
    names = sorted((f"{letter}{number:02d}" for letter in "aBc" for number in range(20)), key=str.upper)
    for name in names:
        vault.call("PUT", f"/secrets/{name}", {"value": "v"})
    names = sorted([*names, *("ApplicationID", "ApplicationSecret", "RefreshToken", "TenantID")], key=str.upper)
    path, sizes, found = "/secrets", [], []
    while True:
        page = vault.call("GET", path, version="7.4" if path == "/secrets" else None).json()
        sizes.append(len(page["value"]))
        found += [item["id"].rsplit("/", 1)[1] for item in page["value"]]
        if page["nextLink"] is None:
            break
        link = urlsplit(page["nextLink"])
        assert link.netloc == "cippabc12.vault.azure.net:443"
        query = parse_qs(link.query)
        assert (query["api-version"], query["maxresults"], len(query["$skiptoken"])) == (["7.4"], ["25"], 1)
        path = f"{link.path}?{link.query}"
    assert (sizes, found) == ([25, 25, 14], names)


def test_page_can_be_empty_before_the_last_page(vault: Vault) -> None:
    for _ in range(2):
        vault.call("PUT", "/secrets/gone", {"value": "v"})
    vault.call("DELETE", "/secrets/gone")
    path: str | None = "/deletedsecrets?maxresults=1&api-version=7.4"
    sizes = []
    while path is not None:
        page = vault.call("GET", path, version=None).json()
        sizes.append(len(page["value"]))
        path = page["nextLink"]
    assert sizes == [1, 0, 0]


def test_empty_list_has_a_null_link(vault: Vault) -> None:
    assert vault.call("GET", "/deletedsecrets").text == '{"value":[],"nextLink":null}'
    assert vault.call("GET", "/secrets/none/versions").text == '{"value":[],"nextLink":null}'


@pytest.mark.parametrize("size", ["0", "26", "-1", "x", "1.5", ""])
def test_invalid_page_size_is_refused(vault: Vault, size: str) -> None:
    for path in ("/secrets", "/secrets/TenantID/versions", "/deletedsecrets"):
        answer = vault.call("GET", f"{path}?maxresults={size}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadParameter")


def test_invalid_skiptoken_is_refused(vault: Vault) -> None:
    for token in ("x", "e30", "eyJOZXh0TWFya2VyIjoiYSJ9", "%C3%A4"):
        assert vault.call("GET", f"/secrets?$skiptoken={token}").status_code == 400


def test_writes_over_the_limit_are_refused_without_retry_after(vault: Vault) -> None:
    vault.sandbox.reset(vault_writes_per_10s=3)
    statuses = [vault.call("PUT", "/secrets/x", {"value": str(n)}).status_code for n in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    refused = vault.call("PUT", "/secrets/x", {"value": "v"})
    assert "retry-after" not in refused.headers
    assert refused.json() == {
        "error": {
            "code": "Throttled",
            "message": "Request was not processed because too many requests were received. "
            "Reason: VaultRequestTypeLimitReached",
        }
    }
    assert vault.call("GET", "/secrets/x").json()["value"] == "2"
    assert vault.call("PATCH", "/secrets/x", {"contentType": "c"}).status_code == 200


def test_client_reports_the_throttling(azure: Sandbox) -> None:
    azure.reset(vault_writes_per_10s=1)
    with (
        ManagedIdentityCredential() as credential,
        SecretClient(azure.env["SANDBOX_VAULT_URL"], credential, retry_total=0) as client,
    ):
        client.set_secret("x", "1")
        with pytest.raises(HttpResponseError, match="VaultRequestTypeLimitReached") as refused:
            client.set_secret("x", "2")
    assert refused.value.status_code == 429
