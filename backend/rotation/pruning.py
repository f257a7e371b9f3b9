"""Old runs leave the journal: their rows are deleted after 90 days, the keys of a run before the run."""

import logging
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from backend.clients import Clients
from backend.errors import BackendError, NotFoundError, while_trying_to
from backend.rotation.journal import AT_ONCE, KEPT, RUN_KEYS, RUNS, age_of

if TYPE_CHECKING:
    from azure.data.tables import TableClient

logger = logging.getLogger("cipp.rotation")
PRUNE_SECONDS: Final = 3.0  # in a run: the next one goes on
_NAMES: Final = ["PartitionKey", "RowKey"]


def prune(clients: Clients, now: datetime, seconds: float = PRUNE_SECONDS) -> None:
    """Delete runs that started more than 90 days ago. After so many seconds no further batch is deleted.

    A run's row is deleted after those of its keys, so what a cut leaves is found by the next call. A failure is logged.
    Requires Storage Table Data Contributor.
    """
    ends_at = time.monotonic() + seconds
    try:
        tables = clients.tables()
        if tables is None:
            return
        with while_trying_to("delete old runs from the rotation's journal"):
            _prune(tables.get_table_client(RUNS), tables.get_table_client(RUN_KEYS), age_of(now - KEPT), ends_at)
    except NotFoundError as error:
        logger.info("No run was deleted from the journal: %s", error)
    except BackendError as error:
        logger.warning("Old runs stay in the journal until the next run: %s", error)


def _prune(runs: "TableClient", keys: "TableClient", oldest: str, ends_at: float) -> None:
    """Delete the runs whose row key comes after that of the oldest one to keep."""
    wanted = "PartitionKey eq 'run' and RowKey gt @oldest"
    old = runs.query_entities(wanted, parameters={"oldest": oldest}, select=_NAMES, results_per_page=AT_ONCE)
    for page in old.by_page():
        empty = []
        for run in page:
            if time.monotonic() >= ends_at or not _delete_keys(keys, run["RowKey"].rpartition("-")[2], ends_at):
                break
            empty.append(dict(run))
        _delete(runs, empty)
        if time.monotonic() >= ends_at:
            return


def _delete_keys(keys: "TableClient", run_id: str, ends_at: float) -> bool:
    """Delete the keys of a run; return whether none is left."""
    rows = keys.query_entities(
        "PartitionKey eq @run", parameters={"run": run_id}, select=_NAMES, results_per_page=AT_ONCE
    )
    for page in rows.by_page():
        if time.monotonic() >= ends_at:
            return False
        _delete(keys, [dict(row) for row in page])
    return True


def _delete(table: "TableClient", rows: list[dict[str, Any]]) -> None:
    if rows:
        table.submit_transaction([("delete", row) for row in rows])
