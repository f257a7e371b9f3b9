"""Where a caller's roles come from: the token, its groups, Graph, and CIPP's tables in real table storage."""

import time
from collections.abc import Iterator
from uuid import uuid4

import pytest

from sandbox import names
from tests.api import Answer, Api
from tests.cipp import READ, Cipp, cipp_of
from tests.principals import claims, encoded, user, visitor
from tests.sandbox.sign_in import GRAPH
from tests.sandbox_client import Sandbox
from tests.silence import silent_storage

MAY = "ListKeyRotations"  # it needs CIPP.AppSettings.Read, and does not look for it
GRAPH_HOST = "graph.microsoft.com"
CHECK = "/checkMemberGroups$"
ME_IN_EMPTY = f"groups/{names.EMPTY_GROUP_ID}/members"


@pytest.fixture
def cipp(azure: Sandbox) -> Iterator[Cipp]:
    with cipp_of(azure) as made:
        yield made


def ask(headers: dict[str, str], name: str = "me", api: Api | None = None) -> Answer:
    return (api or Api()).call("GET", name, role=None, headers=headers)


def roles(headers: dict[str, str], api: Api | None = None) -> set[str]:
    answer = ask(headers, api=api)
    assert answer.status == 200, answer.text
    return set(answer.body["clientPrincipal"]["userRoles"]) - {"authenticated", "anonymous"}


def checks(azure: Sandbox) -> list[str]:
    return [call["request_body"] for call in azure.calls(GRAPH_HOST) if call["path"].endswith("/checkMemberGroups")]


# The token's own roles, then its groups.


def test_an_app_role_named_as_a_custom_role_counts_and_any_other_name_does_not(cipp: Cipp) -> None:
    cipp.custom_role("helpers")
    assert roles(user("Helpers", "of-another-app")) == {"helpers"}
    assert roles(user("of-another-app")) == set()
    assert roles(user("readonly", "of-another-app")) == {"readonly"}


def test_the_tokens_roles_come_before_its_groups_and_these_before_graph(cipp: Cipp, azure: Sandbox) -> None:
    cipp.group("admin", names.GROUP_ID)
    cipp.group("editor", names.EMPTY_GROUP_ID)
    assert roles(user("readonly", groups=(names.GROUP_ID,))) == {"readonly"}
    assert roles(user(groups=(names.EMPTY_GROUP_ID.upper(),))) == {"editor"}
    assert checks(azure) == []
    assert roles(user()) == {"admin"}
    assert len(checks(azure)) == 1


def test_a_stale_token_s_groups_do_not_hide_a_role_that_graph_knows(cipp: Cipp) -> None:
    cipp.group("admin", names.GROUP_ID)
    assert roles(user(groups=(str(uuid4()),))) == {"admin"}


@pytest.mark.parametrize("mark", ["_claim_names", "hasgroups", "http://schemas.microsoft.com/claims/groups.link"])
def test_of_a_token_with_too_many_groups_graph_tells(cipp: Cipp, mark: str) -> None:
    cipp.group("admin", names.GROUP_ID)
    cipp.group("editor", names.EMPTY_GROUP_ID)
    assert roles(user(groups=(names.EMPTY_GROUP_ID,), **{mark: "true"})) == {"admin"}


def test_a_custom_role_by_group_grants_what_it_holds(cipp: Cipp) -> None:
    cipp.custom_role("helpers", READ)
    cipp.group("helpers", names.OUTER_GROUP_ID)
    assert ask(user()).body["permissions"] == [READ]
    assert ask(user(), MAY).status == 200
    posted = Api().call(
        "POST", "ExecTimeSettings", b"{}", role=None, headers={**user(), "content-type": "application/json"}
    )
    assert (posted.status, posted.body["permission"]) == (403, "CIPP.SuperAdmin.ReadWrite")


def test_a_group_of_a_role_that_cipp_does_not_have_is_not_asked_for(cipp: Cipp, azure: Sandbox) -> None:
    cipp.group("gone", names.GROUP_ID)
    assert roles(user()) == set()
    assert checks(azure) == []


# Graph.


