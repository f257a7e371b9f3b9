"""Restart CIPP's apps that use an old client secret, because CIPP keeps its keys in memory until it reads them again.

If CIPP signs in with its certificate, the same applies to that. A restart is recorded before it is requested, and
requested at most once per app and version of the key. A restart that may update CIPP needs KEY_ROTATION_RESTART_CIPP
to be `update`. Otherwise CIPP's own read at night is waited for.
"""

import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from backend.credentials.kinds import CERTIFICATE, CLIENT_SECRET
from backend.errors import AzureError, AzureRefusedError, BackendError
from backend.hosting.own_restarts import OwnRestart, OwnRestarts
from backend.key_vault.secrets import ROTATED_BY, Version
from backend.key_vault.tags import OUR_NAME, RESTART, WEEKLY
from backend.rotation.running.context import RestartRight, RunContext

ONE_SECOND: Final = timedelta(seconds=1)  # Azure's times have whole seconds, and a restart must be visibly later
REASON_SECONDS: Final = 60.0  # to look whether a restart may update CIPP, if Azure and the registry are slow
SPARE_SECONDS: Final = 10.0  # besides the restart itself, for the writes before and after it
REQUEST_TIMEOUT, TOO_MANY_REQUESTS = 408, 429  # Azure may still have processed the request
_NOT_RESTARTED: Final = (
    "CIPP was not restarted, because that requires the permission CIPP.SuperAdmin.ReadWrite. {apps} might still use "
    "the old {key}. {then}"
)
_NEXT_WEEK: Final = (
    "The next weekly run restarts them. To restart them now, a CIPP superadmin must call ExecFunctionAppRestart."
)
_NO_TIME_TO_RESTART: Final = (
    "{apps} not restarted for the new {key}: too little time is left in this run. The next run continues."
)
_NO_TIME_TO_LOOK: Final = (
    "Couldn't check whether CIPP's apps use old keys: the run reached its time limit. The next run continues."
)
_NOT_LISTED: Final = (
    "CIPP's apps were not restarted for the new {key}: they couldn't be listed. The next run continues."
)
_RECORD_UNREADABLE: Final = (
    "{apps} not restarted for the new {key}, because it is unknown whether that was requested before: {error} "
    "The next run continues."
)
_NOT_RECORDED: Final = "'{app}' was not restarted, because that couldn't be recorded: {error} The next run continues."
_REFUSED: Final = "'{app}' was not restarted: {error} The next run tries again."
_UNCONFIRMED: Final = "'{app}' might not have restarted: {error} If it did not, {then}"
_NOT_REPEATED: Final = (
    "A restart of '{app}' was requested{when} for this {key}, {seen}. The request is not repeated. {then}"
)
_TO_RESTART: Final = 'To restart it, call ExecFunctionAppRestart with {{"Name": "{app}"}}.'
_AT_NIGHT: Final = "CIPP reads its keys on {read:%Y-%m-%d} at {read:%H:%M} UTC without a restart."
_WAITS: Final = "{apps} not restarted for the new {key}. {reason}"
_WORDS: Final = {CLIENT_SECRET: "client secret", CERTIFICATE: "certificate"}


