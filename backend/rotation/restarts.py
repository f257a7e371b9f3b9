"""Whether CIPP's apps run with the current client secret, and their restart: CIPP reads its keys once per process."""

import time
from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Final

from backend.errors import BackendError
from backend.function_apps import FunctionApps
from backend.key_vault import KeyVault
from backend.rotation.calendar import is_quiet
from backend.rotation.keys import CERTIFICATE, CLIENT_SECRET
from backend.rotation.tags import OUR_NAME
from backend.uptime import Uptimes
from backend.vault_secret import ROTATED_BY

ONE_SECOND: Final = timedelta(seconds=1)  # Azure's times have whole ones: a restart must be seen to come after
_WORDS: Final = {CLIENT_SECRET: "client secret", CERTIFICATE: "certificate"}


class Restarts:
    """What is known of the restarts since the served client secret was stored."""

    def __init__(self, apps: FunctionApps, uptimes: Uptimes, vault: KeyVault, *, remembers: bool) -> None:
        """`remembers`: a restart of ours is known afterwards, even where ARM does not tell of it."""
        self._apps = apps
        self._uptimes = uptimes
        self._vault = vault
        self._remembers = remembers

    def restart(self, zone: tzinfo, *, just_renewed: bool) -> list[str]:
        """Restart the apps that run since before our client secret was stored, one by one; say what was done.

        Where nothing tells since when an app runs, it is restarted once. In the quiet half hour after CIPP's
        midnight nothing is restarted: the hourly catch-up comes back to it.
        """
        said: list[str] = []
        stored = self._stored(CLIENT_SECRET, ours_only=True)
        if stored is None:
            return []
        for name, is_current in self._current(stored):
            if is_current or (is_current is None and not (just_renewed or self._remembers)):
                continue
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

    def _stored(self, secret: str, *, ours_only: bool = False) -> datetime | None:
        """Answer when what the vault serves was stored; None where it does not tell, or where it is not ours."""
        try:
            versions = self._vault.versions(secret)
        except BackendError:
            return None
        if ours_only and not (versions and versions[0].tags.get(ROTATED_BY) == OUR_NAME):
            return None
        return versions[0].created if versions else None

    def _current(self, stored: datetime | None) -> list[tuple[str, bool | None]]:
        """Answer for each app whether it started after that; None if that is unknown."""
        return [(u.name, u.started_after(stored) if stored else None) for u in self._uptimes.uptimes()]
