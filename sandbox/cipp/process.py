"""One process of CIPP: a function app's, or a container's."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sandbox.cipp.keys import LoadedKeys
from sandbox.cipp.sign_in import SignIn, signs_in
from sandbox.moment import moment

if TYPE_CHECKING:
    from sandbox.azure import Azure
    from sandbox.registry.images import Image


@dataclass
class Process:
    """A process that started at `started`. A container's takes a while until it responds."""

    site: str
    principal: str
    vault: str
    instance: str  # the instance of App Service on which it runs
    started: datetime
    version: str
    image_tag: str = ""  # empty: a function app
    start: timedelta = timedelta()  # how long it takes until a container responds
    has_image: bool = True
    pulled: str = ""  # the image of a container
    is_broken: bool = False  # it ends during its start
    is_quiet: bool = False  # it starts no port, because it was started too often
    image: "Image | None" = None
    loaded: LoadedKeys = field(default_factory=LoadedKeys)
    is_ready: bool = False  # it has read its keys, and its first rows are written
    check: "Check | None" = None

    @property
    def can_start(self) -> bool:
        """Whether it gets as far as reading its keys."""
        return self.has_image and not self.is_quiet and not self.is_broken

    @property
    def reads(self) -> datetime:
        """When it reads its keys after the start."""
        return self.started + self.start / 2

    @property
    def responds(self) -> datetime:
        """When its first worker responds."""
        return self.started + self.start

    def phase(self, now: datetime) -> str:
        """Return how far it is: Dark, HttpReady or Ready."""
        if not self.can_start or now < self.responds:
            return "Dark"
        return "HttpReady" if now < self.started + self.start * 1.5 else "Ready"

    def shown(self, azure: "Azure") -> dict[str, Any]:
        """Return what `/sandbox/state` shows. Without keys, nothing is known of a sign-in."""
        now = azure.clock.now()
        result = signs_in(azure, self.loaded, now) if self.loaded.keys else None
        return {
            "name": self.site,
            "phase": self.phase(now),
            "version": self.version,
            "started": moment(self.started),
            "holds": self.loaded.shown(),
            "works": None if result is None else result.works,
            "fails": [] if result is None else list(result.fails),
        }


@dataclass(frozen=True)
class Check:
    """A check of permissions that is running: with which keys, what signed in, and when it ends."""

    ends: datetime
    loaded: LoadedKeys
    result: SignIn


def stopped(site: str) -> dict[str, Any]:
    """Return what `/sandbox/state` shows of an app without a process."""
    empty: dict[str, Any] = {"version": None, "started": None, "holds": {}, "works": None, "fails": []}
    return {"name": site, "phase": "Stopped", **empty}
