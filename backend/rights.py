"""Which rights each feature needs, whether they are there, and the command that grants what is missing.

Asked for real: ARM tells the permissions of a scope, the Graph token its roles, the vault its access policies.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from backend import at_once
from backend.clients import Clients
from backend.discovery import Discovery
from backend.errors import BackendError, while_trying_to
from backend.function_apps import FunctionApps
from backend.rotation.service import KeyRotation
from backend.static_web_app import StaticWebApp
from backend.values import Value

Kind = Literal["azure", "vault", "graph", "table"]
READ_GROUP: Final = (
    "Microsoft.Resources/subscriptions/resourceGroups/read",
    "Microsoft.Web/sites/read",
    "Microsoft.Web/staticSites/read",
    "Microsoft.KeyVault/vaults/read",
)
ACT_ON_APP: Final = (
    "Microsoft.Web/sites/start/action",
    "Microsoft.Web/sites/stop/action",
    "Microsoft.Web/sites/restart/action",
    "Microsoft.Web/sites/config/list/action",
    "Microsoft.Web/sites/config/write",
    "Microsoft.Web/sites/sync/action",
    "Microsoft.Web/sites/instances/processes/read",
)
ACT_ON_STATIC: Final = (
    "Microsoft.Web/staticSites/read",
    "Microsoft.Web/staticSites/customdomains/write",
    "Microsoft.Web/staticSites/customdomains/delete",
    "Microsoft.Web/staticSites/authproviders/listusers/action",
    "Microsoft.Web/staticSites/authproviders/users/write",
    "Microsoft.Web/staticSites/authproviders/users/delete",
    "Microsoft.Web/staticSites/createinvitation/action",
)
SECRETS: Final = ("get", "list", "set", "recover")
SECRET_ACTIONS: Final = {
    "get": "Microsoft.KeyVault/vaults/secrets/getSecret/action",
    "list": "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
    "set": "Microsoft.KeyVault/vaults/secrets/setSecret/action",
    "recover": "Microsoft.KeyVault/vaults/secrets/recover/action",
}
GRAPH: Final = (
    "Application.ReadWrite.All",
    "Policy.Read.All",
    "Policy.ReadWrite.ApplicationConfiguration",
    "GroupMember.Read.All",
)
PERMISSIONS_API: Final = "2022-04-01"
VAULT_API: Final = "2023-07-01"


class Right(Value, frozen=True):
    """One right: `has` None means that it could not be asked, and `problem` says why."""

    feature: str
    kind: Kind
    action: str
    scope: str
    has: bool | None
    problem: str | None = None


class Rights(Value, frozen=True):
    """All rights, and what grants the missing ones with the least privilege."""

    rights: list[Right]
    missing: int
    commands: list[str]


@dataclass(frozen=True)
class _Ask:
    """One scope to ask about, for one feature."""

    feature: str
    actions: tuple[str, ...]
    scope: str
    command: str


class BackendRights:
    """The service of the rights."""

    def __init__(
        self,
        clients: Clients,
        discovery: Discovery,
        apps: FunctionApps,
        static_web_app: StaticWebApp,
        rotation: KeyRotation,
    ) -> None:
        self._clients = clients
        self._discovery = discovery
        self._apps = apps
        self._static_web_app = static_web_app
        self._rotation = rotation

    def rights(self) -> Rights:
        """Ask for every right; all scopes at once."""
        claims = self._clients.identity_claims()
        who = str(claims.get("oid", ""))
        asks = self._asks(who)
        started = [at_once.start(_bind(self._azure, ask), name=ask.feature) for ask in asks]
        vault = at_once.start(lambda: self._vault(who), name="rights on the vault")
        graph = at_once.start(self._graph, name="rights in Graph")
        table = at_once.start(lambda: self._table(who), name="rights on the tables")
        found = [future.result() for future in [*started, vault, graph, table]]
        rights = [right for some, _ in found for right in some]
        commands = [command for some, command in found if command and any(right.has is False for right in some)]
        return Rights(
            rights=rights, missing=sum(right.has is False for right in rights), commands=list(dict.fromkeys(commands))
        )

    def _asks(self, who: str) -> list[_Ask]:
        deployment = self._discovery.deployment()
        subscription, group = deployment.group()
        scope = f"/subscriptions/{subscription}/resourceGroups/{group}"
        asks = [_Ask("Links, lists and overview", READ_GROUP, scope, _assign(who, "Reader", scope))]
        for app in (app.name for app in self._apps.apps() if app.is_main or app.offload_suffix):
            at = deployment.resource_id("Microsoft.Web/sites", app)
            asks.append(_Ask(f"Controls of '{app}'", ACT_ON_APP, at, _assign(who, "Website Contributor", at)))
        if static := self._discovery.static_web_app_id():
            asks.append(_Ask("The static web app", ACT_ON_STATIC, static, _custom_role(who, static)))
        return asks

    def _azure(self, ask: _Ask) -> tuple[list[Right], str]:
        try:
            permissions = self._permissions(ask.scope)
        except BackendError as error:
            return [
                Right(feature=ask.feature, kind="azure", action=a, scope=ask.scope, has=None, problem=str(error))
                for a in ask.actions
            ], ask.command
        return [
            Right(feature=ask.feature, kind="azure", action=a, scope=ask.scope, has=allowed(a, permissions, "actions"))
            for a in ask.actions
        ], ask.command

    def _permissions(self, scope: str) -> list[Mapping[str, Any]]:
        """Ask ARM what we may do at a scope."""
        path = f"{scope}/providers/Microsoft.Authorization/permissions"
        return list(self._arm(path, PERMISSIONS_API, f"look up this app's rights on {scope}")["value"])

    def _vault(self, who: str) -> tuple[list[Right], str]:
        feature, deployment = "Keys and secrets", self._discovery.deployment()
        scope = self._discovery.vault_id() or deployment.resource_id(
            "Microsoft.KeyVault/vaults", deployment.vault_name or ""
        )
        name = scope.rpartition("/")[2]
        policy = f"az keyvault set-policy --name {name} --object-id {who} --secret-permissions {' '.join(SECRETS)}"
        try:
            properties = self._arm(scope, VAULT_API, f"look at key vault '{name}'")["properties"]
            if properties.get("enableRbacAuthorization"):
                permissions = self._permissions(scope)
                held = {right for right in SECRETS if allowed(SECRET_ACTIONS[right], permissions, "dataActions")}
                policy = _assign(who, "Key Vault Secrets Officer", scope)
            else:
                held = _by_policy(properties.get("accessPolicies") or (), who)
        except BackendError as error:
            return [
                Right(feature=feature, kind="vault", action=r, scope=scope, has=None, problem=str(error))
                for r in SECRETS
            ], policy
        return [Right(feature=feature, kind="vault", action=r, scope=scope, has=r in held) for r in SECRETS], policy

    def _graph(self) -> tuple[list[Right], str]:
        feature, scope = "Rotation (as CIPP's SAM app)", "Microsoft Graph"
        command = "In CIPP: Application Settings, Permissions, refresh; or consent to them on the SAM app in Entra."
        try:
            held = self._rotation.graph_roles()
        except BackendError as error:
            return [
                Right(feature=feature, kind="graph", action=r, scope=scope, has=None, problem=str(error)) for r in GRAPH
            ], command
        return [Right(feature=feature, kind="graph", action=r, scope=scope, has=r in held) for r in GRAPH], command

    def _table(self, who: str) -> tuple[list[Right], str]:
        feature, action = "Lock, history, Logbook", "Table data: read, add, update, delete"
        tables = self._clients.tables()
        if tables is None:
            problem = "No storage is configured (CIPP_STORAGE)."
            return [Right(feature=feature, kind="table", action=action, scope="", has=None, problem=problem)], ""
        scope = str(tables.url)
        command = _assign(who, "Storage Table Data Contributor", f"<id of the storage account of {scope}>")
        try:
            with while_trying_to("list the tables of CIPP's storage"):
                next(iter(tables.list_tables(results_per_page=1)), None)
        except BackendError as error:
            has = False if getattr(error, "status", 0) == 403 else None  # noqa: PLR2004 - refused, not silent
            return [
                Right(feature=feature, kind="table", action=action, scope=scope, has=has, problem=str(error))
            ], command
        return [Right(feature=feature, kind="table", action=action, scope=scope, has=True)], command

    def _arm(self, path: str, version: str, action: str) -> Any:  # noqa: ANN401 - what JSON may hold
        from azure.core.rest import HttpRequest  # noqa: PLC0415 - imported where ARM is asked

        subscription, _ = self._discovery.deployment().group()
        url = f"{self._clients.cloud.arm}{path}?api-version={version}"
        with while_trying_to(action):
            response = self._clients.resources(subscription).send_request(HttpRequest("GET", url))
            response.raise_for_status()
            return response.json()


def allowed(action: str, permissions: Sequence[Mapping[str, Any]], kind: str) -> bool:
    """Tell whether permissions hold an action: one that includes it and does not exclude it. Pure."""
    excluded = f"not{kind[0].upper()}{kind[1:]}"
    return any(
        any(_fits(action, pattern) for pattern in permission.get(kind) or ())
        and not any(_fits(action, pattern) for pattern in permission.get(excluded) or ())
        for permission in permissions
    )


def _fits(action: str, pattern: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), action, re.IGNORECASE) is not None


def _by_policy(policies: Sequence[Mapping[str, Any]], who: str) -> set[str]:
    """Collect the secret permissions that a vault's access policies give."""
    held: set[str] = set()
    for policy in policies:
        if str(policy.get("objectId", "")).lower() == who.lower():
            held |= {str(right).lower() for right in (policy.get("permissions") or {}).get("secrets") or ()}
    return set(SECRETS) if "all" in held else held


def _assign(who: str, role: str, scope: str) -> str:
    return (
        f"az role assignment create --assignee-object-id {who} --assignee-principal-type ServicePrincipal "
        f'--role "{role}" --scope {scope}'
    )


def _custom_role(who: str, scope: str) -> str:
    """Answer the commands for a role on the static web app alone: no built-in role holds so little."""
    actions = ",".join(f'"{action}"' for action in ACT_ON_STATIC)
    definition = f'{{"Name":"CIPP static web app","Actions":[{actions}],"AssignableScopes":["{scope}"]}}'
    return f"az role definition create --role-definition '{definition}' && {_assign(who, 'CIPP static web app', scope)}"


def _bind(ask: Callable[[_Ask], tuple[list[Right], str]], about: _Ask) -> Callable[[], tuple[list[Right], str]]:
    return lambda: ask(about)
