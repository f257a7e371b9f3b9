"""The only place that makes Azure clients: on first use, once per process, over one shared transport.

Every import of an SDK stands inside a function: importing them all takes 0.3 s, and an idle app pays
that at each cold start.
"""

import base64
import json
import re
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from backend.cipp_storage import CippStorage
from backend.clouds import cloud_of, problem_with_cloud
from backend.errors import BackendError, NotConfiguredError, while_trying_to
from backend.limits import Limits
from backend.loading import LOADING
from backend.setting_kinds import is_address
from backend.storage_settings import NOT_CONFIGURED, StorageSettings, storage_of

if TYPE_CHECKING:
    from azure.data.tables import TableServiceClient
    from azure.identity import ManagedIdentityCredential
    from azure.keyvault.secrets import SecretClient
    from azure.mgmt.resource.resources import ResourceManagementClient
    from azure.mgmt.web import WebSiteManagementClient

T = TypeVar("T")
SOCKETS = 64  # at once per host: as many as the rotation has threads


class Clients:
    """The Azure clients of this process, for one cloud, and the limits they keep to.

    A setting that cannot be used is told at the first call to Azure, so that the links still answer.
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
        """Answer the client of Microsoft.Web: function apps and static web apps."""

        def make() -> "WebSiteManagementClient":
            from azure.mgmt.web import WebSiteManagementClient  # noqa: PLC0415 - see the module

            return WebSiteManagementClient(self.credential(), subscription_id, **self._arm())

        return self._once(f"web {subscription_id}", make)

    def resources(self, subscription_id: str) -> "ResourceManagementClient":
        """Answer the client of Microsoft.Resources: groups and what is in them."""

        def make() -> "ResourceManagementClient":
            from azure.mgmt.resource.resources import ResourceManagementClient  # noqa: PLC0415 - see the module

            return ResourceManagementClient(self.credential(), subscription_id, **self._arm())

        return self._once(f"resources {subscription_id}", make)

    def secrets(self, vault_url: str) -> "SecretClient":
        """Answer the client of one vault's secrets; its tokens' scope comes from the vault's challenge."""

        def make() -> "SecretClient":
            from azure.keyvault.secrets import SecretClient  # noqa: PLC0415 - see the module

            return SecretClient(vault_url, self.credential(), **self._pipeline())

        return self._once(f"secrets {vault_url}", make)

    @property
    def storage(self) -> StorageSettings | None:
        """The storage account that the app's settings name, or None if they name none.

        Raises:
            NotConfiguredError: The setting can't be used.
        """
        return storage_of(self._environ, self.cloud)

    @property
    def tables_by_identity(self) -> bool:
        """Whether `tables` are opened with this app's identity, and not by a connection string."""
        return self.storage is not None and self.storage.by_identity

    def tables(self) -> "TableServiceClient | None":
        """Return the client of the configured storage account's tables, or None if no account is configured.

        This app's own tables are there in any account. CIPP's are opened by `cipp_tables`. With this
        app's identity, it requires Storage Table Data Contributor.

        Raises:
            NotConfiguredError: The setting can't be used.
        """
        settings = self.storage
        if settings is None:
            return None
        by = self._tables_by_identity if settings.by_identity else self._tables_by_connection_string
        return self._once("tables", partial(by, settings))

    def cipp_tables(self) -> "TableServiceClient | None":
        """Return the client of CIPP's tables, or None if no storage account is configured.

        Raises:
            NotCippsStorageError: The configured account holds none of CIPP's tables.
            NotConfiguredError: The setting can't be used.
            AzureError: Whether the account is CIPP's couldn't be checked.
        """
        settings, tables = self.storage, self.tables()
        if settings is None or tables is None:
            return None
        self._once("whose storage", lambda: CippStorage(settings, tables, self.limits.azure_deadline_seconds)).require()
        return tables

    def storage_problem(self) -> str | None:
        """Return why the app's settings don't lead to CIPP's tables, or None if they do or if that is unknown."""
        try:
            return NOT_CONFIGURED if self.cipp_tables() is None else None
        except NotConfiguredError as error:
            return str(error)
        except BackendError:
            return None

    def credential(self) -> "ManagedIdentityCredential":
        """Answer the app's own identity: one for the process, since its token cache is its own.

        Raises:
            NotConfiguredError: The app has no managed identity, or a setting cannot be used.
        """
        if self._misconfigured:
            raise NotConfiguredError(self._misconfigured)
        endpoint, header = (self._environ.get(name, "") for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER"))
        if not (is_address(endpoint) and re.fullmatch(r"[!-~]+", header)):
            raise NotConfiguredError(
                "This app has no managed identity, so Azure does not know it. Turn it on with: "
                "az functionapp identity assign --name <this app> --resource-group <its group>"
            )

        def make() -> "ManagedIdentityCredential":
            from azure.identity import ManagedIdentityCredential  # noqa: PLC0415 - see the module

            # azure-identity takes no policy, but a class of one; its own waits as long as a Retry-After says.
            pipeline = self._pipeline()
            retry_policy = pipeline.pop("retry_policy")
            return ManagedIdentityCredential(retry_policy_class=lambda **_: retry_policy, **pipeline)

        return self._once("credential", make)

    def identity_claims(self) -> dict[str, Any]:
        """Answer the claims of our identity's token for ARM, such as `tid`, `oid`, `xms_mirid`; none if unreadable.

        Raises:
            NotConfiguredError: The app has no managed identity.
        """
        credential = self.credential()
        try:
            with while_trying_to("get a token for this app's identity"):
                token = credential.get_token(self.cloud.arm_scope).token
        except BackendError:
            self._forget("credential")  # msal would repeat a refusal for as long as its Retry-After says
            raise
        return _claims(token)

    def _arm(self) -> dict[str, Any]:
        from backend.arm_correlation import ArmCorrelation  # noqa: PLC0415 - it imports azure-core

        return {
            "per_call_policies": [ArmCorrelation()],
            "base_url": self.cloud.arm,
            "credential_scopes": [self.cloud.arm_scope],
            **self._pipeline(),
        }

    def _pipeline(self) -> dict[str, Any]:
        """Answer what every client shares: the transport, and retries that end."""
        from backend.retries import BoundedRetry  # noqa: PLC0415 - it imports azure-core

        return {
            "transport": self._once("transport", self._transport),
            "retry_policy": BoundedRetry(
                deadline_seconds=self.limits.azure_deadline_seconds,
                try_seconds=self.limits.azure_read_timeout_seconds,
            ),
            "logging_enable": False,
            "permit_redirects": False,  # a token or a secret would go along
        }

    def _transport(self) -> Any:  # noqa: ANN401 - azure-core is not imported for a type
        from azure.core.pipeline.transport import RequestsTransport  # noqa: PLC0415 - see the module

        from backend.connections import Connections  # noqa: PLC0415 - it imports requests

        return RequestsTransport(
            session=Connections(SOCKETS),
            session_owner=False,  # a client that closes must not close the others' sockets
            connection_timeout=self.limits.azure_connect_timeout_seconds,
            read_timeout=self.limits.azure_read_timeout_seconds,
        )

    def _tables_by_connection_string(self, settings: StorageSettings) -> "TableServiceClient":
        from backend.table_client import BoundedTables  # noqa: PLC0415 - it imports azure-data-tables

        try:
            return BoundedTables.from_connection_string(settings.connection_string, **self._pipeline())
        except ValueError as error:
            raise NotConfiguredError(
                f"Invalid setting {settings.setting}: the connection string can't be read. "
                "Copy that of CIPP's storage account again."
            ) from error

    def _tables_by_identity(self, settings: StorageSettings) -> "TableServiceClient":
        from backend.table_client import BoundedTables  # noqa: PLC0415 - it imports azure-data-tables

        unusable = NotConfiguredError(
            f"Invalid setting {settings.setting}: the storage's address must be like "
            f"https://<account>.table.{self.cloud.storage_suffix}."
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


def _claims(token: str) -> dict[str, Any]:
    """Read a token's claims. Azure promises a token, not that we can read it."""
    payload = token.partition(".")[2].partition(".")[0]
    try:
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except ValueError:
        return {}
    return claims if isinstance(claims, dict) else {}
