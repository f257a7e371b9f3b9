"""Who may do what where: a small role-based access control."""

import re
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True)
class Role:
    """A role definition; `*` in an action stands for anything."""

    id: str
    name: str
    description: str
    actions: tuple[str, ...]
    not_actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()

    def allows(self, action: str) -> bool:
        """Tell whether the role holds the right, whatever the case."""
        return _any(self.actions, action) and not _any(self.not_actions, action)


OWNER: Final = Role(
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
    "Owner",
    "Grants full access to manage all resources, including the ability to assign roles in Azure RBAC.",
    ("*",),
)
CONTRIBUTOR: Final = Role(
    "b24988ac-6180-42a0-ab88-20f7382dd24c",
    "Contributor",
    "Grants full access to manage all resources, but does not allow you to assign roles in Azure RBAC, "
    "manage assignments in Azure Blueprints, or share image galleries.",
    ("*",),
    (
        "Microsoft.Authorization/*/Delete",
        "Microsoft.Authorization/*/Write",
        "Microsoft.Authorization/elevateAccess/Action",
        "Microsoft.Blueprint/blueprintAssignments/write",
        "Microsoft.Blueprint/blueprintAssignments/delete",
        "Microsoft.Compute/galleries/share/action",
        "Microsoft.Purview/consents/write",
        "Microsoft.Purview/consents/delete",
    ),
)
READER: Final = Role(
    "acdd72a7-3385-48ef-bd42-f606fba81ae7",
    "Reader",
    "View all resources, but does not allow you to make any changes.",
    ("*/read",),
)
WEBSITE_CONTRIBUTOR: Final = Role(
    "de139f84-1756-47ae-9be6-808fbbe84772",
    "Website Contributor",
    "Lets you manage websites (not web plans), but not access to them.",
    (
        "Microsoft.Authorization/*/read",
        "Microsoft.Insights/alertRules/*",
        "Microsoft.Insights/components/*",
        "Microsoft.ResourceHealth/availabilityStatuses/read",
        "Microsoft.Resources/deployments/*",
        "Microsoft.Resources/subscriptions/resourceGroups/read",
        "Microsoft.Support/*",
        "Microsoft.Web/certificates/*",
        "Microsoft.Web/listSitesAssignedToHostName/read",
        "Microsoft.Web/serverFarms/join/action",
        "Microsoft.Web/serverFarms/read",
        "Microsoft.Web/sites/*",
    ),
)
ROLES: Final = (OWNER, CONTRIBUTOR, READER, WEBSITE_CONTRIBUTOR)


@dataclass(frozen=True)
class RoleAssignment:
    """A role that a principal has at a scope and below it."""

    id: str
    principal_id: str
    role: Role
    scope: str
    created: str


@dataclass
class AccessControl:
    """Every role assignment of the subscription."""

    assignments: list[RoleAssignment] = field(default_factory=list)

    def allows(self, principal_id: str, action: str, scope: str) -> bool:
        """Tell whether the principal may do `action` at `scope`."""
        return any(
            a.principal_id == principal_id and is_within(scope, a.scope) and a.role.allows(action)
            for a in self.assignments
        )

    def sees(self, principal_id: str, scope: str) -> bool:
        """Tell whether the principal has any role at `scope`, above it or below it."""
        return any(
            a.principal_id == principal_id and (is_within(scope, a.scope) or is_within(a.scope, scope))
            for a in self.assignments
        )


def is_within(scope: str, other: str) -> bool:
    """Tell whether `scope` is `other` or lies below it, whatever the case."""
    return f"{scope.rstrip('/')}/".lower().startswith(f"{other.rstrip('/')}/".lower())


def _any(patterns: tuple[str, ...], action: str) -> bool:
    return any(re.fullmatch(re.escape(p).replace(r"\*", ".*"), action, flags=re.IGNORECASE) for p in patterns)
