"""Whether a caller has a role, as far as that is known without a call to Azure.

It decides only whether they need a seat to wait (`backend/seats.py`). It gives no caller a role.
"""

from collections.abc import Hashable, Iterable

from backend.backend import Backend
from backend.roles import Held, base_of
from settings.principal import Application, Principal, StaticWebAppUser, User


def has_known_role(principal: Principal, backend: Backend) -> bool:
    """Return whether the sign-in names a base role, or the caller had a role when access was decided last.

    Of a user of a tenant that is not served, the sign-in's roles don't count.
    """
    match principal:
        case StaticWebAppUser():
            is_named = _names_base_role(principal.roles)
        case Application():
            client = backend.access_tables.last.clients.get(principal.client_id)
            is_named = client is not None and client.enabled and bool(client.role)
        case _:
            is_named = _names_base_role(principal.roles) and backend.may_serve(principal.tenant)
    return is_named or caller_id(principal) in backend.role_holders


def note_role(principal: Principal, held: Held, backend: Backend) -> None:
    """Remember whether a caller has a role, unless that could not be decided."""
    if not held.note:
        backend.role_holders.note(caller_id(principal), has_role=bool(held.names))


def _names_base_role(roles: Iterable[str]) -> bool:
    return base_of(role.strip().lower() for role in roles) is not None


def caller_id(principal: Principal) -> Hashable:
    """Return what distinguishes one caller from another."""
    match principal:
        case StaticWebAppUser():
            return (principal.provider.lower(), principal.user_id, principal.name.lower())
        case User():
            return (principal.tenant.lower(), principal.object_id.lower())
        case Application():
            return (principal.tenant.lower(), principal.client_id)
