"""Whether a caller is known to have a role, without a call to Azure.

This decides only whether the caller needs a seat to wait (`backend/concurrency/seats.py`). It grants nothing.
"""

from collections.abc import Hashable, Iterable

from backend.access.principals import Application, Principal, StaticWebAppUser, User
from backend.access.roles import CallerRoles, base_of
from backend.services import Services


def has_known_role(principal: Principal, services: Services) -> bool:
    """Return whether the sign-in names a base role, or the caller had a role at the last access decision.

    If the user's tenant is not served, the roles of the sign-in don't count.
    """
    match principal:
        case StaticWebAppUser():
            is_named = _names_base_role(principal.roles)
        case Application():
            client = services.access_tables.last.clients.get(principal.client_id)
            is_named = client is not None and client.enabled and bool(client.role)
        case _:
            is_named = _names_base_role(principal.roles) and services.served_tenants.may_serve(principal.tenant)
    return is_named or caller_id(principal) in services.role_holders


def note_role(principal: Principal, roles: CallerRoles, services: Services) -> None:
    """Remember whether a caller has a role, unless that could not be determined."""
    if roles.names or not roles.note:
        services.role_holders.note(caller_id(principal), has_role=bool(roles.names))


def _names_base_role(roles: Iterable[str]) -> bool:
    return base_of(role.strip().lower() for role in roles) is not None


def caller_id(principal: Principal) -> Hashable:
    """Return a key that identifies the caller."""
    match principal:
        case StaticWebAppUser():
            return (principal.provider.lower(), principal.user_id, principal.name.lower())
        case User():
            return (principal.tenant.lower(), principal.object_id.lower())
        case Application():
            return (principal.tenant.lower(), principal.client_id)
