"""The history in this app's own tables: past runs, and when each key was tried, checked and reported.

The history does not decide what is safe, because each run reads that from Azure. It shows the admin what happened, and
schedules the retries of the hourly catch-up. If it can't be written, the run goes on and logs a warning.
"""

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from types import MappingProxyType
from typing import Any, Final, TypeVar

import msgspec

from backend.azure.clients import Clients
from backend.azure.errors.translation import while_trying_to
from backend.azure.row_writes import upsert
from backend.azure.sdk_json import rows
from backend.concurrency import background
from backend.errors import BackendError, NotFoundError
from backend.readings import count_or_none, text_of, time_or_none
from backend.rotation.planning.memory import KeyMemory
from backend.rotation.results import KeyReport, RunReport

logger = logging.getLogger("cipp.rotation")
T = TypeVar("T", bound=msgspec.Struct)
KEYS: Final = "CippBackendKeys"
RUNS: Final = "CippBackendRuns"
RUN_KEYS: Final = "CippBackendRunKeys"
LONGEST: Final = 30_000  # characters of a text property (Table storage: 32 Ki)
KEPT: Final = timedelta(weeks=27)  # the history shows 26 weeks, and the oldest of them is complete
MOST_WEEKLY: Final = 60  # runs of one trigger in a list. A row has about 0.5 kB
MOST_OTHERS: Final = 300  # other runs in a list
# Fields of a run: its keys have their own rows, and the reader estimates the end.
_NOT_OF_THE_ROW: Final = ("keys", "keys_available", "estimated_end")
# What is written while a run is in progress. The others but `step` and `done` are needed if the row is missing.
_PROGRESS: Final = ("run_id", "by", "started", "total", "step", "done")
_END_OF_TIME: Final = 9_999_999_999  # so that the newest run sorts first


