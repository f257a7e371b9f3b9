"""A small role-based access control: which principal may do what, and at which scope."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final


@dataclass(frozen=True)
class Role:
    """A role definition. `*` in an action matches anything."""

    id: str
    name: str
    description: str
    actions: tuple[str, ...]
    not_actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()
    not_data_actions: tuple[str, ...] = ()
    assignable_scopes: tuple[str, ...] = ("/",)
    custom: bool = False

    def allows(self, action: str) -> bool:
        """Return whether the role includes the action (case-insensitive)."""
        return _any(self.actions, action) and not _any(self.not_actions, action)

    def allows_data(self, action: str) -> bool:
        """Return whether the role includes the data action (case-insensitive)."""
        return _any(self.data_actions, action) and not _any(self.not_data_actions, action)


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
SECRETS_OFFICER: Final = Role(
    "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
    "Key Vault Secrets Officer",
    "Perform any action on the secrets of a key vault, except manage permissions. Only works for key vaults that "
    "use the 'Azure role-based access control' permission model.",
    (
        "Microsoft.Authorization/*/read",
        "Microsoft.Insights/alertRules/*",
        "Microsoft.Resources/deployments/*",
        "Microsoft.Resources/subscriptions/resourceGroups/read",
        "Microsoft.Support/*",
        "Microsoft.KeyVault/checkNameAvailability/read",
        "Microsoft.KeyVault/deletedVaults/read",
        "Microsoft.KeyVault/locations/*/read",
        "Microsoft.KeyVault/vaults/*/read",
        "Microsoft.KeyVault/operations/read",
    ),
    data_actions=("Microsoft.KeyVault/vaults/secrets/*",),
)
TABLES: Final = "Microsoft.Storage/storageAccounts/tableServices/tables"
TABLE_DATA_CONTRIBUTOR: Final = Role(
    "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
    "Storage Table Data Contributor",
    "Allows for read, write and delete access to Azure Storage tables and entities",
    (f"{TABLES}/read", f"{TABLES}/write", f"{TABLES}/delete"),
    data_actions=(
        f"{TABLES}/entities/read",
        f"{TABLES}/entities/write",
        f"{TABLES}/entities/delete",
        f"{TABLES}/entities/add/action",
        f"{TABLES}/entities/update/action",
    ),
)
_CONTAINERS: Final = "Microsoft.Storage/storageAccounts/blobServices/containers"
BLOB_DATA_OWNER: Final = Role(
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "Storage Blob Data Owner",
    "Allows for full access to Azure Storage blob containers and data, including assigning POSIX access control.",
    (f"{_CONTAINERS}/*", "Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action"),
    data_actions=(f"{_CONTAINERS}/blobs/*",),
)
METRICS_PUBLISHER: Final = Role(
    "3913510d-42f4-4e42-8a64-420c390055eb",
    "Monitoring Metrics Publisher",
    "Enables publishing metrics against Azure resources",
    (
        "Microsoft.Insights/Register/Action",
        "Microsoft.Support/*",
        "Microsoft.Resources/subscriptions/resourceGroups/read",
    ),
    data_actions=("Microsoft.Insights/Metrics/Write", "Microsoft.Insights/Telemetry/Write"),
)
ACCESS_ADMINISTRATOR: Final = Role(
    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
    "User Access Administrator",
    "Lets you manage user access to Azure resources.",
    ("*/read", "Microsoft.Authorization/*", "Microsoft.Support/*"),
)
RBAC_ADMINISTRATOR: Final = Role(
    "f58310d9-a9f6-439a-9e8d-f62e7b41a168",
    "Role Based Access Control Administrator",
    "Manage access to Azure resources by assigning roles using Azure RBAC. This role does not allow you to manage "
    "access using other ways, such as Azure Policy.",
    (
        "Microsoft.Authorization/roleAssignments/write",
        "Microsoft.Authorization/roleAssignments/delete",
        "*/read",
        "Microsoft.Support/*",
    ),
)
ROLES: Final = (
    OWNER,
    CONTRIBUTOR,
    READER,
    WEBSITE_CONTRIBUTOR,
    SECRETS_OFFICER,
    TABLE_DATA_CONTRIBUTOR,
    BLOB_DATA_OWNER,
    METRICS_PUBLISHER,
    ACCESS_ADMINISTRATOR,
    RBAC_ADMINISTRATOR,
)


@dataclass(frozen=True)
class RoleAssignment:
    """A role that a principal has at a scope and below it."""

    id: str
    principal_id: str
    role: Role
    scope: str
    created: str
    principal_type: str = "ServicePrincipal"
    condition: str | None = None  # it is shown, and never evaluated


@dataclass
class AccessControl:
    """Every role assignment of the subscription, and its custom roles."""

    assignments: list[RoleAssignment] = field(default_factory=list)
    custom_roles: dict[str, Role] = field(default_factory=dict)  # by ID
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    lag: timedelta = timedelta(0)  # until a new role or assignment has arrived everywhere
    defined: dict[str, datetime] = field(default_factory=dict)  # when each custom role was created, by ID

    def roles(self) -> list[Role]:
        """Return every role that can be assigned."""
        return [*ROLES, *self.custom_roles.values()]

    def define(self, role: Role) -> None:
        """Add a custom role, or change it. Its assignments grant what it has now."""
        self.defined.setdefault(role.id, self.now())
        self.custom_roles[role.id] = role
        self.assignments = [replace(a, role=role) if a.role.id == role.id else a for a in self.assignments]

    def has_arrived(self, role: Role) -> bool:
        """Return whether a role can be assigned: a new custom role only after the lag."""
        created = self.defined.get(role.id)
        return created is None or self.now() >= created + self.lag

    def roles_of(self, principal_id: str, scope: str) -> list[Role]:
        """Return the roles that the principal has at `scope`, including inherited ones."""
        return [
            a.role
            for a in self.assignments
            if a.principal_id == principal_id and is_within(scope, a.scope) and self._counts(a)
        ]

    def _counts(self, assignment: RoleAssignment) -> bool:
        return not self.lag or self.now() >= datetime.fromisoformat(assignment.created) + self.lag

    def allows(self, principal_id: str, action: str, scope: str) -> bool:
        """Return whether the principal may perform `action` at `scope`."""
        return any(role.allows(action) for role in self.roles_of(principal_id, scope))

    def allows_data(self, principal_id: str, action: str, scope: str) -> bool:
        """Return whether the principal may perform the data action at `scope`."""
        return any(role.allows_data(action) for role in self.roles_of(principal_id, scope))

    def sees(self, principal_id: str, scope: str) -> bool:
        """Return whether the principal has any role at `scope`, above it or below it."""
        return any(
            a.principal_id == principal_id and (is_within(scope, a.scope) or is_within(a.scope, scope))
            for a in self.assignments
        )


def is_within(scope: str, other: str) -> bool:
    """Return whether `scope` is `other` or is below it (case-insensitive)."""
    return f"{scope.rstrip('/')}/".lower().startswith(f"{other.rstrip('/')}/".lower())


def _any(patterns: tuple[str, ...], action: str) -> bool:
    return any(re.fullmatch(re.escape(p).replace(r"\*", ".*"), action, flags=re.IGNORECASE) for p in patterns)
