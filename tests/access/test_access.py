"""Who may do what: the base roles, the door to the principal, and posts from elsewhere."""

import pytest

from backend.access.roles import BASE_ROLES
from sandbox.names import PLANTED
from settings.access.caller import MARKS_OF_AZURE, Permission
from tests.support import phrases
from tests.support.api import Api, principal

OTHERS = ("Tenant.Standards.ReadWrite", "Tenant.Standards.Read", "CIPP.Admin.Read", "Exchange.Mailbox.ReadWrite")
HELD = {
    "readonly": {Permission.CORE_READ, Permission.IDENTITY_USER_READ, "Tenant.Standards.Read"},
    "editor": {
        Permission.CORE_READ,
        Permission.EXTENSION_WRITE,
        Permission.IDENTITY_USER_READ,
        "Tenant.Standards.Read",
        "Exchange.Mailbox.ReadWrite",
    },
    "admin": {*Permission, *OTHERS} - {Permission.SUPER_ADMIN_READ, Permission.SUPER_ADMIN_WRITE},
    "superadmin": {*Permission, *OTHERS},
}


@pytest.mark.parametrize("permission", [*Permission, *OTHERS])
@pytest.mark.parametrize("role", BASE_ROLES, ids=lambda role: role.name)
def test_base_role_has_the_permissions_of_cipp_case_insensitively(role: object, permission: str) -> None:
    for spelling in (permission, permission.lower(), permission.upper()):
        assert role.allows(spelling) is (permission in HELD[role.name])  # type: ignore[attr-defined] # one of BASE_ROLES


@pytest.mark.parametrize("role", HELD)
def test_me_returns_the_caller_and_each_permission_by_name(nowhere: pytest.MonkeyPatch, role: str) -> None:
    del nowhere
    body = Api().get("me", role=role).body
    assert body["clientPrincipal"] == {
        "userDetails": "admin@contoso.com",
        "userId": "5a1d0b0c",
        "identityProvider": "aad",
        "userRoles": [role, "authenticated", "anonymous"],
    }
    assert body["permissions"] == sorted(HELD[role] & set(Permission))


def test_strongest_of_several_roles_counts_case_insensitively(nowhere: pytest.MonkeyPatch) -> None:
    del nowhere
    assert Api().get("me", x_ms_client_principal=principal("readonly", "SuperAdmin", "editor")).body[
        "permissions"
    ] == sorted(Permission)


def test_caller_has_no_role_by_default(nowhere: pytest.MonkeyPatch) -> None:
    del nowhere
    assert Api().get("me", x_ms_client_principal=principal()).body["permissions"] == []
    refused = Api().get("ExecBackendURLs", x_ms_client_principal=principal())
    assert (refused.status, refused.body["permission"]) == (403, Permission.APP_SETTINGS_READ)


# The door: the header is the platform's word, or it is nothing.


@pytest.mark.parametrize("mark", MARKS_OF_AZURE)
@pytest.mark.parametrize("value", ["1", "x", ""])
def test_each_mark_of_azure_alone_closes_the_development_door(
    nowhere: pytest.MonkeyPatch, mark: str, value: str
) -> None:
    assert Api().get("me").status == 200
    nowhere.setenv(mark, value)
    answer = Api().get("me")
    assert answer.status == 401
    assert phrases.SIGN_IN_IS_OFF in answer.results


@pytest.mark.parametrize("environment", ["", "Production", "Staging", "development", "Development "])
def test_another_environment_than_development_closes_the_door(nowhere: pytest.MonkeyPatch, environment: str) -> None:
    nowhere.setenv("AZURE_FUNCTIONS_ENVIRONMENT", environment)
    assert Api().get("me").status == 401


@pytest.mark.parametrize("at", ["localhost:7071", "localhost", "LOCALHOST:4280", "127.0.0.1:7071", "[::1]:7071"])
def test_a_development_host_trusts_a_caller_under_its_own_name(nowhere: pytest.MonkeyPatch, at: str) -> None:
    del nowhere
    assert Api().send("GET", "me", at=at).status_code == 200


