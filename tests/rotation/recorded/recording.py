"""A recording: all that a rotation left at one moment, in Azure and in its own tables, as a JSON file beside this one.

The times in it are the sandbox's. It is put back at the moment at which it was taken, so it is as young on every day.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

from azure.data.tables import EdmType, EntityProperty

from tests.support.rotation.others import Others
from tests.support.rotation.theirs import State, versions_of

HERE: Final = Path(__file__).parent
OPTIONS: Final = {"propagation_seconds": 0, "direct_tenants": 1}
SEEDED: Final = "seeded"  # before the first run: all of it was made by others
OURS: Final = "CippBackend"  # so begin the names of this app's tables
RESTORED: Final = ("vaults", "applications")
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Recording:
    """`due` names the recording of what was there before the run that was killed."""

    name: str
    due: str
    state: State
    rows: Mapping[str, list[Row]]  # by table

    @classmethod
    def taken(cls, name: str, due: str, others: Others) -> Self:
        """Look at the sandbox as it is now."""
        tables = sorted(table.name for table in others.tables.list_tables() if table.name.startswith(OURS))
        state = others.azure.state()
        kept = {part: state[part] for part in ("now", *RESTORED)}
        return cls(name, due, kept, {table: list(map(_shown, others.rows(table))) for table in tables})

    @classmethod
    def read(cls, name: str, folder: Path = HERE) -> Self:
        """Read a file."""
        return cls(name, **json.loads((folder / f"{name}.json").read_text(encoding="utf-8")))

    def write(self, folder: Path) -> None:
        """Write the file."""
        content = {"due": self.due, "state": self.state, "rows": self.rows}
        # As an escape: with a plain 8Q~ in it, a file looks to scanners as if it held a client secret of Entra's.
        text = json.dumps(content, indent=1).replace("8Q~", "8Q\\u007e")
        (folder / f"{self.name}.json").write_text(f"{text}\n", encoding="utf-8")

    def put_back(self, others: Others, seeded: "Recording") -> None:
        """Let the sandbox hold it, at its moment. All of `seeded` was made by others."""
        others.clear_tables()
        others.reset(now=self.state["now"], **OPTIONS)
        others.azure.control("POST", "state", {part: self.state[part] for part in RESTORED})
        others.made.begin(seeded.state)
        for table, rows in self.rows.items():
            client = others.tables.create_table_if_not_exists(table)
            for row in rows:
                client.create_entity({name: _value(shown) for name, shown in row.items()})


def names(recordings: Iterable[Recording]) -> dict[str, set[str]]:
    """Return the names that a later version must know: each table's properties with their types, and the tags."""
    found: dict[str, set[str]] = {}
    for recording in recordings:
        for table, rows in recording.rows.items():
            found.setdefault(table, set()).update(
                f"{name}: {_kind(shown)}" for row in rows for name, shown in row.items()
            )
        found.setdefault("tags", set()).update(tag for _, one in versions_of(recording.state) for tag in one["tags"])
    return found


def _shown(row: Row) -> Row:
    """Return a row in JSON: what JSON has no type for is an object with the type's name in OData."""
    return {name: _typed(value) for name, value in row.items()}


def _typed(value: object) -> object:
    if isinstance(value, datetime):
        return {"Edm.DateTime": value.isoformat()}
    if isinstance(value, EntityProperty):
        return {EdmType(value.edm_type).value: value.value}
    assert isinstance(value, str | bool | int | float), value
    return value


def _value(shown: object) -> object:
    if not isinstance(shown, dict):
        return shown
    ((kind, value),) = shown.items()
    return datetime.fromisoformat(value) if kind == "Edm.DateTime" else EntityProperty(value, kind)


def _kind(shown: object) -> str:
    return next(iter(shown)) if isinstance(shown, dict) else type(shown).__name__
