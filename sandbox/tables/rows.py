"""Rows that the sandbox writes and reads itself, as CIPP would. Calls go directly to Azurite."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote, urlsplit

from sandbox.tables.azurite_tables import AzuriteTables, TablesCall
from sandbox.tables.shared_key import signature

if TYPE_CHECKING:
    from starlette.responses import Response

    from sandbox.clock import Clock

_ETAG: Final = re.compile(r"datetime'(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z'")
_JSON: Final = "application/json;odata=nometadata"


@dataclass(frozen=True)
class Row:
    """A whole row. With `at`, its Timestamp is that time of the sandbox. Without columns, it is removed."""

    table: str
    partition: str
    key: str
    columns: Mapping[str, Any] | None
    at: datetime | None = None


class Rows:
    """The rows of CIPP's tables."""

    def __init__(self, tables: AzuriteTables) -> None:
        self._tables = tables

    def writes(self, table: str) -> int:
        """Return how many calls have changed the table since the sandbox started."""
        return self._tables.writes.get(table.lower(), 0)

    async def write(self, row: Row, clock: "Clock") -> None:
        """Replace or remove a row. The table is created if it is missing."""
        path = _path(row.table, row.partition, row.key)
        if row.columns is None:
            await self._call("DELETE", path, None)
            return
        body = {"PartitionKey": row.partition, "RowKey": row.key, **row.columns}
        response = await self._call("PUT", path, body)
        if response.status_code == 404:
            await self._call("POST", "Tables", {"TableName": row.table})
            response = await self._call("PUT", path, body)
        if response.status_code >= 300:
            raise ConnectionError(f"Azurite refused a row of {row.table}: {bytes(response.body)!r}")
        if row.at is not None and (found := _ETAG.search(unquote(response.headers.get("etag", "")))):
            micros = (found[2] or "")[:6].ljust(6, "0")
            real = datetime.fromisoformat(found[1]).replace(microsecond=int(micros), tzinfo=UTC)
            clock.pin(real, row.at)

    async def read(self, table: str, partition: str, key: str) -> dict[str, Any] | None:
        """Return a row, or None if it does not exist."""
        response = await self._call("GET", _path(table, partition, key), None)
        if response.status_code != 200:
            return None
        row: dict[str, Any] = json.loads(bytes(response.body))
        return row

    async def _call(self, method: str, path: str, body: object) -> "Response":
        account = self._tables.account
        address = urlsplit(account.address)
        date = formatdate(usegmt=True)
        target = f"{address.path}/{path}"
        headers = {"host": address.netloc, "x-ms-date": date, "x-ms-version": "2019-02-02", "accept": _JSON}
        headers["authorization"] = signature(account, date, target, "")
        headers["dataserviceversion"] = "3.0;NetFx"
        if method == "DELETE":
            headers["if-match"] = "*"
        if body is not None:
            headers["content-type"] = "application/json"
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        content = b"" if body is None else json.dumps(body).encode()
        return await self._tables.forward(TablesCall(method, target, raw, content))


def _path(table: str, partition: str, key: str) -> str:
    keys = [quote(value.replace("'", "''"), safe="") for value in (partition, key)]
    return f"{table}(PartitionKey='{keys[0]}',RowKey='{keys[1]}')"
