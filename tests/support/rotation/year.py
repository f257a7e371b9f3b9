"""A year of one CIPP, week by week: the timers of this app, CIPP's own jobs, and what CIPP has in memory.

All hourly catch-ups of a year would take half an hour of processor time. So a week has the two after its start, when
CIPP's own jobs are done, and another at an hour that differs from week to week. It needs two: if the app registration
has as many client secrets as this app may make, the first one removes an old secret and the second one makes the new
one. A Sunday that is hourly has all 24, and shows that those that are left out change nothing.
"""

import time
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from sandbox import names
from sandbox.directory import REFRESH_TOKEN_LIFETIME
from tests.support.rotation.checks import held_fails, refused_now, secrets_of
from tests.support.rotation.deployment import ONE_SIGN_IN_CHECK, Deployment
from tests.support.rotation.pfx import opened
from tests.support.rotation.scene import moment
from tests.support.rotation.theirs import State, by_the_product, too_many_live, versions_of

WEEKS: Final = 52
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BEFORE_READ: Final = timedelta(minutes=29)  # after midnight: CIPP reads its keys a minute later
CATCH_UP: Final = timedelta(minutes=20)
WEEKLY, HOURLY = "WeeklyKeyRotation", "KeyRotationCatchUp"
AFTER_THE_NIGHT: Final = (1, 2)  # the hours of Sunday in which the keys are renewed, or what is left of that is done
HOURS: Final = 7 * 24


@dataclass(frozen=True)
class Kind:
    """A CIPP, and how it lives.

    `options` are those of the sandbox's reset. In the weeks `restarts`, an admin restarts CIPP's apps on Thursday.
    `is_in_time`: CIPP reads its keys at least once in each overlap. Otherwise a key may expire in its memory.
    """

    options: Mapping[str, object]
    settings: Mapping[str, str] = field(default_factory=dict)
    restarts: range = range(0)
    is_in_time: bool = True


EVERY_FOUR: Final = range(1, WEEKS, 4)  # within each overlap of 30 days
ONCE: Final = range(1, 2)
CONTAINER: Final = {"shape": "container", "start_seconds": 1.0}
KINDS: Final = {
    "function apps": Kind({}, restarts=EVERY_FOUR),  # the offload app reads its keys at a start alone
    "container": Kind(CONTAINER),
    "function apps, certificate-only": Kind({"certificate_only": True}, restarts=EVERY_FOUR),
    "container, certificate-only": Kind({**CONTAINER, "certificate_only": True}),
    "function apps, old and never restarted": Kind({"old_cipp": True}, restarts=ONCE, is_in_time=False),
    "container, old and never restarted": Kind({**CONTAINER, "old_cipp": True}, restarts=ONCE, is_in_time=False),
    "function apps, old, without a single restart": Kind({"old_cipp": True}, is_in_time=False),
    "container, old, without a single restart": Kind({**CONTAINER, "old_cipp": True}, is_in_time=False),
}

# What lives for a whole year in the tests and in the bench. The others live for some weeks, because a year takes time.
YEARS: Final = ("function apps", "container", "container, certificate-only", "container, old and never restarted")
SOME_WEEKS: Final = 12
HOURLY_SUNDAYS: Final = (5, 46)  # the first in which old keys are retired, and that in which the certificate is renewed


def weeks_of(kind: str) -> int:
    """Return how many weeks a kind of CIPP lives."""
    return WEEKS if kind in YEARS else SOME_WEEKS


@dataclass
class Figures:
    """What a year showed. `problems` are sentences, `late` the hours left out on most Sundays that changed a key."""

    runs: int = 0
    most_secrets: int = 0
    most_certificates: int = 0
    failed: int = 0  # keys in CIPP's memory that did not sign in
    problems: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)


