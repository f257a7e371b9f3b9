"""Where a caller's roles come from: the token, its groups, Graph, and the static web app."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from sandbox import names
from tests.support import phrases
from tests.support.api import Api
from tests.support.cipp import MAY, READ, Cipp, ask, cipp_of, questions, roles
from tests.support.principals import encoded, user, visitor
from tests.support.sandbox_client import Sandbox


@pytest.fixture
def cipp(azure: Sandbox) -> Iterator[Cipp]:
    with cipp_of(azure) as made:
        yield made


# The token's own roles, then its groups.


def test_app_role_counts_only_if_a_custom_role_has_its_name(cipp: Cipp) -> None:
    cipp.custom_role("helpers")
    assert roles(user("Helpers", "of-another-app")) == {"helpers"}
    assert roles(user("of-another-app")) == set()
    assert roles(user("readonly", "of-another-app")) == {"readonly"}


def test_roles_come_from_the_token_then_its_groups_then_graph(cipp: Cipp, azure: Sandbox) -> None:
    cipp.group("admin", names.GROUP_ID)
    cipp.group("editor", names.EMPTY_GROUP_ID)
    assert roles(user("readonly", groups=(names.GROUP_ID,))) == {"readonly"}
    assert roles(user(groups=(names.EMPTY_GROUP_ID.upper(),))) == {"editor"}
    assert questions(azure) == []
    assert roles(user()) == {"admin"}
    assert len(questions(azure)) == 1


def test_stale_groups_in_a_token_do_not_hide_a_role_by_graph(cipp: Cipp) -> None:
    cipp.group("admin", names.GROUP_ID)
    assert roles(user(groups=(str(uuid4()),))) == {"admin"}


OTHER_TENANT = "99999999-8888-7777-6666-555555555555"


@pytest.mark.parametrize("allowed", [OTHER_TENANT, f"{OTHER_TENANT},{names.TENANT_ID}"])
def test_groups_of_another_allowed_tenant_do_not_count_and_app_roles_do(
    cipp: Cipp, azure: Sandbox, nowhere: pytest.MonkeyPatch, allowed: str
) -> None:
    nowhere.setenv("ALLOWED_TENANTS", allowed)
    cipp.custom_role("helpers")
    cipp.group("superadmin", names.GROUP_ID)
    theirs = (names.GROUP_ID, names.GROUP_ID.upper())
    assert roles(user(tid=OTHER_TENANT, groups=theirs)) == set()
    assert ask(user(tid=OTHER_TENANT, groups=theirs), MAY).status == 403
    assert questions(azure) == []
    assert roles(user("admin", tid=OTHER_TENANT, groups=theirs)) == {"admin"}
    assert roles(user("helpers", tid=OTHER_TENANT, groups=theirs)) == {"helpers"}
    assert roles(user(tid=names.TENANT_ID.upper(), groups=theirs)) == {"superadmin"}


def test_groups_of_a_token_are_closed_while_the_partners_tenant_is_unknown(
    cipp: Cipp, azure: Sandbox, nowhere: pytest.MonkeyPatch
) -> None:
    nowhere.setenv("ALLOWED_TENANTS", names.TENANT_ID)
    cipp.group("superadmin", names.GROUP_ID)
    azure.faults([{"path": "/secrets/TenantID", "mode": "refuse", "status": 403, "times": 0}])
    answer = ask(user(groups=(names.GROUP_ID,)))
    assert (answer.status, answer.body["permissions"]) == (200, [])
    assert phrases.ROLES_UNKNOWN in answer.body["message"]
    assert roles(user("admin", groups=(names.GROUP_ID,))) == {"admin"}


@pytest.mark.parametrize("mark", ["_claim_names", "hasgroups", "http://schemas.microsoft.com/claims/groups.link"])
def test_graph_provides_the_groups_of_a_token_with_too_many(cipp: Cipp, mark: str) -> None:
    cipp.group("admin", names.GROUP_ID)
    cipp.group("editor", names.EMPTY_GROUP_ID)
    assert roles(user(groups=(names.EMPTY_GROUP_ID,), **{mark: "true"})) == {"admin"}


def test_custom_role_by_group_grants_its_permissions(cipp: Cipp) -> None:
    cipp.custom_role("helpers", READ)
    cipp.group("helpers", names.OUTER_GROUP_ID)
    assert ask(user()).body["permissions"] == [READ]
    assert ask(user(), MAY).status == 200
    posted = Api().call(
        "POST", "ExecTimeSettings", b"{}", role=None, headers={**user(), "content-type": "application/json"}
    )
    assert (posted.status, posted.body["permission"]) == (403, "CIPP.SuperAdmin.ReadWrite")


def test_group_of_an_unknown_role_is_not_looked_up(cipp: Cipp, azure: Sandbox) -> None:
    cipp.group("gone", names.GROUP_ID)
    assert roles(user()) == set()
    assert questions(azure) == []


# The static web app's shape.


def test_a_member_without_roles_of_their_own_has_those_of_their_groups(cipp: Cipp) -> None:
    cipp.group("admin", names.GROUP_ID)
    for name in (names.MEMBER_NAME, names.MEMBER_NAME.upper()):
        assert roles(visitor(name)) == {"admin"}
    assert ask(visitor(), MAY).status == 200


def test_guest_in_the_group_does_not_count_as_member(cipp: Cipp) -> None:
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
def test_other_users_are_not_looked_up(cipp: Cipp, headers: dict[str, str]) -> None:
    cipp.group("admin", names.GROUP_ID)
    assert roles(headers) <= {"billing"}
    assert ask(headers, MAY).status == 403


def test_custom_role_of_the_static_web_app_counts_also_with_quotes(cipp: Cipp) -> None:
    cipp.custom_role("helpers")
    cipp.custom_role("o'neil' or RowKey ne '")
    for name in ("helpers", "Helpers", "o'neil' or RowKey ne '"):
        assert ask(visitor("a@b", name), MAY).status == 200
    for name in ("helper", "' or PartitionKey ne '", "x' or RowKey eq 'helpers"):
        assert ask(visitor("a@b", name), MAY).status == 403


def test_refusal_names_the_custom_roles_that_have_the_permission(cipp: Cipp) -> None:
    cipp.custom_role("helpers")
    cipp.custom_role("others", "CIPP.Core.Read")
    refused = Api().get(MAY, role="readonly")
    assert ": admin, superadmin, helpers." in refused.results


def test_caller_without_the_platforms_roles_is_denied_everywhere(cipp: Cipp) -> None:
    del cipp
    for name in ("me", MAY, "Nope"):
        assert ask({"x-ms-client-principal": principal_without_roles()}, name).status == 403


def principal_without_roles() -> str:
    return encoded({"identityProvider": "aad", "userDetails": names.MEMBER_NAME, "userId": "1", "userRoles": []})
