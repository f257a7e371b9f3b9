import asyncio

import httpx
import pytest

from sandbox import names
from sandbox.arm import app
from sandbox.options import Options
from sandbox.seed import seed
from sandbox.tokens import TokenIssuer
from tests.support.sandbox.arm import GROUP, OUR_OWN, PUBLIC, SITE, SUBSCRIPTION, Arm
from tests.support.sandbox.sign_in import sam
from tests.support.sandbox_client import Sandbox

CONTINUED = "please refresh your credentials."


@pytest.fixture
def arm(sandbox: Sandbox) -> Arm:
    sandbox.reset()
    return Arm(sandbox)


@pytest.mark.parametrize(
    ("path", "version", "code", "message"),
    [
        (
            SITE,
            None,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        ),
        (
            SITE,
            "2",
            "InvalidApiVersionParameter",
            "The api-version '2' is invalid. The supported versions are '2025-05-01",
        ),
        (GROUP, "2019-02-03", "InvalidApiVersionParameter", "The api-version '2019-02-03' is invalid."),
        (SITE, "2019-02-03", "NoRegisteredProviderFound", "No registered resource provider found for location"),
    ],
)
def test_api_version_is_checked_before_the_token(
    arm: Arm, path: str, version: str | None, code: str, message: str
) -> None:
    for token in (None, OUR_OWN):
        answer = arm.call("GET", path, version=version, token=token)
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == code
        assert answer.json()["error"]["message"].startswith(message)


def test_call_without_a_token_returns_the_challenge(arm: Arm) -> None:
    answer = arm.call("GET", SITE, token=None)
    assert answer.status_code == 401
    assert answer.json() == {
        "error": {
            "code": "AuthenticationFailed",
            "message": "Authentication failed. The 'Authorization' header is missing.",
        }
    }
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith(f'Bearer authorization_uri="https://login.windows.net/{names.TENANT_ID}", error="')


def test_invalid_token_is_refused(arm: Arm) -> None:
    for token in ("x", "a.b.c", arm.token()[:-8]):
        answer = arm.call("GET", SITE, token=token)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "InvalidAuthenticationToken")


def test_token_for_another_audience_is_refused_with_the_allowed_audiences(arm: Arm) -> None:
    for audience in ("vault.azure.net", "management.usgovcloudapi.net"):
        answer = arm.call("GET", SITE, token=arm.token(audience))
        assert answer.status_code == 401
        assert answer.json()["error"] == {
            "code": "InvalidAuthenticationTokenAudience",
            "message": f"The access token has been obtained for wrong audience or resource 'https://{audience}'. It "
            "should exactly match with one of the allowed audiences 'https://management.core.windows.net/',"
            "'https://management.core.windows.net','https://management.azure.com/','https://management.azure.com'.",
        }
    assert arm.call("GET", SITE, token=arm.token("management.core.windows.net/")).status_code == 200


def test_token_is_refused_when_expired_or_of_another_tenant() -> None:
    tokens = TokenIssuer()
    transport = httpx.ASGITransport(app(seed(Options(), tokens)))

    async def read(token: str) -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url=f"https://{PUBLIC}") as client:
            return await client.get(f"{SITE}?api-version=2025-05-01", headers={"Authorization": f"Bearer {token}"})

    ours = {"oid": names.BACKEND_PRINCIPAL_ID, "tid": names.TENANT_ID}
    theirs = {**ours, "tid": "6f0b1d3c-0000-4000-8000-4a5b6c7d8e9f"}
    for claims, lifetime, code in (
        (ours, -60, "ExpiredAuthenticationToken"),
        (theirs, 60, "InvalidAuthenticationTokenTenant"),
    ):
        token = tokens.issue(claims, f"https://{PUBLIC}/", lifetime)
        answer = asyncio.run(read(token))
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, code)


def test_principal_without_a_role_is_refused_before_resources_are_read(sandbox: Sandbox) -> None:
    scope = {"scope": f"https://{PUBLIC}/.default"}
    token = sam(sandbox).sign_in(**scope).json()["access_token"]
    arm = Arm(sandbox)
    for path in (SITE, f"{SITE}x"):
        answer = arm.call("POST", f"{path}/restart", token=token)
        assert answer.status_code == 403
        assert answer.headers["x-ms-failure-cause"] == "gateway"
        assert answer.json()["error"] == {
            "code": "AuthorizationFailed",
            "message": f"The client '{names.SAM_APP_ID}' with object id '{names.SAM_SERVICE_PRINCIPAL_ID}' does not "
            f"have authorization to perform action 'Microsoft.Web/sites/restart/action' over scope '{path}' or the "
            f"scope is invalid. If access was recently granted, {CONTINUED}",
        }
    assert arm.get("/subscriptions", token=token, version="2022-12-01")["value"] == []


