"""Whether CIPP's apps run with the current client secret, and their restart: CIPP reads its keys once per process."""

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, tzinfo
from enum import Enum
from typing import Final

from backend.errors import BackendError
from backend.function_apps import FunctionApps
from backend.key_vault import KeyVault
from backend.rotation.calendar import is_quiet
from backend.rotation.keys import CERTIFICATE, CLIENT_SECRET
from backend.rotation.tags import OUR_NAME, RESTART, WEEKLY
from backend.uptime import Uptimes
from backend.vault_secret import ROTATED_BY, Version

ONE_SECOND: Final = timedelta(seconds=1)  # Azure's times have whole ones: a restart must be seen to come after
_NOT_RESTARTED: Final = (
    "CIPP was not restarted, because that needs the permission CIPP.SuperAdmin.ReadWrite: {apps} may run with the old "
    "client secret. The next weekly run restarts them. To do it now, a CIPP superadmin must call "
    "ExecFunctionAppRestart."
)
_WORDS: Final = {CLIENT_SECRET: "client secret", CERTIFICATE: "certificate"}


class RestartRight(Enum):
    """Whether a run may restart CIPP's apps.

    `NOW`: the weekly timer, and a person with the permission to restart apps. `NONE`: a person without that permission.
    `NOT_FOR_WAITING`: the hourly timer. A version that such a person had made waits for the next weekly run.
    """

    NOW = "now"
    NOT_FOR_WAITING = "not for a version that waits"
    NONE = "none"


class Restarts:
    """What is known of the restarts since the served client secret was stored."""

    def __init__(self, apps: FunctionApps, uptimes: Uptimes, vault: KeyVault, *, remembers: bool) -> None:
        """`remembers`: a restart of ours is known afterwards, even where ARM does not tell of it."""
        self._apps = apps
        self._uptimes = uptimes
        self._vault = vault
        self._remembers = remembers

    def restart(
        self, zone: tzinfo, *, just_renewed: bool, right: RestartRight, weekly_run: Callable[[], datetime | None]
    ) -> list[str]:
        """Restart the apps that run since before this app's client secret was stored; return what was done.

        They are restarted one by one; an app whose start is unknown is restarted once. In the quiet half hour after
        CIPP's midnight none is restarted: the hourly catch-up comes back to it. `weekly_run` returns when the last
        weekly run started.
        """
        said: list[str] = []
        version = self._served(CLIENT_SECRET)
        if version is None or version.tags.get(ROTATED_BY) != OUR_NAME:
            return []
        if right is RestartRight.NOT_FOR_WAITING and waits_for_weekly_run(version, weekly_run):
            return []
        stored = version.created
        outdated = [
            name
            for name, is_current in self._current(stored)
            if is_current is False or (is_current is None and (just_renewed or self._remembers))
        ]
        if right is RestartRight.NONE:
            return [_NOT_RESTARTED.format(apps=", ".join(f"'{name}'" for name in outdated))] if outdated else []
        for name in outdated:
            if is_quiet(self._vault.now(), zone):
                break
            time.sleep(max((stored + ONE_SECOND - self._vault.now()).total_seconds(), 0))
            try:
                control = self._apps.control("restart", name=name, every=False, dry_run=False, force=False)
            except BackendError as error:
                return [*said, f"'{name}' was not restarted: {error}"]
            said += [f"Restarted '{app.name}'. {app.seen}" for app in control.apps]
        return said

    def advice(self, superseded: Mapping[str, datetime]) -> list[str]:
        """Say which apps are to be restarted, and before when: that is the first end of an old key, by its secret."""
        return [
            f"Restart '{name}' before {ends:%Y-%m-%d}: it may run with the old {_WORDS[secret]} until then."
            for secret, ends in superseded.items()
            for name, is_current in self._current(self._stored(secret))
            if not is_current
        ]

    def _served(self, secret: str) -> Version | None:
        """Return the version that the vault serves, or None if it has no version or can't be listed."""
        try:
            versions = self._vault.versions(secret)
        except BackendError:
            return None
        return versions[0] if versions else None

    def _stored(self, secret: str) -> datetime | None:
        served = self._served(secret)
        return served.created if served else None

    def _current(self, stored: datetime | None) -> list[tuple[str, bool | None]]:
        """Answer for each app whether it started after that; None if that is unknown."""
        return [(u.name, u.started_after(stored) if stored else None) for u in self._uptimes.uptimes()]


def waits_for_weekly_run(version: Version, weekly_run: Callable[[], datetime | None]) -> bool:
    """Return whether no hourly timer may restart CIPP for a version yet.

    A person who may rotate keys and may not restart CIPP had it made, and no weekly run has started since. One that
    started at midnight restarts nothing itself (see `is_quiet`), and leaves that to the hourly timer.
    """
    if version.tags.get(RESTART) != WEEKLY:
        return False
    started = weekly_run()
    return started is None or started <= version.created
