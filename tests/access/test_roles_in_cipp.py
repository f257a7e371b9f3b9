"""Roles that a container CIPP gives its users: from its table, by the name that Microsoft Entra ID has."""

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from uuid import uuid4

import pytest
from azure.core.exceptions import HttpResponseError

from backend.services import Services
from sandbox import names
from tests.support import phrases
from tests.support.api import Api
from tests.support.cipp import GRAPH_HOST, MAY, READ, Cipp, ask, at, cipp_of, looks, questions, roles
from tests.support.principals import PRINCIPAL, application, claims, user, visitor
from tests.support.sandbox_client import Sandbox

READ_USER = rf"/users/{names.MEMBER_ID}$"
STORAGE = {"host": "127.0.0.1", "path": "/allowedUsers"}


@dataclass
class Container:
    """What this app knows about CIPP. `age` is how long ago CIPP's settings were read, in seconds."""

    is_container: bool | None = True
    age: float | None = 0.0
    settings: Mapping[str, str] = field(default_factory=dict)


@pytest.fixture
def cipp(azure: Sandbox) -> Iterator[Cipp]:
    with cipp_of(azure) as made:
        yield made
    azure.faults([])


@pytest.fixture
def container(nowhere: pytest.MonkeyPatch) -> Container:
    """A CIPP that is known to be a container, whose settings were read just now."""
    made = Container()

    def settings(_: Services, _seat: object) -> tuple[float, Mapping[str, str]] | None:
        return None if made.age is None else (time.monotonic() - made.age, made.settings)

    nowhere.setattr(Services, "is_container", property(lambda _: made.is_container))
    nowhere.setattr(Services, "look_at_shape", lambda _, _seat: made.is_container)
    nowhere.setattr(Services, "settings_of_users", settings)
    return made


def edit(azure: Sandbox, **fields: object) -> None:
    """Let Graph return the member with other fields."""
    edits = [[name, value] for name, value in fields.items()]
    azure.faults([{"host": GRAPH_HOST, "path": READ_USER, "edit": edits, "times": 0}])


def message(headers: Mapping[str, str], api: Api | None = None) -> str:
    return str(ask(headers, api=api).body.get("message", ""))


# Which users count, and by what.


@pytest.mark.parametrize("name", [names.MEMBER_NAME, names.MEMBER_NAME.upper()])
def test_user_has_the_role_of_cipps_table(cipp: Cipp, container: Container, name: str) -> None:
    del container
    cipp.user(name, "admin")
    assert roles(user()) == {"admin"}
    assert ask(user(), MAY).status == 200
    assert message(user()) == ""


def test_rows_of_one_user_count_together(cipp: Cipp, container: Container) -> None:
    del container
    cipp.custom_role("helpers")
    cipp.user(names.MEMBER_NAME, "helpers")
    cipp.user(names.MEMBER_NAME.title(), "editor", "authenticated")
    cipp.user(f"_{names.MEMBER_NAME}", "superadmin")
    assert roles(user()) == {"editor", "helpers"}


def test_table_is_not_read_in_the_shape_of_function_apps(cipp: Cipp, azure: Sandbox, container: Container) -> None:
    container.is_container = False
    cipp.user(names.MEMBER_NAME, "admin")
    assert roles(user()) == set()
    assert message(user()) == ""
    assert looks(azure) == []
    assert not [call for call in azure.calls(tables=True) if "allowedUsers" in call["path"] and call["method"] == "GET"]


@pytest.mark.parametrize("claim", ["upn", "preferred_username", "email", "unique_name"])
def test_name_in_the_token_does_not_identify_a_user(cipp: Cipp, container: Container, claim: str) -> None:
    del container
    cipp.user(names.MEMBER_NAME, "admin")
    for oid in (str(uuid4()), names.ADMIN_ID):
        token = {"tid": names.TENANT_ID, "oid": oid, "sub": "x", "scp": "y", claim: names.MEMBER_NAME}
        assert roles({PRINCIPAL: claims(**token)}) == set()


@pytest.mark.parametrize("oid", [names.MEMBER_NAME, "5a1d0b0c", f"{names.MEMBER_ID}/", "../groups", "me"])
def test_id_that_is_not_a_guid_is_not_looked_up(cipp: Cipp, azure: Sandbox, container: Container, oid: str) -> None:
    del container
    cipp.user(names.MEMBER_NAME, "admin")
    assert roles(user(oid=oid)) == set()
    assert azure.calls(GRAPH_HOST) == []


