"""The health of CIPP's container, as `/api/setup/health` shows it without sign-in.

Until CIPP's web server runs, the port is shut, and App Service responds in its place. Which of its responses it then
sends is not documented. So each of them only means that CIPP is not up yet. Never run against a real CIPP.
"""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from backend.azure.public_web import NoResponseError, PublicWeb, WebResponse
from backend.concurrency.deadline import Deadline, poll
from backend.readings import count_or_none, object_of, text_of

PATH: Final = "/api/setup/health"
READY: Final = "Ready"  # the last phase, in which CIPP's scheduler runs
_PHASE: Final = r"[A-Za-z]{1,32}"  # Starting, BaseReady, HttpReady or Ready, or a newer CIPP's
_OK: Final = 200
_SHUT: Final = (502, 503, 504)  # of App Service, while the container's port is shut
_MEASURED: Final = "Ms"  # of the times of a start. A newer CIPP may add figures that change all the time.
_LOOK_SECONDS: Final = 6.0  # of one check


@dataclass(frozen=True)
class Health:
    """One check. `phase` is CIPP's, None while it is not up, or if the response was not CIPP's.

    - `is_up`: CIPP responded. False: its port is shut. None: another response, as `unexpected` states.
    - `startup`: CIPP's measurements of its start. Two processes have different ones.
    """

    is_up: bool | None
    phase: str | None = None
    startup: Mapping[str, int] = field(default_factory=dict)
    unexpected: str = ""

    @property
    def is_ready(self) -> bool:
        """Whether CIPP has started completely."""
        return self.phase == READY

    def __str__(self) -> str:
        if self.phase:
            return f"CIPP's health phase is {self.phase}."
        return "CIPP is not up yet." if self.is_up is False else f"CIPP's health is unknown: {self.unexpected}."


@dataclass(frozen=True)
class Start:
    """A start that was followed.

    - `is_seen`: another process than before runs now, or the one from before is gone.
    - `is_needed`: the request starts a process. A start of an app that is not stopped has no effect.
    """

    health: Health
    seconds: float
    is_seen: bool
    is_needed: bool = True

    @property
    def is_complete(self) -> bool:
        """Whether CIPP certainly started again, and has read its keys since."""
        return self.is_seen and self.health.is_ready


@dataclass(frozen=True)
class Before:
    """The health just before a request, which starts a process unless it is a start of an app that is not stopped.

    `was_stopped`: Azure showed that the app was stopped, so any process that runs afterwards is new.
    """

    health: Health
    was_stopped: bool = False
    replaces: bool = True

    @property
    def starts(self) -> bool:
        """Whether the request starts a process."""
        return self.was_stopped or self.replaces


class SiteHealth:
    """The service of the health of one site."""

    def __init__(self, web: PublicWeb, address: str) -> None:
        self._web = web
        self._url = f"{address}{PATH}"

    def look(self, deadline: Deadline | None = None) -> Health:
        """Return the health now. It never raises."""
        limit = Deadline.after(_LOOK_SECONDS)
        try:
            return health_of(self._web.get(self._url, deadline=min(limit, deadline) if deadline else limit))
        except NoResponseError:
            return Health(is_up=False)

    def follow(self, before: Before, *, deadline: Deadline, every_seconds: float) -> Start:
        """Check until CIPP has started completely because of the request, or until the deadline.

        Right after a request, the old process may still respond, or become ready, or time out. `_Seen` has the rules.
        If the request starts no process, check only until CIPP is ready.
        """
        began = time.monotonic()
        seen = _Seen(before)
        health = poll(partial(seen.look, self, deadline), every=every_seconds, deadline=deadline, is_done=seen.is_done)
        return Start(health, time.monotonic() - began, seen.is_another, before.starts)


class _Seen:
    """Whether another process than before the request was seen.

    That CIPP is down shows it only if it was up before, since the request or just before it, or if the app was stopped.
    Otherwise the old process may be starting, and may have read its keys. If measurements exist, they alone decide.
    """

    def __init__(self, before: Before) -> None:
        self._before = before
        self._first = before.health.startup
        self._was_up = before.was_stopped or bool(before.health.is_up)
        self._is_gone = before.was_stopped and before.health.is_up is False
        self.is_another = False

    def look(self, site: SiteHealth, deadline: Deadline) -> Health:
        health = site.look(deadline)
        is_comparable = bool(health.is_up and health.startup and self._first)
        self._is_gone = self._is_gone or (self._was_up and health.is_up is False)
        if self._before.starts:
            self.is_another = _is_other(self._first, health.startup) if is_comparable else self._is_gone
        if health.is_up:
            self._was_up = True
            if not self._is_gone:
                self._first = self._first or health.startup
        return health

    def is_done(self, health: Health) -> bool:
        return health.is_ready and (self.is_another or not self._before.starts)


def _is_other(before: Mapping[str, int], now: Mapping[str, int]) -> bool:
    """Return whether measurements are those of another process. One that was 0 is reached later by the same process."""
    return any(now.get(name, 0) != value for name, value in before.items() if value and name.endswith(_MEASURED))


def health_of(response: WebResponse) -> Health:
    """Return the health that a response shows. Unknown fields are ignored. Pure."""
    if response.status in _SHUT:
        return Health(is_up=False)
    shown = response.json()
    phase = text_of(shown.get("phase"))
    if response.status != _OK or not re.fullmatch(_PHASE, phase):
        return Health(is_up=None, unexpected=f"the response with status {response.status} is not CIPP's")
    startup = {
        name: count for name, value in object_of(shown.get("startup")).items() if (count := count_or_none(value))
    }
    return Health(is_up=True, phase=phase, startup=startup)
