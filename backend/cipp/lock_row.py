"""The row of a lock in CIPP's table storage: create, renew, take over, delete. Each write returns an outcome."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from backend.readings import http_time_or_none, time_or_none

if TYPE_CHECKING:
    from azure.data.tables import TableClient

TABLE: Final = "CippBackendLocks"
PARTITION: Final = "lock"
LIFETIME: Final = timedelta(seconds=29)  # free at most 30 s after its owner stopped, because a Date has whole seconds
# The options of a call for the lock of a run that continues or finishes. It allows retries, but not after a timeout.
# So two renewals fit in LIFETIME. If the storage hangs, a finishing run waits for one renewal and one release at most.
BRIEF: Final[Mapping[str, Any]] = MappingProxyType({"deadline_seconds": 10.0})


class Outcome(Enum):
    """The result of writing a lock's row."""

    MINE = "the row is this run's"
    TAKEN = "the row is another run's, or was deleted"
    UNKNOWN = "the response was lost, so the row might be this run's"


@dataclass(frozen=True)
class SeenRow:
    """A lock's row as read. `is_expired`: by the clock of the storage, it was not renewed for `LIFETIME`."""

    run_id: object
    by: object
    since: datetime | None
    etag: str
    is_expired: bool


class LockRow:
    """The row of one lock for one run. It stores the row's ETag while the row is that run's."""

    def __init__(self, table: "TableClient", name: str, run_id: str, by: str) -> None:
        self._table = table
        self._name = name
        self.run_id = run_id
        self._by = by
        self._etag = ""

    def create(self) -> Outcome:
        """Create the row, and the table if it does not exist."""
        return self._outcome(self._created, is_new=True)

    def read(self, **options: Any) -> SeenRow | None:  # noqa: ANN401 - of azure-core
        """Return the row, or None if it does not exist."""
        seen = read_row(self._table, self._name, **options)
        if seen and seen.run_id == self.run_id:
            self._etag = seen.etag
        return seen

    def is_mine(self) -> bool:
        """Return whether the row is this run's, by a new read."""
        seen = self.read(**BRIEF)
        return seen is not None and seen.run_id == self.run_id

    def take_over(self, etag: str) -> Outcome:
        """Write this run into an expired row, unless the row was changed in the meantime."""
        return self._outcome(lambda: self._updated(self._content(), "replace", etag))

    def renew(self, *, is_last: bool = False) -> Outcome:
        """Write the row by its ETag, so that the storage sets its time.

        With `is_last`, there is one try, and a lost response raises. A retry after a lost response would find another
        ETag, as if the row were another run's.
        """
        options = {**BRIEF, "retry_total": 0} if is_last else BRIEF
        return self._outcome(
            lambda: self._updated(_row(self._name), "merge", self._etag, **options), raises_unknown=is_last
        )

    def delete(self) -> None:
        """Delete the row if it is this run's. If that fails, the row expires after `LIFETIME`."""
        from azure.core import MatchConditions  # noqa: PLC0415 - only a lock needs it
        from azure.core.exceptions import AzureError  # noqa: PLC0415 - the same

        with suppress(AzureError):
            self._table.delete_entity(
                _row(self._name), etag=self._etag, match_condition=MatchConditions.IfNotModified, **BRIEF
            )

    def _content(self) -> dict[str, Any]:
        return {**_row(self._name), "RunId": self.run_id, "By": self._by, "Since": datetime.now(UTC)}

    def _created(self) -> Mapping[str, Any]:
        from azure.core.exceptions import ResourceNotFoundError  # noqa: PLC0415 - only a lock needs it

        try:
            return self._table.create_entity(self._content())
        except ResourceNotFoundError:
            self._table.create_table()
            return self._table.create_entity(self._content())

    def _updated(self, row: dict[str, Any], mode: str, etag: str, **options: Any) -> Mapping[str, Any]:  # noqa: ANN401 - of azure-core
        from azure.core import MatchConditions  # noqa: PLC0415 - only a lock needs it
        from azure.data.tables import UpdateMode  # noqa: PLC0415 - the same

        condition = MatchConditions.IfNotModified
        return self._table.update_entity(row, mode=UpdateMode(mode), etag=etag, match_condition=condition, **options)

    def _outcome(
        self, write: Callable[[], Mapping[str, Any]], *, raises_unknown: bool = False, is_new: bool = False
    ) -> Outcome:
        """Write, and store the new ETag. If the table of a new row is missing, raise. It is not another run's row."""
        from azure.core.exceptions import (  # noqa: PLC0415 - only a lock needs it
            ResourceExistsError,
            ResourceModifiedError,
            ResourceNotFoundError,
            ServiceResponseError,
        )

        try:
            self._etag = str(write()["etag"])
        except ResourceExistsError:
            return Outcome.TAKEN
        except (ResourceModifiedError, ResourceNotFoundError):
            if is_new:
                raise
            return Outcome.TAKEN
        except ServiceResponseError:
            if raises_unknown:
                raise
            return Outcome.UNKNOWN
        return Outcome.MINE


def read_row(table: "TableClient", name: str, **options: Any) -> SeenRow | None:  # noqa: ANN401 - of azure-core
    """Return a lock's row. A row with an unreadable time counts as renewed now, because a run might own it."""
    from azure.core.exceptions import ResourceNotFoundError  # noqa: PLC0415 - only a lock needs it

    dates: list[datetime] = []
    try:
        row = table.get_entity(
            PARTITION, _key(name), raw_response_hook=lambda response: dates.append(_date(response)), **options
        )
    except ResourceNotFoundError:
        return None
    renewed = time_or_none(row.metadata.get("timestamp")) or dates[-1]
    return SeenRow(
        run_id=row.get("RunId"),
        by=row.get("By"),
        since=time_or_none(row.get("Since")),
        etag=str(row.metadata.get("etag")),
        is_expired=dates[-1] - renewed >= LIFETIME,
    )


def _row(name: str) -> dict[str, Any]:
    return {"PartitionKey": PARTITION, "RowKey": _key(name)}


def _key(name: str) -> str:
    return name.lower().replace(" ", "-")


def _date(response: Any) -> datetime:  # noqa: ANN401 - azure-core's response
    """Return the time of the storage, or this machine's if the response has no readable time."""
    return http_time_or_none(response.http_response.headers.get("Date")) or datetime.now(UTC)
