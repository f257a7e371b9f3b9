"""The record: who did what, or was denied it, is a line in CIPP's Logbook; and never a value.

Every act leaves a line, dry run or not, refused or not. A reading endpoint that is named as an act (ExecBackendURLs)
and a denial leave one a minute for each caller and endpoint, so that neither a page nor a visitor fills the table. A
caller without a role leaves one a minute for all endpoints. An entry states how many denials before it have none.
Who is not signed in is told of in the log stream alone.
"""

import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from backend import at_once, correlation
from backend.act import Act
from backend.backend import Backend
from backend.errors import BackendError, NotConfiguredError
from backend.function_apps import Control
from backend.logbook import Line
from backend.rotation.report import Rotation
from settings.access import Caller
from settings.body import Body
from settings.log import tell_mistake

logger = logging.getLogger("cipp.record")
API: Final = "Backend"
WAIT_SECONDS: Final = 2.0
READ_WAIT_SECONDS: Final = 0.2  # an answer that changed nothing is hardly held up for its line
LONGEST_NAME: Final = 256
LONGEST: Final = 4_000  # letters; a row's text may have 32,000


@dataclass(frozen=True)
class Who:
    """Who called, as the record tells it. `user_id` is the platform's, since a name identifies nobody.

    `app_id` is an API client's.
    """

    name: str
    roles: tuple[str, ...]
    address: str
    user_id: str = ""
    app_id: str = ""


def who_of(caller: Caller | None) -> Who:
    """Answer a caller's name (their id, if they have none), roles and address; those that are not known are empty."""
    if caller is None:
        return Who("", (), "")
    user_id = caller.user_id
    name = _in_plain_letters(caller.name) or user_id
    return Who(name, caller.role_names, caller.address, user_id, user_id if caller.is_application else "")


def said_of(outcome: object) -> str:  # noqa: PLR0911 - one return a kind of outcome
    """Say what came of an act, without a value. Pure."""
    match outcome:
        case BackendError():
            return str(outcome)
        case Exception():
            return f"This app made a mistake ({type(outcome).__name__}); what was asked may have happened."
        case Act():
            return " ".join([*outcome.would_do, *outcome.done])
        case Control():
            return " ".join(outcome.would_do or [app.seen for app in outcome.apps])
        case Rotation():
            return " ".join(outcome.would_do) or _counted(key.outcome for key in outcome.keys)
        case list():
            return _counted(getattr(found, "outcome", "done") for found in outcome)
        case _:
            return "Done."


def _counted(outcomes: Iterable[str]) -> str:
    return ", ".join(f"{count} {outcome}" for outcome, count in sorted(Counter(outcomes).items())) or "Nothing to do."


def record(backend: Backend, endpoint: str, caller: Caller | None, body: Body, outcome: object) -> None:
    """Record an act and what came of it."""
    line = _line(endpoint, who_of(caller), outcome, dry_run=bool(getattr(body, "dry_run", False)))
    _tell(line, "called")  # where the table cannot be written, this is the record
    _write(backend, endpoint, line, WAIT_SECONDS)


def record_refused(backend: Backend, endpoint: str, caller: Caller | None, error: BackendError) -> None:
    """Record an act whose body cannot be used; whether it was to be a dry run is not known."""
    _write(backend, endpoint, _line(endpoint, who_of(caller), error, dry_run=None), WAIT_SECONDS, told=True)


def record_reading(backend: Backend, endpoint: str, caller: Caller | None, outcome: object) -> None:
    """Record once a minute that a caller looked."""
    if backend.readings.is_new((_key(caller), endpoint)):
        line = _line(endpoint, who_of(caller), outcome, dry_run=False)
        _write(backend, endpoint, line, READ_WAIT_SECONDS, told=True)


def record_denial(backend: Backend, endpoint: str, caller: Caller | None, error: BackendError) -> None:
    """Record that a caller was denied: once a minute for each endpoint, or for all if they have no role.

    Callers with a role and callers without have separate limits, so that the entry of a stolen account always finds
    its place. `endpoint` must be a name of this API, not one that the caller invented.
    """
    line = _line(endpoint, who_of(caller), error, dry_run=None)
    line = replace(line, severity="Warning", data={**line.data, "Outcome": "denied"})
    _tell(line, "was denied")
    has_role = caller is not None and bool(caller.held.names)
    if has_role:
        left_out = backend.denials.counted((_key(caller), endpoint))
    else:
        left_out = backend.denials_without_role.counted(_key(caller))
    if left_out is not None:
        with backend.seats.visit(_key(caller), needed=not has_role) as seat:
            wait_seconds = WAIT_SECONDS if seat.take_if_free() else 0.0
            _write(backend, endpoint, _with_left_out(line, left_out), wait_seconds, told=True)


def _with_left_out(line: Line, left_out: int) -> Line:
    """Return the entry with the number of denials since the last one that have none."""
    if not left_out:
        return line
    message = f"{line.message} Denials since the last such entry that are in the log stream alone: {left_out}."
    return replace(line, message=message, data={**line.data, "LeftOut": left_out})


def _key(caller: Caller | None) -> str:
    return (caller.user_id or who_of(caller).name) if caller else ""


def _line(endpoint: str, who: Who, outcome: object, *, dry_run: bool | None) -> Line:
    failed = isinstance(outcome, Exception)
    message = f"{endpoint}{' (dry run)' if dry_run else ''}: {said_of(outcome)}"
    return Line(
        api=API,
        message=_in_plain_letters(message)[:LONGEST],
        severity="Error" if failed else "Info",
        user=_in_plain_letters(who.name)[:LONGEST_NAME] or "unknown",  # never CIPP itself
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


def _in_plain_letters(text: str) -> str:
    """Answer a text in one line and without what shows nothing or turns letters round: no caller writes their own."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _tell(line: Line, did: str) -> None:
    """Tell the log stream, with what is known beside it."""
    data = line.data
    beside = {
        "endpoint": data["Endpoint"],
        "user": line.user,
        "roles": data["Role"],
        "address": data["Address"],
        "dryRun": data["DryRun"],
        "outcome": data["Outcome"],
    }
    logger.info("%s", f"{line.user} {did} {line.message}", extra=beside)


def _write(backend: Backend, endpoint: str, line: Line, wait_seconds: float, *, told: bool = False) -> None:
    """Write the line; the answer does not wait long for it. `told`: the log stream has it by another line."""

    def write() -> None:
        if backend.clients.tables() is not None:
            backend.logbook.write([line], datetime.now(UTC), backend.tables.zone())
        elif not told:
            raise NotConfiguredError("no storage is configured, set CIPP_STORAGE to the one of CIPP.")

    try:
        at_once.start(write, name="record").result(wait_seconds)
    except TimeoutError:
        logger.warning("CIPP's Logbook is slow; the line of %s comes later or not at all", endpoint)
    except BackendError as error:
        logger.warning("%s is not in CIPP's Logbook: %s", endpoint, error)
    except Exception as error:  # noqa: BLE001 - whatever it is, the act goes on
        tell_mistake(f"The line of {endpoint} in CIPP's Logbook", error, {"endpoint": endpoint})
