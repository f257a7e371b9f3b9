"""The audit log in CIPP's Logbook: the callers of write operations, and the results. It never contains a value.

- Every write operation gets an entry, whether or not it is a dry run or fails. One that only waits, and is repeated
  until a person has signed in, gets at most one entry a minute.
- A denial, or a call of a reading endpoint that is named `Exec...` (ExecBackendURLs), gets at most one entry a minute
  for each caller and endpoint, so that repeated calls can't fill the table.
- Denials of a caller without a role get at most one entry a minute for all endpoints.
- An entry of a denial states how many denials before it have no entry.
- Calls without a sign-in are only in the log stream.
"""

import logging
from datetime import UTC, datetime
from typing import Final

import msgspec
from msgspec.structs import replace

from backend.cipp.log_entries import BACKEND_API
from backend.cipp.results import Line
from backend.concurrency import background, correlation
from backend.errors import BackendError, NotConfiguredError
from backend.services import Services
from backend.values import ActionResult, counted
from settings.access.caller import Caller
from settings.audit.log_lines import log_internal_error
from settings.audit.once_a_minute import OnceAMinute

logger = logging.getLogger("cipp.record")
WAIT_SECONDS: Final = 2.0
READ_WAIT_SECONDS: Final = 0.2  # a read operation's response barely waits for its entry
LONGEST_NAME: Final = 256
LONGEST: Final = 4_000  # characters, of about 32,000 that Azure allows in a field


class Who(msgspec.Struct, frozen=True):
    """The caller, as the audit log shows them. A name is not unique, so `user_id` is the platform's ID.

    `app_id` is the client ID if the caller is an API client.
    """

    name: str
    roles: tuple[str, ...]
    address: str
    user_id: str = ""
    app_id: str = ""


def who_of(caller: Caller | None) -> Who:
    """Return a caller's name, or their ID if they have none, with roles and address. Unknown values are empty."""
    if caller is None:
        return Who("", (), "")
    user_id = caller.user_id
    name = _printable(caller.name) or user_id
    return Who(name, caller.role_names, caller.address, user_id, user_id if caller.is_application else "")


def summary_of(outcome: object) -> str:
    """Return a summary of a call's result or error, without a value. Pure."""
    match outcome:
        case BackendError():
            return str(outcome)
        case Exception():
            return f"An internal error occurred ({type(outcome).__name__}). The request may have taken effect."
        case ActionResult():
            return outcome.summary
        case list():
            return counted(getattr(found, "outcome", "done") for found in outcome)
        case _:
            return "Done."