class Journal:
    """The history of the rotation. Without a storage account it stays empty."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def keys(self) -> dict[str, KeyMemory]:
        """Return the entry of each key, by its name in lower case."""
        found = self._query(KEYS, "key", "read the history of the keys")
        return {name: _memory(name, row) for row in found if (name := text_of(row.get("RowKey")))}

    def remember(self, memories: Iterable[KeyMemory]) -> None:
        """Write the entries of keys."""
        rows = [
            {"PartitionKey": "key", "RowKey": memory.name.lower(), **_stored(asdict(memory))} for memory in memories
        ]
        self._upsert(KEYS, rows)

    def note(self, run: RunReport, keys: Iterable[KeyReport] = ()) -> None:
        """Write the current state of a run, and the keys that it has finished. Unchanged keys are only counted."""
        self._upsert(RUNS, [_row_of(run)])
        self._upsert(
            RUN_KEYS,
            [
                {"PartitionKey": run.run_id, "RowKey": key.name.lower(), **_stored(msgspec.structs.asdict(key))}
                for key in keys
                if key.outcome != "unchanged"
            ],
        )

    def show(self, run: RunReport) -> None:
        """Write the step of a run, and how many keys are done.

        Nothing else in its row changes. So if the write takes effect late, a run that has ended stays ended.
        """
        row = _row_of(run)
        self._upsert(
            RUNS, [{name: row[name] for name in ("PartitionKey", "RowKey", *_PROGRESS) if name in row}], mode="merge"
        )

    def runs(self, most: int, *, with_keys: bool = True) -> list[RunReport]:
        """Return the last runs, the newest first. The newest run and the latest completed run have their keys."""
        found = self._query(RUNS, "run", "read the last runs", most=most)
        runs = [run for row in found if (run := _run(row))]
        ended = [run for run in runs if run.ended]
        wanted = {run.run_id: run for run in (*runs[:1], *ended[:1]) if with_keys and run.keys_available}
        reading = {
            run_id: background.start(partial(self._keys_if_known, run), name="read a run's keys")
            for run_id, run in wanted.items()
        }
        return [reading[run.run_id].result() if run.run_id in reading else run for run in runs]

    def all_runs(self, *, by: str) -> tuple[list[RunReport], bool]:
        """Return the runs that are kept, the newest first, without their keys, and whether there are more.

        `by` is a trigger whose runs are never left out for others: failures of one key can make a run each hour.
        Requires Storage Table Data Reader.

        Raises:
            AzureError: The table refused or timed out.
        """
        reading = background.start(lambda: self._listed("eq", by, MOST_WEEKLY), name="read the weekly runs")
        others = self._listed("ne", by, MOST_OTHERS + 1)
        runs = sorted([*reading.result(), *others[:MOST_OTHERS]], key=lambda run: run.started, reverse=True)
        return runs, len(others) > MOST_OTHERS

    def _listed(self, comparison: str, by: str, most: int) -> list[RunReport]:
        select = ["PartitionKey", "RowKey", *_properties(RunReport)]
        wanted = f"by {comparison} @by"
        try:
            found = self._rows(
                RUNS, "run", "list the runs", most=most, more=wanted, parameters={"by": by}, select=select
            )
        except NotFoundError:  # the first run creates the table
            return []
        return [run for row in found if (run := _run(row))]

    def run(self, run_id: str) -> RunReport:
        """Return one run with its keys. Requires Storage Table Data Reader.

        Raises:
            NotFoundError: The history does not have the run.
            AzureError: The tables refused or timed out.
        """
        try:
            found = self._rows(RUNS, "run", f"look for run {run_id}", where={"run_id": run_id})
            if run := next((run for row in found if (run := _run(row))), None):
                return self._with_keys(run)
        except NotFoundError as error:  # the table
            logger.info("Run %s was not found: %s", run_id, error)
        raise NotFoundError(
            f"Couldn't find run '{run_id}' in the history, which keeps runs for {KEPT.days // 7} weeks.",
            advice="To list the last runs with their ids, call ListKeyRotations without RunId.",
        )

    def last_started(self, by: str) -> datetime | None:
        """Return when the last run with this trigger started, or None if it never ran or the table can't be read."""
        found = self._query(RUNS, "run", f"look for the last run by {by}", where={"by": by}, most=1)
        return next((started for row in found if (started := time_or_none(row.get("started")))), None)

    def _with_keys(self, run: RunReport) -> RunReport:
        action = f"read the keys of run {run.run_id}"
        # The SDK always adds the row's keys. A page with `select` has only the selected properties.
        select = ["PartitionKey", "RowKey", *_properties(KeyReport)]
        found = self._rows(RUN_KEYS, run.run_id, action, select=select)
        keys = tuple(key for row in found if (key := _read(row, KeyReport)))
        return msgspec.structs.replace(run, keys=keys)

    def _keys_if_known(self, run: RunReport) -> RunReport:
        try:
            return self._with_keys(run)
        except BackendError as error:
            logger.info("Rotation history not read: %s", error)
            return run

    def _query(
        self,
        table: str,
        partition: str,
        action: str,
        *,
        most: int | None = None,
        where: Mapping[str, str] = MappingProxyType({}),
    ) -> list[dict[str, Any]]:
        """Return rows as `_rows` does, or an empty list if the tables can't be read."""
        try:
            return self._rows(table, partition, action, most=most, where=where)
        except BackendError as error:
            logger.info("Rotation history not read: %s", error)
            return []

    def _rows(  # noqa: PLR0913 - the parts of a query
        self,
        table: str,
        partition: str,
        action: str,
        *,
        most: int | None = None,
        where: Mapping[str, str] = MappingProxyType({}),
        more: str = "",
        parameters: Mapping[str, str] = MappingProxyType({}),
        select: list[str] | None = None,
    ) -> list[dict[str, Any]]:
        """Return the rows of a partition whose properties have the values of `where`, by row key.

        `more` is a further condition, with its parameters.
        """
        tables = self._clients.tables()
        if tables is None:
            return []
        with while_trying_to(action):
            conditions = ["PartitionKey eq @partition", *(f"{name} eq @{name}" for name in where), more]
            wanted = " and ".join(filter(None, conditions))
            return rows(
                tables.get_table_client(table).query_entities,
                wanted,
                most=most,
                parameters={"partition": partition, **where, **parameters},
                results_per_page=most,
                select=select,
            )

    def _upsert(self, table: str, rows: list[dict[str, Any]], *, mode: str = "replace") -> None:
        """Write rows. Rows leave out None, and a merge keeps the old value, so rows are replaced by default."""
        try:
            tables = self._clients.tables()
            if tables is None or not rows:
                return
            with while_trying_to("write the rotation history"):
                upsert(tables, table, rows, mode=mode)
        except BackendError as error:
            logger.warning("Rotation history not written: %s", error)


