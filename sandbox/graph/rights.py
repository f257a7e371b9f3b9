"""Whether a caller may change an application: by a permission on all of them, by a role, or as its owner."""

from typing import Final

from sandbox import names
from sandbox.graph.call import Call
from sandbox.graph.errors import GraphError

_ALL: Final = frozenset({"Application.ReadWrite.All", "Directory.ReadWrite.All"})
# The people with a directory role. Everyone else may change only what they own.
_ADMINISTRATORS: Final = frozenset({names.ADMIN_ID})


def is_delegated(call: Call) -> bool:
    """Return whether the caller is a person."""
    return "scp" in call.claims


def is_administrator(call: Call) -> bool:
    """Return whether the caller is a person with a directory role."""
    return is_delegated(call) and call.claims.get("oid") in _ADMINISTRATORS


def check_owner(call: Call, owners: frozenset[str]) -> None:
    """Accept a change of an application or service principal with these owners.

    Raises:
        GraphError: 403. The caller may change only what it owns.
    """
    if is_administrator(call) or call.claims.get("oid") in owners:
        return
    if not is_delegated(call) and _ALL.intersection(call.claims.get("roles", [])):
        return
    raise denied()


def check_administrator(call: Call) -> None:
    """Accept a call that requires a directory role of a person, or the permission of an app.

    Raises:
        GraphError: 403. The person does not have one.
    """
    if is_delegated(call) and not is_administrator(call):
        raise denied()


def denied() -> GraphError:
    """Return the error for a missing permission."""
    return GraphError(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