def test_other_kinds_of_callers_have_no_role_in_the_table(cipp: Cipp, azure: Sandbox, container: Container) -> None:
    del container
    for name in (names.MEMBER_NAME, "0f9c2b1e-6d47-4a3b-8e51-7c9d0a2f4b68", names.MEMBER_ID):
        cipp.user(name, "admin")
    assert roles(visitor()) == set()
    assert ask(application(), MAY).status == 403
    assert looks(azure) == []


def test_user_of_another_allowed_tenant_has_no_role_in_the_table(
    cipp: Cipp, azure: Sandbox, container: Container, nowhere: pytest.MonkeyPatch
) -> None:
    del container
    other = str(uuid4())
    nowhere.setenv("ALLOWED_TENANTS", f"{other},{names.TENANT_ID}")
    cipp.user(names.MEMBER_NAME, "admin")
    assert roles(user(tid=other)) == set()
    assert azure.calls(GRAPH_HOST) == []
    assert roles(user(tid=names.TENANT_ID.upper())) == {"admin"}


@pytest.mark.parametrize("kind", ["Guest", "Member"])
def test_account_from_another_tenant_has_roles_only_by_groups(
    cipp: Cipp, azure: Sandbox, container: Container, kind: str
) -> None:
    del container
    guest = user(oid=names.GUEST_ID, upn="kim@fabrikam.com")
    azure.faults([{"host": GRAPH_HOST, "path": "/users/[^/]+$", "edit": [["userType", kind]], "times": 0}])
    cipp.user("kim@fabrikam.com", "superadmin")
    with pytest.raises(HttpResponseError):  # table storage does not allow the # of the guest's name in this tenant
        cipp.user(names.GUEST_NAME, "superadmin")
    assert roles(guest) == set()
    assert phrases.IS_GUEST in message(guest)
    cipp.group("admin", names.GROUP_ID)
    assert roles(guest, Api()) == {"admin"}


def test_disabled_or_unknown_user_has_no_role_even_by_groups(cipp: Cipp, azure: Sandbox, container: Container) -> None:
    del container
    cipp.user(names.MEMBER_NAME, "admin")
    cipp.group("superadmin", names.GROUP_ID)
    edit(azure, accountEnabled=False)
    in_group = user(groups=(names.GROUP_ID,))
    assert (roles(in_group), roles(user())) == (set(), set())
    assert "disabled" in message(user())
    azure.faults([])
    unknown = user(oid=str(uuid4()), groups=(names.GROUP_ID,))
    assert roles(unknown) == set()
    assert phrases.ACCOUNT_UNKNOWN in message(unknown)
    assert roles(in_group) == {"admin"}


@pytest.mark.parametrize("name", ["pat.o'neil@contosomsp.onmicrosoft.com", "a^b~c!d@contosomsp.onmicrosoft.com"])
def test_any_name_of_entra_is_compared_as_text(cipp: Cipp, azure: Sandbox, container: Container, name: str) -> None:
    del container
    cipp.user(name, "admin")
    edit(azure, userPrincipalName=name.title())
    assert roles(user()) == {"admin"}


def test_new_name_of_a_user_counts_after_expiry(
    cipp: Cipp, azure: Sandbox, container: Container, nowhere: pytest.MonkeyPatch
) -> None:
    del container
    nowhere.setattr("backend.access.graph_lookups.LIFETIME_SECONDS", 0.3)
    cipp.user(names.MEMBER_NAME, "admin")
    cipp.user("alexandra@contoso.com", "editor")
    api = Api()
    assert roles(user(), api) == {"admin"}
    edit(azure, userPrincipalName="Alexandra@contoso.com")
    time.sleep(0.4)
    assert roles(user(), api) == {"editor"}


# Which roles count.


def test_roles_of_the_token_come_first_and_need_no_lookup(cipp: Cipp, azure: Sandbox, container: Container) -> None:
    cipp.custom_role("helpers")
    cipp.user(names.MEMBER_NAME, "superadmin")
    container.age = None
    assert roles(user("readonly")) == {"readonly"}
    assert roles(user("Helpers")) == {"helpers"}
    assert azure.calls(GRAPH_HOST) == []
    assert roles(user("of-another-app")) == set()


