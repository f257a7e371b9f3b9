"""The rotation as its callers see it: by hand, dry, by the clock, and the hourly catch-up."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Final
from uuid import uuid4

from backend import at_once
from backend.cipp_tables import CippTables
from backend.clients import Clients
from backend.discovery import Discovery
from backend.errors import BackendError, ConflictError
from backend.function_apps import FunctionApps
from backend.function_timeout import function_seconds
from backend.held import NoLock
from backend.key_vault import KeyVault
from backend.logbook import Logbook
from backend.rotation.chronicle import Chronicle, Known
from backend.rotation.distress import tell_of_failure
from backend.rotation.journal import Journal, KeyMemory, proof_tried
from backend.rotation.key_ring import KeyRing
from backend.rotation.keys import Key, keys_in
from backend.rotation.overview import Look, Past
from backend.rotation.report import KeyProof, Overview, Rotation, RunReport
from backend.rotation.restarts import Restarts
from backend.rotation.session import Services, Session, open_session
from backend.rotation.telling import Telling
from backend.rotation.turns import doubted_in, is_its_turn, is_pulse_due
from backend.row_lock import holder, row_lock
from backend.uptime import Uptimes

logger = logging.getLogger("cipp.rotation")
LOCK: Final = "rotation"
WEEKLY: Final = "the weekly timer"
CATCH_UP: Final = "the hourly catch-up"
HTTP_SECONDS: Final = 200.0  # the load balancer cuts an answer at 230 s
TIMER_MARGIN_SECONDS: Final = 60.0  # before the host ends the function: Python and the SDKs are loaded in it, too
MARGIN_SECONDS: Final = 20.0  # of the run's time, for what is written when it ends
RUNS_SHOWN: Final = 10
JOURNAL_WAIT_SECONDS: Final = 2.0  # an answer waits no longer for what is only remembered
NO_STORAGE: Final = (
    "No storage is configured (CIPP_STORAGE or AzureWebJobsStorage), so there is neither a lock across instances "
    "nor a history."
)


class KeyRotation:
    """The service of the vault's keys. Needs the vault's get, list, set, recover; Graph is asked as the SAM app."""

    def __init__(self, clients: Clients, discovery: Discovery, vault: KeyVault, environ: Mapping[str, str]) -> None:
        apps = FunctionApps(clients, discovery)
        self._environ = environ
        self._clients = clients
        self._vault = vault
        self._apps = apps
        self._tables = CippTables(clients, environ)
        self._services = Services(
            clients, vault, self._tables, Uptimes(clients, discovery, apps), apps.addresses, discovery.deployment
        )
        self._journal = Journal(clients)
        self._logbook = Logbook(clients, environ.get("WEBSITE_SITE_NAME", "") or "CIPP Backend")

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
            AzureError: The vault could not be listed, or the storage that holds the lock is silent.
        """
        if dry_run:
            return self._dry(keys_in(self._vault.names(), names), force=force)
        if names is None:
            return self._run(by, lambda: keys_in(self._vault.names()), force=force, most_seconds=most_seconds)
        chosen = keys_in(self._vault.names(), names)  # a wrong name is refused, whoever holds the lock
        return self._run(by, lambda: chosen, force=force, most_seconds=most_seconds)

    def rotate_by_timer(self) -> None:
        """Do the week's run as the timer does: nobody reads an answer, so the log tells each key."""
        self._by_timer(WEEKLY, lambda: keys_in(self._vault.names()))

    def catch_up(self) -> None:
        """Finish what the week's run left, and prove each key once in `KEY_ROTATION_PULSE_HOURS`.

        Failing keys are tried again with growing waits. A key whose proof calls it dead is worked through at once.
        """
        began = time.monotonic()
        self._by_timer(CATCH_UP, self._keys_whose_turn_it_is)
        hours = self._clients.limits.key_rotation_pulse_hours
        left = began + function_seconds(self._environ) - TIMER_MARGIN_SECONDS - time.monotonic()
        if left <= 0:
            logger.info("The catch-up took its time: the keys of this hour are proven in the next one")
            return
        try:
            dead = self._dead_of_this_hour(hours, min(left, HTTP_SECONDS)) if hours else []
        except BackendError:
            logger.exception("The keys could not be proven")
            return
        if dead:
            self._by_timer(CATCH_UP, lambda: dead, doubt=True, spent=time.monotonic() - began)

    def _dead_of_this_hour(self, hours: int, most_seconds: float) -> list[Key]:
        """Prove the keys whose hour it is; answer those that Entra calls dead."""
        keys = keys_in(self._vault.names())
        memories, now = self._journal.keys(), self._vault.now()
        turn = [key for key in keys if is_pulse_due(key.name, memories.get(key.name.lower()), now, hours)]
        proofs = self._proven(turn, most_seconds) if turn else []
        for proof in proofs:
            if proof.outcome == "dead":
                logger.error("The key %s is dead: %s %s", proof.name, proof.reason, proof.advice)
        return [key for key, proof in zip(turn, proofs, strict=True) if proof.outcome == "dead"]

    def prove(self, names: Iterable[str] | None = None) -> list[KeyProof]:
        """Sign in with each key now, or those of `names`; nothing is changed.

        Raises:
            NotFoundError: A name is not in the vault.
            InvalidInputError: A name is nothing that the rotation looks after.
        """
        return self._proven(keys_in(self._vault.names(), names))

    def graph_roles(self) -> frozenset[str]:
        """Answer the application permissions in Graph that the SAM app's token holds.

        Raises:
            BackendError: Nobody can sign in as the SAM app; what the first credential met.
        """
        return self._looking().opened().signer.signed_in.roles

    def overview(self) -> Overview:
        """Tell how long CIPP keeps working, the last runs, and what was seen of each key."""
        memories = at_once.start(self._journal.keys, name="read the keys' past")
        runs = at_once.start(lambda: self._journal.runs(RUNS_SHOWN), name="read the last runs")
        holds = at_once.start(lambda: holder(self._clients, LOCK), name="look at the lock")
        served = at_once.start(self._vault.served, name="list the vault")
        session = self._looking()
        look = Look(session, Past(memories.result(), runs.result(), holds.result()), served.result())
        return look.overview(keys_in(list(served.result())))

    def _proven(self, keys: Sequence[Key], most_seconds: float = HTTP_SECONDS) -> list[KeyProof]:
        """Prove keys, and remember when which signed in."""
        reading = at_once.start(self._journal.keys, name="read the keys' past")
        proofs = KeyRing(self._looking(most_seconds)).prove(keys)
        # Whole seconds, as in Azure's answers: what died now is dead at the next look, which may be in the same one.
        memories, now = reading.result(), self._vault.now().replace(microsecond=0)
        tried = [
            proof_tried(memories.get(proof.name.lower(), KeyMemory(proof.name.lower())), proof, now) for proof in proofs
        ]
        writing = at_once.start(lambda: self._journal.remember(tried), name="write the keys' past")
        with suppress(TimeoutError):  # a silent storage has held up the answer once already
            writing.result(JOURNAL_WAIT_SECONDS)
        return proofs

    def _looking(self, most_seconds: float = HTTP_SECONDS, *, force: bool = False) -> Session:
        """Open a session that writes nothing."""
        ends_at = time.monotonic() + most_seconds
        return open_session(self._services, run_id=uuid4().hex[:12], held=NoLock(), ends_at=ends_at, force=force)

    def _by_timer(self, by: str, keys: Callable[[], Sequence[Key]], *, doubt: bool = False, spent: float = 0) -> None:
        killed_after = function_seconds(self._environ)
        most_seconds = max(killed_after - TIMER_MARGIN_SECONDS, killed_after / 2) - spent
        try:
            rotation = self._run(by, keys, force=False, most_seconds=most_seconds, doubt=doubt)
        except ConflictError as error:
            logger.warning("Rotation by %s did not run: %s", by, error)
        except BackendError as error:
            logger.exception("Rotation by %s failed before it touched a key", by)
            now, zone = self._vault.now(), self._tables.zone()
            tell_of_failure(self._journal, self._logbook, by=by, error=error, now=now, zone=zone)
        else:
            for warning in rotation.warnings:
                # The catch-up would say the same every hour.
                logger.log(
                    logging.INFO if by == CATCH_UP else logging.WARNING, "Rotation %s: %s", rotation.run_id, warning
                )
            for key in rotation.keys:
                level = logging.ERROR if key.outcome == "failed" else logging.INFO
                logger.log(level, "Rotation %s: %s %s. %s", rotation.run_id, key.name, key.outcome, key.reason)

    def _keys_whose_turn_it_is(self) -> Sequence[Key]:
        keys = keys_in(self._vault.names())  # first: the time is the Date of the vault's answer
        memories, now = self._journal.keys(), self._vault.now()
        return [key for key in keys if is_its_turn(memories.get(key.name.lower()), now)]

    def _run(
        self, by: str, keys: Callable[[], Sequence[Key]], *, force: bool, most_seconds: float, doubt: bool = False
    ) -> Rotation:
        run_id = uuid4().hex[:12]
        limits = self._clients.limits
        began = time.monotonic()
        limit = min(most_seconds, limits.key_rotation_time_limit_seconds)
        with row_lock(self._clients, LOCK, run_id=run_id, by=by) as held:
            chosen = keys()
            started = self._vault.now().replace(microsecond=0)
            ends_at = began + max(limit - MARGIN_SECONDS, limit / 2)
            session = open_session(self._services, run_id=run_id, held=held, ends_at=ends_at, force=force)
            memories = self._journal.keys()
            telling = Telling(run_id, session.tenants, limits.key_rotation_warn_days)
            chronicle = Chronicle(
                self._journal,
                self._logbook,
                RunReport(run_id=run_id, by=by, started=started, total=len(chosen)),
                Known(telling, session.zone, memories, self._vault.now),
                quiet=by == CATCH_UP,
            )
            doubted = [key.name.lower() for key in chosen] if doubt else doubted_in(memories)
            ring = KeyRing(session, chronicle.tell, chronicle.note, doubted=doubted)
            reports = ring.rotate(chosen)
            warnings = self._after(session, ring)
            ended = self._vault.now().replace(microsecond=0)
            warnings += chronicle.end(ended)
        return Rotation(
            run_id=run_id,
            dry_run=False,
            started=started,
            ended=ended,
            would_do=[],
            keys=reports,
            warnings=[*self._no_storage(), *warnings],
        )

    def _after(self, session: Session, ring: KeyRing) -> list[str]:
        """Restart the apps that run with an old client secret, if that is wanted; say which still do."""
        remembers = self._clients.tables() is not None
        restarts = Restarts(self._apps, session.services.uptimes, self._vault, remembers=remembers)
        said: list[str] = []
        if self._clients.limits.key_rotation_restart_cipp:
            said = restarts.restart(session.zone, just_renewed=ring.secret_renewed)
        return said + restarts.advice(ring.superseded)

    def _dry(self, keys: Sequence[Key], *, force: bool) -> Rotation:
        run_id, started = uuid4().hex[:12], self._vault.now().replace(microsecond=0)
        reading = at_once.start(self._journal.keys, name="read the keys' past")
        session = self._looking(force=force)
        planned = KeyRing(session, doubted=doubted_in(reading.result())).plan(keys)
        reports = [report for report, _ in planned]
        would_do = [f"{report.name}: {report.reason} {step}" for report, step in planned if step]
        return Rotation(
            run_id=run_id,
            dry_run=True,
            started=started,
            ended=self._vault.now().replace(microsecond=0),
            would_do=would_do,
            keys=reports,
            warnings=self._no_storage(),
        )

    def _no_storage(self) -> list[str]:
        return [NO_STORAGE] if self._clients.tables() is None else []
