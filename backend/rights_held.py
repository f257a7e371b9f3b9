"""What our identity may do, asked for real.

ARM tells the permissions of a scope, the SAM app's own token its roles in Graph, the vault its access policies,
and the storage lets an account's key in or not.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from backend import at_once, rights_needed
from backend.clients import Clients
from backend.discovery import Discovery
from backend.errors import AzureRefusedError, BackendError, NotConfiguredError, NotFoundError, while_trying_to
from backend.function_apps import FunctionApps
from backend.key_vault import KeyVault
from backend.loading import LOADING
from backend.rights_needed import GRAPH, SECRET_PERMISSIONS, Need
from backend.static_web_app import NoStaticWebAppError, StaticWebApp

if TYPE_CHECKING:
    from backend.rotation.service import KeyRotation

T = TypeVar("T")
Permissions = Sequence[Mapping[str, Any]]
PERMISSIONS_API: Final = "2022-04-01"
VAULT_API: Final = "2023-07-01"
FORBIDDEN: Final = 403


@dataclass(frozen=True)
class Held:
    """What is held of one need; `holds` is None where that could not be asked, as `problem` says."""

    need: Need
    holds: Callable[[str], bool] | None
    problem: str | None = None


class RightsHeld:
    """One look at what our identity, `who`, may do; nothing is waited for beyond `ends` (of `time.monotonic`)."""

    def __init__(self, clients: Clients, discovery: Discovery, who: str, ends: float) -> None:
        self._clients = clients
        self._discovery = discovery
        self._who = who
        self._ends = ends

    def on_group(self) -> list[Held]:
        """Ask about reading CIPP's resource group."""
        subscription, group = self._discovery.deployment().group()
        return [self._by_arm(rights_needed.to_read(self._who, f"/subscriptions/{subscription}/resourceGroups/{group}"))]

    def on_function_apps(self, apps: FunctionApps) -> list[Held]:
        """Ask about the main and offload apps; without Reader none is listed, yet the main app's name is known."""
        deployment = self._discovery.deployment()
        try:
            names = [app.name for app in self._in_time(apps.apps) if app.is_main or app.offload_suffix]
        except BackendError:
            names = []
        scopes = [deployment.resource_id("Microsoft.Web/sites", name) for name in names or [deployment.main_app or ""]]
        needs = [rights_needed.to_control(self._who, scope) for scope in scopes]
        started = [at_once.start(partial(self._by_arm, need), name=need.scope) for need in needs]
        return [answer.result() for answer in started]

    def on_static_web_app(self, app: StaticWebApp) -> list[Held]:
        """Ask about the static web app, by the name that CIPP's template gives it where it cannot be listed."""
        deployment = self._discovery.deployment()
        name = deployment.template_static_web_app
        try:
            scope = str(self._in_time(lambda: app.resource)["id"])
        except NoStaticWebAppError:
            scope = ""
        except BackendError:
            scope = deployment.resource_id("Microsoft.Web/staticSites", name) if name else ""
        return [self._by_arm(rights_needed.to_manage(self._who, scope))] if scope else []

    def on_vault(self) -> list[Held]:
        """Ask about the vault's secrets, by its access policies or by roles, whichever it goes by."""
        deployment = self._discovery.deployment()
        scope = deployment.resource_id("Microsoft.KeyVault/vaults", deployment.vault_name or "")
        try:
            try:
                properties = self._in_time(partial(self._arm, scope, VAULT_API))["properties"]
            except NotFoundError:
                found = self._in_time(self._discovery.vault)  # it may be in another group
                scope = str(found["id"]) if found else scope
                properties = self._in_time(partial(self._arm, scope, VAULT_API))["properties"]
        except BackendError as error:
            return [Held(rights_needed.to_keep_secrets(self._who, scope, by_role=False), None, str(error))]
        by_role = bool(properties.get("enableRbacAuthorization"))
        need = rights_needed.to_keep_secrets(self._who, scope, by_role=by_role)
        if by_role:
            return [self._by_arm(need)]
        return [Held(need, held_by_policy(properties.get("accessPolicies") or (), self._who).__contains__)]

    def in_graph(self, rotation: "KeyRotation", vault: KeyVault) -> list[Held]:
        """Ask for what the SAM app's own token holds; its id is read only where a command needs it."""
        problem, app, held = None, "", frozenset(GRAPH)
        try:
            held = self._in_time(rotation.graph_roles)
            if not all(rights_needed.holds_in_graph(held, permission) for permission in GRAPH):
                app = self._in_time(partial(vault.read, "ApplicationID")).value.reveal()
        except BackendError as error:
            problem = str(error)
        needs = [rights_needed.in_graph(self._clients.cloud, app, permission) for permission in GRAPH]
        told = None if problem else partial(rights_needed.holds_in_graph, held)
        return [Held(need, told, problem) for need in needs]

    def on_tables(self) -> list[Held]:
        """Return whether this app may use the storage account, and first, if the settings are wrong, that they are.

        An account's key is tried, the identity's rights are looked up. In an account that is not CIPP's they are
        needed, too: this app's own tables are there.
        """
        checking = at_once.start(self._clients.storage_problem, name="rights")
        rights = self._on_account()
        try:
            problem = at_once.by(self._ends, checking, what="check the storage account")
        except BackendError:
            problem = None  # unknown whether it is CIPP's: the other entries state why
        return [*([Held(rights_needed.to_find_tables(), nothing, problem)] if problem else []), *rights]

    def _on_account(self) -> list[Held]:
        """Return whether this app may use the tables of the configured storage account."""
        try:
            settings, tables = self._clients.storage, self._clients.tables()
        except NotConfiguredError:
            return []
        if settings is None or tables is None:
            return []
        account = settings.account or str(tables.account_name)
        if settings.by_identity:
            scope = self._discovery.deployment().resource_id("Microsoft.Storage/storageAccounts", account)
            try:
                scope = self._in_time(partial(self._storage_account, account)) or scope
            except BackendError as error:
                return [Held(rights_needed.to_use_tables(self._who, scope), None, str(error))]
            return [self._by_arm(rights_needed.to_use_tables(self._who, scope))]
        deployment = self._discovery.deployment()
        need = rights_needed.to_use_tables_by_key(deployment.answering_app or "", deployment.group()[1], account)
        try:
            with while_trying_to("list the tables of CIPP's storage"):
                self._in_time(lambda: next(iter(tables.list_tables(results_per_page=1)), None))
        except BackendError as error:
            return [Held(need, nothing if _is_forbidden(error) else None, str(error))]
        return [Held(need, lambda _: True)]

    def _by_arm(self, need: Need) -> Held:
        """Ask ARM what we may do at the need's scope; that it may not even be asked is an answer: nothing."""
        try:
            answer = self._in_time(
                partial(self._arm, f"{need.scope}/providers/Microsoft.Authorization/permissions", PERMISSIONS_API)
            )
        except BackendError as error:
            return Held(need, nothing if _is_forbidden(error) else None, str(error))
        return Held(need, partial(allowed, answer["value"]))

    def _storage_account(self, name: str) -> str:
        subscription, _ = self._discovery.deployment().group()
        with while_trying_to(f"look up storage account '{name}'"):
            found = self._clients.resources(subscription).resources.list(
                filter=f"resourceType eq 'Microsoft.Storage/storageAccounts' and name eq '{name}'"
            )
            return next((str(account.id) for account in found), "")

    def _arm(self, path: str, version: str) -> Any:  # noqa: ANN401 - what JSON may hold
        with LOADING:
            from azure.core.rest import HttpRequest  # noqa: PLC0415 - imported where ARM is asked

        subscription, _ = self._discovery.deployment().group()
        url = f"{self._clients.cloud.arm}{path}?api-version={version}"
        with while_trying_to(f"look at {path}"):
            response = self._clients.resources(subscription).send_request(HttpRequest("GET", url))
            response.raise_for_status()
            return response.json()

    def _in_time(self, ask: Callable[[], T]) -> T:
        return at_once.by(self._ends, at_once.start(ask, name="rights"), what="look up this app's rights")


def allowed(permissions: Permissions, action: str) -> bool:
    """Tell whether permissions hold an action on resources or on data. Pure.

    Each permission is one role's; what one role excludes, another may hold.
    """
    return any(
        any(_fits(action, pattern) for pattern in permission.get(kind) or ())
        and not any(_fits(action, pattern) for pattern in permission.get(excluded) or ())
        for permission in permissions
        for kind, excluded in (("actions", "notActions"), ("dataActions", "notDataActions"))
        if (kind == "dataActions") == rights_needed.is_on_data(action)
    )


def held_by_policy(policies: Permissions, who: str) -> frozenset[str]:
    """Collect the permissions on secrets that a vault's access policies give. Pure."""
    held = {
        str(right).lower()
        for policy in policies
        if str(policy.get("objectId", "")).lower() == who.lower()
        for right in (policy.get("permissions") or {}).get("secrets") or ()
    }
    return frozenset(SECRET_PERMISSIONS if "all" in held else held)


def nothing(_: str) -> bool:
    """Hold no right."""
    return False


def _is_forbidden(error: BackendError) -> bool:
    return isinstance(error, AzureRefusedError) and error.status == FORBIDDEN


def _fits(action: str, pattern: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), action, re.IGNORECASE) is not None