def test_listed_user_has_the_roles_of_the_table_alone(cipp: Cipp, azure: Sandbox, container: Container) -> None:
    del container
    cipp.group("superadmin", names.GROUP_ID)
    cipp.user(names.MEMBER_NAME, "readonly")
    assert roles(user()) == {"readonly"}
    assert roles(user(groups=(names.GROUP_ID,))) == {"readonly"}
    assert questions(azure) == []


@pytest.mark.parametrize("stored", ["[]", '["anonymous","authenticated"]', None])
def test_user_without_a_role_of_their_own_has_those_by_groups(
    cipp: Cipp, container: Container, stored: str | None
) -> None:
    del container
    cipp.group("admin", names.GROUP_ID)
    cipp.others.row("allowedUsers", "User", names.MEMBER_NAME, **({} if stored is None else {"Roles": stored}))
    assert roles(user()) == {"admin"}


def test_user_who_is_not_listed_has_roles_by_groups(cipp: Cipp, container: Container) -> None:
    del container
    cipp.group("admin", names.GROUP_ID)
    assert roles(user()) == {"admin"}  # without the table
    cipp.user("someone@contoso.com", "readonly")
    assert roles(user()) == {"admin"}


def test_custom_role_of_the_table_grants_and_restricts(cipp: Cipp, container: Container) -> None:
    del container
    cipp.custom_role("helpers", READ)
    cipp.user(names.MEMBER_NAME, "helpers")
    assert ask(user()).body["permissions"] == [READ]
    assert ask(user(), MAY).status == 200


@pytest.mark.parametrize("name", ["gone", "Admin", " admin", "admin\u200b"])
def test_role_that_cipp_does_not_have_grants_nothing(cipp: Cipp, container: Container, name: str) -> None:
    del container
    cipp.group("superadmin", names.GROUP_ID)
    cipp.user(names.MEMBER_NAME, name)
    assert roles(user()) == set()
    assert phrases.ROLE_UNKNOWN in message(user())
    cipp.user(names.MEMBER_NAME, name, "editor")
    denied = ask(user(), "ListKeyVaultSecrets", Api())
    assert denied.status == 403
    assert ask(user()).body["permissions"] == []


def test_role_as_plain_text_counts(cipp: Cipp, container: Container) -> None:
    del container
    cipp.user(names.MEMBER_NAME, Roles="admin", partition="Other")
    assert roles(user()) == {"admin"}


def test_address_ranges_apply_to_roles_of_the_table(cipp: Cipp, container: Container) -> None:
    del container
    cipp.user(names.MEMBER_NAME, "admin")
    cipp.ranges("admin", "203.0.113.0/24")
    api = Api()
    assert ask(at("203.0.113.9", user()), MAY, api).status == 200
    assert ask(at("198.51.100.1", user()), MAY, api).status == 403


def test_removed_role_is_gone_within_seconds(cipp: Cipp, container: Container, nowhere: pytest.MonkeyPatch) -> None:
    del container
    nowhere.setattr("backend.access.allowed_users.LIFETIME_SECONDS", 0.3)
    cipp.user(names.MEMBER_NAME, "admin")
    cipp.user("someone@contoso.com", "admin")
    api = Api()
    assert ask(user(), MAY, api).status == 200
    cipp.others.tables.get_table_client("allowedUsers").delete_entity("User", names.MEMBER_NAME)
    time.sleep(0.4)
    assert ask(user(), MAY, api).status == 403


def test_concurrent_callers_share_one_lookup_and_one_read(cipp: Cipp, azure: Sandbox, container: Container) -> None:
    del container
    cipp.user(names.MEMBER_NAME, "admin")
    api = Api()
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda _: roles(user(), api), range(8))) == [{"admin"}] * 8
    assert len(looks(azure)) == 1
    reads = [call for call in azure.calls(tables=True) if "allowedUsers()" in call["path"] and call["method"] == "GET"]
    assert len(reads) == 1