@pytest.mark.parametrize(
    "at",
    [
        "evil.example:7071",
        "localhost.evil.example",
        "127.0.0.1.evil.example:7071",
        "localhost@evil.example",
        "evil.example@localhost",
        "192.168.1.5:7071",
        "0.0.0.0:7071",
        "[::]:7071",
        "localhost:7071x",
        "localhost,evil.example",
        "",
    ],
)
def test_a_development_host_trusts_no_caller_under_another_name(nowhere: pytest.MonkeyPatch, at: str) -> None:
    del nowhere
    for name, method in (("me", "GET"), ("ListFunctionApps", "GET"), ("ExecFunctionAppStop", "POST"), ("Nope", "GET")):
        answer = Api().send(method, name, b"{}", headers={"content-type": "application/json"}, at=at)
        assert (answer.status_code, b"Use localhost" in answer.get_body()) == (401, True)


def test_app_service_authentication_vouches_under_any_name(nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("WEBSITE_AUTH_ENABLED", "true")
    assert Api().send("GET", "me", at="cippabc12-backend.azurewebsites.net").status_code == 200


@pytest.mark.parametrize("value", ["true", "True", "TRUE", " true "])
def test_enabled_app_service_authentication_is_recognized_in_any_case(nowhere: pytest.MonkeyPatch, value: str) -> None:
    nowhere.delenv("AZURE_FUNCTIONS_ENVIRONMENT")
    for mark in MARKS_OF_AZURE:
        nowhere.setenv(mark, "x")
    nowhere.setenv("WEBSITE_AUTH_ENABLED", value)
    nowhere.setenv("TRUST_STATIC_WEB_APP", "true")
    assert Api().get("me").status == 200


def on_azure(nowhere: pytest.MonkeyPatch) -> None:
    """Make this process an app in Azure with App Service authentication on."""
    nowhere.delenv("AZURE_FUNCTIONS_ENVIRONMENT")
    nowhere.setenv("WEBSITE_INSTANCE_ID", "x")
    nowhere.setenv("WEBSITE_AUTH_ENABLED", "true")


@pytest.mark.parametrize("value", [None, "", "false", "1", "yes", "truee"])
def test_a_static_web_apps_principal_counts_in_azure_only_by_the_setting(
    nowhere: pytest.MonkeyPatch, value: str | None
) -> None:
    on_azure(nowhere)
    if value is not None:
        nowhere.setenv("TRUST_STATIC_WEB_APP", value)
    for name in ("me", "ListFunctionApps", "Nope"):
        refused = Api().get(name)
        assert refused.status == 401
        for words in ("TRUST_STATIC_WEB_APP=true", phrases.OWN_GATEWAY, "App Service"):
            assert words in refused.results


@pytest.mark.parametrize("value", ["true", "True", " TRUE "])
def test_a_static_web_apps_principal_counts_in_azure_with_the_setting(nowhere: pytest.MonkeyPatch, value: str) -> None:
    on_azure(nowhere)
    nowhere.setenv("TRUST_STATIC_WEB_APP", value)
    assert Api().get("me").status == 200


@pytest.mark.parametrize("mark", MARKS_OF_AZURE)
def test_each_mark_of_azure_ends_the_trust_of_development(nowhere: pytest.MonkeyPatch, mark: str) -> None:
    nowhere.setenv("WEBSITE_AUTH_ENABLED", "true")
    assert Api().get("me").status == 200
    nowhere.setenv(mark, "x")
    assert "TRUST_STATIC_WEB_APP" in Api().get("me").results


def test_trust_setting_without_a_platform_sign_in_allows_no_caller(nowhere: pytest.MonkeyPatch) -> None:
    nowhere.delenv("AZURE_FUNCTIONS_ENVIRONMENT")
    nowhere.setenv("TRUST_STATIC_WEB_APP", "true")
    assert Api().get("me").status == 401


@pytest.mark.parametrize("value", ["", "false", "False", "1", "yes", "truee"])
def test_authentication_that_is_not_enabled_allows_no_caller(nowhere: pytest.MonkeyPatch, value: str) -> None:
    nowhere.delenv("AZURE_FUNCTIONS_ENVIRONMENT")
    nowhere.setenv("WEBSITE_AUTH_ENABLED", value)
    assert Api().get("me").status == 401


def test_a_ping_needs_no_one(nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setenv("WEBSITE_SKU", "Dynamic")
    assert Api().get("PublicPing", role=None).results["Message"] == "Pong"


# Posts that a browser sends for another site. A body with an unknown field is refused later, with 400.

HOST = {"host": "cippabc12-backend.azurewebsites.net"}
OURS = "https://cippabc12-backend.azurewebsites.net"


@pytest.mark.parametrize(
    ("headers", "let_in"),
    [
        ({}, True),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": ""}, False),
        ({"sec-fetch-site": "cross-site", "origin": OURS, **HOST}, False),
        ({"sec-fetch-site": "same-origin", "origin": "https://evil.example"}, True),
        ({"origin": OURS, **HOST}, True),
        ({"origin": f"{OURS}:443", **HOST}, True),
        ({"origin": OURS.upper(), **HOST}, True),
        ({"origin": OURS, "host": f"{HOST['host']}:443"}, True),
        ({"origin": f"{OURS}:8443", **HOST}, False),
        ({"origin": "http://localhost:7071", "host": "localhost:7071"}, True),
        ({"origin": "http://localhost:3000", "host": "localhost:7071"}, False),
        ({"origin": "https://evil.example", **HOST}, False),
        ({"origin": f"{OURS}.evil.example", **HOST}, False),
        ({"origin": "null", **HOST}, False),
        ({"origin": "", **HOST}, False),
        ({"origin": "https://["}, False),
        ({"origin": OURS}, False),
        ({"origin": OURS, "host": "["}, False),
        ({"origin": "https://cipp.contoso.com", "x-ms-original-url": "https://cipp.contoso.com/api/x?y", **HOST}, True),
        ({"origin": "https://cipp.contoso.com", "x-ms-original-url": "https://CIPP.contoso.com:443/x", **HOST}, True),
        ({"origin": "http://cipp.contoso.com", "x-ms-original-url": "https://cipp.contoso.com/api/x", **HOST}, False),
        ({"origin": "https://evil.example", "x-ms-original-url": "https://[", **HOST}, False),
        ({"origin": "null", "x-ms-original-url": "", "host": ""}, False),
        ({"origin": OURS, "x-ms-original-url": "https://cipp.contoso.com/api/x", **HOST}, True),
    ],
)
def test_post_is_accepted_from_the_own_origin_only(
    nowhere: pytest.MonkeyPatch, headers: dict[str, str], let_in: bool
) -> None:
    del nowhere
    answer = Api().post("ExecFunctionAppStop", {"Nope": 1}, **headers)
    assert answer.status == (400 if let_in else 403)
    if not let_in:
        assert phrases.CROSS_SITE in answer.results


@pytest.mark.parametrize(
    ("headers", "shown"),
    [
        ({"sec-fetch-site": " Cross-Site "}, "(Sec-Fetch-Site: cross-site)"),
        ({"sec-fetch-site": f"sig={PLANTED}"}, f"{phrases.CROSS_SITE}, which"),
        (
            {"origin": f"https://u:{PLANTED}@evil.example/{PLANTED}?x={PLANTED}#{PLANTED}"},
            "(Origin: https://evil.example)",
        ),
        ({"origin": f"https://u:{PLANTED}/x@evil.example"}, f"{phrases.CROSS_SITE}, which"),
        ({"origin": PLANTED}, f"{phrases.CROSS_SITE}, which"),
    ],
)
def test_refused_origin_is_shown_without_a_possible_credential(
    nowhere: pytest.MonkeyPatch, headers: dict[str, str], shown: str
) -> None:
    del nowhere
    answer = Api().post("ExecFunctionAppStop", {}, **headers, **HOST)
    assert answer.status == 403
    assert shown in answer.results
    assert PLANTED not in answer.text