def age_of(started: datetime) -> str:
    """Return the first part of a run's row key, so that newer runs sort first. Pure."""
    return f"{_END_OF_TIME - int(started.timestamp()):010d}"


def _row_of(run: RunReport) -> dict[str, Any]:
    stored = _stored(msgspec.structs.asdict(run))
    kept = {name: value for name, value in stored.items() if name not in _NOT_OF_THE_ROW}
    return {"PartitionKey": "run", "RowKey": f"{age_of(run.started)}-{run.run_id}", **kept}


def _stored(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values that a table accepts: without None, with lists as JSON, and with shortened texts."""
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


def _memory(name: str, row: Mapping[str, Any]) -> KeyMemory:
    """Return the entry of a key from its row. Values that can't be read count as missing."""
    return KeyMemory(
        name=name,
        tried=time_or_none(row.get("tried")),
        failures=count_or_none(row.get("failures")) or 0,
        proven=time_or_none(row.get("proven")),
        proof_tried=time_or_none(row.get("proof_tried")),
        dead_since=time_or_none(row.get("dead_since")),
        problem=text_of(row.get("problem")),
        advice=text_of(row.get("advice")),
        scopes=text_of(row.get("scopes")),
        alerted=time_or_none(row.get("alerted")),
        told_unknown=row.get("told_unknown") is True,
    )


def _read(row: Mapping[str, Any], kind: type[T]) -> T | None:
    """Return a report from its row, without values that can't be read. None if a required value is one of them."""
    known = _known(row, kind)
    while True:
        try:
            return msgspec.convert(known, kind)
        except msgspec.ValidationError as error:
            odd = str(error).partition(" - at `$.")[2].partition("`")[0].partition("[")[0]
            if odd not in known:
                logger.warning("Rotation history row skipped: it lacks a required value of %s.", kind.__name__)
                return None
            del known[odd]


def _run(row: Mapping[str, Any]) -> RunReport | None:
    """Return a run without its keys, None if its row can't be read.

    Its counts show whether it has keys, because unchanged keys have no row.
    """
    run = _read(row, RunReport)
    if run is None:
        return None
    changed = run.rotated + run.failed + run.postponed
    return msgspec.structs.replace(
        run,
        keys_available=changed > 0,
        done=max(run.done, changed + run.unchanged),  # rows of earlier releases have only the counts
        step=None if run.ended else run.step,  # a write of the progress may have come late
    )


def _known(row: Mapping[str, Any], kind: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the values of a row that belong to the kind, by their wire names."""
    return {wire: _plain(row[name]) for name, wire in _properties(kind).items() if name in row}


@cache
def _properties(kind: type[msgspec.Struct]) -> Mapping[str, str]:
    """Return the wire name of each field that a row holds. Cached, because msgspec takes 0.1 ms."""
    fields = msgspec.structs.fields(kind)
    return {field.name: field.encode_name for field in fields if field.name not in _NOT_OF_THE_ROW}


def _plain(value: Any) -> Any:  # noqa: ANN401 - any value of a table
    """Convert the SDK's datetime to a plain datetime."""
    return datetime.fromtimestamp(value.timestamp(), UTC) if isinstance(value, datetime) else value
