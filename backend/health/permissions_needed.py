"""The permissions that each feature needs in any shape, and the commands to grant them with least privilege. Pure.

The names of actions are those that ARM derives from the calls of this app. The commands are for bash.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from shlex import quote
from typing import Final

from backend.configuration.clouds import Cloud
from backend.configuration.mode import Mode, Option
from backend.installation.needs import BY_GROUPS, ManagedIdentity, Need, assign

VAULT_READS: Final = ("Microsoft.KeyVault/vaults/read",)
READ: Final = (  # in any shape
    "Microsoft.Resources/subscriptions/resourceGroups/read",
    "Microsoft.Resources/subscriptions/resourceGroups/resources/read",
    *VAULT_READS,
)
ON_THIS_APP: Final = ("Microsoft.Web/sites/config/read", "Microsoft.Web/sites/functions/read")
SECRET_READS: Final = ("get", "list")  # of an access policy
SECRET_PERMISSIONS: Final = (*SECRET_READS, "set", "recover")
_SECRETS: Final = "Microsoft.KeyVault/vaults/secrets"
SECRET_READ_ACTIONS: Final = (f"{_SECRETS}/getSecret/action", f"{_SECRETS}/readMetadata/action")
SECRET_ACTIONS: Final = (
    *SECRET_READ_ACTIONS,
    f"{_SECRETS}/setSecret/action",
    f"{_SECRETS}/update/action",
    f"{_SECRETS}/recover/action",
)
_TABLES: Final = "Microsoft.Storage/storageAccounts/tableServices/tables"
TABLE_ACTIONS: Final = (f"{_TABLES}/read", f"{_TABLES}/write")
ENTITY_WRITE_ACTIONS: Final = tuple(
    f"{_TABLES}/entities/{action}" for action in ("read", "write", "add/action", "update/action")
)
ENTITY_ACTIONS: Final = (*ENTITY_WRITE_ACTIONS, f"{_TABLES}/entities/delete")
GRAPH: Final = {  # the app role's ID by name, the same in every tenant
    "Application.ReadWrite.All": "1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9",
    "Policy.Read.All": "246dd0d5-5bd0-4def-940b-0421030a5b68",
    "Policy.ReadWrite.ApplicationConfiguration": "be74164b-cff1-491c-8741-e671cb536e13",
    "GroupMember.Read.All": "98830695-27a2-44f7-8c18-0c3ebc9698f6",
    "User.Read.All": "df021288-bdef-4463-88db-98f22de89214",
}
_READ_APPS: Final = "Application.Read.All"
GRAPH_WITHOUT_ROTATION: Final = {
    _READ_APPS: "9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30",
    **{name: role for name, role in GRAPH.items() if ".ReadWrite." not in name},
}
_BY_GROUPS: Final = ("GroupMember.Read.All", "User.Read.All")
_READS_ALL: Final = frozenset({"Directory.Read.All", "Directory.ReadWrite.All"})  # including users and groups
_ON_TABLES: Final = "Lock, history, Logbook, users of a container"
_GRAPH_APP: Final = "00000003-0000-0000-c000-000000000000"


def to_read(identity: ManagedIdentity, group: str, hosting: Sequence[str]) -> Need:
    """Return the need to read the resource group. `hosting` are the read actions on the resources that host CIPP."""
    return Need("Links, lists, overview", "azure", group, (*READ, *hosting), assign(identity, "Reader", group))


def to_watch_itself(identity: ManagedIdentity, app: str) -> Need:
    """Return the need to read this app's own sign-in and timers, if it is in another resource group than CIPP."""
    return Need("Checks of this app", "azure", app, ON_THIS_APP, assign(identity, "Reader", app))


