"""What each feature needs, and the command that grants it with the least privilege. Pure.

Names of actions are those that ARM derives from the calls that we make. The commands are for bash.
"""

import json
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from shlex import quote
from typing import Final, Literal

from backend.clouds import Cloud

Kind = Literal["azure", "vault", "graph", "table"]
READ: Final = (
    "Microsoft.Resources/subscriptions/resourceGroups/read",
    "Microsoft.Resources/subscriptions/resourceGroups/resources/read",
    "Microsoft.KeyVault/vaults/read",
    "Microsoft.Web/sites/read",
    "Microsoft.Web/sites/config/read",
    "Microsoft.Web/sites/config/appsettings/read",
    "Microsoft.Web/sites/deployments/read",
    "Microsoft.Web/sites/instances/read",
    "Microsoft.Web/sites/instances/processes/read",
    "Microsoft.Web/sites/sourcecontrols/read",
    "Microsoft.Web/staticSites/read",
    "Microsoft.Web/staticSites/builds/read",
    "Microsoft.Web/staticSites/customDomains/read",
)
ON_APP: Final = (
    "Microsoft.Web/sites/start/action",
    "Microsoft.Web/sites/stop/action",
    "Microsoft.Web/sites/restart/action",
    "Microsoft.Web/sites/sync/action",
    "Microsoft.Web/sites/config/list/action",
    "Microsoft.Web/sites/config/write",
)
ON_STATIC_WEB_APP: Final = (
    "Microsoft.Web/staticSites/customDomains/write",
    "Microsoft.Web/staticSites/customDomains/delete",
    "Microsoft.Web/staticSites/authproviders/listUsers/action",
    "Microsoft.Web/staticSites/authproviders/users/write",
    "Microsoft.Web/staticSites/authproviders/users/delete",
    "Microsoft.Web/staticSites/createUserInvitation/action",
)
# Azure's list of operations calls the invitation createinvitation, and its access control asks for
# createUserInvitation, which a role cannot name: so the role holds all actions but those that we do not call.
_ROLE_ACTIONS: Final = (
    "Microsoft.Web/staticSites/read",
    *(action for action in ON_STATIC_WEB_APP if not action.endswith("/createUserInvitation/action")),
    "Microsoft.Web/staticSites/*/action",
)
_ROLE_NOT_ACTIONS: Final = (
    "Microsoft.Web/staticSites/listsecrets/action",
    "Microsoft.Web/staticSites/resetapikey/action",
    "Microsoft.Web/staticSites/zipdeploy/action",
    "Microsoft.Web/staticSites/builds/zipdeploy/action",
    "Microsoft.Web/staticSites/detach/action",
    "Microsoft.Web/staticSites/listappsettings/action",
    "Microsoft.Web/staticSites/listfunctionappsettings/action",
    "Microsoft.Web/staticSites/builds/listappsettings/action",
    "Microsoft.Web/staticSites/builds/listfunctionappsettings/action",
)
SECRET_PERMISSIONS: Final = ("get", "list", "set", "recover")  # of an access policy
_SECRETS: Final = "Microsoft.KeyVault/vaults/secrets"
SECRET_ACTIONS: Final = (
    f"{_SECRETS}/getSecret/action",
    f"{_SECRETS}/readMetadata/action",
    f"{_SECRETS}/setSecret/action",
    f"{_SECRETS}/update/action",
    f"{_SECRETS}/recover/action",
)
_TABLES: Final = "Microsoft.Storage/storageAccounts/tableServices/tables"
TABLE_ACTIONS: Final = (f"{_TABLES}/read", f"{_TABLES}/write")
ENTITY_ACTIONS: Final = tuple(
    f"{_TABLES}/entities/{action}" for action in ("read", "write", "delete", "add/action", "update/action")
)
GRAPH: Final = {  # by name, the app role's id, which is the same in every tenant
    "Application.ReadWrite.All": "1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9",
    "Policy.Read.All": "246dd0d5-5bd0-4def-940b-0421030a5b68",
    "Policy.ReadWrite.ApplicationConfiguration": "be74164b-cff1-491c-8741-e671cb536e13",
    "GroupMember.Read.All": "98830695-27a2-44f7-8c18-0c3ebc9698f6",
    "User.Read.All": "df021288-bdef-4463-88db-98f22de89214",
}
_BY_GROUPS: Final = ("GroupMember.Read.All", "User.Read.All")
_READS_ALL: Final = frozenset({"Directory.Read.All", "Directory.ReadWrite.All"})  # and so users and groups, too
_ON_TABLES: Final = "Lock, history, Logbook"
_GRAPH_APP: Final = "00000003-0000-0000-c000-000000000000"


