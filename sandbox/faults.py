"""Faults that a test plants: how Azure can fail."""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final

from sandbox.alteration import UNALTERED, Alteration, read_alteration
from sandbox.edits import Edit, read_edits
from sandbox.known_refusals import REFUSALS
from sandbox.planted_response import PlantedResponse, read_planted_response

MODES: Final = ("refuse", "refuse-then-do", "drop-before", "drop-after", "hang", "hold", "alter")
FIELDS: Final = frozenset(
    {"method", "host", "path", "body", "nth", "times", "mode", "status", "retry_after", "aadsts", "alter"}
    | {"answer", "edit", "after_seconds", "code"}
)
_CENTURY: Final = 3_155_760_000  # seconds, the longest valid time


class InvalidFaultError(Exception):
    """The list posted to `/sandbox/faults` is not valid. The message names the entry."""


@dataclass
class Fault:
    """One fault. `seen` counts the matching calls since it was posted, `held` those that wait until it is replaced.

    The mode determines the delivery (`hold`, `hang`, `drop-before`, `drop-after`) and the effect. `answer` replaces
    the effect and the response, `edits` change any response. With mode `refuse-then-do`,
    `answer` replaces the refusal, and the effect stays.
    """

    method: str
    host: str
    path: str
    mode: str  # empty if there is only `answer` or `edits`
    nth: int = 1
    times: int = 1  # 0 = no limit
    status: int = 0  # of the refusal in the modes "refuse" and "refuse-then-do"
    retry_after: str | None = None
    body: str = ""  # text that the request's body must contain
    code: str = ""  # of a refusal with its own status and wording, see `known_refusals`
    aadsts: int = 0  # Entra's error code
    alter: Alteration = UNALTERED  # what mode "alter" changes in the response
    answer: PlantedResponse | None = None
    edits: tuple[Edit, ...] = ()
    after_seconds: float = 0.0  # of sandbox time, until a call that "refuse-then-do" refused takes effect
    seen: int = 0
    held: int = 0

    def strikes(self, method: str, host: str, path: str, body: str = "") -> bool:
        """Count the call if it matches, and return whether the fault applies to it."""
        if not self._fits(method.upper(), host.lower(), path) or re.search(self.body, body) is None:
            return False
        self.seen += 1
        return self.seen >= self.nth and (self.times == 0 or self.seen < self.nth + self.times)

    def _fits(self, method: str, host: str, path: str) -> bool:
        if self.method not in ("*", method) or not fnmatchcase(host, self.host):
            return False
        return self.path.lower() == path.lower() or re.search(self.path, path, re.IGNORECASE) is not None


def read_faults(body: object) -> list[Fault]:
    """Read the posted list.

    Raises:
        InvalidFaultError: The body is not a list, or an entry doesn't have the documented form.
    """
    if not isinstance(body, list):
        raise InvalidFaultError("The body must be a list of faults.")
    return [_read(entry, f"Fault {number}") for number, entry in enumerate(body, 1)]


def _read(entry: object, where: str) -> Fault:
    if not isinstance(entry, dict):
        raise InvalidFaultError(f"{where} must be an object.")
    if unknown := sorted(map(str, entry.keys() - FIELDS)):
        raise InvalidFaultError(f"{where} has unknown fields: {', '.join(unknown)}.")
    mode, answer, edits = entry.get("mode"), entry.get("answer"), entry.get("edit")
    if mode not in MODES and not (mode is None and (answer is not None or edits is not None)):
        raise InvalidFaultError(f"{where}: mode must be one of {', '.join(MODES)}, or answer or edit must be given.")
    status, code = _whole(entry, "status", 0, where), entry.get("code") or ""
    if code and (not isinstance(code, str) or mode not in ("refuse", "refuse-then-do") or code not in REFUSALS):
        raise InvalidFaultError(
            f"{where}: code needs a mode that refuses, and must be one of {', '.join(sorted(REFUSALS))}."
        )
    if mode in ("refuse", "refuse-then-do") and answer is None and not code and not 400 <= status <= 599:
        raise InvalidFaultError(f"{where}: mode {mode} needs a status from 400 to 599.")
    retry_after = entry.get("retry_after")
    if isinstance(retry_after, bool) or not isinstance(retry_after, int | float | str | None):
        raise InvalidFaultError(f"{where}: retry_after must be a number of seconds or a date.")
    try:
        alteration = read_alteration(entry.get("alter", {}))
        planted = None if answer is None else read_planted_response(answer)
        changes = () if edits is None else read_edits(edits)
    except ValueError as error:
        raise InvalidFaultError(f"{where}: {error}") from error
    return Fault(
        method=_text(entry, "method", "*", where).upper(),
        host=_text(entry, "host", "*", where).lower(),
        path=_pattern(entry, "path", ".*", where),
        mode=mode or "",
        nth=max(1, _whole(entry, "nth", 1, where)),
        times=_whole(entry, "times", 1, where),
        status=status,
        retry_after=None if retry_after is None else str(retry_after).removesuffix(".0"),
        body=_pattern(entry, "body", ".*", where),
        code=code,
        aadsts=_whole(entry, "aadsts", 0, where),
        alter=alteration,
        answer=planted,
        edits=changes,
        after_seconds=_seconds(entry, "after_seconds", where),
    )


def _pattern(entry: dict[str, Any], name: str, default: str, where: str) -> str:
    pattern = _text(entry, name, default, where)
    try:
        re.compile(pattern)
    except re.error as error:
        raise InvalidFaultError(f"{where}: {name} is not a regular expression: {error}.") from error
    return pattern


def _text(entry: dict[str, Any], name: str, default: str, where: str) -> str:
    value = entry.get(name, default)
    if not isinstance(value, str) or not value:
        raise InvalidFaultError(f"{where}: {name} must be text.")
    return value


def _seconds(entry: dict[str, Any], name: str, where: str) -> float:
    value = entry.get(name)
    value = 0.0 if value is None else value
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _CENTURY:
        raise InvalidFaultError(f"{where}: {name} must be a number of seconds from 0 to a century.")
    return float(value)


def _whole(entry: dict[str, Any], name: str, default: int, where: str) -> int:
    value = entry.get(name, default)
    value = default if value is None else value
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidFaultError(f"{where}: {name} must be a whole number of at least 0.")
    return value