def test_user_with_a_role_in_the_table_needs_no_seat_later(
    cipp: Cipp, container: Container, nowhere: pytest.MonkeyPatch
) -> None:
    del container
    nowhere.setattr("backend.access.graph_lookups.LIFETIME_SECONDS", 0.0)
    nowhere.setattr("backend.access.allowed_users.LIFETIME_SECONDS", 0.0)
    cipp.user(names.MEMBER_NAME, "admin")
    api = Api()
    assert ask(user(), MAY, api).status == 200
    nowhere.setattr("backend.concurrency.seats.SEATS", 0)
    assert ask(user(), MAY, api).status == 200


# What must be known before the table counts.


@pytest.mark.parametrize("age", [None, 301.0, -5.0])
def test_roles_are_denied_when_cipps_settings_are_not_recent(
    cipp: Cipp, azure: Sandbox, container: Container, age: float | None
) -> None:
    container.age = age
    cipp.user(names.MEMBER_NAME, "admin")
    denied = ask(user(), MAY)
    assert (denied.status, denied.body["permission"]) == (403, READ)
    assert "5 minutes" in denied.results
    assert "5 minutes" in message(user())
    assert looks(azure) == []
    container.age = 290.0
    assert roles(user()) == {"admin"}


@pytest.mark.parametrize("setting", ["App__Auth__UserTableName", "app__auth__userstorageconnection"])
def test_roles_are_denied_when_a_setting_moves_the_table(cipp: Cipp, container: Container, setting: str) -> None:
    container.settings = {setting: "elsewhere"}
    cipp.user(names.MEMBER_NAME, "admin")
    assert ask(user(), MAY).status == 403
    assert setting.lower() in message(user()).lower()
    assert "elsewhere" not in message(user())
    container.settings = {"App__Auth__UserTableName": "allowedUsers"}
    assert roles(user()) == {"admin"}


def test_only_listed_users_count_when_cipp_allows_no_others(cipp: Cipp, azure: Sandbox, container: Container) -> None:
    container.settings = {"App__Auth__AllowAllTenantUsers": "false"}
    cipp.group("superadmin", names.GROUP_ID)
    assert roles(user(groups=(names.GROUP_ID,))) == set()  # without the table
    assert azure.calls(GRAPH_HOST) == []
    cipp.user("someone@contoso.com", "admin")
    assert roles(user()) == set()
    assert "AllowAllTenantUsers" in message(user())
    assert roles(user("editor")) == {"editor"}
    cipp.user(names.MEMBER_NAME, "admin")
    assert roles(user(), Api()) == {"admin"}


def test_only_unrestricted_roles_by_groups_count_while_the_shape_is_unknown(
    cipp: Cipp, azure: Sandbox, container: Container
) -> None:
    container.is_container = None
    cipp.custom_role("helpers")
    cipp.user(names.MEMBER_NAME, "superadmin")
    assert roles(user()) == set()
    assert "container" in message(user())
    assert looks(azure) == []
    cipp.group("helpers", names.GROUP_ID)
    assert roles(user(), Api()) == set()
    cipp.group("admin", names.GROUP_ID)
    assert roles(user(), Api()) == {"admin", "helpers"}


def test_only_unrestricted_roles_by_groups_count_while_the_table_is_unknown(cipp: Cipp, container: Container) -> None:
    container.age = None
    cipp.custom_role("helpers")
    for role, counts in (("helpers", False), ("editor", False), ("admin", True), ("superadmin", True)):
        cipp.group(role, names.GROUP_ID)
        assert roles(user(groups=(names.GROUP_ID,)), Api()) == ({role} if counts else set())
        cipp.forget("AccessRoleGroups", role)


# Failures.


