"""What was, in tables of our own: the runs, and of each key when it was tried, proven and told of.

Nothing here decides what is safe: that is read from Azure each time. The journal tells the admin what happened,
and the catch-up when to try again. Where it cannot be written the run goes on, and the log stream says so.
"""

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec

from backend import at_once
from backend.clients import Clients
from backend.errors import BackendError, while_trying_to
from backend.rotation.report import KeyProof, KeyReport, RunReport

if TYPE_CHECKING:
    from azure.data.tables import TableServiceClient

logger = logging.getLogger("cipp.rotation")
KEYS: Final = "CippBackendKeys"
RUNS: Final = "CippBackendRuns"
RUN_KEYS: Final = "CippBackendRunKeys"
AT_ONCE: Final = 100  # rows in one transaction (Table storage)
LONGEST: Final = 30_000  # characters of a text property (Table storage: 32 Ki)
_END_OF_TIME: Final = 9_999_999_999  # so that the newest run sorts first


@dataclass(frozen=True)
class KeyMemory:
    """What is remembered of one key. `failures`: tries in a row that failed. `dead_since`: Entra's last word."""

    name: str
    tried: datetime | None = None
    failures: int = 0
    proven: datetime | None = None
    proof_tried: datetime | None = None
    dead_since: datetime | None = None
    problem: str = ""
    advice: str = ""
    scopes: str = ""
    alerted: datetime | None = None
    told_unknown: bool = False


class Journal:
    """The history of the rotation; without a storage it forgets everything."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def keys(self) -> dict[str, KeyMemory]:
        """Answer what is remembered of each key, by its name in lower case."""
        rows = self._query(KEYS, "key", "read what is remembered of the keys")
        names = KeyMemory.__dataclass_fields__
        return {row["RowKey"]: KeyMemory(**{name: _plain(row[name]) for name in names if name in row}) for row in rows}

    def remember(self, memories: Iterable[KeyMemory]) -> None:
        """Write what is to be remembered."""
        rows = [
            {"PartitionKey": "key", "RowKey": memory.name.lower(), **_stored(asdict(memory))} for memory in memories
        ]
        self._upsert(KEYS, rows)

    def note(self, run: RunReport, keys: Iterable[KeyReport] = ()) -> None:
        """Write a run as it stands, and the keys that it is through with."""
        row = {
            "PartitionKey": "run",
            "RowKey": f"{_END_OF_TIME - int(run.started.timestamp()):010d}-{run.run_id}",
            **_stored(msgspec.structs.asdict(run)),
        }
        self._upsert(RUNS, [row])
        self._upsert(
            RUN_KEYS,
            [
                {"PartitionKey": run.run_id, "RowKey": key.name.lower(), **_stored(msgspec.structs.asdict(key))}
                for key in keys
            ],
        )

    def runs(self, most: int) -> list[RunReport]:
        """Answer the last runs, the newest first, with their keys."""
        rows = self._query(RUNS, "run", "read the last runs", most=most)
        reading = [at_once.start(partial(self._run, row), name="read a run's keys") for row in rows]
        return [run.result() for run in reading]

    def last_started(self, by: str) -> datetime | None:
        """Return when the last run by someone started; None if there was none, or the table can't be read."""
        rows = self._query(RUNS, "run", f"look for the last run by {by}", by=by, most=1)
        return next((_plain(row["started"]) for row in rows if "started" in row), None)

    def _run(self, row: Mapping[str, Any]) -> RunReport:
        run = msgspec.convert(_known(row, RunReport), RunReport)
        keys = self._query(RUN_KEYS, run.run_id, f"read the keys of run {run.run_id}")
        return msgspec.structs.replace(
            run, keys=tuple(msgspec.convert(_known(key, KeyReport), KeyReport) for key in keys)
        )

    def _query(
        self, table: str, partition: str, action: str, *, most: int | None = None, by: str | None = None
    ) -> list[dict[str, Any]]:
        try:
            tables = self._clients.tables()
            if tables is None:
                return []
            with while_trying_to(action):
                wanted = "PartitionKey eq @partition" + ("" if by is None else " and by eq @by")
                parameters = {"partition": partition} | ({} if by is None else {"by": by})
                rows = tables.get_table_client(table).query_entities(
                    wanted, parameters=parameters, results_per_page=most
                )
                if most is not None:
                    return [dict(row) for row, _ in zip(rows, range(most), strict=False)]
                return [dict(row) for row in rows]
        except BackendError as error:
            logger.info("The journal is silent: %s", error)
            return []

    def _upsert(self, table: str, rows: list[dict[str, Any]]) -> None:
        try:
            tables = self._clients.tables()
            if tables is None or not rows:
                return
            with while_trying_to("write the rotation's journal"):
                self._write(tables, table, rows)
        except BackendError as error:
            logger.warning("The journal was not written: %s", error)

    def _write(self, tables: "TableServiceClient", table: str, rows: list[dict[str, Any]]) -> None:
        tables.create_table_if_not_exists(table)
        client = tables.get_table_client(table)
        for first in range(0, len(rows), AT_ONCE):
            # What is None is not in a row: a merge would keep what was there before.
            client.submit_transaction([("upsert", row, {"mode": "replace"}) for row in rows[first : first + AT_ONCE]])


def tried(memory: KeyMemory, report: KeyReport, now: datetime) -> KeyMemory:
    """Remember a try: a success wipes the failures and is a proof; nothing to do wipes them, too."""
    if report.outcome == "failed":
        return replace(
            memory,
            tried=now,
            failures=memory.failures + 1,
            problem=report.reason,
            advice=report.advice or "",
        )
    if report.outcome == "rotated":
        return replace(
            memory, tried=now, failures=0, proven=now, proof_tried=now, dead_since=None, problem="", advice=""
        )
    if report.outcome == "unchanged":
        return replace(memory, failures=0, dead_since=None, problem="", advice="")
    return memory


def is_doubted(memory: KeyMemory) -> bool:
    """Tell whether a key failed when it was last tried or proven: it is to be looked at even where it is not due."""
    return memory.failures > 0 or memory.dead_since is not None


def proof_tried(memory: KeyMemory, proof: KeyProof, now: datetime) -> KeyMemory:
    """Remember a proof: what signs in is proven and alive; what Entra calls dead is dead since it first did."""
    if proof.outcome == "proven":
        return replace(memory, proof_tried=now, proven=now, dead_since=None)
    if proof.outcome == "dead":
        return replace(
            memory,
            proof_tried=now,
            dead_since=memory.dead_since or now,
            problem=proof.reason,
            advice=proof.advice or "",
        )
    return replace(memory, proof_tried=now)


def _stored(values: Mapping[str, Any]) -> dict[str, Any]:
    """Make of values what a table takes: no None, no lists, nothing too long."""
    taken: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, str):
            taken[name] = value[:LONGEST]
        elif isinstance(value, list | tuple):
            taken[name] = json.dumps(value)[:LONGEST]
        elif isinstance(value, datetime):
            taken[name] = value.astimezone(UTC)
        elif value is not None:
            taken[name] = value
    return taken


def _known(row: Mapping[str, Any], kind: type[msgspec.Struct]) -> dict[str, Any]:
    """Pick of a row what the kind has, under its wire names."""
    fields = {field.name: field.encode_name for field in msgspec.structs.fields(kind)}
    return {wire: _plain(row[name]) for name, wire in fields.items() if name in row and name != "keys"}


def _plain(value: Any) -> Any:  # noqa: ANN401 - what a table holds
    """Make of the SDK's datetime a datetime."""
    return datetime.fromtimestamp(value.timestamp(), UTC) if isinstance(value, datetime) else value
