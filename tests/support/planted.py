"""Search for planted values in every output that the product writes during the tests.

Each has one marker, which no output may show. The sandbox's seed plants it in every refresh token and client secret,
and in the URLs of repositories, so most tests run with planted values. A test plants more of the values below.

Searched: each response of the API, each log entry, the output of a test, the log and output files of hosts and
sandboxes, and the rows of the tables that the product writes. The sandbox's control responses are not outputs of the
product.
"""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sandbox.names import PLANTED

if TYPE_CHECKING:
    from azure.data.tables import TableServiceClient

MARKER: Final = PLANTED
SIGNATURE: Final = f"sv=2022-11-02&ss=t&srt=sco&sp=rwdlacu&sig={MARKER}%3D"  # a storage's shared access signature
REPOSITORY: Final = f"https://oauth2:{MARKER}@gitlab.example.com/msp/cipp-api.git"  # with a token
KEY: Final = f"{MARKER}{'Ab1+/' * 14}A=="  # a storage account's key, pasted in place of a name
ZONE: Final = f"@Microsoft.KeyVault(SecretUri=https://x.vault.azure.net/secrets/{MARKER}/)"  # in place of a time zone

FILES = ("*.log", "output.txt")
TABLES = ("CippLogs", "CippBackend")  # prefixes of names
AROUND = 60  # characters


class Finds(logging.Handler):
    """The places in which the marker was seen. It is a log handler, so that it checks each log entry."""

    def __init__(self) -> None:
        super().__init__(level=logging.NOTSET)
        self._found: list[str] = []

    def look(self, text: str, where: str) -> None:
        """Remember a text that shows the marker."""
        if MARKER in text:
            at = text.index(MARKER)
            self._found.append(f"{where}: ...{text[max(0, at - AROUND) : at + len(MARKER) + AROUND]}...")

    def emit(self, record: logging.LogRecord) -> None:
        """Check a log entry as a stream shows it, with its traceback."""
        self.look(self.format(record), f"log record of {record.name}")

    def taken(self) -> list[str]:
        """Return what was found, and start again."""
        found, self._found = self._found, []
        return found


FINDS = Finds()


def in_files(folder: Path) -> list[str]:
    """Return the log and output files under a folder that show the marker."""
    found = Finds()
    for path in (path for pattern in FILES for path in sorted(folder.rglob(pattern))):
        if path.is_file():
            found.look(path.read_text(encoding="utf-8", errors="replace"), str(path))
    return found.taken()


def in_tables(tables: "TableServiceClient") -> list[str]:
    """Return the rows of the product's tables that show the marker."""
    found = Finds()
    for name in [table.name for table in tables.list_tables() if table.name.startswith(TABLES)]:
        for row in _rows(tables, name):
            found.look(str(row), f"row of {name}")
    return found.taken()


def _rows(tables: "TableServiceClient", name: str) -> Iterator[object]:
    from azure.core.exceptions import ResourceNotFoundError  # noqa: PLC0415 - tests.support.api imports this file

    try:
        yield from tables.get_table_client(name).list_entities()
    except ResourceNotFoundError:  # deleted in the meantime
        return
