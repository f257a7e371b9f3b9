"""Who the caller is."""

import msgspec
from msgspec import UNSET, UnsetType

from backend.errors import BackendError
from settings.access import Caller, NotAllowedError
from settings.routes import Call, Routes

routes = Routes()


class ClientPrincipal(msgspec.Struct, frozen=True, rename="camel"):
    """A user has the first four, an API client the last two."""

    user_details: str | UnsetType = UNSET
    user_id: str | UnsetType = UNSET
    identity_provider: str | UnsetType = UNSET
    user_roles: tuple[str, ...] | UnsetType = UNSET
    app_id: str | UnsetType = UNSET
    app_role: tuple[str, ...] | UnsetType = UNSET


class Me(msgspec.Struct, frozen=True, rename="camel"):
    """CIPP's own shape of this answer, which has no envelope. `message` says why there are no permissions."""

    client_principal: ClientPrincipal | None
    permissions: list[str]
    message: str | UnsetType = UNSET


@routes.get("me", enveloped=False)
def me(call: Call) -> Me:
    """Tell who the platform says the caller is, and the permissions that they have."""
    caller = call.caller
    if caller is None:
        raise BackendError("me was called without a caller.")
    if caller.is_application:
        if caller.turned_away:
            raise NotAllowedError(caller.turned_away, caller=caller)
        return Me(ClientPrincipal(app_id=caller.user_id, app_role=caller.role_names), caller.permissions)
    if caller.turned_away:
        return Me(None, [], caller.turned_away)
    return Me(_user(caller), caller.permissions, caller.held.note or UNSET)


def _user(caller: Caller) -> ClientPrincipal:
    return ClientPrincipal(
        user_details=caller.name,
        user_id=caller.user_id,
        identity_provider=caller.provider,
        user_roles=caller.shown_roles,
    )
