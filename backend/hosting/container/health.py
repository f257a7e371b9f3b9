"""The health of CIPP's container, as `/api/setup/health` shows it without sign-in.

Until CIPP's web server runs, the port is shut, and App Service responds in its place. Which of its responses it then
sends is not documented. So each of them only means that CIPP is not up yet. Never run against a real CIPP.
"""

import json
import re
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Final, Self

from backend.azure.public_web import NoResponseError, PublicWeb, WebResponse
from backend.concurrency.deadline import Deadline, poll
from backend.readings import count_or_none, object_of, text_of

PATH: Final = "/api/setup/health"
READY: Final = "Ready"  # the last phase, in which CIPP's scheduler runs
_PHASE: Final = r"[A-Za-z]{1,32}"  # Starting, BaseReady, HttpReady or Ready, or a newer CIPP's
_OK: Final = 200
_SHUT: Final = (502, 503, 504)  # of App Service, while the container's port is shut
_MEASURED: Final = "Ms"  # of the times of a start. A newer CIPP may add figures that change all the time.
HEALTH_SECONDS: Final = 6.0  # of one check


@dataclass(frozen=True)
class Health:
    """One check. `phase` is CIPP's, None while it is not up, or if the response was not CIPP's.

    - `is_up`: CIPP responded. False: its port is shut. None: another response, as `unexpected` states.
    - `startup`: CIPP's measurements of its start. Two processes have different ones.
    - `is_shut`: App Service responded in its place. Otherwise, there may be no way to CIPP from this app.
    """

    is_up: bool | None
    phase: str | None = None
    startup: Mapping[str, int] = field(default_factory=dict)
    unexpected: str = ""
    is_shut: bool = False

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
    """A start that was followed, and what was seen of it."""

    health: Health
    seconds: float
    evidence: "Evidence"

    @property
    def is_seen(self) -> bool:
        """Whether another process than before runs now, or the one from before is gone."""
        return self.evidence.is_another

    @property
    def is_needed(self) -> bool:
        """Whether the request starts a process. A start of an app that is not stopped has no effect."""
        return self.evidence.starts

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


@dataclass(frozen=True)
class Evidence:
    """What was seen of a start so far. Each look adds to it, also in another process of this app.

    That CIPP is down shows another process only if CIPP was up before, since the request or just before it, or if the
    app was stopped. Otherwise the old process may be starting, and may have read its keys. If measurements exist, they
    alone decide.

    - `first` are the measurements of the process before. `was_up`: CIPP was up, or the app was stopped.
    - `is_gone`: the process from before has ended. `is_another`: another process was seen.
    - `starts`: the request starts a process.
    """

    first: Mapping[str, int] = field(default_factory=dict)
    was_up: bool = False
    is_gone: bool = False
    is_another: bool = False
    starts: bool = True

    @classmethod
    def before(cls, before: Before) -> Self:
        """Return what is known just before the request. Pure."""
        return cls(
            first=before.health.startup,
            was_up=before.was_stopped or bool(before.health.is_up),
            is_gone=before.was_stopped and before.health.is_up is False,
            starts=before.starts,
        )

    def after(self, health: Health) -> "Evidence":
        """Return what is known after one more look. Pure."""
        is_comparable = bool(health.is_up and health.startup and self.first)
        is_gone = self.is_gone or (self.was_up and health.is_up is False)
        is_another = _is_other(self.first, health.startup) if is_comparable else is_gone
        return Evidence(
            first=(self.first or health.startup) if health.is_up and not is_gone else self.first,
            was_up=self.was_up or bool(health.is_up),
            is_gone=is_gone,
            is_another=is_another if self.starts else self.is_another,
            starts=self.starts,
        )

    def is_complete(self, health: Health) -> bool:
        """Return whether nothing more is to come. Pure."""
        return health.is_ready and (self.is_another or not self.starts)

    def text(self) -> str:
        """Return it as JSON, which `of_text` reads. Pure."""
        return json.dumps({**asdict(self), "first": dict(self.first)})

    @classmethod
    def of_text(cls, text: str) -> Self:
        """Return the evidence of a text. What can't be read was not seen. Pure."""
        try:
            read = object_of(json.loads(text))
        except ValueError:
            read = {}
        first = {
            name: count
            for name, value in object_of(read.get("first")).items()
            if (count := count_or_none(value)) is not None
        }
        flags = {name: read.get(name) is True for name in ("was_up", "is_gone", "is_another")}
        return cls(first=first, starts=read.get("starts") is not False, **flags)


class SiteHealth:
    """The service of the health of one site."""

    def __init__(self, web: PublicWeb, address: str) -> None:
        self._web = web
        self._url = f"{address}{PATH}"

    def look(self, deadline: Deadline | None = None) -> Health:
        """Return the health now. It never raises."""
        limit = Deadline.after(HEALTH_SECONDS)
        try:
            return health_of(self._web.get(self._url, deadline=min(limit, deadline) if deadline else limit))
        except NoResponseError:
            return Health(is_up=False)

    def follow(self, before: Before, *, deadline: Deadline, every_seconds: float) -> Start:
        """Check until CIPP has started completely because of the request, or until the deadline.

        Right after a request, the old process may still respond, or become ready, or time out. `Evidence` has
        the rules.
        If the request starts no process, check only until CIPP is ready.
        """
        began = time.monotonic()
        evidence = Evidence.before(before)

        def look() -> Health:
            nonlocal evidence
            health = self.look(deadline)
            evidence = evidence.after(health)
            return health

        def is_done(health: Health) -> bool:
            return evidence.is_complete(health)

        health = poll(look, every=every_seconds, deadline=deadline, is_done=is_done)
        return Start(health, time.monotonic() - began, evidence)


def _is_other(before: Mapping[str, int], now: Mapping[str, int]) -> bool:
    """Return whether measurements are those of another process. One that was 0 is reached later by the same process."""
    return any(now.get(name, 0) != value for name, value in before.items() if value and name.endswith(_MEASURED))


def health_of(response: WebResponse) -> Health:
    """Return the health that a response shows. Unknown fields are ignored. Pure."""
    if response.status in _SHUT:
        return Health(is_up=False, is_shut=True)
    shown = response.json()
    phase = text_of(shown.get("phase"))
    if response.status != _OK or not re.fullmatch(_PHASE, phase):
        return Health(is_up=None, unexpected=f"the response with status {response.status} is not CIPP's")
    startup = {
        name: count for name, value in object_of(shown.get("startup")).items() if (count := count_or_none(value))
    }
    return Health(is_up=True, phase=phase, startup=startup)
