import requests

from sandbox import names
from tests.support.sandbox.sign_in import claims_of
from tests.support.sandbox_client import Sandbox

ARM = "https://management.azure.com"


def ask(
    sandbox: Sandbox, headers: dict[str, str] | None = None, version: str = "2019-08-01", **query: str
) -> requests.Response:
    known = {"X-IDENTITY-HEADER": sandbox.env["IDENTITY_HEADER"]}
    whole = {"resource": ARM, "api-version": version, **query}
    return requests.get(
        sandbox.env["IDENTITY_ENDPOINT"], whole, headers=known if headers is None else headers, timeout=5
    )


def test_token_has_the_claims_of_the_identity(sandbox: Sandbox) -> None:
    answer = ask(sandbox).json()
    assert set(answer) == {"access_token", "expires_on", "resource", "token_type", "client_id"}
    claims = claims_of(answer["access_token"])
    assert str(claims["exp"]) == answer["expires_on"]
    assert claims["aud"] == ARM
    assert (claims["tid"], claims["oid"]) == (names.TENANT_ID, names.BACKEND_PRINCIPAL_ID)
    assert claims["appid"] == answer["client_id"] == names.BACKEND_CLIENT_ID
    assert claims["xms_mirid"].lower() == names.BACKEND_SITE_ID.lower()
    assert "roles" not in claims


def test_endpoint_refuses_unknown_callers_and_resources(sandbox: Sandbox) -> None:
    assert ask(sandbox, {}).status_code == 400
    assert ask(sandbox, {"X-IDENTITY-HEADER": "x"}).status_code == 401
    assert ask(sandbox, version="2017-09-01").status_code == 400
    assert "AADSTS500011" in ask(sandbox, resource="https://nobody.example").json()["message"]
    assert ask(sandbox, client_id="x").status_code == 400


def test_unmodified_azure_identity_gets_a_token(sandbox: Sandbox) -> None:
    printed = sandbox.run(
        """
from azure.identity import ManagedIdentityCredential
token = ManagedIdentityCredential().get_token("https://vault.azure.net/.default")
print(token.token)
"""
    )
    assert claims_of(printed.strip())["aud"] == "https://vault.azure.net"


def test_identity_has_no_permissions_in_graph(sandbox: Sandbox) -> None:
    token = ask(sandbox, resource="https://graph.microsoft.com").json()["access_token"]
    answer = sandbox.web().get(
        "https://graph.microsoft.com/v1.0/applications", headers={"Authorization": f"Bearer {token}"}
    )
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "Authorization_RequestDenied"
