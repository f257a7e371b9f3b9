"""Whether CIPP's apps run with the current client secret, and their restart: CIPP reads its keys once per process.

A restart is recorded before it is requested, and requested at most once per app and version of the client secret.
"""

import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import datetime, timedelta, tzinfo
from enum import Enum
from typing import Final

from backend.errors import AzureError, AzureRefusedError, BackendError
from backend.function_apps import FunctionApps
from backend.held import Held
from backend.key_vault import KeyVault
from backend.limits import Limits
from backend.own_restarts import OwnRestart, OwnRestarts
from backend.rotation.calendar import is_quiet
from backend.rotation.keys import CERTIFICATE, CLIENT_SECRET
from backend.rotation.tags import OUR_NAME, RESTART, WEEKLY
from backend.uptime import UptimeLook
from backend.vault_secret import ROTATED_BY, Version

ONE_SECOND: Final = timedelta(seconds=1)  # Azure's times have whole seconds: a restart must be seen to come after
SPARE_SECONDS: Final = 10.0  # beside the restart itself, for what is written before and after it
REQUEST_TIMEOUT, TOO_MANY_REQUESTS = 408, 429  # the request may have gone on
_NOT_RESTARTED: Final = (
    "CIPP was not restarted, because that needs the permission CIPP.SuperAdmin.ReadWrite: {apps} may run with the old "
    "client secret. The next weekly run restarts them. To do it now, a CIPP superadmin must call "
    "ExecFunctionAppRestart."
)
_NO_TIME_TO_RESTART: Final = (
    "{apps} not restarted for the new client secret: the run's time is over. The next run goes on."
)
_NO_TIME_TO_LOOK: Final = (
    "Whether CIPP's apps run with old keys is not known: the run's time is over. The next run goes on."
)
_NOT_LISTED: Final = (
    "CIPP's apps were not restarted for the new client secret: they couldn't be listed. The next run goes on."
)
_RECORD_UNREADABLE: Final = (
    "{apps} not restarted for the new client secret, because it is unknown whether that was requested before: {error} "
    "The next run goes on."
)
_NOT_RECORDED: Final = "'{app}' was not restarted, because that couldn't be recorded: {error} The next run goes on."
_REFUSED: Final = "'{app}' was not restarted: {error} The next run tries again."
_UNCONFIRMED: Final = "'{app}' may not have restarted: {error} If it did not, call ExecFunctionAppRestart."
_NOT_REPEATED: Final = (
    "A restart of '{app}' was requested{when} for this client secret, {seen}. This app requests it only once. "
    'Restart it with ExecFunctionAppRestart and {{"Name": "{app}"}}.'
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

    def __init__(  # noqa: PLR0913 - all that a restart needs
        self,
        apps: FunctionApps,
        look: UptimeLook,
        vault: KeyVault,
        *,
        own_restarts: OwnRestarts,
        held: Held,
        limits: Limits,
    ) -> None:
        """Nothing begins after the end of the run, which is that of the look (`look.ends_at`)."""
        self._apps = apps
        self._look = look
        self._vault = vault
        self._own_restarts = own_restarts
        self._held = held
        self._restart_seconds = limits.restart_timeout_seconds

    def restart(
        self, zone: tzinfo, *, just_renewed: bool, right: RestartRight, weekly_run: Callable[[], datetime | None]
    ) -> list[str]:
        """Restart the apps that run since before this app's client secret was stored; return what was done.

        They are restarted one by one, each at most once for a version of the client secret. The first that fails is
        the last. An app whose start is unknown is restarted; without storage only right after the renewal. In the
        quiet half hour after CIPP's midnight none is restarted. The hourly catch-up goes on with what is left.
        `weekly_run` returns when the last weekly run started.
        """
        if self._time_is_over():
            return [_NO_TIME_TO_LOOK]
        version = self._served(CLIENT_SECRET)
        if version is None or version.tags.get(ROTATED_BY) != OUR_NAME:
            return []
        if right is RestartRight.NOT_FOR_WAITING and waits_for_weekly_run(version, weekly_run):
            return []
        return self._restart_for(version, zone, just_renewed=just_renewed, right=right)

    def _restart_for(self, version: Version, zone: tzinfo, *, just_renewed: bool, right: RestartRight) -> list[str]:
        """Restart the apps that run since before a version, but those for which that was requested before."""
        if self._time_is_over():
            return [_NO_TIME_TO_LOOK]
        current = self._current(version.created)
        if not current:
            return [_NOT_LISTED]
        if_unknown = just_renewed or self._own_restarts.are_kept
        outdated = [name for name, is_new in current.items() if is_new is False or (is_new is None and if_unknown)]
        if not outdated:
            return []
        try:
            kept = self._own_restarts.all()
        except BackendError as error:
            return [_RECORD_UNREADABLE.format(apps=_were(outdated), error=error)]
        requested = {name: kept[name.lower()] for name in outdated if _is_requested(kept, name, version)}
        warnings = [_not_repeated(name, restart, current[name]) for name, restart in requested.items()]
        left = [name for name in outdated if name not in requested]
        if right is RestartRight.NONE:
            return warnings + ([_NOT_RESTARTED.format(apps=_listed(left))] if left else [])
        return warnings + self._restart_all(left, version, zone)

    def _restart_all(self, names: list[str], version: Version, zone: tzinfo) -> list[str]:
        """Restart apps one by one, until one fails or the time is over; return what was done and what was not."""
        report: list[str] = []
        for number, name in enumerate(names):
            if is_quiet(self._vault.now(), zone):
                break
            if not self._has_seconds(self._restart_seconds + SPARE_SECONDS):
                return [*report, _NO_TIME_TO_RESTART.format(apps=_were(names[number:]))]
            try:
                self._held.must_hold()
                self._own_restarts.request(name, version.id, self._vault.now())
            except BackendError as error:
                return [*report, _NOT_RECORDED.format(app=name, error=error)]
            if not self._has_seconds(self._restart_seconds + SPARE_SECONDS / 2):  # the storage was slow
                self._withdraw(name)
                return [*report, _NO_TIME_TO_RESTART.format(apps=_were(names[number:]))]
            time.sleep(max((version.created + ONE_SECOND - self._vault.now()).total_seconds(), 0))
            try:
                restarted = self._apps.restart(name)
            except BackendError as error:
                if not _did_nothing(error):
                    return [*report, _UNCONFIRMED.format(app=name, error=error)]
                self._withdraw(name)
                return [*report, _REFUSED.format(app=name, error=error)]
            if restarted.moment:
                self._look.restarted(name, restarted.moment)
            report.append(f"Restarted '{name}'. {restarted.app.seen}")
        return report

    def _withdraw(self, name: str) -> None:
        """Let the next run request the restart. If that can't be written, the app counts as requested."""
        with suppress(BackendError):
            self._own_restarts.withdraw(name)

    def advice(self, superseded: Mapping[str, datetime]) -> list[str]:
        """Return which apps to restart before when. `superseded` holds the first expiry of an old key by its secret."""
        if superseded and self._time_is_over():
            return [_NO_TIME_TO_LOOK]
        return [
            f"Restart '{name}' before {ends:%Y-%m-%d}: it may run with the old {_WORDS[secret]} until then."
            for secret, ends in superseded.items()
            for name, is_current in self._current(self._stored(secret)).items()
            if not is_current
        ]

    def _time_is_over(self) -> bool:
        return not self._has_seconds(0)

    def _has_seconds(self, seconds: float) -> bool:
        return time.monotonic() + seconds < self._look.ends_at

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

    def _current(self, stored: datetime | None) -> dict[str, bool | None]:
        """Return for each app whether it started after that, or None if that is unknown."""
        return {u.name: u.started_after(stored) if stored else None for u in self._look.uptimes()}


def _is_requested(kept: Mapping[str, OwnRestart], name: str, version: Version) -> bool:
    """Return whether a restart of an app was requested for a version already."""
    return name.lower() in kept and kept[name.lower()].version == version.id


def _not_repeated(name: str, restart: OwnRestart, is_current: bool | None) -> str:
    when = f" at {restart.requested:%Y-%m-%d %H:%M} UTC" if restart.requested else ""
    seen = "but Azure shows older processes" if is_current is False else "and Azure does not show whether it happened"
    return _NOT_REPEATED.format(app=name, when=when, seen=seen)


def _did_nothing(error: BackendError) -> bool:
    """Return whether a restart was refused for certain. Other errors of Azure may have restarted the app."""
    if isinstance(error, AzureRefusedError):
        return 400 <= error.status < 500 and error.status not in (REQUEST_TIMEOUT, TOO_MANY_REQUESTS)  # noqa: PLR2004 - HTTP's classes
    return not isinstance(error, AzureError)


def _listed(names: Collection[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _were(names: Collection[str]) -> str:
    return f"{_listed(names)} {'was' if len(names) == 1 else 'were'}"


def waits_for_weekly_run(version: Version, weekly_run: Callable[[], datetime | None]) -> bool:
    """Return whether no hourly timer may restart CIPP for a version yet.

    A person who may rotate keys and may not restart CIPP had it made, and no weekly run has started since. One that
    started at midnight restarts nothing itself (see `is_quiet`), and leaves that to the hourly timer.
    """
    if version.tags.get(RESTART) != WEEKLY:
        return False
    started = weekly_run()
    return started is None or started <= version.created