@pytest.mark.parametrize(
    "fault",
    [
        {"host": GRAPH_HOST, "path": READ_USER, "mode": "refuse", "status": 403},
        {"host": GRAPH_HOST, "path": READ_USER, "mode": "refuse", "status": 503},
        {"host": GRAPH_HOST, "path": READ_USER, "mode": "drop-before"},
        {"host": GRAPH_HOST, "path": READ_USER, "mode": "drop-after"},
        {"host": GRAPH_HOST, "path": READ_USER, "mode": "hang"},
        {"host": "login.*", "path": "/token$", "mode": "refuse", "status": 500},
        {"host": "*.vault.azure.net", "path": "ApplicationSecret", "mode": "refuse", "status": 403},
        {"host": "*.vault.azure.net", "path": "ApplicationID", "mode": "refuse", "status": 404},
    ],
    ids=str,
)
def test_roles_are_denied_without_graph_and_count_again_soon_after(
    cipp: Cipp, azure: Sandbox, container: Container, nowhere: pytest.MonkeyPatch, fault: dict[str, object]
) -> None:
    del container
    cipp.user(names.MEMBER_NAME, "admin")
    nowhere.setenv("AZURE_DEADLINE_SECONDS", "1.5")
    nowhere.setenv("AZURE_READ_TIMEOUT_SECONDS", "1")
    azure.faults([{**fault, "times": 0}])
    api = Api()
    denied = ask(user(), MAY, api)
    assert (denied.status, denied.body["permission"]) == (403, READ)
    assert "User.Read.All" in denied.results
    assert ask(user("admin"), MAY, api).status == 200
    azure.faults([])
    end = time.monotonic() + 20  # a sign-in that failed is remembered for some seconds
    while roles(user(), api) != {"admin"}:
        assert time.monotonic() < end
        time.sleep(0.2)


@pytest.mark.parametrize(
    "fields",
    [
        {"id": names.ADMIN_ID},
        {"id": None},
        {"userPrincipalName": None},
        {"userPrincipalName": "alex"},
        {"userPrincipalName": 7},
        {"accountEnabled": None},
        {"accountEnabled": "true"},
        {"accountEnabled": 1},
    ],
    ids=str,
)
def test_roles_are_denied_when_graph_leaves_out_a_field(
    cipp: Cipp, azure: Sandbox, container: Container, fields: dict[str, object]
) -> None:
    del container
    cipp.user(names.MEMBER_NAME, "admin")
    edit(azure, **fields)
    assert ask(user(), MAY).status == 403
    assert "Graph" in message(user())


@pytest.mark.parametrize(
    "fault",
    [
        {**STORAGE, "mode": "refuse", "status": 403},
        {**STORAGE, "mode": "refuse", "status": 503},
        {**STORAGE, "mode": "drop-before"},
        {**STORAGE, "mode": "hang"},
        {**STORAGE, "edit": [["value", 7]]},
        {**STORAGE, "answer": {"status": 200, "body": "<html>"}},
    ],
    ids=str,
)
def test_roles_are_denied_without_the_table_and_count_again_soon_after(
    cipp: Cipp, azure: Sandbox, container: Container, nowhere: pytest.MonkeyPatch, fault: dict[str, object]
) -> None:
    del container
    nowhere.setattr("backend.access.allowed_users.LIFETIME_SECONDS", 0.5)
    nowhere.setenv("AZURE_DEADLINE_SECONDS", "2")
    nowhere.setenv("AZURE_READ_TIMEOUT_SECONDS", "1")
    cipp.user(names.MEMBER_NAME, "admin")
    azure.faults([{**fault, "times": 0}])
    api = Api()
    assert ask(user(), MAY, api).status == 403
    assert "allowedUsers" in message(user(), api)
    assert ask(user("admin"), MAY, api).status == 200
    azure.faults([])
    end = time.monotonic() + 10
    while roles(user(), api) != {"admin"}:
        assert time.monotonic() < end
        time.sleep(0.2)


def test_grant_does_not_outlive_its_time_when_reads_fail(
    cipp: Cipp, azure: Sandbox, container: Container, nowhere: pytest.MonkeyPatch
) -> None:
    del container
    nowhere.setattr("backend.access.allowed_users.LIFETIME_SECONDS", 0.3)
    cipp.user(names.MEMBER_NAME, "admin")
    api = Api()
    assert roles(user(), api) == {"admin"}
    azure.faults([{**STORAGE, "mode": "refuse", "status": 403, "times": 0}])
    time.sleep(0.4)
    assert roles(user(), api) == set()


def test_roles_are_denied_while_the_partners_tenant_is_unknown(
    cipp: Cipp, azure: Sandbox, container: Container, nowhere: pytest.MonkeyPatch
) -> None:
    del container
    nowhere.setenv("ALLOWED_TENANTS", names.TENANT_ID)
    cipp.user(names.MEMBER_NAME, "admin")
    azure.faults([{"path": "/secrets/TenantID", "mode": "refuse", "status": 403, "times": 0}])
    assert roles(user()) == set()
    assert "TenantID" in message(user())
    assert roles(user("admin")) == {"admin"}