class Restarts:
    """The restarts of CIPP's apps for the served key with which CIPP signs in."""

    def __init__(self, run: RunContext) -> None:
        self._run = run
        self._vault = run.vault
        self._own_restarts = OwnRestarts(run.services.clients)
        self._processes = run.services.processes
        self._secret = run.mode.vital_secret
        self._key = _WORDS[self._secret]
        self._updates = run.limits.key_rotation_restart_cipp == "update"

    def restart(self, *, just_renewed: bool, weekly_run: Callable[[], datetime | None]) -> list[str]:
        """Restart the apps that may not have read the key since this app stored it. Return what was done.

        They are restarted one by one, each at most once for a version of the key, until one fails. An app of which that
        is unknown is restarted, but without storage only right after the renewal. While CIPP's own jobs may run after
        its midnight, no app is restarted. The hourly catch-up restarts the rest. `weekly_run` returns when the
        last weekly run started.
        """
        if self._time_is_over():
            return [_NO_TIME_TO_LOOK]
        version = self._served(self._secret)
        if version is None or version.known_created is None or version.tags.get(ROTATED_BY) != OUR_NAME:
            return []
        if self._run.restart is RestartRight.NOT_FOR_WAITING and waits_for_weekly_run(version, weekly_run):
            return []
        return self._restart_for(version, just_renewed=just_renewed)

    def _restart_for(self, version: Version, *, just_renewed: bool) -> list[str]:
        """Restart the apps that started before a version was stored, unless their restart was requested before."""
        if self._time_is_over():
            return [_NO_TIME_TO_LOOK]
        current = self._current(version.created)
        if not current:
            return [_NOT_LISTED.format(key=self._key)]
        if_unknown = just_renewed or self._own_restarts.are_kept
        outdated = [name for name, is_new in current.items() if is_new is False or (is_new is None and if_unknown)]
        if not outdated:
            return []
        try:
            kept = self._own_restarts.all()
        except BackendError as error:
            return [_RECORD_UNREADABLE.format(apps=_were(outdated), error=error, key=self._key)]
        requested = {name: kept[name.lower()] for name in outdated if _is_requested(kept, name, version)}
        warnings = [self._not_repeated(name, restart, current[name]) for name, restart in requested.items()]
        left = [name for name in outdated if name not in requested]
        if self._run.restart is RestartRight.NONE:
            then = self._at_night or _NEXT_WEEK
            return warnings + ([_NOT_RESTARTED.format(apps=_listed(left), key=self._key, then=then)] if left else [])
        return warnings + (self._waiting(left) or self._restart_all(left, version))

    def _waiting(self, names: list[str]) -> list[str]:
        """Return why the apps must not be restarted, because that might update CIPP, or [] if they may."""
        if not names or self._is_quiet():
            return []
        if not self._has_seconds(REASON_SECONDS):
            return []  # they can't be restarted anyway
        reason = self._processes.reason_to_wait(updates=self._updates)
        return [_WAITS.format(apps=_were(names), key=self._key, reason=reason)] if reason else []

    def _restart_all(self, names: list[str], version: Version) -> list[str]:
        """Restart apps one by one, until one fails or the time is over. Return what was done and what was not."""
        report: list[str] = []
        for number, name in enumerate(names):
            if self._is_quiet():
                break
            if not self._has_seconds(self._processes.restart_seconds + SPARE_SECONDS):
                return [*report, _NO_TIME_TO_RESTART.format(apps=_were(names[number:]), key=self._key)]
            try:
                self._run.lock.must_hold()
                self._own_restarts.request(name, version.id, self._vault.now())
            except BackendError as error:
                return [*report, _NOT_RECORDED.format(app=name, error=error)]
            if not self._has_seconds(self._processes.restart_seconds + SPARE_SECONDS / 2):  # the storage was slow
                self._withdraw(name)
                return [*report, _NO_TIME_TO_RESTART.format(apps=_were(names[number:]), key=self._key)]
            time.sleep(max((version.created + ONE_SECOND - self._vault.now()).total_seconds(), 0))
            try:
                restarted = self._processes.restart(name, updates=self._updates)
            except BackendError as error:
                if not _did_nothing(error):
                    then = self._at_night or "call ExecFunctionAppRestart."
                    return [*report, _UNCONFIRMED.format(app=name, error=error, then=then)]
                self._withdraw(name)
                return [*report, _REFUSED.format(app=name, error=error)]
            if restarted.moment:
                self._run.uptimes.restarted(name, restarted.moment)
            report.append(f"Restarted '{name}'. {restarted.app.seen}")
        return report

    def _withdraw(self, name: str) -> None:
        """Remove the request, so that the next run repeats it. If that can't be written, the request stays."""
        with suppress(BackendError):
            self._own_restarts.withdraw(name)

    def advice(self, superseded: Mapping[str, datetime]) -> list[str]:
        """Return which apps to restart, and by when. `superseded` is the first expiry of an old key by its secret."""
        if superseded and self._time_is_over():
            return [_NO_TIME_TO_LOOK]
        return [
            f"{self._processes.advice([name], ends)}, because it might use the old {_WORDS[secret]} until then."
            for secret, ends in superseded.items()
            if secret != CLIENT_SECRET or not self._run.mode.is_on
            for name, is_current in self._current(self._stored(secret)).items()
            if not is_current
        ]

    def _is_quiet(self) -> bool:
        return self._processes.is_quiet(self._vault.now(), self._run.cipp.zone)

    def _not_repeated(self, name: str, restart: OwnRestart, is_current: bool | None) -> str:
        when = f" at {restart.requested:%Y-%m-%d %H:%M} UTC" if restart.requested else ""
        seen = (
            "but Azure shows older processes" if is_current is False else "and Azure does not show whether it happened"
        )
        night = self._at_night
        if night:
            seen = "and nothing shows that CIPP has read its keys since"
        then = night or _TO_RESTART.format(app=name)
        return _NOT_REPEATED.format(app=name, when=when, seen=seen, key=self._key, then=then)

    @property
    def _at_night(self) -> str:
        """When CIPP reads its keys next by itself, as a sentence, "" if that is not certain."""
        read = self._processes.next_read(self._vault.now(), self._run.cipp.zone)
        return _AT_NIGHT.format(read=read) if read else ""

    def _time_is_over(self) -> bool:
        return self._run.time_is_over

    def _has_seconds(self, seconds: float) -> bool:
        return self._run.deadline.allows(seconds)

    def _served(self, secret: str) -> Version | None:
        """Return the version that the vault serves, or None if the secret does not exist or can't be listed."""
        try:
            versions = self._vault.versions(secret)
        except BackendError:
            return None
        return versions[0] if versions else None

    def _stored(self, secret: str) -> datetime | None:
        served = self._served(secret)
        return served.known_created if served else None

    def _current(self, stored: datetime | None) -> dict[str, bool | None]:
        """Return for each app whether it has read its keys since that time, or None if unknown."""
        return {u.name: u.started_after(stored) if stored else None for u in self._run.uptimes.uptimes()}


def _is_requested(kept: Mapping[str, OwnRestart], name: str, version: Version) -> bool:
    """Return whether a restart of an app was already requested for a version."""
    return name.lower() in kept and kept[name.lower()].version == version.id


def _did_nothing(error: BackendError) -> bool:
    """Return whether a restart was definitely refused. After other errors of Azure, the app may have restarted."""
    if isinstance(error, AzureRefusedError):
        return 400 <= error.status < 500 and error.status not in (REQUEST_TIMEOUT, TOO_MANY_REQUESTS)  # noqa: PLR2004 - HTTP's classes
    return not isinstance(error, AzureError)


def _listed(names: Collection[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _were(names: Collection[str]) -> str:
    return f"{_listed(names)} {'was' if len(names) == 1 else 'were'}"


def waits_for_weekly_run(version: Version, weekly_run: Callable[[], datetime | None]) -> bool:
    """Return whether the restart of CIPP for a version waits for the weekly run.

    It does if a person without the right to restart CIPP created the version, and no weekly run has started since. A
    weekly run at midnight does not restart apps (see `is_quiet`), so the hourly timer does it afterwards.
    """
    if version.tags.get(RESTART) != WEEKLY:
        return False
    started = weekly_run()
    return started is None or started <= version.created
