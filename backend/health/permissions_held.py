"""The permissions of this app's identity, checked in Azure.

- ARM returns the permissions at a scope.
- The SAM app's own token contains its roles in Graph.
- The vault has its access policies.
- The storage account accepts or refuses an account's key.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from backend.azure.clients import Clients
from backend.azure.errors.translation import while_trying_to
from backend.azure.sdk_json import at_address, listed, listed_by_link, pages
from backend.concurrency import background
from backend.concurrency.deadline import Deadline
from backend.configuration.mode import Mode
from backend.errors import (
    NOT_READABLE,
    AzureRefusedError,
    BackendError,
    NotConfiguredError,
    NotFoundError,
    UnreadableResponseError,
)
from backend.health import permissions_needed
from backend.health.permissions_needed import SECRET_PERMISSIONS, graph_permissions
from backend.installation import granted
from backend.installation.discovery import Discovery
from backend.installation.granted import Permissions
from backend.installation.needs import ManagedIdentity, Need
from backend.key_vault.vault import KeyVault
from backend.readings import Json, object_of, objects_of, properties_of, text_of, texts_of

if TYPE_CHECKING:
    from backend.rotation.service import KeyRotation

T = TypeVar("T")
PERMISSIONS_API: Final = "2022-04-01"
VAULT_API: Final = "2023-07-01"


@dataclass(frozen=True)
class Held:
    """The result for one need. `holds` is empty (None) if it could not be checked, and `problem` states why.

    If both are set, `problem` states what else blocks this app, such as a firewall.
    """

    need: Need
    holds: Callable[[str], bool] | None
    problem: str | None = None


class RightsHeld:
    """One check of this app's permissions, which does not wait beyond the deadline."""

    def __init__(
        self, clients: Clients, discovery: Discovery, identity: ManagedIdentity, mode: Mode, deadline: Deadline
    ) -> None:
        self._clients = clients
        self._discovery = discovery
        self._identity = identity
        self._mode = mode
        self._deadline = deadline

    def on_group(self, hosting: Sequence[str]) -> list[Held]:
        """Return the result for reading CIPP's resource group. `hosting` are the read actions on CIPP's hosting."""
        subscription, group = self._discovery.deployment().group()
        scope = f"/subscriptions/{subscription}/resourceGroups/{group}"
        return [self._by_arm(permissions_needed.to_read(self._identity, scope, hosting))]

    def on_this_app(self) -> list[Held]:
        """Return the result for this app itself, if it is in another resource group than CIPP."""
        cipp, own = self._discovery.deployment(), self._discovery.this_app()
        is_known = own.answering_app and own.subscription_id and own.resource_group
        if not is_known or is_same_place(own.group(), cipp.group()):
            return []
        app = own.resource_id("Microsoft.Web/sites", own.answering_app or "")
        return [self._by_arm(permissions_needed.to_watch_itself(self._identity, app))]

    def on_hosting(self, needs: Callable[[ManagedIdentity, Deadline], Sequence[Need]]) -> list[Held]:
        """Return the results for the resources of one type that host CIPP. `needs` looks them up."""
        found = needs(self._identity, self._deadline)
        started = [background.start(partial(self._by_arm, need), name=need.scope) for need in found]
        return [result.result() for result in started]

    def on_vault(self) -> list[Held]:
        """Return the result for the vault's secrets, by access policies or roles as the vault is configured."""
        deployment = self._discovery.deployment()
        scope = deployment.resource_id("Microsoft.KeyVault/vaults", deployment.vault_name or "")
        try:
            try:
                properties = properties_of(self._in_time(partial(self._arm, scope, VAULT_API)))
            except NotFoundError:
                found = self._in_time(self._discovery.vault)  # it may be in another group
                scope = text_of(found.get("id")) if found else scope
                properties = properties_of(self._in_time(partial(self._arm, scope, VAULT_API)))
        except BackendError as error:
            need = permissions_needed.to_keep_secrets(self._identity, scope, self._mode, by_role=False)
            return [Held(need, None, str(error))]
        trying = background.start(self._obstacle_at_vault, name="rights")
        by_role = properties.get("enableRbacAuthorization") is True
        need = permissions_needed.to_keep_secrets(self._identity, scope, self._mode, by_role=by_role)
        if by_role:
            held = self._by_arm(need)
        else:
            held = Held(
                need,
                held_by_policy(objects_of(properties.get("accessPolicies")), self._identity.object_id).__contains__,
            )
        try:
            obstacle = background.by(self._deadline, trying, what="list the secrets of the vault")
        except BackendError as error:
            obstacle = str(error)
        return [replace(held, problem=held.problem or obstacle)]

    def _obstacle_at_vault(self) -> str | None:
        """Return what blocks this app from the vault despite its permissions, such as a firewall, or None."""
        deployment = self._discovery.deployment()
        try:
            with while_trying_to(f"list the secrets of key vault '{deployment.vault_name}'"):
                secrets = self._clients.secrets(deployment.vault_url).list_properties_of_secrets
                next(pages(secrets, max_page_size=1), None)
        except AzureRefusedError as error:
            return None if error.is_missing_right else str(error)
        except BackendError as error:
            return str(error)
        return None

    def in_graph(self, rotation: "KeyRotation", vault: KeyVault, users: str) -> list[Held]:
        """Return the results for the SAM app's own token. Its ID is read only if a command needs it.

        `users` is the feature that looks up users.
        """
        wanted = graph_permissions(self._mode)
        problem, app, held = None, "", frozenset(wanted)
        try:
            held = self._in_time(rotation.graph_roles)
            if not all(permissions_needed.holds_in_graph(held, permission) for permission in wanted):
                app = self._in_time(partial(vault.read, "ApplicationID")).value.reveal()
        except BackendError as error:
            problem = str(error)
        needs = [
            permissions_needed.in_graph(self._clients.cloud, app, permission, users=users) for permission in wanted
        ]
        holds = None if problem else partial(permissions_needed.holds_in_graph, held)
        return [Held(need, holds, problem) for need in needs]

    def on_tables(self) -> list[Held]:
        """Return the results for the storage account. If the settings are wrong, the first result states it.

        An account's key is tried. An identity's permissions are looked up. They are also needed if the account is not
        CIPP's, because it has this app's own tables.
        """
        checking = background.start(self._clients.storage_problem, name="rights")
        rights = self._on_account()
        try:
            problem = background.by(self._deadline, checking, what="check the storage account")
        except BackendError:
            problem = None  # unknown. The other results state why.
        return [*([Held(permissions_needed.to_find_tables(), nothing, problem)] if problem else []), *rights]

    def _on_account(self) -> list[Held]:
        """Return the result for the tables of the configured storage account."""
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
                return [Held(permissions_needed.to_use_tables(self._identity, scope, self._mode), None, str(error))]
            return [self._by_arm(permissions_needed.to_use_tables(self._identity, scope, self._mode))]
        deployment = self._discovery.deployment()
        need = permissions_needed.to_use_tables_by_key(deployment.answering_app or "", deployment.group()[1], account)
        try:
            with while_trying_to("list the tables of CIPP's storage"):
                self._in_time(lambda: next(iter(tables.list_tables(results_per_page=1)), None))
        except BackendError as error:
            return [Held(need, nothing if _is_lacking(error) else None, str(error))]
        return [Held(need, lambda _: True)]

    def _by_arm(self, need: Need) -> Held:
        """Return this app's permissions at the need's scope by ARM. If ARM denies the lookup, it has none."""
        try:
            permissions = self._in_time(
                partial(self._arm_list, f"{need.scope}/providers/Microsoft.Authorization/permissions", PERMISSIONS_API)
            )
        except BackendError as error:
            return Held(need, nothing if _is_lacking(error) else None, str(error))
        return Held(need, partial(allowed, permissions))

    def _storage_account(self, name: str) -> str:
        subscription, _ = self._discovery.deployment().group()
        with while_trying_to(f"look up storage account '{name}'"):
            accounts = listed(
                self._clients.resources(subscription).resources.list,
                filter=f"resourceType eq 'Microsoft.Storage/storageAccounts' and name eq '{name}'",
            )
        return text_of(accounts[0].get("id")) if accounts else ""

    def _arm_list(self, path: str, version: str) -> list[Json]:
        """Return all entries of a list in Resource Manager that this app's SDKs don't support, from all pages."""
        with while_trying_to(f"read {path}"):
            return listed_by_link(self._get, f"{self._clients.cloud.arm}{path}?api-version={version}")

    def _arm(self, path: str, version: str) -> Json:
        with while_trying_to(f"read {path}"):
            found = self._get(f"{self._clients.cloud.arm}{path}?api-version={version}")
            if not isinstance(found, dict):
                raise UnreadableResponseError(NOT_READABLE)
            return found

    def _get(self, url: str) -> Any:  # noqa: ANN401 - what JSON may hold
        subscription, _ = self._discovery.deployment().group()
        return at_address(self._clients.resources(subscription), url)

    def _in_time(self, call: Callable[[], T]) -> T:
        lookup = background.start(call, name="rights")
        return background.by(self._deadline, lookup, what="look up this app's permissions")


def allowed(permissions: Permissions, action: str) -> bool:
    """Return whether permissions include an action on resources or on data. Pure."""
    return granted.allowed(permissions, action, on_data=permissions_needed.is_on_data(action))


def held_by_policy(policies: Permissions, who: str) -> frozenset[str]:
    """Return the permissions on secrets that a vault's access policies grant. Pure."""
    held = {
        str(right).lower()
        for policy in policies
        if str(policy.get("objectId", "")).lower() == who.lower()
        for right in texts_of(object_of(policy.get("permissions")).get("secrets"))
    }
    return frozenset(SECRET_PERMISSIONS if "all" in held else held)


def is_same_place(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Return whether two pairs of a subscription and a resource group are the same, case-insensitive. Pure."""
    return tuple(map(str.lower, one)) == tuple(map(str.lower, other))


def nothing(_: str) -> bool:
    """Return False: no permission is held."""
    return False


def _is_lacking(error: BackendError) -> bool:
    """Return whether a permission is missing. A firewall or a lock also refuses with a 403."""
    return (
        isinstance(error, AzureRefusedError)
        and error.cause is not None
        and (error.cause.is_missing_right or error.cause.is_of_key)
    )
