"""The caller according to the platform: both shapes of principal, and unreadable ones."""

import base64
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.access.principals import Application, User
from backend.errors import NotSignedInError
from sandbox import names
from settings.access.caller import Permission
from settings.access.principal import principal_of
from tests.support import phrases
from tests.support.api import Answer, Api
from tests.support.cipp import Cipp, cipp_of
from tests.support.principals import CLIENT_ID, NAME, PRINCIPAL, PROVIDER, claims, encoded, of_pairs
from tests.support.sandbox_client import Sandbox


def ask(header: str, name: str = "me") -> Answer:
    return Api().get(name, role=None, x_ms_client_principal=header)


# Principals that cannot be read.


@pytest.mark.parametrize(
    "header",
    [
        "",
        "  ",
        "%%%",
        "é",
        "e30",  # {}
        encoded([]),
        encoded(None),
        encoded("superadmin"),
        encoded({"userRoles": "superadmin"}),
        encoded({"userRoles": [1]}),
        encoded({"userRoles": None}),
        encoded({"userRoles": ["superadmin"], "userDetails": ["x"]}),
        encoded({"claims": [{"typ": "roles"}]}),
        encoded({"claims": ["roles"]}),
        encoded({"claims": [{"typ": 1, "val": "x"}]}),
        base64.b64encode(b"\xff\xfe").decode(),
        base64.b64encode(b'{"userRoles":["\\ud800"]}').decode(),
        base64.b64encode(b"[" * 50_000).decode(),
        base64.b64encode(b'{"userRoles":["superadmin"]} x').decode(),
    ],
)
def test_unreadable_principal_is_not_signed_in(nowhere: pytest.MonkeyPatch, header: str) -> None:
    del nowhere
    answer = ask(header)
    assert answer.status == 401
    assert set(answer.headers) == {"Cache-Control", "X-Content-Type-Options", "x-correlation-id"}
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.body["type"] == "docs/api.md#not-signed-in"


def test_user_and_application_belong_to_entra() -> None:
    callers = User("t", "o", "n", (), ()), Application("t", "c")
    assert {caller.provider for caller in callers} == {"aad"}


@pytest.mark.parametrize(
    "principal",
    [
        {"userRoles": ["superadmin"], "userDetails": "a@b", "userId": "1", "identityProvider": "aad"},
        {
            "auth_typ": "aad",
            "claims": [
                {"typ": "tid", "val": names.TENANT_ID},
                {"typ": "oid", "val": "o"},
                {"typ": "scp", "val": "user_impersonation"},
            ],
        },
    ],
)
def test_person_with_the_name_header_of_an_application_is_unreadable(principal: dict[str, object]) -> None:
    headers = {PRINCIPAL: encoded(principal), PROVIDER: "aad", NAME: CLIENT_ID}
    with pytest.raises(NotSignedInError, match=phrases.IS_APPLICATION):
        principal_of({name.lower(): value for name, value in headers.items()})


# The same examples in every run.
SAME = settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
ROLES = st.lists(st.sampled_from(["superadmin", "Admin", "x", "\ud800", ""]) | JSON, max_size=3) | JSON
CLAIM = (
    st.fixed_dictionaries({"typ": st.sampled_from(["roles", "oid", "sub", "scp", "idtyp"]) | JSON, "val": JSON}) | JSON
)
ANY = (
    JSON
    | st.fixed_dictionaries({"userRoles": ROLES}, optional={"userDetails": JSON, "userId": JSON, "claims": JSON})
    | st.fixed_dictionaries({"claims": st.lists(CLAIM, max_size=3)}, optional={"userDetails": JSON})
)


@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(value=ANY)
def test_any_principal_gets_a_response_without_an_internal_error(nowhere: pytest.MonkeyPatch, value: object) -> None:
    del nowhere
    assert ask(encoded(value)).status in (200, 401, 403)


@settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(header=st.text(max_size=40) | st.binary(max_size=30).map(lambda raw: base64.b64encode(raw).decode()))
def test_any_invalid_header_is_not_signed_in(nowhere: pytest.MonkeyPatch, header: str) -> None:
    del nowhere
    assert ask(header).status == 401


