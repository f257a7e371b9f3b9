"""The rotation as its callers see it: by hand, dry, or by the clock."""

import logging
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final
from uuid import uuid4

from backend.clients import Clients
from backend.discovery import Discovery
from backend.entra import Entra, SamApp
from backend.errors import BackendError, ConflictError
from backend.key_vault import KeyVault, Stored
from backend.rotation.client_secret import rotate_client_secret
from backend.rotation.lock import Held, rotation_lock
from backend.rotation.plan import CLIENT_SECRET, IDENTITY_NAMES, PARTNER_TOKEN, Key, due, is_placeholder, keys_among
from backend.rotation.report import KeyReport, Rotation
from backend.rotation.run import Run
from backend.rotation.tokens import rotate_token

logger = logging.getLogger("cipp.rotation")
AT_ONCE: Final = 8
HTTP_SECONDS: Final = 200.0  # the load balancer cuts an answer at 230 s
NOT_SET_UP: Final = "CIPP is not set up yet: the vault holds the template's placeholder. Run CIPP's setup wizard."
NO_STORAGE: Final = (
    "No storage is configured (CIPP_STORAGE or AzureWebJobsStorage), so nothing keeps a run on another instance "
    "from going on at the same time."
)
NEXT_TRY: Final = "The vault still serves the earlier key. Mend the cause, then call ExecKeyRotation."


