"""CIPP's API clients: known, enabled, with a role, from their addresses; and the headers that must agree."""

from collections.abc import Iterator

import pytest

from backend.running_code import COMMIT, VERSION
from sandbox import names
from tests.support import phrases
from tests.support.api import Answer, Api
from tests.support.cipp import READ, Cipp, at, cipp_of
from tests.support.principals import CLIENT_ID, NAME, PRINCIPAL, PROVIDER, application, claims, of_pairs, user, visitor
from tests.support.sandbox_client import Sandbox

MAY = "ListKeyRotations"
OTHER = "99999999-8888-7777-6666-555555555555"


@pytest.fixture
def cipp(azure: Sandbox) -> Iterator[Cipp]:
    with cipp_of(azure) as made:
        yield made


def ask(headers: dict[str, str], name: str = MAY) -> Answer:
    return Api().call("GET", name, role=None, headers=headers)


def without(name: str, headers: dict[str, str]) -> dict[str, str]:
    return {header: value for header, value in headers.items() if header != name}


def test_client_with_a_base_role_has_its_permissions(cipp: Cipp) -> None:
    cipp.client(role="Admin")
    assert ask(application()).status == 200
    posted = Api().call(
        "POST", "ExecTimeSettings", b"{}", role=None, headers={**application(), "content-type": "application/json"}
    )
    assert (posted.status, posted.body["permission"]) == (403, "CIPP.SuperAdmin.ReadWrite")


def test_client_with_a_custom_role_has_its_permissions(cipp: Cipp) -> None:
    cipp.client(role="Helpers")
    cipp.custom_role("helpers", READ, BlockedEndpoints=["ListFunctionApps"])
    assert ask(application()).status == 200
    assert phrases.BLOCKS_ENDPOINT in ask(application(), "ListFunctionApps").results


def test_me_returns_id_role_and_permissions_of_a_client(cipp: Cipp) -> None:
    cipp.client(role="helpers")
    cipp.custom_role("helpers", READ)
    assert ask(application(), "me").body == {
        "clientPrincipal": {"appId": CLIENT_ID, "appRole": ["helpers"]},
        "permissions": [READ],
        "version": VERSION,
        "commit": COMMIT,
    }


@pytest.mark.parametrize(("title", "name"), [("Scripts", f"Scripts ({CLIENT_ID})"), ("", CLIENT_ID)])
def test_the_logbook_names_a_client_by_its_name_and_its_id(cipp: Cipp, title: str, name: str) -> None:
    cipp.client(role="superadmin", AppName=title)
    sent = {**application(), "content-type": "application/json"}
    assert Api().call("POST", "ExecFunctionAppStart", b'{"DryRun": true}', role=None, headers=sent).status == 200
    assert name in {line["Username"] for line in cipp.others.rows("CippLogs", record=True)}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"Enabled": False}, phrases.CLIENT_DISABLED),
        ({"Enabled": "False"}, phrases.CLIENT_DISABLED),
        ({"Role": ""}, phrases.CLIENT_WITHOUT_ROLE),
        ({"Role": "authenticated"}, phrases.CLIENT_WITHOUT_ROLE),
        ({"Role": "gone"}, "'gone'"),
        ({"Role": "cipp-api"}, "'cipp-api'"),
        ({"client_id": OTHER}, phrases.CLIENT_UNKNOWN),
        ({"client_id": f"{CLIENT_ID}' or '1' eq '1"}, phrases.CLIENT_UNKNOWN),
    ],
)
def test_client_that_cipp_denies_gets_no_default_role(cipp: Cipp, fields: dict[str, str], words: str) -> None:
    cipp.client(**fields)
    for name in (MAY, "me", "Nope"):
        refused = ask(application(), name)
        assert refused.status == 403
        assert words in refused.results


def test_denied_client_is_in_the_logbook_by_its_id(cipp: Cipp) -> None:
    cipp.client(Enabled=False)
    before = {line["RowKey"] for line in cipp.others.rows("CippLogs", record=True)}
    assert ask(at("203.0.113.9", application())).status == 403
    (line,) = [line for line in cipp.others.rows("CippLogs", record=True) if line["RowKey"] not in before]
    assert (line["Username"], line["Severity"]) == (CLIENT_ID, "Warning")
    assert "203.0.113.9" in line["LogData"]


@pytest.mark.parametrize("name", [MAY, "me"])
def test_client_from_a_denied_address_has_an_entry_in_the_logbook(cipp: Cipp, name: str) -> None:
    cipp.client(IPRange='["198.51.100.1"]')
    before = {line["RowKey"] for line in cipp.others.rows("CippLogs", record=True)}
    assert ask(at("203.0.113.9", application()), name).status == 403
    (line,) = [line for line in cipp.others.rows("CippLogs", record=True) if line["RowKey"] not in before]
    assert (line["AppId"], line["Severity"], line["IP"]) == (CLIENT_ID, "Warning", "203.0.113.9")


def test_without_any_table_a_client_is_unknown(cipp: Cipp) -> None:
    del cipp
    assert phrases.CLIENT_UNKNOWN in ask(application()).results


def test_roles_and_groups_in_a_clients_token_do_not_count(cipp: Cipp) -> None:
    cipp.client(role="readonly")
    cipp.group("superadmin", names.GROUP_ID)
    token = {"roles": "superadmin", "groups": names.GROUP_ID, "upn": names.MEMBER_NAME}
    assert ask(application(**token), "me").body["clientPrincipal"]["appRole"] == ["readonly"]
    assert ask(application(**token)).status == 403


