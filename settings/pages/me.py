"""The signed-in caller."""

from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from backend.errors import BackendError
from backend.running_code import COMMIT, VERSION
from settings.access.caller import Caller
from settings.http.routes import Call, Routes

routes = Routes()
RUNNING: Final = (VERSION, COMMIT)


class ClientPrincipal(msgspec.Struct, frozen=True, rename="camel"):
    """The caller. A user has the first four fields, an API client the last two."""

    user_details: str | UnsetType = UNSET
    user_id: str | UnsetType = UNSET
    identity_provider: str | UnsetType = UNSET
    user_roles: tuple[str, ...] | UnsetType = UNSET
    app_id: str | UnsetType = UNSET
    app_role: tuple[str, ...] | UnsetType = UNSET


class Me(msgspec.Struct, frozen=True, rename="camel"):
    """The caller and their permissions, in CIPP's own format. `message` states why permissions are missing.

    `version` and `commit` are those of this app. Only a user gets the other fields, and only if they are known without
    waiting for Resource Manager: `ng` is whether CIPP runs as a container, `hosted` whether CyberDrain hosts it.
    `initialSetupComplete` is false only if this call read the template's placeholders in the vault, because CIPP's
    frontend blocks the portal then.
    """

    client_principal: ClientPrincipal | None
    permissions: list[str]
    version: str
    commit: str
    message: str | UnsetType = UNSET
    ng: bool | UnsetType = UNSET
    hosted: bool | UnsetType = UNSET
    initial_setup_complete: bool | UnsetType = UNSET


@routes.get("me", enveloped=False)
def me(call: Call) -> Me:
    """Show the signed-in caller and their permissions."""
    caller = call.caller
    if caller is None:
        raise BackendError("me was called without a caller.")
    if caller.is_application:
        if caller.address_denial:
            raise caller.address_denial.error()
        return Me(ClientPrincipal(app_id=caller.user_id, app_role=caller.role_names), caller.permissions, *RUNNING)
    if caller.address_denial:
        return Me(None, [], *RUNNING, str(caller.address_denial.error()))
    is_container = call.services.is_container
    is_hosted = None if is_container is None else call.services.is_hosted
    complete = call.services.setup_state.is_complete() if caller.permissions else None
    return Me(
        _user(caller),
        caller.permissions,
        *RUNNING,
        caller.roles.note or UNSET,
        ng=UNSET if is_container is None else is_container,
        hosted=UNSET if is_hosted is None else is_hosted,
        initial_setup_complete=UNSET if complete is None else complete,
    )


def _user(caller: Caller) -> ClientPrincipal:
    return ClientPrincipal(
        user_details=caller.name,
        user_id=caller.user_id,
        identity_provider=caller.principal.provider,
        user_roles=caller.shown_roles,
    )