class KeyRotation:
    """The service of the vault's keys. Needs the vault's get, list, set; Graph is asked as the SAM app."""

    def __init__(self, clients: Clients, discovery: Discovery, vault: KeyVault) -> None:
        self._clients = clients
        self._discovery = discovery
        self._vault = vault

    def rotate(
        self,
        *,
        by: str,
        names: Iterable[str] | None = None,
        dry_run: bool = False,
        force: bool = False,
        most_seconds: float = HTTP_SECONDS,
    ) -> Rotation:
        """Rotate the keys that are due, or those of `names`; one that fails never stops the others.

        Raises:
            NotFoundError: A name is not in the vault.
            InvalidInputError: A name is nothing that the rotation looks after.
            ConflictError: Another run holds the lock.
            AzureError: The vault could not be listed.
        """
        run_id = uuid4().hex[:12]
        keys = self._keys(names)
        started = self._vault.now()
        would_do: list[str] = []
        if dry_run:
            planned = [self._planned(key, force=force) for key in keys]
            would_do = [f"{report.name}: {_STEPS[report.kind]}" for report in planned if report.outcome == "planned"]
        else:
            limits = self._clients.limits
            ends_at = time.monotonic() + min(most_seconds, limits.key_rotation_time_limit_seconds)
            with rotation_lock(self._clients, run_id=run_id, by=by) as held:
                planned = self._run(run_id, keys, held, ends_at, force=force)
        return Rotation(
            run_id=run_id,
            dry_run=dry_run,
            started=started.replace(microsecond=0),
            ended=self._vault.now().replace(microsecond=0),
            would_do=would_do,
            keys=planned,
            warnings=self._warnings(),
        )

    def rotate_by_timer(self) -> None:
        """Rotate as the weekly timer does: nobody reads an answer, so the log tells each key."""
        try:
            limit = self._clients.limits.key_rotation_time_limit_seconds
            rotation = self.rotate(by="the weekly timer", most_seconds=limit)
        except ConflictError as error:
            logger.warning("The weekly rotation did not run: %s", error)
        except BackendError:
            logger.exception("The weekly rotation failed before it touched a key")
        else:
            for key in rotation.keys:
                level = logging.ERROR if key.outcome == "failed" else logging.INFO
                logger.log(level, "Rotation %s: %s %s. %s", rotation.run_id, key.name, key.outcome, key.reason)

    def _keys(self, names: Iterable[str] | None) -> list[Key]:
        """Pick the keys; the partner's own two belong to every full run, so that a lost one is told."""
        in_vault = self._vault.names()
        if names is not None:
            return keys_among(in_vault, names)
        lower = {name.lower() for name in in_vault}
        return keys_among([*in_vault, *(name for name in (PARTNER_TOKEN, CLIENT_SECRET) if name.lower() not in lower)])

    def _planned(self, key: Key, *, force: bool) -> KeyReport:
        try:
            return self._judged(key, self._vault.read(key.name), force=force)
        except BackendError as error:
            return _failed(key, error)

    def _judged(self, key: Key, served: Stored, *, force: bool) -> KeyReport:
        """Say what is to be done with a key: `planned`, or `unchanged`."""
        if is_placeholder(served.value.reveal()):
            return KeyReport(name=key.name, kind=key.kind, outcome="unchanged", reason=NOT_SET_UP)
        decision = due(served.created, self._vault.now(), force=force)
        return KeyReport(
            name=key.name,
            kind=key.kind,
            outcome="planned" if decision.due else "unchanged",
            reason=decision.reason,
            expires=served.expires,
        )

    def _run(self, run_id: str, keys: list[Key], held: Held, ends_at: float, *, force: bool) -> list[KeyReport]:
        try:
            identity = {name: self._vault.read(name).value.reveal() for name in IDENTITY_NAMES}
            secret = self._vault.read(CLIENT_SECRET).value
        except BackendError as error:
            return [_failed(key, error) for key in keys]
        if any(is_placeholder(value) for value in [*identity.values(), secret.reveal()]):
            return [KeyReport(name=key.name, kind=key.kind, outcome="unchanged", reason=NOT_SET_UP) for key in keys]
        app = SamApp(identity["ApplicationID"].strip(), identity["TenantID"].strip(), secret)
        entra = Entra(self._clients.cloud, self._clients.limits)
        run = Run(run_id, self._clients, self._vault, entra, held, app, identity, ends_at)
        rotate = partial(self._rotated, run=run, force=force)
        tokens = [key for key in keys if key.kind != "ClientSecret"]
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="rotation") as workers:
            reports = list(workers.map(rotate, tokens))
        return reports + [rotate(key) for key in keys if key.kind == "ClientSecret"]

    def _rotated(self, key: Key, run: Run, *, force: bool) -> KeyReport:
        """Rotate one key if it is due; whatever happens becomes its report."""
        if run.time_is_over:
            reason = "The run's time was over before this key's turn."
            return KeyReport(name=key.name, kind=key.kind, outcome="postponed", reason=reason, advice=NEXT_TRY)
        try:
            served = self._vault.read(key.name)
            judged = self._judged(key, served, force=force)
            if judged.outcome == "unchanged":
                return judged
            step: Callable[[], Stored] = partial(rotate_token, key, served, run)
            if key.kind == "ClientSecret":
                step = partial(rotate_client_secret, served, run)
            stored = step()
        except BackendError as error:
            return _failed(key, error)
        except Exception as error:
            logger.exception("Rotation %s: %s failed by a mistake of this app", run.id, key.name)
            return _failed(key, BackendError(f"This app made a mistake ({type(error).__name__}); the log tells where."))
        return KeyReport(
            name=key.name,
            kind=key.kind,
            outcome="rotated",
            reason=f"{judged.reason} The new one was proven by signing in, stored and read back.",
            expires=stored.expires,
        )

    def _warnings(self) -> list[str]:
        if self._clients.tables() is not None:
            return []
        return [NO_STORAGE]


_STEPS: Final = {
    "RefreshToken": "redeem the partner's refresh token for a new one, prove it, store it, read it back.",
    "TenantRefreshToken": "redeem the tenant's refresh token for a new one, prove it, store it, read it back.",
    "ClientSecret": "make a new client secret, prove it by signing in, store it, read it back; the old one stays.",
}


def _failed(key: Key, error: BackendError) -> KeyReport:
    return KeyReport(name=key.name, kind=key.kind, outcome="failed", reason=str(error), advice=error.advice or NEXT_TRY)
