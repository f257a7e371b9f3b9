"""Who the caller is."""

import msgspec

from backend.errors import BackendError
from settings.access import Caller
from settings.routes import Call, Routes

routes = Routes()


class Me(msgspec.Struct, frozen=True, rename="camel"):
    """CIPP's own shape of this answer, which has no envelope."""

    client_principal: Caller
    permissions: list[str]


@routes.get("me", enveloped=False)
def me(call: Call) -> Me:
    """Tell who the platform says the caller is, and the permissions that they have."""
    if call.caller is None:
        raise BackendError("me was called without a caller.")
    return Me(call.caller, call.caller.permissions)