class AuditLog:
    """The audit log of this process. Requires access to CIPP's Logbook. The log stream has the same information.

    No method raises, because the call is completed even if its entry can't be written.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._views = OnceAMinute()
        self._denials = OnceAMinute()  # of callers with a role
        self.denials_without_role = OnceAMinute()  # with a limit of their own, see `denied`

    def acted(self, endpoint: str, caller: Caller | None, outcome: object, *, dry_run: bool) -> None:
        """Record a write operation and its result or error."""
        line = _line(endpoint, who_of(caller), outcome, dry_run=dry_run)
        _log(line, "called")  # in case the table can't be written
        is_repeated = isinstance(outcome, ActionResult) and outcome.is_repeated
        if is_repeated and not self._views.is_new((_key(caller), endpoint)):
            return
        self._write(endpoint, line, WAIT_SECONDS)

    def rejected(self, endpoint: str, caller: Caller | None, error: BackendError) -> None:
        """Record a write operation with an invalid body. Whether it is a dry run is not known."""
        self._write(endpoint, _line(endpoint, who_of(caller), error, dry_run=None), WAIT_SECONDS, is_logged=True)

    def viewed(self, endpoint: str, caller: Caller | None, outcome: object) -> None:
        """Record a read operation and its result, at most once a minute."""
        if self._views.is_new((_key(caller), endpoint)):
            line = _line(endpoint, who_of(caller), outcome, dry_run=False)
            self._write(endpoint, line, READ_WAIT_SECONDS, is_logged=True)

    def denied(self, endpoint: str, caller: Caller | None, error: BackendError) -> None:
        """Record a denial, at most once a minute for each endpoint, or for all endpoints if the caller has no role.

        Callers with and without a role have separate limits, so that many strangers can't suppress the entries of a
        stolen account. `endpoint` must be an endpoint of this API, never a name that the caller chose.
        """
        line = _line(endpoint, who_of(caller), error, dry_run=None)
        line = replace(line, severity="Warning", data={**line.data, "Outcome": "denied"})
        _log(line, "was denied")
        has_role = caller is not None and bool(caller.roles.names)
        if has_role:
            left_out = self._denials.counted((_key(caller), endpoint))
        else:
            left_out = self.denials_without_role.counted(_key(caller))
        if left_out is not None:
            with self._services.seats.visit(_key(caller), needed=not has_role) as seat:
                wait_seconds = WAIT_SECONDS if seat.take_if_free() else 0.0
                self._write(endpoint, _with_left_out(line, left_out), wait_seconds, is_logged=True)

    def _write(self, endpoint: str, line: Line, wait_seconds: float, *, is_logged: bool = False) -> None:
        """Write the entry, and wait at most `wait_seconds` for it. `is_logged`: the log stream already has it."""
        services = self._services

        def write() -> None:
            if services.clients.tables() is not None:
                services.logbook.write([line], datetime.now(UTC), services.tables.zone())
            elif not is_logged:
                raise NotConfiguredError(
                    "No storage account is configured.", advice="Set CIPP_STORAGE to CIPP's storage account."
                )

        try:
            background.start(write, name="record").result(wait_seconds)
        except TimeoutError:
            logger.warning("Timed out writing the audit entry for %s to CIPP's Logbook. It might be lost.", endpoint)
        except BackendError as error:
            logger.warning("The audit entry for %s is not in CIPP's Logbook: %s", endpoint, error)
        except Exception as error:  # noqa: BLE001 - no error may stop the call itself
            log_internal_error(f"Writing the audit entry for {endpoint}", error, {"endpoint": endpoint})


def _with_left_out(line: Line, left_out: int) -> Line:
    """Return the entry with the number of denials that got no entry since the last one."""
    if not left_out:
        return line
    message = f"{line.message} Denials since the last entry that are only in the log stream: {left_out}."
    return replace(line, message=message, data={**line.data, "LeftOut": left_out})


def _key(caller: Caller | None) -> str:
    return (caller.user_id or who_of(caller).name) if caller else ""


def _line(endpoint: str, who: Who, outcome: object, *, dry_run: bool | None) -> Line:
    failed = isinstance(outcome, Exception)
    message = f"{endpoint}{' (dry run)' if dry_run else ''}: {summary_of(outcome)}"
    return Line(
        api=BACKEND_API,
        message=_printable(message)[:LONGEST],
        severity="Error" if failed else "Info",
        user=_printable(who.name)[:LONGEST_NAME] or "unknown",  # not empty, because CIPP would show its own name
        address=who.address,
        app_id=who.app_id,
        data={
            "Endpoint": endpoint,
            "UserId": who.user_id[:LONGEST_NAME] or None,
            "Role": ", ".join(who.roles) or None,
            "Address": who.address or None,
            "DryRun": dry_run,
            "Outcome": "failed" if failed else "done",
            "CorrelationId": correlation.current() or None,
        },
    )


def _printable(text: str) -> str:
    """Return a text in one line without invisible or direction-changing characters, which could fake an entry."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _log(line: Line, did: str) -> None:
    """Write the entry to the log stream, with its data as fields."""
    data = line.data
    fields = {
        "endpoint": data["Endpoint"],
        "user": line.user,
        "roles": data["Role"],
        "address": data["Address"],
        "dryRun": data["DryRun"],
        "outcome": data["Outcome"],
    }
    logger.info("%s", f"{line.user} {did} {line.message}", extra=fields)