def test_only_the_groups_of_the_table_are_asked_for_twenty_a_call(cipp: Cipp, azure: Sandbox) -> None:
    for number in range(22):
        cipp.custom_role(f"role{number}")
        cipp.group(f"role{number}", str(uuid4()))
    cipp.group("admin", names.GROUP_ID)
    cipp.group("editor", "not a guid")
    assert roles(user()) == {"admin"}
    assert sorted(body.count("-") // 4 for body in checks(azure)) == [3, 20]


def test_what_graph_said_is_remembered_and_a_new_role_counts_when_that_is_over(
    cipp: Cipp, azure: Sandbox, nowhere: pytest.MonkeyPatch
) -> None:
    cipp.group("superadmin", names.EMPTY_GROUP_ID)
    nowhere.setattr("backend.group_members.LIFETIME_SECONDS", 1.0)
    api = Api()
    assert [roles(user(), api) for _ in range(3)] == [set()] * 3
    assert len(checks(azure)) == 1
    join(cipp)
    end = time.monotonic() + 5
    while roles(user(), api) != {"superadmin"}:
        assert time.monotonic() < end
        time.sleep(0.1)


def join(cipp: Cipp) -> None:
    """An admin puts the member into the empty group."""
    secrets = {n: v[-1]["value"] for n, v in cipp.others.azure.state()["vaults"][names.VAULT]["secrets"].items()}
    form = {"client_secret": secrets["ApplicationSecret"], "refresh_token": secrets["RefreshToken"]}
    token = cipp.others.token(grant_type="refresh_token", **form).json()["access_token"]
    link = {"@odata.id": f"{GRAPH}/v1.0/directoryObjects/{names.MEMBER_ID}"}
    headers = {"Authorization": f"Bearer {token}"}
    assert cipp.others.web.post(f"{GRAPH}/v1.0/{ME_IN_EMPTY}/$ref", json=link, headers=headers).ok


@pytest.mark.parametrize(
    "fault",
    [
        {"host": GRAPH_HOST, "path": CHECK, "mode": "refuse", "status": 403},
        {"host": GRAPH_HOST, "path": CHECK, "mode": "refuse", "status": 503},
        {"host": GRAPH_HOST, "path": CHECK, "mode": "drop-before"},
        {"host": GRAPH_HOST, "path": CHECK, "mode": "hang"},
        {"host": "login.*", "path": "/token$", "mode": "refuse", "status": 500},
        {"host": "*.vault.azure.net", "path": "ApplicationSecret", "mode": "refuse", "status": 403},
        {"host": "*.vault.azure.net", "path": "ApplicationID", "mode": "refuse", "status": 404},
    ],
    ids=str,
)
def test_where_graph_does_not_tell_nobody_gets_in_and_the_next_call_asks_again(
    cipp: Cipp, azure: Sandbox, nowhere: pytest.MonkeyPatch, fault: dict[str, object]
) -> None:
    cipp.group("admin", names.GROUP_ID)
    nowhere.setenv("AZURE_DEADLINE_SECONDS", "1.5")
    nowhere.setenv("AZURE_READ_TIMEOUT_SECONDS", "1")
    azure.faults([{**fault, "times": 0}])
    api = Api()
    refused = ask(user(), MAY, api)
    assert (refused.status, refused.body["permission"]) == (403, READ)
    assert "Graph" in refused.results
    assert "Directory.Read.All" in refused.results
    assert "Graph" in ask(user(), api=api).body["message"]
    azure.faults([])
    assert roles(user(), api) == {"admin"}


def test_a_right_that_was_granted_meanwhile_is_seen_at_once(cipp: Cipp, azure: Sandbox) -> None:
    cipp.group("admin", names.GROUP_ID)
    roles_alone: dict[str, object] = {"alter": {"claims": {"roles": ["GroupMember.Read.All"]}}}
    azure.faults([{"path": "/token$", "host": "login.*", "mode": "alter", "times": 0, **roles_alone}])
    api = Api()
    assert roles(user(), api) == set()
    azure.faults([])
    assert roles(user(), api) == {"admin"}


def test_many_at_once_are_answered_by_one_question(cipp: Cipp, azure: Sandbox) -> None:
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - this test alone

    cipp.group("admin", names.GROUP_ID)
    api = Api()
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda _: roles(user(), api), range(8))) == [{"admin"}] * 8
    assert len(checks(azure)) == 1


@pytest.mark.parametrize("oid", [names.MEMBER_NAME, "5a1d0b0c", f"{names.MEMBER_ID}/", "../groups"])
def test_an_id_that_is_none_is_never_looked_up(cipp: Cipp, azure: Sandbox, oid: str) -> None:
    cipp.group("admin", names.GROUP_ID)
    assert roles(user(oid=oid)) == set()
    assert azure.calls(GRAPH_HOST) == []


@pytest.mark.parametrize("name", ["upn", "preferred_username", "email", "unique_name"])
def test_a_name_identifies_nobody(cipp: Cipp, name: str) -> None:
    cipp.group("admin", names.GROUP_ID)
    token = {"oid": str(uuid4()), name: names.MEMBER_NAME}
    assert roles({"x-ms-client-principal": claims(tid=names.TENANT_ID, sub="x", scp="y", **token)}) == set()


def test_a_user_of_another_allowed_tenant_has_the_roles_of_the_token_alone(
    cipp: Cipp, azure: Sandbox, nowhere: pytest.MonkeyPatch
) -> None:
    cipp.group("admin", names.GROUP_ID)
    other = str(uuid4())
    nowhere.setenv("ALLOWED_TENANTS", other)
    assert roles(user(tid=other)) == set()
    assert roles(user("editor", tid=other)) == {"editor"}
    assert azure.calls(GRAPH_HOST) == []


# The static web app's shape.


def test_a_member_without_roles_of_their_own_has_those_of_their_groups(cipp: Cipp) -> None:
    cipp.group("admin", names.GROUP_ID)
    for name in (names.MEMBER_NAME, names.MEMBER_NAME.upper()):
        assert roles(visitor(name)) == {"admin"}
    assert ask(visitor(), MAY).status == 200


