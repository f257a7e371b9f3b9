"""What was, in tables of our own: the runs, and of each key when it was tried, proven and told of.

Nothing here decides what is safe: that is read from Azure each time. The journal tells the admin what happened,
and the catch-up when to try again. Where it cannot be written the run goes on, and the log stream says so.
"""

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import msgspec

from backend import at_once
from backend.clients import Clients
from backend.errors import BackendError, NotFoundError, while_trying_to
from backend.rotation.report import KeyProof, KeyReport, RunReport

if TYPE_CHECKING:
    from azure.data.tables import TableServiceClient

logger = logging.getLogger("cipp.rotation")
KEYS: Final = "CippBackendKeys"
RUNS: Final = "CippBackendRuns"
RUN_KEYS: Final = "CippBackendRunKeys"
AT_ONCE: Final = 100  # rows in one transaction (Table storage)
LONGEST: Final = 30_000  # characters of a text property (Table storage: 32 Ki)
KEPT: Final = timedelta(days=90)
_NOT_OF_THE_ROW: Final = ("keys", "keys_available")  # of a run: its keys have rows of their own
_END_OF_TIME: Final = 9_999_999_999  # so that the newest run sorts first


@dataclass(frozen=True)
class KeyMemory:
    """What is remembered of one key. `failures`: tries in a row that failed. `dead_since`: Entra's last word.

    `tried`: a run has ended with the version that was served then, and has looked what lies under it.
    A cause that keys share has one, too: when the admin was alerted of it.
    """

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
        """Write a run as it stands, and the keys that it is through with. Unchanged ones are only counted."""
        row = {
            "PartitionKey": "run",
            "RowKey": f"{age_of(run.started)}-{run.run_id}",
            **{
                name: value
                for name, value in _stored(msgspec.structs.asdict(run)).items()
                if name not in _NOT_OF_THE_ROW
            },
        }
        self._upsert(RUNS, [row])
        self._upsert(
            RUN_KEYS,
            [
                {"PartitionKey": run.run_id, "RowKey": key.name.lower(), **_stored(msgspec.structs.asdict(key))}
                for key in keys
                if key.outcome != "unchanged"
            ],
        )

    def runs(self, most: int, *, with_keys: bool = True) -> list[RunReport]:
        """Return the last runs, the newest first. The newest one and the latest that has ended have their keys."""
        runs = [_run(row) for row in self._query(RUNS, "run", "read the last runs", most=most)]
        ended = [run for run in runs if run.ended]
        wanted = {run.run_id: run for run in (*runs[:1], *ended[:1]) if with_keys and run.keys_available}
        reading = {
            run_id: at_once.start(partial(self._keys_if_known, run), name="read a run's keys")
            for run_id, run in wanted.items()
        }
        return [reading[run.run_id].result() if run.run_id in reading else run for run in runs]

    def run(self, run_id: str) -> RunReport:
        """Return one run with its keys. Requires Storage Table Data Reader.

        Raises:
            NotFoundError: No such run is kept.
            AzureError: The tables refused or timed out.
        """
        try:
            rows = self._rows(RUNS, "run", f"look for run {run_id}", where={"run_id": run_id})
            if rows:
                return self._with_keys(_run(rows[0]))
        except NotFoundError as error:  # the table
            logger.info("Run %s was not found: %s", run_id, error)
        raise NotFoundError(
            f"Couldn't find run '{run_id}': the history has no such run, and it holds {KEPT.days} days. "
            "ListKeyRotations without RunId lists the last runs with their ids."
        )

    def last_started(self, by: str) -> datetime | None:
        """Return when the last run by someone started; None if there was none, or the table can't be read."""
        rows = self._query(RUNS, "run", f"look for the last run by {by}", where={"by": by}, most=1)
        return next((_plain(row["started"]) for row in rows if "started" in row), None)

    def _with_keys(self, run: RunReport) -> RunReport:
        action = f"read the keys of run {run.run_id}"
        rows = self._rows(RUN_KEYS, run.run_id, action, select=list(_properties(KeyReport)))
        return msgspec.structs.replace(
            run, keys=tuple(msgspec.convert(_known(row, KeyReport), KeyReport) for row in rows)
        )

    def _keys_if_known(self, run: RunReport) -> RunReport:
        try:
            return self._with_keys(run)
        except BackendError as error:
            logger.info("The journal is silent: %s", error)
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
        """Return rows as `_rows` does; none where the tables can't be read."""
        try:
            return self._rows(table, partition, action, most=most, where=where)
        except BackendError as error:
            logger.info("The journal is silent: %s", error)
            return []

    def _rows(  # noqa: PLR0913 - all that a query has
        self,
        table: str,
        partition: str,
        action: str,
        *,
        most: int | None = None,
        where: Mapping[str, str] = MappingProxyType({}),
        select: list[str] | None = None,
    ) -> list[dict[str, Any]]:
        """Return the rows of a partition whose properties have the values of `where`, by row key."""
        tables = self._clients.tables()
        if tables is None:
            return []
        with while_trying_to(action):
            wanted = " and ".join(["PartitionKey eq @partition", *(f"{name} eq @{name}" for name in where)])
            rows = tables.get_table_client(table).query_entities(
                wanted, parameters={"partition": partition, **where}, results_per_page=most, select=select
            )
            return [dict(row) for row in islice(rows, most)]

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


