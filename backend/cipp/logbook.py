"""CIPP's Logbook: entries in its table CippLogs, in the format of CIPP's own pages."""

import json
import logging
from collections.abc import Iterable
from datetime import datetime, tzinfo
from typing import Any, Final
from uuid import uuid4

from backend.azure.clients import Clients
from backend.azure.errors.translation import while_trying_to
from backend.azure.row_writes import upsert
from backend.cipp.results import Line
from backend.errors import BackendError

logger = logging.getLogger("cipp.logbook")
TABLE: Final = "CippLogs"


class Logbook:
    """The service for CIPP's Logbook. Requires Storage Table Data Contributor.

    `CippLogs` is the only table of CIPP that this app creates, and only in an account with another table of CIPP.
    """

    def __init__(self, clients: Clients, node: str) -> None:
        self._clients = clients
        self._node = node

    def write(self, lines: Iterable[Line], now: datetime, zone: tzinfo) -> bool:
        """Write entries, and return whether CIPP has them.

        If that fails, write them to the log stream instead. What is critical is an error there in any case, because the
        alerts outside CIPP look there. It does not raise a `BackendError`.
        """
        lines = list(lines)
        for line in {line.message: line for line in lines if line.severity == "Critical"}.values():
            fields = {"event": line.event.name, "state": line.event.state} if line.event else {}
            logger.error("Critical: %s", line.message, extra=fields)
        rows = [self._row(line, now, zone) for line in lines]
        if not rows:
            return True
        try:
            tables = self._clients.cipp_tables()
            if tables is None:
                return False
            with while_trying_to("write CIPP's Logbook"):
                upsert(tables, TABLE, rows)
        except BackendError as error:
            logger.warning("%s entries are not in CIPP's Logbook: %s", len(rows), error)
            for line in lines:
                logger.warning("Not in CIPP's Logbook: %s (%s): %s", line.api, line.severity, line.message)
            return False
        return True

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
