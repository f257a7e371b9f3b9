import pytest
import requests

from sandbox import names
from sandbox.permissions import SAM_ROLES
from tests.support.sandbox.certificate import Certificate
from tests.support.sandbox.sign_in import Sam, claims_of, sam
from tests.support.sandbox_client import Sandbox

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
DAY = 86_400


def refused(answer: requests.Response) -> tuple[int, str, int]:
    """Return status, error and AADSTS code, after checking the format of the refusal."""
    body = answer.json()
    (number,) = body["error_codes"]
    assert body["error_description"].startswith(f"AADSTS{number}: ")
    assert f"Trace ID: {body['trace_id']}\r\nCorrelation ID: {body['correlation_id']}" in body["error_description"]
    assert body["timestamp"].endswith("Z")
    assert body["error_uri"] == f"https://login.microsoftonline.com/error?code={number}"
    return answer.status_code, body["error"], number


@pytest.fixture
def app(sandbox: Sandbox) -> Sam:
    return sam(sandbox)


def test_app_signs_in_with_a_token_of_its_permissions(app: Sam) -> None:
    answer = app.sign_in().json()
    assert set(answer) == {"token_type", "expires_in", "ext_expires_in", "access_token"}
    claims = claims_of(answer["access_token"])
    assert claims["aud"] == "https://graph.microsoft.com"
    assert claims["iss"] == f"https://sts.windows.net/{app.tenant}/"
    assert (claims["appid"], claims["tid"], claims["idtyp"]) == (app.app_id, app.tenant, "app")
    assert set(claims["roles"]) == set(SAM_ROLES)


def test_refresh_token_stays_valid_after_a_new_one_is_issued(app: Sam) -> None:
    first = app.refresh(app.refresh_token, scope="https://graph.microsoft.com/.default openid profile").json()
    assert first["refresh_token"] not in ("", app.refresh_token)
    claims = claims_of(first["access_token"])
    assert claims["amr"] == ["pwd", "mfa"]
    assert claims["upn"] == names.ADMIN_NAME
    assert "Directory.ReadWrite.All" in claims["scp"].split()
    assert claims_of(first["id_token"])["tid"] == app.tenant
    assert app.refresh(app.refresh_token).status_code == 200
    assert app.refresh(first["refresh_token"]).status_code == 200


def test_token_of_a_direct_tenant_is_valid_only_there(app: Sam) -> None:
    assert len(app.direct) == 3
    for tenant, token in app.direct.items():
        assert claims_of(app.refresh(token, tenant).json()["access_token"])["tid"] == tenant
        assert refused(app.refresh(token)) == (400, "invalid_grant", 50020)


def test_refresh_tokens_and_client_secrets_expire_by_the_sandboxs_clock(app: Sam) -> None:
    access = app.sign_in().json()["access_token"]  # valid in real time, not by the sandbox's clock
    new = app.refresh(app.refresh_token).json()["refresh_token"]
    app.sandbox.advance(51 * DAY)  # the seeded ones are 40 days old
    assert refused(app.sign_in()) == (401, "invalid_client", 7000222)
    secret = app.graph("POST", f"/v1.0/applications/{app.object_id}/addPassword", {}, access).json()["secretText"]
    app.sandbox.advance(3)
    assert refused(app.refresh(app.refresh_token, client_secret=secret)) == (400, "invalid_grant", 700082)
    assert app.refresh(new, client_secret=secret).status_code == 200


def test_new_client_secret_can_sign_in_after_propagation(sandbox: Sandbox) -> None:
    app = sam(sandbox, propagation_seconds=60)
    secret = app.graph("POST", f"/v1.0/applications/{app.object_id}/addPassword", {}).json()["secretText"]
    assert refused(app.sign_in(client_secret=secret)) == (401, "invalid_client", 7000215)
    sandbox.advance(61)
    assert app.sign_in(client_secret=secret).status_code == 200
    assert app.sign_in().status_code == 200


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"client_secret": "wrong"}, (401, "invalid_client", 7000215)),
        ({"client_secret": None}, (401, "invalid_client", 7000218)),
        ({"client_id": "6f1d3c57-0000-4000-8000-2b9d7e5a1c44"}, (400, "unauthorized_client", 700016)),
        ({"client_id": None}, (400, "invalid_request", 900144)),
        ({"grant_type": None}, (400, "invalid_request", 900144)),
        ({"grant_type": "magic"}, (400, "unsupported_grant_type", 70003)),
        ({"scope": None}, (400, "invalid_request", 900144)),
        ({"scope": "https://graph.microsoft.com/User.Read"}, (400, "invalid_scope", 1002012)),
        ({"scope": "https://nobody.example/.default"}, (400, "invalid_resource", 500011)),
    ],
)
def test_refusals_have_entras_codes(app: Sam, form: dict[str, str | None], expected: tuple[int, str, int]) -> None:
    assert refused(app.post({"grant_type": "client_credentials", **form})) == expected


