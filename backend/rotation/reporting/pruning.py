"""Delete runs from the history after 27 weeks: first the rows of a run's keys, then the run's own row."""

import logging
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from backend.azure.clients import Clients
from backend.azure.errors.translation import while_trying_to
from backend.azure.row_writes import ROWS_PER_TRANSACTION
from backend.azure.sdk_json import row_pages
from backend.concurrency.deadline import Deadline
from backend.errors import BackendError, NotFoundError
from backend.readings import text_of
from backend.rotation.reporting.journal import KEPT, RUN_KEYS, RUNS, age_of

if TYPE_CHECKING:
    from azure.data.tables import TableClient

logger = logging.getLogger("cipp.rotation")
PRUNE_SECONDS: Final = 3.0  # within a run. The next run continues
_NAMES: Final = ["PartitionKey", "RowKey"]


def prune(clients: Clients, now: datetime, seconds: float = PRUNE_SECONDS) -> None:
    """Delete runs that started more than 27 weeks ago. When the time is over, the remaining batches are left.

    A run's row is deleted after those of its keys, so the next call finds what an interrupted one left. A failure is
    logged. Requires Storage Table Data Contributor.
    """
    deadline = Deadline.after(seconds)
    try:
        tables = clients.tables()
        if tables is None:
            return
        with while_trying_to("delete old runs from the rotation history"):
            _prune(tables.get_table_client(RUNS), tables.get_table_client(RUN_KEYS), age_of(now - KEPT), deadline)
    except NotFoundError as error:
        logger.info("Old runs not deleted from the rotation history: %s", error)
    except BackendError as error:
        logger.warning("Old runs not deleted from the rotation history: %s", error)


def _prune(runs: "TableClient", keys: "TableClient", oldest: str, deadline: Deadline) -> None:
    """Delete the runs whose row key sorts after that of the oldest run to keep."""
    wanted = "PartitionKey eq 'run' and RowKey gt @oldest"
    parameters = {"oldest": oldest}
    old = row_pages(
        runs.query_entities, wanted, parameters=parameters, select=_NAMES, results_per_page=ROWS_PER_TRANSACTION
    )
    for page in old:
        empty = []
        for run in page:
            key = text_of(run.get("RowKey"))
            if run["PartitionKey"] != "run" or not key > oldest:  # the same condition as in the query
                continue
            if deadline.expired or not _delete_keys(keys, key.rpartition("-")[2], deadline):
                break
            empty.append(run)
        _delete(runs, empty)
        if deadline.expired:
            return


def _delete_keys(keys: "TableClient", run_id: str, deadline: Deadline) -> bool:
    """Delete the keys of a run. Return whether all of them are deleted."""
    parameters = {"run": run_id}
    query = "PartitionKey eq @run"
    for page in row_pages(
        keys.query_entities, query, parameters=parameters, select=_NAMES, results_per_page=ROWS_PER_TRANSACTION
    ):
        if deadline.expired:
            return False
        _delete(keys, [row for row in page if row["PartitionKey"] == run_id])
    return True


def _delete(table: "TableClient", rows: list[dict[str, Any]]) -> None:
    if rows:
        table.submit_transaction([("delete", row) for row in rows])
