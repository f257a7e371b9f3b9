"""Whether CIPP's apps run with the current client secret, and their restart: CIPP reads its keys once per process."""

from datetime import datetime, tzinfo

from backend.errors import BackendError
from backend.function_apps import FunctionApps
from backend.key_vault import KeyVault
from backend.rotation.calendar import is_quiet
from backend.rotation.keys import CLIENT_SECRET
from backend.uptime import Uptimes


class Restarts:
    """What is known of the restarts since the served client secret was stored."""

    def __init__(self, apps: FunctionApps, uptimes: Uptimes, vault: KeyVault) -> None:
        self._apps = apps
        self._uptimes = uptimes
        self._vault = vault

    def restart(self, zone: tzinfo, *, just_renewed: bool) -> list[str]:
        """Restart the apps that run since before the secret was stored, one after another; say what was done.

        Where ARM does not tell since when an app runs, it is restarted once, right after a renewal. In the quiet
        half hour after CIPP's midnight nothing is restarted: the hourly catch-up comes back to it.
        """
        if is_quiet(self._vault.now(), zone):
            return []
        said: list[str] = []
        for name, is_current in self._current():
            if is_current or (is_current is None and not just_renewed):
                continue
            try:
                control = self._apps.control("restart", name=name, every=False, dry_run=False, force=False)
            except BackendError as error:
                return [*said, f"'{name}' was not restarted: {error}"]
            said += [f"Restarted '{app.name}'. {app.seen}" for app in control.apps]
        return said

    def advice(self, superseded_ends: datetime | None) -> list[str]:
        """Say which apps are to be restarted, and before when."""
        until = f" before {superseded_ends:%Y-%m-%d}" if superseded_ends else " soon"
        return [
            f"Restart '{name}'{until}: it may run with the old client secret until then."
            for name, is_current in self._current()
            if not is_current
        ]

    def _current(self) -> list[tuple[str, bool | None]]:
        """Answer for each app whether it started after the served secret was stored; None if that is unknown."""
        try:
            versions = self._vault.versions(CLIENT_SECRET)
        except BackendError:
            return []
        stored = versions[0].created if versions else None
        return [(u.name, u.started_after(stored) if stored else None) for u in self._uptimes.uptimes()]