class Year:
    """The year of one CIPP. It begins on the first Sunday, with keys that CIPP has just stored."""

    def __init__(self, deployment: Deployment, kind: Kind) -> None:
        self._deployment = deployment
        self._azure, self._others, self._kind = deployment.sandbox, deployment.others, kind
        self._ends: dict[str, str] = {}  # of each client secret, by its value
        self.figures = Figures()
        deployment.begin()
        fresh = {"cipp_jobs": True, "direct_tenants": 1, "propagation_seconds": 0, "stored_days": 0}
        state = self._others.reset(**fresh, **kind.options)
        now = moment(state["now"])
        self._read = time.monotonic()
        self._sunday = datetime.combine(now.date() + DAY * ((6 - now.weekday()) % 7 or 7), datetime.min.time(), UTC)
        self._state: State = state
        self._week = 0

    def weeks(self, number: int, *, hourly: Container[int] = ()) -> Figures:
        """Let weeks pass. The Sundays of those in `hourly` have a catch-up each hour."""
        for _ in range(number):
            with self._deployment.process(**ONE_SIGN_IN_CHECK, **self._kind.settings):
                self._let_pass(is_hourly=self._week in hourly)
            self._week += 1
            self._sunday += 7 * DAY
        return self.figures

    def _let_pass(self, *, is_hourly: bool) -> None:
        """Let the week that begins on Sunday pass, event by event."""
        other = AFTER_THE_NIGHT[-1] + 1 + (self._week * 43) % (HOURS - 3)
        usual = {*AFTER_THE_NIGHT, other}
        hours = usual | ({*range(24)} if is_hourly else set())
        events = [(self._sunday, WEEKLY), *((self._sunday + hour * HOUR + CATCH_UP, HOURLY) for hour in hours)]
        # What CIPP holds changes when it reads, and what it needs when this app or CIPP's own job has run before.
        events += [(self._sunday + day * DAY + BEFORE_READ, "") for day in {0, 1, other // 24 + 1} - {7}]
        if self._week in self._kind.restarts:
            events.append((self._sunday + 4 * DAY + 10 * HOUR, "restart"))
        for at, event in sorted(events):
            self._go_to(at)
            if event == "restart":
                for site in (process["name"] for process in self._state["cipp"]):
                    self._others.restart(site)
                self.look()
            elif event:
                self._run(event, at, is_extra=(at - self._sunday) // HOUR not in {0, *usual})

    def _run(self, timer: str, at: datetime, *, is_extra: bool) -> None:
        before = self._state
        self._deployment.tick(timer)
        self.figures.runs += 1
        self.look()
        self._count()
        if _made(before) == _made(self._state):
            return
        self._note(at, refused_now(self._others, self._state))
        if is_extra:
            self.figures.late.append(f"{at:%a %Y-%m-%d %H:%M}")

    def _go_to(self, at: datetime) -> None:
        """Let time pass. All that is new then was made by CIPP's own jobs."""
        before = self._state
        now = moment(before["now"]) + timedelta(seconds=time.monotonic() - self._read)
        self._azure.advance(max((at - now).total_seconds(), 0))
        self.look()
        self._others.made.note_new(before, self._state)

    def look(self) -> None:
        """Read the state, and look for keys in CIPP's memory that do not sign in."""
        self._state = state = self._azure.state()
        self._read = time.monotonic()
        app = state["applications"][names.SAM_APP_ID]
        self._ends |= {one["secretText"]: one["endDateTime"] for one in app["passwordCredentials"]}
        failed = list(held_fails(state) if self._kind.is_in_time else held_fails(state, self._has_expired))
        self.figures.failed += len(failed)
        self._note(moment(state["now"]), failed)

    def _count(self) -> None:
        """Count the credentials of the product that sign in now."""
        state, figures = self._state, self.figures
        secrets, certificates = (
            sum(one["endDateTime"] > state["now"] for one in by_the_product(self._others.made, state, kind))
            for kind in ("passwordCredentials", "keyCredentials")
        )
        figures.most_secrets = max(figures.most_secrets, secrets)
        figures.most_certificates = max(figures.most_certificates, certificates)
        self._note(moment(state["now"]), too_many_live(self._others.made, state))

    def _has_expired(self, name: str, held: str) -> bool:
        """Return whether a version has reached the end of its own life."""
        now = moment(self._state["now"])
        version = next(one for one in secrets_of(self._state)[name] if one["version"] == held)
        if name == "RefreshToken":
            return now >= moment(version["created"]) + REFRESH_TOKEN_LIFETIME
        if name == "ApplicationSecret":
            return now >= moment(self._ends[version["value"]])
        return now >= opened(version["value"])[1].not_valid_after_utc

    def _note(self, at: datetime, problems: Iterator[str] | list[str]) -> None:
        self.figures.problems += [f"{at:%a %Y-%m-%d %H:%M}: {problem}" for problem in problems]


def _made(state: State) -> object:
    """Return all versions, whether each is enabled, and all credentials of the app registrations."""
    versions = [(version["version"], version["enabled"]) for _, version in versions_of(state)]
    apps = state["applications"].values()
    return versions, [one["keyId"] for app in apps for one in (*app["passwordCredentials"], *app["keyCredentials"])]