@pytest.mark.parametrize(
    ("ranges", "address", "let_in"),
    [
        ('["Any"]', "", True),
        ("", "", True),
        ('["203.0.113.0/24"]', "203.0.113.9:1", True),
        ('"203.0.113.9"', "203.0.113.9", True),
        ('["203.0.113.0/24"]', "198.51.100.1", False),
        ('["203.0.113.0/24"]', "203.0.113.9, 198.51.100.1", False),
        ('["203.0.113.0/24"]', "", False),
        ('["203.0.113.0/24", "2001:db8::/32"]', "[2001:db8::7]:443", True),
        ("{", "203.0.113.9", False),
    ],
)
def test_a_client_calls_from_its_addresses_alone(cipp: Cipp, ranges: str, address: str, let_in: bool) -> None:
    cipp.client(IPRange=ranges)
    cipp.ranges("admin", "192.0.2.1")  # a role's addresses are for people
    for name in (MAY, "me", "Nope"):
        answer = ask(at(address, application()), name)
        assert answer.status == ((404 if name == "Nope" else 200) if let_in else 403), answer.text


@pytest.mark.parametrize("address", ["203.0.113.9", "6.6.6.6, 203.0.113.9, 198.51.100.1"])
def test_address_behind_a_proxy_is_the_one_that_the_proxy_reports(
    cipp: Cipp, nowhere: pytest.MonkeyPatch, address: str
) -> None:
    cipp.client(IPRange='["203.0.113.9"]')
    nowhere.setenv("TRUSTED_PROXIES", str(address.count(",") // 2))
    assert ask(at(address, application())).status == 200
    nowhere.setenv("TRUSTED_PROXIES", "7")
    assert "TRUSTED_PROXIES" in ask(at(address, application())).results
    nowhere.setenv("TRUSTED_PROXIES", "-1")
    assert phrases.PROXIES_INVALID in ask(at(address, application())).results


@pytest.mark.parametrize(
    "token",
    [
        {"idtyp": "app"},
        {"idtyp": "App", "sub": "another"},
        {"idtyp": "app", "scp": "user_impersonation"},
        {"idtyp": ""},
        {"idtyp": "", "azp": "", "appid": CLIENT_ID.upper()},
        {"appid": CLIENT_ID.upper()},
    ],
)
def test_an_application_is_known_by_its_own_token(cipp: Cipp, token: dict[str, str]) -> None:
    cipp.client()
    answer = ask(application(**token), "me")
    assert answer.body["clientPrincipal"] == {"appId": CLIENT_ID, "appRole": ["admin"]}


def test_client_id_is_case_insensitive(cipp: Cipp) -> None:
    cipp.client(CLIENT_ID.upper())
    assert ask({**application(CLIENT_ID), NAME: CLIENT_ID.upper()}).status == 200


@pytest.mark.parametrize("sub", ["pairwise", names.MEMBER_ID])
def test_a_users_token_obtained_through_a_client_is_a_user(cipp: Cipp, sub: str) -> None:
    cipp.client(role="superadmin")
    headers = user("readonly", azp=CLIENT_ID, sub=sub)
    assert ask(headers).status == 403
    assert ask(headers, "me").body["clientPrincipal"]["userDetails"] == names.MEMBER_NAME


@pytest.mark.parametrize(
    "headers",
    [
        without(NAME, application()),
        without(PROVIDER, application()),
        {**application(), NAME: OTHER},
        {**application(), NAME: names.MEMBER_NAME},
        {**application(), NAME: ""},
        {**application(), PROVIDER: "azureStaticWebApps"},
        {**application(), PROVIDER: ""},
        application(azp=""),
        application(azp="not a guid"),
        application(appid=OTHER),
        {**application("scripts"), NAME: "scripts"},
        {**visitor("a@b", "superadmin"), PROVIDER: "aad", NAME: CLIENT_ID},
        without(PRINCIPAL, application()),
    ],
    ids=lambda headers: " ".join(f"{name[-4:]}={value[-6:]}" for name, value in headers.items()),
)
def test_headers_that_disagree_with_the_principal_are_nobodys(cipp: Cipp, headers: dict[str, str]) -> None:
    cipp.client(role="superadmin")
    for name in (MAY, "me", "Nope"):
        assert ask(headers, name).status == 401


@pytest.mark.parametrize("provider", ["", "azureStaticWebApps"])
def test_a_static_web_apps_user_may_be_named_by_a_guid(cipp: Cipp, provider: str) -> None:
    del cipp
    assert ask({**visitor("a@b", "superadmin"), PROVIDER: provider, NAME: CLIENT_ID}).status == 200


@pytest.mark.parametrize("name", ["tid", "oid", "sub", "idtyp", "azp", "appid"])
def test_contradicting_claims_are_not_trusted(cipp: Cipp, name: str) -> None:
    cipp.client()
    token = {"tid": names.TENANT_ID, "oid": "b7", "sub": "b7", "idtyp": "app", "azp": CLIENT_ID, "appid": CLIENT_ID}
    pairs = list(token.items())
    twice = [*pairs, (name, token[name].upper())]
    differing = [*pairs, (name, OTHER)]
    assert ask({**application(), PRINCIPAL: of_pairs(twice)}).status == 200
    for order in (differing, differing[::-1]):
        assert ask({**application(), PRINCIPAL: of_pairs(order)}).status == 401


def test_an_application_of_another_tenant_is_refused(cipp: Cipp) -> None:
    cipp.client()
    refused = ask(application(tid=OTHER))
    assert (refused.status, OTHER in refused.results) == (403, True)


def test_application_without_a_tenant_is_not_signed_in(cipp: Cipp) -> None:
    cipp.client()
    headers = {**application(), PRINCIPAL: claims(oid="b7", sub="b7", azp=CLIENT_ID)}
    assert ask(headers).status == 401
