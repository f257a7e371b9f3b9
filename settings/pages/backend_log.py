"""This app's entries in CIPP's Logbook."""

from typing import Final

from backend.cipp.log_entries import DAYS, OUTCOMES, LogFilter, LogPage, read_place
from backend.errors import InvalidInputError
from settings.access.caller import Permission
from settings.http.routes import Call, Parameter, Routes, Shown

routes = Routes()
MOST: Final = 100
DEFAULT: Final = 50
QUERY: Final = (
    Parameter("User", "A part of the caller's name. Entries of a rotation are by `CIPP`."),
    Parameter("Endpoint", "The name of an endpoint.", "ExecKeyRotation"),
    Parameter("Outcome", "The result of an operation, or of a key in a run.", only=OUTCOMES),
    Parameter(
        "Before",
        "A time in UTC, or `Before` of a page to get the next one. By default, the newest entries are returned. "
        f"Entries older than {DAYS} days are never returned.",
    ),
    Parameter("Top", f"How many entries to return, from 1 to {MOST}, by default {DEFAULT}.", "10"),
)


@routes.get("ListBackendLog", needs=Permission.APP_SETTINGS_READ, shown=Shown(query=QUERY))
def log(call: Call) -> LogPage:
    """List this app's entries in CIPP's Logbook. Addresses of callers are shown to superadmins only."""
    query = call.query
    outcome, before = query.get("outcome", ""), query.get("before", "")
    if outcome and outcome.lower() not in OUTCOMES:
        raise InvalidInputError(f"Invalid Outcome: it must be one of {', '.join(OUTCOMES)}.", field="Outcome")
    wanted = LogFilter(
        top=_top(query.get("top", "")),
        user=query.get("user", ""),
        endpoint=query.get("endpoint", ""),
        outcome=outcome,
        before=read_place(before) if before else None,
    )
    shows_addresses = call.caller is not None and call.caller.may(Permission.SUPER_ADMIN_READ, "ListBackendLog")
    return call.services.backend_log.page(wanted, shows_addresses=shows_addresses)


def _top(text: str) -> int:
    if not text:
        return DEFAULT
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MOST)) and 1 <= int(text) <= MOST):
        raise InvalidInputError(f"Invalid Top: it must be a whole number from 1 to {MOST}.", field="Top")
    return int(text)
