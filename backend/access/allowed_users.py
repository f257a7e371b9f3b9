"""CIPP's table `allowedUsers`: the roles of users of a container CIPP. This module only reads it.

CIPP's host reads it the same way: the column Roles of every row, by the user principal name in the row key.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from backend.access.roles import PLATFORM
from backend.azure.clients import Clients
from backend.azure.errors.translation import while_trying_to
from backend.azure.sdk_json import rows
from backend.concurrency.cached import Cached
from backend.concurrency.deadline import Deadline
from backend.concurrency.seats import NOT_NEEDED, Seat
from backend.errors import NotConfiguredError, NotFoundError
from backend.readings import text_of

TABLE: Final = "allowedUsers"
LIFETIME_SECONDS: Final = 5.0  # how long a removed role still counts
WAIT_SECONDS: Final = 6.0
_COLUMNS: Final = ("PartitionKey", "RowKey", "Roles")
_INTERNAL: Final = "_"  # a row key that begins with it is not a user
_UNREADABLE: Final = "#unreadable"  # no role can have this name, because a row key has no #
_LONGEST: Final = 256  # a role's name. A longer text is not shown
Listed = Mapping[str, tuple[str, ...]]


class AllowedUsers:
    """The service for the table. Requires Storage Table Data Reader on CIPP's storage, or its connection string."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._listed = Cached(
            self._read,
            action=f"read CIPP's table {TABLE}",
            lifetime=LIFETIME_SECONDS,
            from_start=True,
            failure_seconds=LIFETIME_SECONDS,
            backoff_seconds=LIFETIME_SECONDS,
            # On a lost connection a read may never return.
            abandoned_seconds=clients.limits.azure_deadline_seconds,
        )

    def read(self, seat: Seat = NOT_NEEDED) -> Listed:
        """Return the users with their roles, at most `LIFETIME_SECONDS` old. A missing table counts as empty.

        Raises:
            SeatsTakenError: The caller needs a seat to wait, and all seats are taken.
            NotConfiguredError: A storage account is not configured, or it is not CIPP's.
            AzureError: The storage refused, timed out, or returned something else than rows.
        """
        return self._listed.get(Deadline.after(WAIT_SECONDS), seat=seat)

    def _read(self) -> Listed:
        tables = self._clients.cipp_tables()
        if tables is None:
            raise NotConfiguredError(
                "A storage account is not configured.", advice="Set CIPP_STORAGE to CIPP's storage account."
            )
        try:
            with while_trying_to(f"read CIPP's table {TABLE}"):
                return listed_in(rows(tables.get_table_client(TABLE).list_entities, select=_COLUMNS))
        except NotFoundError:
            return {}


def listed_in(found: Iterable[Mapping[str, Any]]) -> Listed:
    """Return the roles in the rows, by the `folded` name of each user. Pure.

    The roles of rows with the same name count together, as in CIPP, whatever their partition. Roles are not changed:
    CIPP compares their exact names. The roles that every user has are left out.
    """
    listed: dict[str, tuple[str, ...]] = {}
    for row in found:
        key = text_of(row.get("RowKey"))
        if not key.startswith(_INTERNAL):
            name = folded(key)
            roles = (*listed.get(name, ()), *_roles_in(row.get("Roles")))
            listed[name] = tuple(role for role in dict.fromkeys(roles) if role not in PLATFORM)
    return listed


def folded(name: str) -> str:
    """Return a user principal name with its letters A to Z in lower case.

    A name in Microsoft Entra ID has no other letters. Others stay, because Unicode folds some of them to a to z.
    """
    return name.translate(_LOWER)


_LOWER: Final = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def _roles_in(stored: object) -> list[str]:
    """Return the roles in a value of the column. A text that is not a list of texts counts as the name of one role."""
    if stored is None:
        return []
    roles: object = [stored]
    if isinstance(stored, str):
        try:
            roles = json.loads(stored)
        except (ValueError, RecursionError):
            roles = [stored]
    if roles is None:
        return []
    names = roles if isinstance(roles, list) and all(isinstance(role, str) for role in roles) else [stored]
    return [name if isinstance(name, str) and len(name) <= _LONGEST else _UNREADABLE for name in names]
