"""Make a user superadmin of a container CIPP, if none can sign in any more.

An admin of this app in Azure sets its setting RESTORE_SUPERADMIN to the user's name. No endpoint of this app can
write that setting. The next hourly run gives the user the role by CIPP's table of users, once for each value: what was
done is a row in this app's own table. So a superadmin can take the role away again, while the setting stays.

A run can end between two writes. So the row first has the user's rows as they were, then that the role was given, and
at last that CIPP has the entry of it. A run that finds other rows than its predecessor gives nothing: the role may have
been given and taken away in between.
"""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from backend.access.allowed_users import folded
from backend.access.users.rows import SUPERADMIN, ListedUser
from backend.access.users.writer import AllowedUsersWriter
from backend.azure.clients import Clients
from backend.azure.errors.translation import while_trying_to
from backend.azure.row_writes import TableRows, upsert
from backend.cipp.log_entries import ALERTS_API, BACKEND_API
from backend.cipp.logbook import Logbook
from backend.cipp.results import Event, Line
from backend.cipp.tables import CippTables
from backend.errors import BackendError, InvalidInputError, NotConfiguredError, NotFoundError, changed_nothing
from backend.internal_errors import contained, stack_of
from backend.readings import text_of

logger = logging.getLogger("cipp.break_glass")
SETTING: Final = "RESTORE_SUPERADMIN"
TABLE: Final = "CippBackendBreakGlass"
PARTITION: Final = "setting"
LONGEST: Final = 256
_NOT_A_CONTAINER: Final = (
    f"{SETTING} has no effect: only a container CIPP has its users in a table. Remove the setting."
)
_UNKNOWN: Final = f"{SETTING} was not applied, because CIPP's shape is unknown. The next hourly run tries again."


class Stage(StrEnum):
    """What was done with a value. `BEGUN` and `GIVEN` are completed by the next run. `GIVEN` lacks only the entry."""

    NEW = "new"
    BEGUN = "begun"
    GIVEN = "given"
    DONE = "done"
    REFUSED = "refused"


@dataclass(frozen=True)
class Handled:
    """The value that the last run saw, and what was done with it. `rows` are the user's rows before, with ETags."""

    value: str = ""
    stage: Stage = Stage.NEW
    rows: str = ""


def rows_of(user: ListedUser) -> str:
    """Return the rows of a user as a text that differs after each write of them. Pure."""
    return json.dumps(sorted((row.partition, row.key, row.etag) for row in user.rows))


def stage_of(value: str, handled: Handled) -> Stage:
    """Return what was done with a value. Pure. Another value, also none in between, is a new one."""
    return handled.stage if handled.value == value else Stage.NEW