def test_identity_of_this_app_can_access_only_its_group(arm: Arm) -> None:
    refused = arm.call("GET", f"{SUBSCRIPTION}/resourcegroups/other", version="2022-09-01")
    assert refused.status_code == 403
    assert f"over scope '{SUBSCRIPTION}/resourcegroups/other'" in refused.json()["error"]["message"]
    (subscription,) = arm.get("/subscriptions", version="2022-12-01")["value"]
    assert subscription["displayName"] == names.SUBSCRIPTION_NAME
    assert [g["name"] for g in arm.get(f"{SUBSCRIPTION}/resourcegroups", version="2022-09-01")["value"]] == ["cipp"]
    roles = f"{GROUP}/providers/Microsoft.Authorization"
    assignments = arm.get(f"{roles}/roleAssignments", version="2022-04-01", **{"$filter": "atScope()"})["value"]
    assert names.BACKEND_PRINCIPAL_ID in [a["properties"]["principalId"] for a in assignments]
    (permission,) = arm.get(f"{roles}/permissions", version="2022-04-01")["value"]
    assert permission["actions"] == ["*"]


def test_not_found_error_has_the_name_as_requested(arm: Arm) -> None:
    answer = arm.call("GET", f"{GROUP.replace('cipp', 'CIPP')}/providers/microsoft.web/SITES/Nope")
    assert answer.status_code == 404
    assert answer.headers["x-ms-failure-cause"] == "gateway"
    assert answer.json() == {
        "error": {
            "code": "ResourceNotFound",
            "message": "The Resource 'Microsoft.Web/sites/Nope' under resource group 'CIPP' was not found. For more "
            "details please go to https://aka.ms/ARMResourceNotFoundFix",
        }
    }


def test_ids_are_case_insensitive_and_keep_their_case(arm: Arm) -> None:
    assert arm.get(SITE.upper())["id"] == SITE
    assert (
        arm.get(SITE.replace("/providers/Microsoft.Web/sites", "/providers/Microsoft.Web//sites") + "/")["id"] == SITE
    )


def test_unknown_or_malformed_subscription_is_refused(arm: Arm) -> None:
    other = "/subscriptions/00000000-0000-0000-0000-000000000001/resourcegroups"
    answer = arm.call("GET", other, version="2022-09-01")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "SubscriptionNotFound")
    answer = arm.call("GET", "/subscriptions/x/resourcegroups", version="2022-09-01")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidSubscriptionId")


def test_body_must_be_a_json_object(arm: Arm) -> None:
    url = f"https://{PUBLIC}{SITE}/config/appsettings?api-version=2025-05-01"
    headers = {"Authorization": f"Bearer {arm.token()}"}
    for body, media_type, status, code in (
        ("{", "application/json", 400, "InvalidRequestContent"),
        ("[]", "application/json", 400, "InvalidRequestContent"),
        ("{}", "text/plain", 415, "UnsupportedMediaType"),
    ):
        answer = arm.web.put(url, data=body, headers={**headers, "Content-Type": media_type})
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_every_response_has_azures_headers(arm: Arm) -> None:
    headers = arm.call("GET", SITE).headers
    assert headers["content-type"] == "application/json"
    assert headers["x-aspnet-version"]
    assert headers["cache-control"] == headers["pragma"] == "no-cache"
    assert headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
    assert headers["x-ms-request-id"] == headers["x-ms-correlation-request-id"]
    assert headers["x-ms-routing-request-id"].startswith("WESTEUROPE:")
    assert int(headers["x-ms-ratelimit-remaining-subscription-reads"]) < 250
    assert "x-ms-ratelimit-remaining-subscription-writes" in arm.call("POST", f"{SITE}/start").headers
    settings = arm.call("POST", f"{SITE}/config/appsettings/list").headers
    assert "x-ms-ratelimit-remaining-subscription-resource-requests" in settings
    group = arm.call("GET", GROUP, version="2022-09-01").headers
    assert group["content-type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize(
    ("host", "site", "vault"),
    [
        ("management.azure.com", "azurewebsites.net", "vault.azure.net"),
        ("management.usgovcloudapi.net", "azurewebsites.us", "vault.usgovcloudapi.net"),
        ("management.chinacloudapi.cn", "chinacloudsites.cn", "vault.azure.cn"),
    ],
)
def test_each_cloud_returns_its_own_hosts(arm: Arm, host: str, site: str, vault: str) -> None:
    assert arm.get(SITE, host=host)["properties"]["defaultHostName"] == f"{names.MAIN_SITE}.{site}"
    path = f"{GROUP}/providers/Microsoft.KeyVault/vaults/{names.VAULT}"
    properties = arm.get(path, host=host, version="2023-07-01")["properties"]
    assert properties["vaultUri"] == f"https://{names.VAULT}.{vault}/"
    assert properties["enableSoftDelete"] is True


def test_unsupported_operation_returns_501(arm: Arm) -> None:
    for method, path in (
        ("GET", f"{GROUP}/providers/Microsoft.Compute/disks"),
        ("DELETE", f"{SITE}/slots/a"),
        ("HEAD", SITE),
    ):
        assert arm.call(method, path).status_code == 501
