"""The Azure clients. Each is created on first use, once per process, over one shared transport.

Every import of an SDK is inside a function, because importing all of them at a cold start takes 0.3 s. No other module
creates Azure clients.
"""

import re
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from backend.azure.cipp_storage import CippStorage
from backend.azure.errors.translation import while_trying_to
from backend.concurrency import background
from backend.concurrency.loading import LOADING
from backend.configuration.clouds import cloud_of, problem_with_cloud
from backend.configuration.kinds import is_address
from backend.configuration.storage_settings import NOT_CONFIGURED, StorageSettings, storage_of
from backend.configuration.timeouts import Limits
from backend.errors import BackendError, NotConfiguredError
from backend.readings import claims_of
from backend.values import SecretText

if TYPE_CHECKING:
    from azure.data.tables import TableServiceClient
    from azure.identity import ManagedIdentityCredential
    from azure.keyvault.secrets import SecretClient
    from azure.mgmt.resource.resources import ResourceManagementClient
    from azure.mgmt.web import WebSiteManagementClient

    from backend.azure.retry import BoundedRetry

T = TypeVar("T")


class Clients:
    """The Azure clients of this process, for one cloud, and their limits.

    An invalid setting is reported at the first call to Azure, so that the links still work.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.cloud = cloud_of(environ)
        self._misconfigured = problem_with_cloud(environ)
        try:
            self.limits = Limits.of(environ)
        except NotConfiguredError as error:
            self.limits = Limits()
            self._misconfigured = str(error)
        self._lock = threading.RLock()
        self._made: dict[str, Any] = {}

    def web(self, subscription_id: str) -> "WebSiteManagementClient":
        """Return the client of Microsoft.Web: function apps and static web apps."""

        def make() -> "WebSiteManagementClient":
            from azure.mgmt.web import WebSiteManagementClient  # noqa: PLC0415 - see the module

            return WebSiteManagementClient(self.credential(), subscription_id, **self._arm())

        return self._once(f"web {subscription_id}", make)

    def resources(self, subscription_id: str) -> "ResourceManagementClient":
        """Return the client of Microsoft.Resources: groups and their resources."""

        def make() -> "ResourceManagementClient":
            from azure.mgmt.resource.resources import ResourceManagementClient  # noqa: PLC0415 - see the module

            return ResourceManagementClient(self.credential(), subscription_id, **self._arm())

        return self._once(f"resources {subscription_id}", make)

    def secrets(self, vault_url: str) -> "SecretClient":
        """Return the client of one vault's secrets. The scope of its tokens is from the vault's challenge."""

        def make() -> "SecretClient":
            from azure.keyvault.secrets import SecretClient  # noqa: PLC0415 - see the module

            return SecretClient(vault_url, self.credential(), **self._pipeline())

        return self._once(f"secrets {vault_url}", make)

    @property
    def storage(self) -> StorageSettings | None:
        """The storage account that the app's settings name, or None.

        Raises:
            NotConfiguredError: The setting is not valid.
        """
        return storage_of(self._environ, self.cloud)

    def tables(self) -> "TableServiceClient | None":
        """Return the client of the configured storage account's tables, or None if no account is configured.

        This app's own tables can be in any account. For CIPP's tables, use `cipp_tables`. With this app's identity,
        this requires Storage Table Data Contributor.

        Raises:
            NotConfiguredError: The setting is not valid.
        """
        settings = self.storage
        if settings is None:
            return None
        by = self._tables_by_identity if settings.by_identity else self._tables_by_connection_string
        return self._once("tables", partial(by, settings))

    def cipp_tables(self) -> "TableServiceClient | None":
        """Return the client of CIPP's tables, or None if no storage account is configured.

        Raises:
            NotCippsStorageError: The configured account has none of CIPP's tables.
            NotConfiguredError: The setting is not valid.
            AzureError: The check whether the account is CIPP's failed.
        """
        settings, tables = self.storage, self.tables()
        if settings is None or tables is None:
            return None
        self._once("whose storage", lambda: CippStorage(settings, tables, self.limits.azure_deadline_seconds)).require()
        return tables

    def storage_problem(self) -> str | None:
        """Return why the app's settings don't name CIPP's tables, or None if they do or if that is unknown."""
        try:
            return NOT_CONFIGURED if self.cipp_tables() is None else None
        except NotConfiguredError as error:
            return str(error)
        except BackendError:
            return None

    def credential(self) -> "ManagedIdentityCredential":
        """Return the credential of the app's identity. It has its own token cache, so there is one per process.

        Raises:
            NotConfiguredError: The app has no managed identity, or a setting is not valid.
        """
        if self._misconfigured:
            raise NotConfiguredError(self._misconfigured)
        endpoint, header = (self._environ.get(name, "") for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER"))
        if not (is_address(endpoint) and re.fullmatch(r"[!-~]+", header)):
            raise NotConfiguredError(
                "This app has no managed identity, so it can't sign in to Azure.",
                advice="Turn it on with: az functionapp identity assign --name <this app> --resource-group <its group>",
            )

        def make() -> "ManagedIdentityCredential":
            from azure.identity import ManagedIdentityCredential  # noqa: PLC0415 - see the module

            from backend.azure.identity_endpoint import TokenRetry  # noqa: PLC0415 - it imports azure-core

            # azure-identity accepts a class, not a policy. Its own class waits for the whole Retry-After.
            pipeline = self._pipeline(TokenRetry)
            retry_policy = pipeline.pop("retry_policy")
            return ManagedIdentityCredential(retry_policy_class=lambda **_: retry_policy, **pipeline)

        return self._once("credential", make)

    def identity_claims(self) -> dict[str, Any]:
        """Return the claims of this app's token for ARM, such as `tid`, `oid` and `xms_mirid`, or {} if unreadable.

        Raises:
            NotConfiguredError: The app has no managed identity.
        """
        credential = self.credential()
        try:
            with while_trying_to("get a token for this app's identity"):
                token = credential.get_token(self.cloud.arm_scope).token
        except BackendError:
            self._forget("credential")  # msal would repeat a refusal for the time of its Retry-After
            raise
        return claims_of(token)

    def graph_token(self) -> SecretText:
        """Return a token for Microsoft Graph as this app's identity, for repairs while CIPP's own credential fails.

        Raises:
            NotConfiguredError: The app has no managed identity.
            AzureError: No token was issued.
        """
        credential = self.credential()
        with while_trying_to("get a token for Microsoft Graph as this app's identity"):
            return SecretText(credential.get_token(f"{self.cloud.graph}/.default").token)

    def _arm(self) -> dict[str, Any]:
        from backend.azure.arm import ArmCorrelation  # noqa: PLC0415 - it imports azure-core

        return {
            "per_call_policies": [ArmCorrelation()],
            "base_url": self.cloud.arm,
            "credential_scopes": [self.cloud.arm_scope],
            **self._pipeline(),
        }

    def _pipeline(self, retry: "type[BoundedRetry] | None" = None) -> dict[str, Any]:
        """Return the options of every client: the transport, and retries of the class `retry` or `BoundedRetry`."""
        from backend.azure.retry import BoundedRetry  # noqa: PLC0415 - it imports azure-core

        return {
            "transport": self._once("transport", self._transport),
            "retry_policy": (retry or BoundedRetry)(
                deadline_seconds=self.limits.azure_deadline_seconds,
                try_seconds=self.limits.azure_read_timeout_seconds,
            ),
            "logging_enable": False,
            "permit_redirects": False,  # a redirect would also receive the token or the secret
        }

    def _transport(self) -> Any:  # noqa: ANN401 - azure-core is not imported for a type
        from azure.core.pipeline.transport import RequestsTransport  # noqa: PLC0415 - see the module

        from backend.azure.transport import Connections  # noqa: PLC0415 - it imports requests

        return RequestsTransport(
            session=Connections(background.KEYS),
            session_owner=False,  # a client that closes must not close the sockets of other clients
            connection_timeout=self.limits.azure_connect_timeout_seconds,
            read_timeout=self.limits.azure_read_timeout_seconds,
        )

    def _tables_by_connection_string(self, settings: StorageSettings) -> "TableServiceClient":
        from backend.azure.tables import BoundedTables  # noqa: PLC0415 - it imports azure-data-tables

        try:
            return BoundedTables.from_connection_string(settings.connection_string, **self._pipeline())
        except ValueError as error:
            raise NotConfiguredError(
                f"Invalid setting {settings.setting}: the connection string can't be read.",
                advice="Copy the connection string of CIPP's storage account again.",
            ) from error

    def _tables_by_identity(self, settings: StorageSettings) -> "TableServiceClient":
        from backend.azure.tables import BoundedTables  # noqa: PLC0415 - it imports azure-data-tables

        unusable = NotConfiguredError(
            f"Invalid setting {settings.setting}: the address of the storage account is not valid.",
            advice=f"Set it to an address such as https://<account>.table.{self.cloud.storage_suffix}.",
        )
        if not is_address(settings.address):
            raise unusable
        try:
            return BoundedTables(settings.address, credential=self.credential(), **self._pipeline())
        except ValueError as error:
            raise unusable from error

    def _forget(self, name: str) -> None:
        with self._lock:
            self._made.pop(name, None)

    def _once(self, name: str, make: Callable[[], T]) -> T:
        with self._lock, LOADING:
            if name not in self._made:
                self._made[name] = make()
            made: T = self._made[name]
            return made
