"""The permissions that each feature needs, for which identity, and the command to grant them (bash). Pure."""

import json
from collections.abc import Callable, Sequence
from shlex import quote
from typing import Final, Literal

import msgspec

from backend.concurrency.deadline import Deadline

RightKind = Literal["azure", "vault", "graph", "table"]
BY_GROUPS: Final = "Roles by Entra groups"


class ManagedIdentity(msgspec.Struct, frozen=True):
    """This app's managed identity, by the ID of its service principal in Entra, "" if that is unknown."""

    object_id: str


class Need(msgspec.Struct, frozen=True):
    """The permissions that a feature needs at a scope, and the command that grants them, "" if none can."""

    feature: str
    kind: RightKind
    scope: str
    actions: Sequence[str]
    command: str


class HostingNeeds(msgspec.Struct, frozen=True):
    """The permissions that are needed on the resources that host CIPP.

    `reads` are the read actions, needed on CIPP's resource group. Each of `resources` looks up resources of one type
    and returns the needs on them. It waits for Azure until the deadline. For a resource that CIPP does not have, it
    returns nothing. `users` is the feature for which users are looked up in Microsoft Graph.
    """

    reads: Sequence[str]
    resources: Sequence[Callable[[ManagedIdentity, Deadline], Sequence[Need]]]
    users: str = BY_GROUPS


def assign_custom(  # noqa: PLR0913 - the parts of a role
    identity: ManagedIdentity,
    role: str,
    description: str,
    actions: Sequence[str],
    scope: str,
    *,
    not_actions: Sequence[str] = (),
) -> str:
    """Return the command that creates a role with exactly these actions, and gives it to the identity.

    The smallest assignable scope of a role is a resource group. It is assigned at the given scope only.
    """
    definition = {
        "Name": role,
        "Description": description,
        "Actions": actions,
        "NotActions": not_actions,
        "AssignableScopes": [scope.partition("/providers/")[0]],
    }
    create = f"az role definition create --role-definition {quote(json.dumps(definition))}"
    return f"{create} && {assign(identity, role, scope)}"


def assign(identity: ManagedIdentity, role: str, scope: str) -> str:
    """Return the command that gives the identity a role."""
    return (
        f"az role assignment create --assignee-object-id {identity.object_id} "
        f'--assignee-principal-type ServicePrincipal --role "{role}" --scope {quote(scope)}'
    )