@dataclass(frozen=True)
class Need:
    """What a feature needs at a scope, and the command that grants all of it; "" where none can."""

    feature: str
    kind: Kind
    scope: str
    actions: Sequence[str]
    command: str


def to_read(who: str, group: str) -> Need:
    """Reading what is in the resource group."""
    return Need("Links, lists, overview", "azure", group, READ, assign(who, "Reader", group))


def to_control(who: str, app: str) -> Need:
    """Start, stop, restart, settings and deployments of one app; Website Contributor covers no static web app."""
    feature = f"Controls and settings of '{app.rpartition('/')[2]}'"
    return Need(feature, "azure", app, ON_APP, assign(who, "Website Contributor", app))


def to_manage(who: str, static_web_app: str) -> Need:
    """Domains, users and invitations, by a role of their own on the static web app alone: no built-in one is as small.

    A role can be assignable to a resource group at the least; it is assigned to the static web app alone.
    """
    role = f"CIPP Backend on {static_web_app.rpartition('/')[2]}"
    definition = {
        "Name": role,
        "Description": "Domains, users and invitations of one static web app",
        "Actions": _ROLE_ACTIONS,
        "NotActions": _ROLE_NOT_ACTIONS,
        "AssignableScopes": [static_web_app.partition("/providers/")[0]],
    }
    create = f"az role definition create --role-definition {quote(json.dumps(definition))}"
    command = f"{create} && {assign(who, role, static_web_app)}"
    return Need("Domains and users of the static web app", "azure", static_web_app, ON_STATIC_WEB_APP, command)


def to_keep_secrets(who: str, vault: str, *, by_role: bool) -> Need:
    """Rotation and secrets, by the vault's access policies or by roles."""
    feature = "Rotation, keys and secrets"
    if by_role:
        return Need(feature, "vault", vault, SECRET_ACTIONS, assign(who, "Key Vault Secrets Officer", vault))
    command = (
        f"az keyvault set-policy --name {vault.rpartition('/')[2]} --object-id {who} "
        f"--secret-permissions {' '.join(SECRET_PERMISSIONS)}"
    )
    return Need(feature, "vault", vault, SECRET_PERMISSIONS, command)


def is_on_data(action: str) -> bool:
    """Tell whether an action is one on data: on a vault's secrets, or on a table's rows."""
    return action.startswith((_SECRETS, f"{_TABLES}/entities/"))


def to_find_tables() -> Need:
    """CIPP's tables if the settings don't lead to them. No command can name the account."""
    return Need("Access, tenants, time zone, Logbook", "table", "", ("CIPP's storage account",), "")


def to_use_tables(who: str, account: str) -> Need:
    """CIPP's tables by this app's identity."""
    actions = (*TABLE_ACTIONS, *ENTITY_ACTIONS)
    return Need(_ON_TABLES, "table", account, actions, assign(who, "Storage Table Data Contributor", account))


def to_use_tables_by_key(app: str, group: str, account: str) -> Need:
    """CIPP's tables by a connection string, which holds every right or none."""
    command = (
        f"az functionapp config appsettings set --name {app} --resource-group {quote(group)} --output none --settings "
        f'CIPP_STORAGE="$(az storage account show-connection-string --name {account} --query connectionString '
        '--output tsv)"'
    )
    return Need(_ON_TABLES, "table", account, ("the account's key",), command)


def in_graph(cloud: Cloud, sam_app: str, permission: str) -> Need:
    """One permission of CIPP's SAM app in Graph; granted in the partner's tenant."""
    body = f'{{"principalId": "$SAM", "resourceId": "$GRAPH", "appRoleId": "{GRAPH[permission]}"}}'.replace('"', '\\"')
    command = (
        f"SAM=$(az ad sp show --id {sam_app} --query id --output tsv) && "
        f"GRAPH=$(az ad sp show --id {_GRAPH_APP} --query id --output tsv) && az rest --method post "
        f'--url "{cloud.graph}/v1.0/servicePrincipals/$SAM/appRoleAssignments" --body "{body}"'
    )
    feature = {
        "Application.ReadWrite.All": "Rotation of the client secret and the certificate",
        **dict.fromkeys(_BY_GROUPS, "Roles by Entra groups"),
    }.get(permission, "Rotation under the tenant's app management policy")
    return Need(feature, "graph", cloud.graph, (permission,), command)


def holds_in_graph(held: AbstractSet[str], permission: str) -> bool:
    """Tell whether the permissions of a token hold one of those that are needed. Pure."""
    return permission in held or (permission in _BY_GROUPS and not held.isdisjoint(_READS_ALL))


def assign(who: str, role: str, scope: str) -> str:
    """Word the command that gives our identity a role."""
    return (
        f"az role assignment create --assignee-object-id {who} --assignee-principal-type ServicePrincipal "
        f'--role "{role}" --scope {quote(scope)}'
    )
