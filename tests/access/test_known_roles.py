"""Who needs no seat to wait: callers whose role is known without a call to Azure."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from backend.access.principals import Application, Principal, StaticWebAppUser, User
from backend.access.role_holders import RoleHolders
from backend.access.roles import BASE, CallerRoles
from backend.access.tables import AccessRules, ApiClient
from backend.configuration.address_ranges import ANYWHERE
from backend.services import Services
from sandbox import names
from settings.access.known_roles import has_known_role, note_role
from tests.support.principals import CLIENT_ID

FOREIGN = "99999999-8888-7777-6666-555555555555"


def services_with(client: ApiClient | None = None) -> Services:
    """Services that have read the tables of access, and serve the partner's tenant."""
    clients = {client.app_id: client} if client else {}
    services = SimpleNamespace(
        access_tables=SimpleNamespace(last=AccessRules(clients=clients)),
        served_tenants=SimpleNamespace(may_serve=lambda tenant: tenant == names.TENANT_ID),
        role_holders=RoleHolders(),
    )
    return cast("Any", services)  # type: ignore[no-any-return] # three services stand for all


def user(*roles: str, tenant: str = names.TENANT_ID) -> User:
    return User(tenant, names.MEMBER_ID, names.MEMBER_NAME, roles, ())


def visitor(*roles: str) -> StaticWebAppUser:
    return StaticWebAppUser(names.MEMBER_NAME, "1", "aad", roles)


@pytest.mark.parametrize(
    ("principal", "is_known"),
    [
        (user(" Admin "), True),
        (user("helpers"), False),
        (user(), False),
        (user("superadmin", tenant=FOREIGN), False),
        (visitor("anonymous", "ReadOnly"), True),
        (visitor("anonymous", "helpers"), False),
        (Application(names.TENANT_ID, CLIENT_ID), False),
    ],
)
def test_role_is_known_if_the_sign_in_names_a_base_role(principal: Principal, is_known: bool) -> None:
    assert has_known_role(principal, services_with()) is is_known


@pytest.mark.parametrize(
    ("role", "enabled", "is_known"), [("admin", True, True), ("admin", False, False), ("", True, False)]
)
def test_role_of_a_client_is_known_by_its_last_row(role: str, enabled: bool, is_known: bool) -> None:
    client = ApiClient(CLIENT_ID, "Scripts", role, enabled, ANYWHERE)
    assert has_known_role(Application(names.TENANT_ID, CLIENT_ID), services_with(client)) is is_known


def test_role_stays_known_until_a_decision_finds_none() -> None:
    services = services_with()
    is_known = []
    for roles in (CallerRoles(base=BASE["admin"]), CallerRoles(note="Azure is slow."), CallerRoles()):
        note_role(user(), roles, services)
        is_known.append(has_known_role(user(), services))
    assert is_known == [True, True, False]


def test_role_of_one_caller_is_not_anothers() -> None:
    services = services_with()
    note_role(user(), CallerRoles(base=BASE["admin"]), services)
    assert not has_known_role(user(tenant=FOREIGN), services)
    assert not has_known_role(visitor(), services)
