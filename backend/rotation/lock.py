"""One run at a time, across all instances: a row in CIPP's table storage, judged by the storage's own clock.

The row's Timestamp and each answer's Date are the service's, so no machine's clock decides. A holder renews
the row while it lives; a row that was not renewed for `LIFETIME` is free.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

from backend.clients import Clients
from backend.errors import ConflictError, NotFoundError, while_trying_to

if TYPE_CHECKING:
    from azure.data.tables import TableClient

TABLE: Final = "CippBackendLocks"
ROW: Final = {"PartitionKey": "lock", "RowKey": "key-rotation"}
LIFETIME: Final = timedelta(seconds=30)
RENEWED_EVERY: Final = timedelta(seconds=8)
_in_this_process = threading.Lock()


class Held:
    """The lock while it is ours. `must_hold` is asked before each write to Azure."""

    def __init__(self, table: "TableClient | None", etag: str) -> None:
        self._table = table
        self._etag = etag
        self._lock = threading.Lock()
        self._lost: str | None = None

    def must_hold(self) -> None:
        """Renew the lock, and go on only if it is still ours.

        Raises:
            ConflictError: Another run has it: this one slept, and stops.
        """
        with self._lock:
            if self._lost is None and self._table is not None:
                self._renew(self._table)
            if self._lost is not None:
                raise ConflictError(self._lost)

    def _renew(self, table: "TableClient") -> None:
        from azure.core import MatchConditions  # noqa: PLC0415 - imported where a lock is held
        from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError  # noqa: PLC0415 - the same
        from azure.data.tables import UpdateMode  # noqa: PLC0415 - the same

        try:
            with while_trying_to("renew the rotation's lock"):
                try:
                    answer = table.update_entity(
                        ROW, mode=UpdateMode.MERGE, etag=self._etag, match_condition=MatchConditions.IfNotModified
                    )
                except (ResourceModifiedError, ResourceNotFoundError):
                    self._lost = "Another run has taken the rotation's lock meanwhile, so this one stopped."
                else:
                    self._etag = str(answer["etag"])
        except NotFoundError as error:
            self._lost = str(error)

    def release(self) -> None:
        """Give the lock back; a row that is not ours any more stays."""
        from azure.core import MatchConditions  # noqa: PLC0415 - imported where a lock is held
        from azure.core.exceptions import AzureError  # noqa: PLC0415 - the same

        with self._lock:
            if self._table is None or self._lost is not None:
                return
            try:
                self._table.delete_entity(ROW, etag=self._etag, match_condition=MatchConditions.IfNotModified)
            except AzureError:
                return  # it is free by itself after LIFETIME


@contextmanager
def rotation_lock(clients: Clients, *, run_id: str, by: str) -> Iterator[Held]:
    """Hold the lock for the length of a run; without a storage it holds within this process alone.

    Raises:
        ConflictError: Another run holds it; the message says who, and since when.
        AzureUnreachableError: The storage is silent: nothing may be changed without the lock.
    """
    if not _in_this_process.acquire(blocking=False):
        raise ConflictError(_taken("Another run in this process", None))
    try:
        tables = clients.tables()
        held = Held(None, "") if tables is None else _acquire(tables.get_table_client(TABLE), run_id=run_id, by=by)
        ended = threading.Event()
        keeper = threading.Thread(target=_keep, args=(held, ended), name="rotation lock", daemon=True)
        keeper.start()
        try:
            yield held
        finally:
            ended.set()
            keeper.join()
            held.release()
    finally:
        _in_this_process.release()


def _keep(held: Held, ended: threading.Event) -> None:
    """Renew until the run ends; a failed renewal shows at the run's next `must_hold`."""
    while not ended.wait(RENEWED_EVERY.total_seconds()):
        try:
            held.must_hold()
        except Exception:  # noqa: BLE001, S112 - must_hold tells the run itself, when it is about to write
            continue


def _acquire(table: "TableClient", *, run_id: str, by: str) -> Held:
    from azure.core import MatchConditions  # noqa: PLC0415 - imported where a lock is taken
    from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError  # noqa: PLC0415
    from azure.data.tables import UpdateMode  # noqa: PLC0415 - the same

    mine = {**ROW, "RunId": run_id, "By": by, "Since": datetime.now(UTC)}
    with while_trying_to("take the rotation's lock in CIPP's table storage"):
        try:
            try:
                answer = table.create_entity(mine)
            except ResourceNotFoundError:  # the first run ever: there is no table yet
                table.create_table()
                answer = table.create_entity(mine)
            return Held(table, str(answer["etag"]))
        except ResourceExistsError:
            pass
        dates: list[datetime] = []
        try:
            row = table.get_entity(
                ROW["PartitionKey"], ROW["RowKey"], raw_response_hook=lambda a: dates.append(_date(a))
            )
        except ResourceNotFoundError as error:
            raise ConflictError(_taken("Another run, which has just ended", None)) from error
        renewed = row.metadata["timestamp"] or dates[-1]
        if dates[-1] - renewed < LIFETIME:
            raise ConflictError(_taken(f"Run {row.get('RunId')} by {row.get('By')}", row.get("Since")))
        try:
            answer = table.update_entity(
                mine, mode=UpdateMode.REPLACE, etag=row.metadata["etag"], match_condition=MatchConditions.IfNotModified
            )
        except (ResourceModifiedError, ResourceNotFoundError) as error:
            raise ConflictError(_taken("Another run, which has just begun", None)) from error
        return Held(table, str(answer["etag"]))


def _date(answer: Any) -> datetime:  # noqa: ANN401 - azure-core's response
    return parsedate_to_datetime(answer.http_response.headers["Date"])


def _taken(who: str, since: datetime | None) -> str:
    began = f" since {since:%Y-%m-%d %H:%M:%S} UTC" if since else ""
    return f"{who} holds the rotation's lock{began}. Wait for it to end; nothing was changed."
