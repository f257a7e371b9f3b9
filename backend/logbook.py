"""CIPP's Logbook: lines in its table CippLogs, in the shape that its own pages read."""

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any, Final, Literal
from uuid import uuid4

from backend.clients import Clients
from backend.errors import BackendError, while_trying_to

logger = logging.getLogger("cipp.logbook")
TABLE: Final = "CippLogs"
AT_ONCE: Final = 100  # rows in one transaction, of one partition (Table storage)
Severity = Literal["Info", "Warning", "Error", "Critical"]


@dataclass(frozen=True)
class Line:
    """One line. `data` must hold no secret: it is shown as it is.

    `address` is where the caller is, `app_id` an API client's id; "" where there is none.
    """

    api: str
    message: str
    severity: Severity
    tenant: str = "None"
    tenant_id: str = "None"
    user: str = "CIPP"
    address: str = ""
    app_id: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


class Logbook:
    """The service of CIPP's Logbook. Requires Storage Table Data Contributor.

    `CippLogs` is the only table of CIPP's that this app makes, and only in an account that holds another one.
    """

    def __init__(self, clients: Clients, node: str) -> None:
        self._clients = clients
        self._node = node

    def write(self, lines: Iterable[Line], now: datetime, zone: tzinfo) -> None:
        """Write entries. If the table can't be written, the log stream has them, and the write operation goes on."""
        lines = list(lines)
        rows = [self._row(line, now, zone) for line in lines]
        if not rows:
            return
        try:
            tables = self._clients.cipp_tables()
            if tables is None:
                return
            table = tables.get_table_client(TABLE)
            with while_trying_to("write CIPP's Logbook"):
                tables.create_table_if_not_exists(TABLE)
                for first in range(0, len(rows), AT_ONCE):
                    table.submit_transaction([("create", row) for row in rows[first : first + AT_ONCE]])
        except BackendError as error:
            logger.warning("%s entries are not in CIPP's Logbook: %s", len(rows), error)
            for line in lines:
                logger.warning("Not in CIPP's Logbook: %s (%s): %s", line.api, line.severity, line.message)

    def _row(self, line: Line, now: datetime, zone: tzinfo) -> dict[str, Any]:
        return {
            "PartitionKey": f"{now.astimezone(zone):%Y%m%d}",
            "RowKey": str(uuid4()),
            "Tenant": line.tenant,
            "TenantID": line.tenant_id,
            "API": line.api,
            "Message": line.message,
            "Username": line.user,
            "Severity": line.severity,
            "sentAsAlert": False,
            "FunctionNode": self._node,
            "LogData": json.dumps(dict(line.data)),
            **({"IP": line.address} if line.address else {}),
            **({"AppId": line.app_id} if line.app_id else {}),
        }
