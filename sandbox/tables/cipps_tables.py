"""The tables that every CIPP has in its storage account. They are created at each start and each reset.

A reset removes the tables with the state of one CIPP, and keeps other rows and tables: Azurite stores them as long as
the sandbox runs.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import ResourceNotFoundError
from azure.core.pipeline.transport import RequestsTransport
from azure.data.tables import TableServiceClient

from sandbox import names

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sandbox.azurite import Tables
    from sandbox.directory import Tenant

TABLES: Final = ("Version", "Config", "Tenants")
OF_ONE_RESET: Final = (
    "AccessChecks",
    "allowedUsers",
    "ContainerUpdateSettings",
    "FeatureFlags",
    "InstanceHealth",
    "SSOMigration",
    "VersionHistory",
)
SEEDED_CONFIG: Final = (("TimeSettings", "TimeSettings"), ("InstanceProperties", "CIPPURL"))
VERSION: Final = "10.9.0"
_ROWS_AT_ONCE: Final = 100  # in one transaction (Table storage)


class CippsTables:
    """The three tables. Calls go directly to Azurite, not through the proxy, the faults and the list of calls."""

    def __init__(self, tables: "Callable[[], Tables]") -> None:
        self._tables = tables
        self._service: TableServiceClient | None = None
        self.has_seeded_config = False  # the reset wrote rows of Config, which the next one removes
        self._writes: Mapping[str, int] = {}
        self._tenants: set[str] = set()  # whose row was written since the table was created

    def make(self, tenants: "list[Tenant]", writes: "Mapping[str, int]") -> None:
        """Create the missing tables, with the rows of CIPP's apps and of these tenants. This blocks.

        Tables with CIPP's own state are removed if a call changed them: `writes` counts such calls. If nothing is
        missing and nothing was changed, this is one call.
        """
        service = self._opened()
        self._remove(service, writes)
        missing = set(TABLES) - {table.name for table in service.list_tables()}
        with ThreadPoolExecutor(len(TABLES)) as workers:
            list(workers.map(service.create_table_if_not_exists, missing))
        if "Version" in missing:
            service.get_table_client("Version").submit_transaction(
                [("upsert", _version(site)) for site in (names.MAIN_SITE, names.OFFLOAD_SITE)]
            )
        if "Tenants" in missing:
            self._tenants.clear()
        rows = [_row(tenant) for tenant in tenants if tenant.id not in self._tenants]
        for first in range(0, len(rows), _ROWS_AT_ONCE):
            service.get_table_client("Tenants").submit_transaction(
                [("upsert", row) for row in rows[first : first + _ROWS_AT_ONCE]]
            )
        self._tenants |= {tenant.id for tenant in tenants}

    def _remove(self, service: TableServiceClient, writes: "Mapping[str, int]") -> None:
        changed = [name for name in OF_ONE_RESET if writes.get(name.lower(), 0) != self._writes.get(name.lower(), 0)]
        with ThreadPoolExecutor(len(OF_ONE_RESET)) as workers:
            list(workers.map(service.delete_table, changed))
        self._writes = writes
        for partition, key in SEEDED_CONFIG if self.has_seeded_config else ():
            with suppress(ResourceNotFoundError):
                service.get_table_client("Config").delete_entity(partition, key)
        self.has_seeded_config = False

    def _opened(self) -> TableServiceClient:
        if self._service is None:
            tables = self._tables()
            self._service = TableServiceClient(
                tables.address,
                credential=AzureNamedKeyCredential(tables.account, tables.key),
                transport=RequestsTransport(use_env_settings=False),
            )
        return self._service


def _version(site: str) -> dict[str, str]:
    """Return the row that an app of CIPP writes when it starts."""
    return {"PartitionKey": "Version", "RowKey": site, "Version": VERSION}


def _row(tenant: "Tenant") -> dict[str, object]:
    return {
        "PartitionKey": "Tenants",
        "RowKey": tenant.id,
        "customerId": tenant.id,
        "displayName": tenant.name,
        "defaultDomainName": tenant.domain,
        "initialDomainName": tenant.domain,
        "delegatedPrivilegeStatus": "directTenant",
        "Excluded": False,
    }