def test_a_guest_is_no_member_though_they_are_in_the_group(cipp: Cipp) -> None:
    cipp.group("admin", names.GROUP_ID)
    assert roles(visitor(names.GUEST_NAME)) == set()
    assert ask(visitor(names.GUEST_NAME), MAY).status == 403


@pytest.mark.parametrize(
    "headers",
    [
        visitor(names.MEMBER_ID),
        visitor("kim@fabrikam.com"),
        visitor("alex@contosomsp.onmicrosoft.com/../x"),
        visitor("x' or '1'='1@contosomsp.onmicrosoft.com"),
        visitor("@"),
        visitor(""),
        visitor(provider="github"),
        visitor(provider="AzureStaticWebApps"),
        visitor(names.MEMBER_NAME, "billing"),
    ],
    ids=[*"abcdefghi"],
)
def test_nobody_else_is_looked_up_or_found(cipp: Cipp, headers: dict[str, str]) -> None:
    cipp.group("admin", names.GROUP_ID)
    assert roles(headers) <= {"billing"}
    assert ask(headers, MAY).status == 403


def test_a_custom_role_of_the_static_web_app_counts_and_quotes_in_names_are_letters(cipp: Cipp) -> None:
    cipp.custom_role("helpers")
    cipp.custom_role("o'neil' or RowKey ne '")
    for name in ("helpers", "Helpers", "o'neil' or RowKey ne '"):
        assert ask(visitor("a@b", name), MAY).status == 200
    for name in ("helper", "' or PartitionKey ne '", "x' or RowKey eq 'helpers"):
        assert ask(visitor("a@b", name), MAY).status == 403


def test_a_refusal_names_the_custom_roles_that_would_do(cipp: Cipp) -> None:
    cipp.custom_role("helpers")
    cipp.custom_role("others", "CIPP.Core.Read")
    refused = Api().get(MAY, role="readonly")
    assert "Roles that have it: admin, superadmin, helpers." in refused.results


def test_who_has_not_even_the_platforms_roles_is_refused_everywhere(cipp: Cipp) -> None:
    del cipp
    for name in ("me", MAY, "Nope"):
        assert ask({"x-ms-client-principal": principal_without_roles()}, name).status == 403


def principal_without_roles() -> str:
    return encoded({"identityProvider": "aad", "userDetails": names.MEMBER_NAME, "userId": "1", "userRoles": []})


# CIPP's tables.


def test_a_role_that_was_taken_away_is_gone_within_seconds(cipp: Cipp, nowhere: pytest.MonkeyPatch) -> None:
    nowhere.setattr("backend.access_tables.LIFETIME_SECONDS", 0.3)
    cipp.custom_role("helpers")
    api = Api()
    assert ask(visitor("a@b", "helpers"), MAY, api).status == 200
    cipp.forget("CustomRoles", "helpers")
    time.sleep(0.4)
    assert ask(visitor("a@b", "helpers"), MAY, api).status == 403


def test_the_tables_are_read_once_in_a_while_and_never_made(cipp: Cipp) -> None:
    api = Api()
    for _ in range(3):
        assert api.get(MAY, role="admin").status == 200
    assert api.get(MAY, x_ms_client_principal=visitor("a@b", "helpers")["x-ms-client-principal"]).status == 403
    assert {table.name for table in cipp.others.tables.list_tables()}.isdisjoint({"CustomRoles", "ApiClients"})


@pytest.mark.parametrize("setting", ["silent", "unreadable", "none"])
def test_without_the_tables_custom_roles_are_closed_and_base_roles_go_on(
    cipp: Cipp, nowhere: pytest.MonkeyPatch, setting: str
) -> None:
    cipp.custom_role("helpers")
    cipp.group("admin", names.GROUP_ID)
    with silent_storage() as silent:
        if setting == "none":
            nowhere.delenv("AzureWebJobsStorage")
        else:
            nowhere.setenv("CIPP_STORAGE", silent if setting == "silent" else "nonsense")
        nowhere.setenv("AZURE_READ_TIMEOUT_SECONDS", "1")
        api = Api()
        began = time.monotonic()
        assert api.get("ListFunctionApps", role="superadmin").status == 200
        for headers in (visitor("a@b", "helpers"), visitor(), user("helpers"), user()):
            refused = ask(headers, "ListFunctionApps", api)
            assert (refused.status, refused.body["permission"]) == (403, READ), refused.text
            assert "out of reach" in refused.results
        assert api.get("ListFunctionApps", role="admin").status == 200
        assert "readonly" in api.get("ListFunctionApps", role="readonly").results
        assert time.monotonic() - began < 15


def test_a_silent_storage_costs_a_base_role_little_and_not_each_time(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    del azure
    with silent_storage() as silent:
        nowhere.setenv("CIPP_STORAGE", silent)
        api = Api()
        began = time.monotonic()
        assert api.get("me", role="admin").status == 200
        first = time.monotonic() - began
        began = time.monotonic()
        for _ in range(20):
            assert api.get("me", role="admin").status == 200
        assert (first < 3.5, time.monotonic() - began < 0.5) == (True, True)
    assert "CIPP's tables of access are out of reach" in caplog.text
