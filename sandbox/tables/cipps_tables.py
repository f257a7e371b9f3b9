"""The tables that every CIPP has in its storage account. They are created at each start and each reset.

A reset keeps other rows and tables: Azurite stores them as long as the sandbox runs.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from azure.core.credentials import AzureNamedKeyCredential
from azure.core.pipeline.transport import RequestsTransport
from azure.data.tables import TableServiceClient

from sandbox import names

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.azurite import Tables
    from sandbox.directory import Tenant

TABLES: Final = ("Version", "Config", "Tenants")
_VERSION: Final = "10.9.0"
_ROWS_AT_ONCE: Final = 100  # in one transaction (Table storage)


class CippsTables:
    """The three tables. Calls go directly to Azurite, not through the proxy, the faults and the list of calls."""

    def __init__(self, tables: "Callable[[], Tables]") -> None:
        self._tables = tables
        self._service: TableServiceClient | None = None
        self._tenants: set[str] = set()  # whose row was written since the table was created

    def make(self, tenants: "list[Tenant]") -> None:
        """Create the missing tables, with the rows of CIPP's apps and of these tenants. This blocks.

        If nothing is missing, this is one call.
        """
        service = self._opened()
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
    return {"PartitionKey": "Version", "RowKey": site, "Version": _VERSION}


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
