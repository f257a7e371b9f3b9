"""What this app wrote into CIPP's table of users, in a table of its own, and what was changed since.

CIPP's sync reads all users, and writes some of them later without an ETag. So it can overwrite a change of this app in
between, and no refusal shows it. The next look at the users compares them with this memory.
"""

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from backend.access.allowed_users import folded
from backend.access.users.rows import UserTable
from backend.azure.clients import Clients
from backend.azure.own_table import OwnTable
from backend.errors import BackendError
from backend.hosting.results.users import OverwrittenChange
from backend.readings import text_of, texts_of, time_or_none

logger = logging.getLogger("cipp.backend")
TABLE: Final = "CippBackendUsers"
PARTITION: Final = "user"
REMEMBERED: Final = timedelta(days=14)  # so long a later change is reported
SYNC: Final = timedelta(minutes=20)  # CIPP's sync begins every 15 minutes


@dataclass(frozen=True)
class WrittenUser:
    """The last change of a user by this app: the manual roles, or None for a removal. `stored` is by the storage."""

    user: str
    roles: tuple[str, ...] | None
    time: datetime
    stored: datetime | None = None


class UserMemory:
    """The service of the memory. If its table can't be read or written, nothing is known, and this is only logged."""

    def __init__(self, clients: Clients) -> None:
        self._table = OwnTable(clients, TABLE)

    def remember(self, user: str, roles: Iterable[str] | None) -> None:
        """Store a change in place of the former one of the same user. Without storage, nothing is stored."""
        row: dict[str, Any] = {
            "PartitionKey": PARTITION,
            "RowKey": folded(user),
            "Roles": "" if roles is None else json.dumps(sorted(roles)),
            "Written": datetime.now(UTC).replace(microsecond=0),
        }
        try:
            self._table.put(row, "store the change of a user")
        except BackendError as error:
            logger.warning("A later change of a user by CIPP won't be noticed: %s", error)

    def changes(self) -> list[WrittenUser]:
        """Return the changes within `REMEMBERED`. It does not raise a `BackendError`."""
        try:
            found = self._table.rows(PARTITION, "read the changes of users by this app")
        except BackendError as error:
            logger.info("The changes of users by this app are unknown: %s", error)
            return []
        now = datetime.now(UTC)
        read = (_written(row) for row in found)
        return [change for change in read if change and abs(now - change.time) < REMEMBERED]


def overwritten(table: UserTable, changes: Iterable[WrittenUser]) -> list[OverwrittenChange]:
    """Return the changes that the table no longer has, by user. A user who is back only by groups is not one. Pure."""
    found = (_overwritten(table, change) for change in changes)
    return sorted((change for change in found if change), key=lambda change: change.user)


def _overwritten(table: UserTable, change: WrittenUser) -> OverwrittenChange | None:
    user = table.user(change.user)
    present = user.manual if user.rows else None
    if change.roles is None:
        if not user.manual:
            return None
        what = f"This app removed '{user.name}', and CIPP's table lists the user again"
    elif present is not None and {*present} == {*change.roles}:
        return None
    else:
        what = f"This app gave '{user.name}' the roles {', '.join(change.roles)}, and something else changed that since"
    changed, stored = user.changed, change.stored
    by_sync = changed is not None and stored is not None and timedelta() <= changed - stored < SYNC
    why = " CIPP's sync probably overwrote it. Send the change again." if by_sync else " Check whether that is right."
    return OverwrittenChange(
        user=user.name,
        time=change.time,
        roles=None if change.roles is None else list(change.roles),
        present=None if present is None else list(present),
        by_sync=by_sync,
        text=f"{what}.{why}",
    )


def _written(row: Mapping[str, Any]) -> WrittenUser | None:
    time = time_or_none(row.get("Written"))
    if time is None:
        return None
    try:
        roles = tuple(texts_of(json.loads(text_of(row.get("Roles"))))) if row.get("Roles") else None
    except ValueError:
        return None
    return WrittenUser(text_of(row.get("RowKey")), roles, time, time_or_none(row.get("Timestamp")))