def age_of(started: datetime) -> str:
    """Return the first part of a run's row key, which is the greater, the earlier it started. Pure."""
    return f"{_END_OF_TIME - int(started.timestamp()):010d}"


def tried(
    memory: KeyMemory, report: KeyReport, now: datetime, *, is_revoked: bool = False, is_unsettled: bool = False
) -> KeyMemory:
    """Return what is remembered after a try. Failures end with a rotation, which is a sign-in check, too, or no change.

    `is_revoked`: Entra refused the key for good. `dead_since` is when Entra first did so. `is_unsettled`: the vault's
    list did not have the served version yet, so `tried` stays, and the next run lists the versions again.
    """
    if report.outcome == "failed":
        return replace(
            memory,
            tried=now,
            failures=memory.failures + 1,
            dead_since=(memory.dead_since or now) if is_revoked else memory.dead_since,
            problem=report.reason,
            advice=report.advice or "",
        )
    if report.outcome == "rotated":
        return replace(
            memory,
            tried=memory.tried if is_unsettled else now,
            failures=0,
            proven=now,
            proof_tried=now,
            dead_since=None,
            problem="",
            advice="",
        )
    if report.outcome == "unchanged":
        settled = memory.tried if is_unsettled else _settled(memory.tried, report.current_since)
        return replace(memory, tried=settled, failures=0, dead_since=None, problem="", advice="")
    return memory


def _settled(last: datetime | None, stored: datetime | None) -> datetime | None:
    """Return the time for `tried` that is enough for a version stored then. Not now: a younger one may be unlisted."""
    return stored if stored and (last is None or last < stored) else last


def is_doubted(memory: KeyMemory) -> bool:
    """Tell whether a key failed when it was last tried or proven: it is to be looked at even where it is not due."""
    return memory.failures > 0 or memory.dead_since is not None


def proof_tried(memory: KeyMemory, proof: KeyProof, now: datetime, *, began: datetime) -> KeyMemory:
    """Remember a proof: what signs in is proven and alive; what Entra calls dead is dead since it first did.

    A check can take minutes, and it may have signed in before a run failed. So the failure of a run since the check
    `began` stays: both times are the vault's, in whole seconds.
    """
    has_failed_since = is_doubted(memory) and memory.tried is not None and memory.tried >= began
    if proof.outcome == "proven" and not has_failed_since:
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


def _run(row: Mapping[str, Any]) -> RunReport:
    """Return a run without its keys. Whether it has some, its counts show: unchanged ones are not written."""
    run = msgspec.convert(_known(row, RunReport), RunReport)
    return msgspec.structs.replace(run, keys_available=run.rotated + run.failed + run.postponed > 0)


def _known(row: Mapping[str, Any], kind: type[msgspec.Struct]) -> dict[str, Any]:
    """Pick of a row what the kind has, under its wire names."""
    return {wire: _plain(row[name]) for name, wire in _properties(kind).items() if name in row}


@cache
def _properties(kind: type[msgspec.Struct]) -> Mapping[str, str]:
    """Return the wire name of each field that a row holds. msgspec takes 0.1 ms to find them."""
    fields = msgspec.structs.fields(kind)
    return {field.name: field.encode_name for field in fields if field.name not in _NOT_OF_THE_ROW}


def _plain(value: Any) -> Any:  # noqa: ANN401 - what a table holds
    """Make of the SDK's datetime a datetime."""
    return datetime.fromtimestamp(value.timestamp(), UTC) if isinstance(value, datetime) else value
