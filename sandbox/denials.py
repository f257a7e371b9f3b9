"""Azure's wording of a 403 that a test plants: the missing permission, and the scope."""

import re
from typing import Any, Final

from sandbox import names
from sandbox.arm.errors import not_authorized
from sandbox.arm.target import target_of
from sandbox.clouds import Place
from sandbox.key_vault.errors import denied_by_policy
from sandbox.key_vault.operations import OPERATIONS

_CALLER: Final = (
    f"appid={names.BACKEND_CLIENT_ID};oid={names.BACKEND_PRINCIPAL_ID};iss=https://sts.windows.net/{names.TENANT_ID}/"
)


def denial(place: Place, method: str, path: str) -> dict[str, Any] | None:
    """Return the body with which the service denies the call, or None if the wording is unknown."""
    if place.plane == "arm":
        target = target_of(method, path)
        error = not_authorized(names.BACKEND_CLIENT_ID, names.BACKEND_PRINCIPAL_ID, target.action, target.scope)
        return {**error.body} if isinstance(error.body, dict) else None
    if place.vault is None:
        return None
    for operation in OPERATIONS:
        if operation.method == method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", operation.path), path.rstrip("/")):
            return denied_by_policy(_CALLER, operation.permission, place.vault, names.LOCATION).body
    return None