class BreakGlass:
    """The service of the setting. Requires Storage Table Data Contributor on CIPP's storage and on this app's own."""

    def __init__(  # noqa: PLR0913, PLR0917 - what it reads, and where it writes
        self,
        environ: Mapping[str, str],
        clients: Clients,
        writer: AllowedUsersWriter,
        logbook: Logbook,
        tables: CippTables,
        is_container: Callable[[], bool | None],
        remember: Callable[[str, Sequence[str]], None],
    ) -> None:
        """`is_container` returns None if CIPP's shape is unknown.

        `remember` stores the roles that a user got, so that ListBackendUsers reports if CIPP overwrites them later.
        """
        self._environ = environ
        self._clients = clients
        self._writer = writer
        self._logbook = logbook
        self._tables = tables
        self._is_container = is_container
        self._note_change = remember

    def by_timer(self) -> None:
        """Apply the setting if its value is new. A failure is logged as an error, and the next run tries again."""
        value = self._environ.get(SETTING, "").strip()
        try:
            with contained(f"The setting {SETTING}"):
                self._apply(value[:LONGEST])
        except BackendError as error:
            level = logging.ERROR if value else logging.INFO
            logger.log(level, "%s not applied: %s", SETTING, error, extra={"stack": stack_of(error)})

    def _apply(self, value: str) -> None:
        handled = self._handled()
        if not value:
            if handled.value:
                self._remember(Handled())
            return
        stage = stage_of(value, handled)
        if stage in (Stage.DONE, Stage.REFUSED):
            return
        is_container = self._is_container()
        if is_container is None:
            logger.error(_UNKNOWN)
            return
        if not is_container:
            logger.warning(_NOT_A_CONTAINER)
            return
        if stage is Stage.GIVEN:
            self._end(value)
            return
        user = self._writer.read().user(value)
        if stage is Stage.BEGUN and rows_of(user) != handled.rows:
            self._end_unknown(value, user)
            return
        self._give(Handled(value, Stage.BEGUN, rows_of(user)))

    def _give(self, begun: Handled) -> None:
        """Give the role. `begun` is stored before, so that a run that ends here is completed and not repeated."""
        value = begun.value
        self._remember(begun)
        try:
            self._writer.set_roles(value, [SUPERADMIN], force=True)
        except InvalidInputError as error:
            if self._record(f"{SETTING} was refused: {error}", "failed"):
                self._remember(Handled(value, Stage.REFUSED))
            return
        except BackendError as error:
            if changed_nothing(error) and rows_of(self._writer.read().user(value)) == begun.rows:
                self._remember(Handled(value))  # the next run begins again, whatever CIPP writes until then
            raise
        self._note_change(value, [SUPERADMIN])
        self._remember(Handled(value, Stage.GIVEN))
        self._end(value)

    def _end_unknown(self, value: str, user: ListedUser) -> None:
        """End a run that found other rows than its predecessor, which did not store whether it gave the role."""
        if user.is_manual_superadmin:  # so it was given, and at most rows with another spelling are left
            self._give(Handled(value, Stage.BEGUN, rows_of(user)))
        elif self._record(
            f"{SETTING} was not applied to '{user.name}': a run was interrupted, and the user's row was changed since. "
            "The role may have been given and taken away. To give it, remove the setting, wait for an hourly run, and "
            "set it again.",
            "failed",
        ):
            self._remember(Handled(value, Stage.REFUSED))

    def _end(self, value: str) -> None:
        """Write the entry that the role was given, and store that if CIPP has the entry."""
        if self._record(
            f"'{folded(value)}' is superadmin of CIPP now, because {SETTING} of this app names the user. The role "
            "counts within 5 minutes. If you did not expect this, remove the user in CIPP, and check who may change "
            "the settings of this app in Azure.",
            "done",
        ):
            self._remember(Handled(value, Stage.DONE))

    def _record(self, message: str, outcome: str) -> bool:
        """Write the entry of the audit log and the alert, both Critical.

        Return whether CIPP has them. If not, the next run writes them, so that they are never missing.
        """
        lines = [
            Line(
                api=api,
                message=message,
                severity="Critical",
                user="CIPP Backend",
                data={"Endpoint": SETTING, "Outcome": outcome, "DryRun": False},
                event=Event("BreakGlass", outcome),
            )
            for api in (BACKEND_API, ALERTS_API)
        ]
        return self._logbook.write(lines, datetime.now(UTC), self._tables.zone())

    def _handled(self) -> Handled:
        """Return what was done.

        Raises:
            BackendError: It can't be read. Nothing may be done then.
        """
        tables = self._own_tables()
        try:
            with while_trying_to(f"read what was done with {SETTING}"):
                row = TableRows(tables.get_table_client(TABLE)).whole(PARTITION, SETTING) or {}
        except NotFoundError:  # the table
            return Handled()
        stage = text_of(row.get("Stage"))
        known = Stage(stage) if stage in {*Stage} else Stage.NEW
        return Handled(text_of(row.get("Value")), known, text_of(row.get("Rows")))

    def _remember(self, handled: Handled) -> None:
        row = {
            "PartitionKey": PARTITION,
            "RowKey": SETTING,
            "Value": handled.value,
            "Stage": handled.stage.value,
            "Rows": handled.rows,
        }
        tables = self._own_tables()
        with while_trying_to(f"store what was done with {SETTING}"):
            upsert(tables, TABLE, [row], mode="merge")

    def _own_tables(self) -> Any:  # noqa: ANN401 - an SDK is not imported here for a type
        tables = self._clients.tables()
        if tables is None:
            raise NotConfiguredError("A storage account is not configured.", advice="Set CIPP_STORAGE of this app.")
        return tables