def test_unknown_tenant_is_refused(app: Sam) -> None:
    form = {"grant_type": "client_credentials"}
    assert refused(app.post(form, tenant="nobody.example")) == (400, "invalid_request", 90002)


def test_unknown_or_missing_refresh_token_is_refused(app: Sam) -> None:
    assert refused(app.refresh("made up")) == (400, "invalid_grant", 9002313)
    assert refused(app.post({"grant_type": "refresh_token"})) == (400, "invalid_request", 900144)
    assert refused(app.refresh(app.refresh_token, client_secret="x"))[2] == 7000215


def test_certificate_can_sign_in_when_registered_propagated_and_valid(app: Sam) -> None:
    certificate, stranger = Certificate(), Certificate()
    audience = f"https://login.microsoftonline.com/{app.tenant}/oauth2/v2.0/token"
    path = f"/v1.0/applications/{app.object_id}"
    access = app.sign_in().json()["access_token"]

    def sign_in(signer: Certificate, to: str = audience, **claims: int) -> requests.Response:
        assertion = signer.signed(app.app_id, to, **claims)
        return app.sign_in(client_secret=None, client_assertion=assertion, client_assertion_type=ASSERTION)

    assert refused(sign_in(certificate)) == (401, "invalid_client", 700027)
    assert app.graph("PATCH", path, {"keyCredentials": [certificate.entry()]}, access).status_code == 204
    assert refused(sign_in(certificate))[2] == 700027
    app.sandbox.advance(3)
    assert claims_of(sign_in(certificate).json()["access_token"])["appidacr"] == "2"
    assert refused(sign_in(stranger))[2] == 700027
    assert refused(sign_in(certificate, "https://login.microsoftonline.com/other/oauth2/v2.0/token"))[2] == 700023
    assert refused(sign_in(certificate, lifetime_seconds=-300))[2] == 700024
    app.sandbox.advance(366 * DAY)
    assert refused(sign_in(certificate))[2] == 700027


def test_version_1_of_the_endpoint_returns_its_own_format(app: Sam) -> None:
    form = {"grant_type": "client_credentials", "scope": None, "resource": "https://vault.azure.net"}
    answer = app.post(form, version="").json()
    assert answer["resource"] == "https://vault.azure.net"
    assert int(answer["expires_on"]) > int(answer["not_before"])
    assert claims_of(answer["access_token"])["aud"] == "https://vault.azure.net"


@pytest.mark.parametrize("tenant", [names.TENANT_ID, names.TENANT_DOMAIN, "common"])
def test_discovery_returns_the_endpoints(sandbox: Sandbox, tenant: str) -> None:
    base = "https://login.microsoftonline.com"
    found = sandbox.web().get(f"{base}/{tenant}/v2.0/.well-known/openid-configuration").json()
    real = "common" if tenant == "common" else names.TENANT_ID
    assert found["token_endpoint"] == f"{base}/{real}/oauth2/v2.0/token"
    assert sandbox.web().get(found["jwks_uri"]).json()["keys"]


def test_discovery_refuses_an_unknown_tenant(sandbox: Sandbox) -> None:
    url = "https://login.microsoftonline.com/nobody.example/v2.0/.well-known/openid-configuration"
    assert refused(sandbox.web().get(url)) == (400, "invalid_tenant", 90002)


def test_unmodified_msal_signs_in_and_refreshes(app: Sam) -> None:
    printed = app.sandbox.run(
        f"""
import msal
app = msal.ConfidentialClientApplication(
    {app.app_id!r}, client_credential={app.secret!r},
    authority="https://login.microsoftonline.com/{app.tenant}")
scopes = ["https://graph.microsoft.com/.default"]
print(app.acquire_token_for_client(scopes)["token_type"])
result = app.acquire_token_by_refresh_token({app.refresh_token!r}, scopes)
print(result["id_token_claims"]["preferred_username"], len(result["refresh_token"]) > 500)
print(app.acquire_token_by_refresh_token("x", scopes)["error"])
"""
    )
    assert printed.split() == ["Bearer", names.ADMIN_NAME, "True", "invalid_grant"]
