"""The hosting of CIPP in its present shape, which is looked up when a capability is used."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Final, Protocol

from backend.concurrency.deadline import Deadline
from backend.concurrency.made_once import made_once
from backend.hosting.uptimes import Uptime, Uptimes
from backend.installation.shape import Shape

if TYPE_CHECKING:
    from backend.cipp.key_reads import Sign
    from backend.hosting.hosting import (
        Apps,
        AppSettings,
        CippDomains,
        CippUsers,
        Code,
        Domains,
        Frontend,
        Hosting,
        Invitations,
        Migration,
        Processes,
        SignIn,
        SignInSecret,
        UserRoles,
        Versions,
    )
    from backend.hosting.results.apps import Restarted
    from backend.installation.needs import HostingNeeds
    from backend.installation.probes import Probe
    from backend.operations.results import Completer

SLOW_SECONDS: Final = 2.0
SLOW_LIFETIME_SECONDS: Final = 60.0
NOTE_SECONDS: Final = 2.5  # the longest wait for a sentence


class ShapeLook(Protocol):
    """A look at CIPP's shape. It may wait for Azure, by default as long as one call takes. It does not raise."""

    def __call__(self, deadline: Deadline | None, /) -> Shape:
        """Return the shape by the deadline, `UNKNOWN` if that was not possible."""


class CurrentHosting:
    """The hosting by shape. A CIPP that is migrated while this process runs gets its new shape at the next look.

    The shape is looked up at each use of a capability, which may wait for Azure.
    """

    def __init__(
        self,
        shape: ShapeLook,
        *,
        functions: "Hosting",
        container: "Hosting",
        unknown: "Hosting",
    ) -> None:
        self._shape = shape
        self._functions = functions
        self._container = container
        self._unknown = unknown

    @property
    def shape(self) -> Shape:
        """The shape."""
        return self._shape(None)

    @property
    def apps(self) -> "Apps":
        """The apps."""
        return self._now.apps

    @property
    def settings(self) -> "AppSettings":
        """The apps' settings."""
        return self._now.settings

    @property
    def code(self) -> "Code":
        """The code that the apps run."""
        return self._now.code

    @property
    def versions(self) -> "Versions":
        """The versions of CIPP's image."""
        return self._now.versions

    @property
    def frontend(self) -> "Frontend":
        """The static web app that serves CIPP's frontend."""
        return self._now.frontend

    @property
    def domains(self) -> "Domains":
        """The frontend's domains."""
        return self._now.domains

    @property
    def cipp_domains(self) -> "CippDomains":
        """CIPP's domains, in any shape."""
        return self._now.cipp_domains

    @property
    def users(self) -> "UserRoles":
        """The users with roles."""
        return self._now.users

    @property
    def cipp_users(self) -> "CippUsers":
        """CIPP's users in any shape."""
        return self._now.cipp_users

    @property
    def invitations(self) -> "Invitations":
        """Invitations to a role."""
        return self._now.invitations

    @property
    def migration(self) -> "Migration":
        """The migration to a container."""
        return self._now.migration

    @property
    def sign_in(self) -> "SignIn":
        """The sign-in of users to CIPP."""
        return self._now.sign_in

    @made_once
    def processes(self) -> "Processes":
        """CIPP's processes. The shape is looked up when they are used, so that a run begins without waiting for it."""
        return _CurrentProcesses(lambda deadline: self._by(deadline).processes)

    @property
    def completers(self) -> "Mapping[str, Completer]":
        """What completes operations in CIPP's present shape. While it is unknown, nothing does."""
        return self._now.completers

    @property
    def probes(self) -> "Sequence[Probe]":
        """The probes of CIPP's parts for the overview."""
        return self._now.probes

    @property
    def needs(self) -> "HostingNeeds":
        """The permissions that this app's identity needs on the resources that host CIPP."""
        return self._now.needs

    @property
    def _now(self) -> "Hosting":
        return self._by(None)

    def _by(self, deadline: Deadline | None) -> "Hosting":
        shape = self._shape(deadline)
        return shape.choose(functions=self._functions, container=self._container, unknown=self._unknown)


class _CurrentProcesses:
    """The processes in the present shape. A run uses them many times, and waits for a slow Azure only once a minute."""

    def __init__(self, look: "Callable[[Deadline | None], Processes]") -> None:
        self._look = look
        self._last: tuple[Processes, Deadline] | None = None
        self.uptimes = _CurrentUptimes(self._now)

    def _now(self, deadline: Deadline | None = None) -> "Processes":
        last = self._last
        if last and not last[1].expired:
            return last[0]
        began = time.monotonic()
        found = self._look(deadline)
        if time.monotonic() - began > SLOW_SECONDS:
            self._last = found, Deadline.after(SLOW_LIFETIME_SECONDS)
        return found

    @property
    def sign_in_secret(self) -> "SignInSecret | None":
        return self._now().sign_in_secret

    @property
    def signs(self) -> "Collection[Sign]":
        return self._now().signs

    @property
    def restart_seconds(self) -> float:
        return self._now().restart_seconds

    def advice(self, names: Sequence[str], before: datetime | None = None) -> str:
        return self._now().advice(names, before)

    def next_read(self, now: datetime, zone: tzinfo) -> datetime | None:
        return self._now().next_read(now, zone)

    def reason_to_wait(self, *, updates: bool) -> str | None:
        return self._now().reason_to_wait(updates=updates)

    def pause(self, now: Callable[[], datetime], zone: Callable[[], tzinfo]) -> datetime | None:
        return self._now().pause(now, zone)

    @property
    def zone_note(self) -> str:
        return self._now(Deadline.after(NOTE_SECONDS)).zone_note

    @property
    def needs_flag(self) -> bool:
        return self._now().needs_flag

    def is_quiet(self, now: datetime, zone: tzinfo) -> bool:
        return self._now().is_quiet(now, zone)

    def restart(self, name: str, *, updates: bool = False) -> "Restarted":
        return self._now().restart(name, updates=updates)


class _CurrentUptimes(Uptimes):
    def __init__(self, now: "Callable[[Deadline | None], Processes]") -> None:
        self._now = now

    def uptimes(self, deadline: Deadline | None = None) -> list[Uptime]:
        """Return the uptimes in CIPP's present shape."""
        return self._now(deadline).uptimes.uptimes(deadline)