def to_keep_secrets(identity: ManagedIdentity, vault: str, mode: Mode, *, by_role: bool) -> Need:
    """Return the need to rotate and manage secrets, by the vault's access policies or by roles.

    Without rotation, they are only read, because a check signs in with each key.
    """
    rotates = mode.allows(Option.ROTATION)
    feature = "Rotation, keys and secrets" if rotates else "Checks of keys and secrets"
    permissions = SECRET_PERMISSIONS if rotates else SECRET_READS
    if by_role:
        role = "Key Vault Secrets Officer" if rotates else "Key Vault Secrets User"
        actions = SECRET_ACTIONS if rotates else SECRET_READ_ACTIONS
        return Need(feature, "vault", vault, actions, assign(identity, role, vault))
    command = (
        f"az keyvault set-policy --name {vault.rpartition('/')[2]} --object-id {identity.object_id} "
        f"--secret-permissions {' '.join(permissions)}"
    )
    return Need(feature, "vault", vault, permissions, command)


def is_on_data(action: str) -> bool:
    """Return whether an action is on data: on a vault's secrets or a table's rows."""
    return action.startswith((_SECRETS, f"{_TABLES}/entities/"))


def to_find_tables() -> Need:
    """Return the need for CIPP's tables if the settings don't lead to them. A command can't know the account."""
    return Need("Access, tenants, time zone, Logbook", "table", "", ("CIPP's storage account",), "")


def to_use_tables(identity: ManagedIdentity, account: str, mode: Mode) -> Need:
    """Return the need to use CIPP's tables by this app's identity.

    Only a lock and the history of the rotation delete rows. No option means that there is neither.
    """
    deletes = any(mode.allows(option) for option in Option)
    actions = (*TABLE_ACTIONS, *(ENTITY_ACTIONS if deletes else ENTITY_WRITE_ACTIONS))
    return Need(_ON_TABLES, "table", account, actions, assign(identity, "Storage Table Data Contributor", account))


def to_use_tables_by_key(app: str, group: str, account: str) -> Need:
    """Return the need to use CIPP's tables by a connection string, which grants everything or nothing."""
    command = (
        f"az functionapp config appsettings set --name {app} --resource-group {quote(group)} --output none --settings "
        f'CIPP_STORAGE="$(az storage account show-connection-string --name {account} --query connectionString '
        '--output tsv)"'
    )
    return Need(_ON_TABLES, "table", account, ("the account's key",), command)


def graph_permissions(mode: Mode) -> tuple[str, ...]:
    """Return the permissions in Graph that this mode needs. Pure."""
    return tuple(GRAPH if mode.allows(Option.ROTATION) else GRAPH_WITHOUT_ROTATION)


def in_graph(cloud: Cloud, sam_app: str, permission: str, *, users: str) -> Need:
    """Return the need for one permission of CIPP's SAM app in Graph, granted in the partner's tenant.

    `users` is the feature that looks up users.
    """
    role = {**GRAPH, **GRAPH_WITHOUT_ROTATION}[permission]
    body = f'{{"principalId": "$SAM", "resourceId": "$GRAPH", "appRoleId": "{role}"}}'.replace('"', '\\"')
    command = (
        f"SAM=$(az ad sp show --id {sam_app} --query id --output tsv) && "
        f"GRAPH=$(az ad sp show --id {_GRAPH_APP} --query id --output tsv) && az rest --method post "
        f'--url "{cloud.graph}/v1.0/servicePrincipals/$SAM/appRoleAssignments" --body "{body}"'
    )
    feature = {
        "Application.ReadWrite.All": "Rotation of the client secret and the certificate",
        _READ_APPS: "Checks of the client secret and the certificate",
        "GroupMember.Read.All": BY_GROUPS,
        "User.Read.All": users,
    }.get(permission, "Rotation under the tenant's app management policy")
    return Need(feature, "graph", cloud.graph, (permission,), command)


def holds_in_graph(held: AbstractSet[str], permission: str) -> bool:
    """Return whether the permissions of a token include a needed one. Pure."""
    if permission == _READ_APPS:
        return not held.isdisjoint({_READ_APPS, "Application.ReadWrite.All", *_READS_ALL})
    return permission in held or (permission in _BY_GROUPS and not held.isdisjoint(_READS_ALL))