LONG = "http://schemas.microsoft.com/"
TYPES = [
    "tid",
    "oid",
    "sub",
    "scp",
    "idtyp",
    "azp",
    "appid",
    "roles",
    "groups",
    "hasgroups",
    "upn",
    f"{LONG}identity/claims/tenantid",
]
VALUES = st.sampled_from([names.TENANT_ID, CLIENT_ID, "app", "superadmin", "helpers", names.GROUP_ID, "", "\ud800"])
CLAIMS = st.lists(st.fixed_dictionaries({"typ": st.sampled_from(TYPES), "val": VALUES}), min_size=2, max_size=8)
WORDS = st.sampled_from(["aad", "AAD", CLIENT_ID, CLIENT_ID.upper(), names.MEMBER_NAME, ""]) | st.text(max_size=6)
ENTRY = st.sampled_from(["203.0.113.9", "[::1]:443", "::1%x", ",", "[", "1.1.1.1:", "%"]) | st.text(max_size=9)
FORWARDED_FOR = st.lists(ENTRY, max_size=4).map(",".join)


# App Service's shape of principal.

USER = {"oid": "5a1d0b0c", "sub": "pairwise", "scp": "user_impersonation", "upn": "admin@contosomsp.com"}


@pytest.fixture
def in_azure(azure: object, nowhere: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """This process as an app whose App Service authentication is on, with the sandbox's vault."""
    del azure
    nowhere.setenv("WEBSITE_AUTH_ENABLED", "true")
    return nowhere


HEADERS = st.fixed_dictionaries({NAME: WORDS, PROVIDER: WORDS, "x-forwarded-for": FORWARDED_FOR})


@settings(SAME, max_examples=300)
@given(listed=CLAIMS, headers=HEADERS, proxies=st.sampled_from(["", "0", "1", "2", "-1", "x"]))
def test_any_claims_and_headers_grant_only_their_roles(
    in_azure: pytest.MonkeyPatch, api: Api, listed: list[dict[str, str]], headers: dict[str, str], proxies: str
) -> None:
    in_azure.setenv("TRUSTED_PROXIES", proxies)
    sent = {**headers, PRINCIPAL: encoded({"claims": listed})}
    answer = api.call("GET", "ListFunctionApps", role=None, headers=sent)
    assert answer.status in (200, 401, 403), answer.text
    if answer.status == 200:
        assert {"typ": "roles", "val": "superadmin"} in listed
        assert any(claim["typ"] == "scp" and claim["val"] for claim in listed)
        assert headers[NAME].lower() != CLIENT_ID
        assert {"typ": "idtyp", "val": "app"} not in listed


@pytest.mark.parametrize(
    ("tenant", "object_id", "role"),
    [
        ("tid", "oid", "roles"),
        (
            f"{LONG}identity/claims/tenantid",
            f"{LONG}identity/claims/objectidentifier",
            f"{LONG}ws/2008/06/identity/claims/role",
        ),
    ],
    ids=["short names", "long names"],
)
def test_a_user_of_the_partners_tenant_has_the_roles_of_the_token(
    in_azure: pytest.MonkeyPatch, tenant: str, object_id: str, role: str
) -> None:
    del in_azure
    header = claims(**{tenant: names.TENANT_ID.upper(), object_id: "5a1d0b0c", role: "admin", "scp": "x", "upn": "a@b"})
    body = ask(header).body
    assert body["clientPrincipal"]["userDetails"] == "a@b"
    assert body["clientPrincipal"]["userId"] == "5a1d0b0c"
    assert "admin" in body["clientPrincipal"]["userRoles"]
    assert Permission.APP_SETTINGS_READ in body["permissions"]


def test_user_of_another_tenant_is_denied_with_its_name(in_azure: pytest.MonkeyPatch) -> None:
    del in_azure
    answer = ask(claims("superadmin", tid="99999999-8888-7777-6666-555555555555", **USER))
    assert answer.status == 403
    assert "99999999-8888-7777-6666-555555555555" in answer.results
    assert "ALLOWED_TENANTS" in answer.results


@pytest.mark.parametrize("missing", ["tid", "oid"])
def test_principal_without_a_tenant_or_id_is_not_signed_in(in_azure: pytest.MonkeyPatch, missing: str) -> None:
    del in_azure
    token = {name: value for name, value in {**USER, "tid": names.TENANT_ID}.items() if name != missing}
    answer = ask(claims("superadmin", **token))
    assert answer.status == 401
    assert missing in answer.results


def test_allowed_tenants_are_served_without_a_call_to_the_vault(in_azure: pytest.MonkeyPatch) -> None:
    in_azure.setenv("CIPP_KV_NAME", "no-such-vault")
    in_azure.setenv("ALLOWED_TENANTS", f"x, {names.TENANT_ID.upper()} ,")
    assert ask(claims("superadmin", tid=names.TENANT_ID, **USER)).status == 200


def test_unknown_partner_tenant_is_a_failure_and_not_a_denial(in_azure: pytest.MonkeyPatch) -> None:
    in_azure.setenv("CIPP_KV_NAME", "")
    in_azure.setenv("CIPP_FUNCTION_APP", "a b")
    answer = ask(claims("superadmin", tid=names.TENANT_ID, **USER))
    assert answer.status == 500
    assert "CIPP_KV_NAME" in answer.results


@pytest.mark.every_case("each principal has a rule of its own")
@pytest.mark.parametrize(
    ("kind", "provider", "let_in"),
    [
        ("aad", "aad", True),
        ("", "AAD", True),
        ("aad", None, True),
        ("", None, True),
        ("google", None, False),
        ("aad", "google", False),
        ("my-oidc", "my-oidc", False),
        (7, None, False),
    ],
)
def test_claims_of_another_provider_are_not_signed_in(
    in_azure: pytest.MonkeyPatch, kind: object, provider: str | None, let_in: bool
) -> None:
    del in_azure
    token = {"tid": names.TENANT_ID, "oid": "5a1d0b0c", "scp": "user_impersonation", "roles": "superadmin"}
    listed = [{"typ": name, "val": value} for name, value in token.items()]
    sent = {PRINCIPAL: encoded({"auth_typ": kind, "claims": listed})}
    sent |= {} if provider is None else {PROVIDER: provider}
    assert Api().call("GET", "me", role=None, headers=sent).status == (200 if let_in else 401)


@pytest.mark.every_case("each principal has a rule of its own")
@pytest.mark.parametrize(
    ("named", "status"),
    [
        (None, 200),
        ("", 200),
        ("aad", 200),
        (" AAD ", 200),
        ("github", 401),
        ("google", 401),
        ("azureStaticWebApps", 401),
        ("aad2", 401),
        (7, 401),
        (False, 401),
        (["aad"], 401),
        ({}, 401),
    ],
)
def test_claims_beside_another_identity_provider_are_not_entras(
    in_azure: pytest.MonkeyPatch, named: object, status: int
) -> None:
    del in_azure
    token = {"tid": names.TENANT_ID, **USER, "roles": "superadmin"}
    listed = [{"typ": name, "val": value} for name, value in token.items()]
    for more in ({}, {"auth_typ": "aad"}):
        sent = {PRINCIPAL: encoded({"identityProvider": named, "userDetails": "", "claims": listed, **more})}
        for headers in (sent, {**sent, PROVIDER: "aad"}):
            assert Api().call("GET", "me", role=None, headers=headers).status == status


def test_claims_beside_a_static_web_apps_user_give_no_roles(in_azure: pytest.MonkeyPatch) -> None:
    in_azure.setenv("TRUST_STATIC_WEB_APP", "true")
    token = {"tid": names.TENANT_ID, **USER, "roles": "superadmin"}
    listed = [{"typ": name, "val": value} for name, value in token.items()]
    shape = {"identityProvider": "aad", "userId": "1", "userDetails": "a@b", "userRoles": ["readonly"]}
    for provider in ({}, {PROVIDER: "aad"}):
        sent = {PRINCIPAL: encoded({**shape, "claims": listed}), **provider}
        answer = Api().call("GET", "me", role=None, headers=sent)
        assert answer.body["clientPrincipal"]["userRoles"] == ["readonly"]
        assert answer.body["clientPrincipal"]["userId"] == "1"


# A sign of a person, and what has none.


@pytest.fixture
def cipp(azure: Sandbox, in_azure: pytest.MonkeyPatch) -> Iterator[Cipp]:
    del in_azure
    with cipp_of(azure) as made:
        yield made


def told_of(token: dict[str, str], **headers: str) -> Answer:
    """Return what `me` returns for a token with a superadmin's role. App Service names Entra."""
    pairs = [(name, value) for name, value in {"tid": names.TENANT_ID, "roles": "superadmin", **token}.items() if value]
    sent = {PRINCIPAL: of_pairs(pairs), PROVIDER: "aad", **headers}
    return Api().call("GET", "me", role=None, headers=sent)


OID, SUB = {"oid": names.MEMBER_ID}, {"sub": "pairwise"}


@pytest.mark.parametrize(
    "sign",
    [
        {"scp": "user_impersonation"},
        {f"{LONG}identity/claims/scope": "user_impersonation"},
        {f"{LONG}identity/claims/Scope": "user_impersonation"},
        {"nonce": "7c1e"},
        {"preferred_username": names.MEMBER_NAME},
    ],
    ids=["scp", "long scope", "long Scope", "nonce", "preferred_username"],
)
def test_a_claim_that_only_people_have_makes_a_person(cipp: Cipp, sign: dict[str, str]) -> None:
    del cipp
    for token in ({**OID, **sign}, {**OID, **SUB, **sign}):
        answer = told_of(token, **{NAME: names.MEMBER_NAME})
        assert answer.status == 200, answer.text
        assert answer.body["clientPrincipal"]["userId"] == names.MEMBER_ID


@pytest.mark.parametrize(
    "token",
    [
        OID,
        {**OID, **SUB},
        {**OID, "upn": names.MEMBER_NAME, "name": "Alex"},
        {**OID, "scp": " "},
        {**OID, "azp": CLIENT_ID, "azpacr": "1"},
        {**OID, "appid": CLIENT_ID},
        {**OID, "idtyp": "user"},
        {"azp": CLIENT_ID},
        {},
    ],
)
@pytest.mark.parametrize("name", [names.MEMBER_NAME, "", names.SAM_APP_ID])
def test_a_token_without_a_sign_of_a_person_is_not_a_persons(cipp: Cipp, token: dict[str, str], name: str) -> None:
    cipp.client(role="superadmin")
    assert told_of(token, **{NAME: name}).status == 401


@pytest.mark.parametrize(
    ("token", "client"),
    [
        ({**OID, "azp": CLIENT_ID, "azpacr": "1"}, True),
        ({**OID, "appid": CLIENT_ID.upper()}, True),
        ({**OID, "azp": CLIENT_ID, "appid": CLIENT_ID}, True),
        # Another subject, another client, or no id: it is not clearly an application.
        ({**OID, **SUB, "azp": CLIENT_ID}, False),
        ({**OID, "azp": CLIENT_ID, "appid": names.SAM_APP_ID}, False),
        ({**OID}, False),
        ({"azp": CLIENT_ID}, False),
        # A sign of a person beside an application's name does not count.
        ({**OID, "azp": CLIENT_ID, "scp": "user_impersonation"}, False),
        ({**OID, "azp": CLIENT_ID, f"{LONG}identity/claims/scope": "x"}, False),
        ({**OID, **SUB, "azp": CLIENT_ID, "nonce": "7c1e"}, False),
        ({**OID, **SUB, "azp": CLIENT_ID, "preferred_username": names.MEMBER_NAME}, False),
    ],
)
def test_a_name_that_is_a_guid_is_not_a_persons(cipp: Cipp, token: dict[str, str], client: bool) -> None:
    cipp.client(role="readonly")
    for name in (CLIENT_ID, CLIENT_ID.upper(), f" {CLIENT_ID} "):
        answer = told_of(token, **{NAME: name})
        assert answer.status == (200 if client else 401), answer.text
        if client:
            assert answer.body["clientPrincipal"] == {"appId": CLIENT_ID, "appRole": ["readonly"]}


@pytest.mark.parametrize("provider", ["", "google", "azureStaticWebApps"])
def test_an_application_without_a_mark_needs_the_providers_header(cipp: Cipp, provider: str) -> None:
    cipp.client(role="readonly")
    assert told_of({**OID, "azp": CLIENT_ID}, **{NAME: CLIENT_ID, PROVIDER: provider}).status == 401
