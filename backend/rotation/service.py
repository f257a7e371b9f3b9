"""The rotation as its callers see it: by hand, dry, proven, and at a glance. See `by_clock`, too."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import wait
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import Final
from uuid import uuid4

import msgspec

from backend import at_once
from backend.cipp_tables import CippTables
from backend.clients import Clients
from backend.deployment import node_name
from backend.discovery import Discovery
from backend.errors import BackendError
from backend.function_apps import FunctionApps
from backend.held import Held, NoLock
from backend.key_vault import KeyVault
from backend.logbook import Logbook
from backend.malloc import use_few_arenas
from backend.own_restarts import OwnRestarts
from backend.rotation.calendar import week_start
from backend.rotation.chronicle import Chronicle, Known, tell_of_untouched
from backend.rotation.journal import Journal, KeyMemory, proof_tried
from backend.rotation.key_checks import KeyChecks
from backend.rotation.key_ring import Before, KeyRing
from backend.rotation.keys import Key, keys_in
from backend.rotation.overview import Look, Past
from backend.rotation.pruning import PRUNE_SECONDS, prune
from backend.rotation.report import KeyOverview, KeyProof, Rotation, RunReport
from backend.rotation.restarts import RestartRight, Restarts
from backend.rotation.session import Services, Session, open_session
from backend.rotation.telling import Telling
from backend.rotation.turns import doubted_in
from backend.rotation_lock import LOCK
from backend.row_lock import holder, row_lock
from backend.uptime import UptimeLook, UptimesInAzure
from backend.vault_secret import Version

WEEKLY: Final = "the weekly timer"
HTTP_SECONDS: Final = 200.0  # the load balancer cuts an answer at 230 s
MARGIN_SECONDS: Final = 20.0  # of the run's time, for what is written when it ends
RUNS_SHOWN: Final = 10
JOURNAL_WAIT_SECONDS: Final = 2.0  # an answer waits no longer for what is only remembered
NO_STORAGE: Final = (
    "No storage is configured (CIPP_STORAGE or AzureWebJobsStorage), so there is neither a lock across instances "
    "nor a history."
)


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a run is asked: by whom, which keys, and how long it may take.

    `listing` returns what the vault serves, and `keys` picks of it. Both are called once the run has the lock. Nothing
    may be decided from an empty listing: it was not made.

    `force`: those that are not due, too. `doubt`: they are looked at even so. `quiet`: if it did nothing, no line.
    """

    by: str
    keys: Callable[[Mapping[str, Version]], Sequence[Key]]
    listing: Callable[[], Mapping[str, Version]] = dict
    most_seconds: float = HTTP_SECONDS
    force: bool = False
    doubt: bool = False
    quiet: bool = False
    restart: RestartRight = RestartRight.NOW


class KeyRotation:
    """The service of the vault's keys. Needs the vault's get, list, set, recover; Graph is asked as the SAM app."""

    def __init__(self, clients: Clients, discovery: Discovery, vault: KeyVault, environ: Mapping[str, str]) -> None:
        apps = FunctionApps(clients, discovery)
        self._clients = clients
        self._vault = vault
        self._apps = apps
        self._services = Services(
            clients,
            vault,
            CippTables(clients, environ),
            UptimesInAzure(clients, discovery, apps),
            apps.addresses,
            discovery.deployment,
        )
        self._checks = KeyChecks()
        self.journal = Journal(clients)
        self._logbook = Logbook(clients, node_name(environ))

    def rotate(
        self,
        *,
        by: str,
        names: Iterable[str] | None = None,
        dry_run: bool = False,
        force: bool = False,
        may_restart: bool = True,
    ) -> Rotation:
        """Rotate the keys that are due, or those of `names`; one that fails never stops the others.

        `may_restart`: the caller may restart CIPP. Without that right CIPP is not restarted, and no timer does it for
        the client secret that this run makes before the next weekly run.

        Raises:
            NotFoundError: A name is not in the vault.
            InvalidInputError: A name is nothing that the rotation looks after.
            ConflictError: Another run holds the lock.
            AzureError: The vault could not be listed, or the storage that holds the lock is silent.
        """
        if dry_run:
            return self._dry(names, force=force)
        right = RestartRight.NOW if may_restart else RestartRight.NONE
        if names is None:
            return self.run(Order(by=by, keys=keys_in, listing=self._vault.served, force=force, restart=right))
        chosen = keys_in(self._vault.names(), names)  # a wrong name is refused, whoever holds the lock
        return self.run(Order(by=by, keys=lambda _: chosen, force=force, restart=right))

    def prove(self, names: Iterable[str] | None = None) -> list[KeyProof]:
        """Sign in with each key now, or those of `names`. Nothing is changed. One check runs at a time (`KeyChecks`).

        Raises:
            NotFoundError: A name is not in the vault.
            InvalidInputError: A name is nothing that the rotation looks after.
            ConflictError: A check of other keys did not end in time, or another caller waits for its end already.
            AzureUnreachableError: The check takes longer than a call may; it goes on.
        """
        if names is None:
            return self._checks.results(
                None, lambda seconds: self._checked(keys_in(self._vault.names()), seconds), HTTP_SECONDS
            )
        chosen = keys_in(self._vault.names(), names)  # a wrong name is refused, whatever check is under way
        return self._checks.results(_names_of(chosen), lambda seconds: self._checked(chosen, seconds), HTTP_SECONDS)

    def prove_by_timer(self, keys: Sequence[Key], most_seconds: float) -> dict[str, KeyProof]:
        """Sign in with the keys as `prove` does; return the results by name in lower case.

        The timer waits for its turn, and its check gets a little less time than it waits for the result.

        Raises:
            ConflictError: There was no time left after the check of other keys.
            AzureUnreachableError: The check takes longer than that; it goes on.
        """
        proofs = self._checks.results(
            _names_of(keys),
            lambda seconds: self._checked(keys, seconds - JOURNAL_WAIT_SECONDS),
            most_seconds,
            is_timer=True,
        )
        return {proof.name.lower(): proof for proof in proofs}

    def graph_roles(self) -> frozenset[str]:
        """Answer the application permissions in Graph that the SAM app's token holds.

        Raises:
            BackendError: Nobody can sign in as the SAM app; what the first credential met.
        """
        return self._looking().opened().signer.signed_in.roles

    def overview(self, run_id: str | None = None) -> KeyOverview:
        """Return how long CIPP keeps working, the last runs or the named one, and what was seen of each key.

        Raises:
            NotFoundError: No such run is kept.
            AzureError: The tables that hold the named run, or the vault, refused or timed out.
        """
        named = None if run_id is None else self.journal.run(run_id)
        memories = at_once.start(self.journal.keys, name="read the keys' past")
        runs = at_once.start(lambda: self.journal.runs(RUNS_SHOWN, with_keys=named is None), name="read the last runs")
        holds = at_once.start(lambda: holder(self._clients, LOCK), name="look at the lock")
        served = at_once.start(self._vault.served, name="list the vault")
        session = self._looking()
        look = Look(session, Past(memories.result(), runs.result(), holds.result()), served.result())
        overview = look.overview(keys_in(list(served.result())))
        return overview if named is None else msgspec.structs.replace(overview, runs=[named])

    def _checked(self, keys: Sequence[Key], most_seconds: float) -> list[KeyProof]:
        """Sign in with the keys, and record which did, and when. A key that was not reached in time is not recorded.

        The last sign-ins begin some seconds before the end, so that they and the record have time.
        """
        began = self._vault.now().replace(microsecond=0)
        ring = KeyRing(self._looking(max(most_seconds - MARGIN_SECONDS, most_seconds / 4)))
        proofs = ring.prove(keys)
        reached = [proof for proof in proofs if proof.name.lower() not in ring.not_reached]
        writing = at_once.start(lambda: self._remember(reached, began), name="write the keys' past")
        with suppress(TimeoutError):  # a silent storage has held up the answer once already
            writing.result(JOURNAL_WAIT_SECONDS)
        return proofs

    def _remember(self, proofs: Sequence[KeyProof], began: datetime) -> None:
        """Record the results of a check. What a run recorded since it began is read now, and stays."""
        memories = self.journal.keys()
        # Whole seconds, as in Azure's answers: what died now is dead at the next look, which may be in the same one.
        now = self._vault.now().replace(microsecond=0)
        self.journal.remember(
            proof_tried(memories.get(proof.name.lower(), KeyMemory(proof.name.lower())), proof, now, began=began)
            for proof in proofs
        )

    def _looking(self, most_seconds: float = HTTP_SECONDS, *, force: bool = False) -> Session:
        """Open a session that writes nothing."""
        ends_at = time.monotonic() + most_seconds
        return open_session(
            replace(self._services, uptimes=UptimeLook(self._services.uptimes, ends_at)),
            run_id=uuid4().hex[:12],
            held=NoLock(),
            ends_at=ends_at,
            force=force,
        )

    def run(self, order: Order) -> Rotation:
        """Do one run, under the lock.

        Raises:
            ConflictError: Another run holds the lock.
            AzureError: The vault could not be listed, or the storage that holds the lock is silent.
        """
        use_few_arenas()
        run_id = uuid4().hex[:12]
        limits = self._clients.limits
        began = time.monotonic()
        limit = min(order.most_seconds, limits.key_rotation_time_limit_seconds)
        with row_lock(self._clients, LOCK, run_id=run_id, by=order.by) as held:
            listing = order.listing()
            chosen = order.keys(listing)
            started = self._vault.now().replace(microsecond=0)
            ends_at = began + max(limit - MARGIN_SECONDS, limit / 2)
            look = UptimeLook(self._services.uptimes, ends_at)
            session = open_session(
                replace(self._services, uptimes=look),
                run_id=run_id,
                held=held,
                ends_at=ends_at,
                force=order.force,
                may_restart=order.restart is not RestartRight.NONE,
            )
            memories = self.journal.keys()
            telling = Telling(run_id, session.tenants, limits.key_rotation_warn_days)
            chronicle = Chronicle(
                self.journal,
                self._logbook,
                RunReport(run_id=run_id, by=order.by, started=started, total=len(chosen)),
                Known(telling, session.zone, memories, self._vault.now, session.tenants_unknown),
                quiet=order.quiet,
            )
            doubted = [key.name.lower() for key in chosen] if order.doubt else doubted_in(memories)
            ring = KeyRing(session, chronicle.tell, chronicle.note, Before(_by_lower_case(listing), memories, doubted))
            reports = ring.rotate(chosen)
            warnings = [*ring.warnings, *self._after(ring, order.restart, session.zone, held, look)]
            ended = self._vault.now().replace(microsecond=0)
            warnings += chronicle.end(ended)
        # Deleting goes on without this run if the storage is slow.
        wait([at_once.start(lambda: prune(self._clients, ended), name="delete old runs")], PRUNE_SECONDS)
        return Rotation(
            run_id=run_id,
            dry_run=False,
            started=started,
            ended=ended,
            would_do=[],
            keys=reports,
            warnings=[*self._storage_warnings(session), *warnings],
        )

    def tell_of_untouched(self, by: str, error: BackendError) -> None:
        """Write to CIPP's Logbook, at most once a day, that a run by the clock failed before it touched a key."""
        zone = self._services.tables.zone()
        tell_of_untouched(self.journal, self._logbook, by=by, error=error, now=self._vault.now(), zone=zone)

    def _after(self, ring: KeyRing, right: RestartRight, zone: tzinfo, held: Held, look: UptimeLook) -> list[str]:
        """Restart the apps that run with an old client secret, if that is wanted; return which still run with one."""
        limits = self._clients.limits
        own_restarts = OwnRestarts(self._clients)
        restarts = Restarts(self._apps, look, self._vault, own_restarts=own_restarts, held=held, limits=limits)
        report: list[str] = []
        if limits.key_rotation_restart_cipp:
            report = restarts.restart(
                zone,
                just_renewed=ring.secret_renewed,
                right=right,
                weekly_run=lambda: self._last_weekly_run(zone),
            )
        report += restarts.advice(ring.superseded)
        return list(dict.fromkeys(report))  # both may report that the time is over

    def _last_weekly_run(self, zone: tzinfo) -> datetime | None:
        """Return when the last weekly run started; without a storage that remembers it, when the week did."""
        if self._clients.tables() is None:
            return week_start(self._vault.now(), zone)
        return self.journal.last_started(WEEKLY)

    def _dry(self, names: Iterable[str] | None, *, force: bool) -> Rotation:
        listing = self._vault.served()
        keys = keys_in(listing, names)
        run_id, started = uuid4().hex[:12], self._vault.now().replace(microsecond=0)
        reading = at_once.start(self.journal.keys, name="read the keys' past")
        session = self._looking(force=force)
        memories = reading.result()
        before = Before(_by_lower_case(listing), memories, doubted_in(memories))
        planned = KeyRing(session, before=before).plan(keys)
        reports = [report for report, _ in planned]
        would_do = [f"{report.name}: {step}" for report, steps in planned for step in steps]
        return Rotation(
            run_id=run_id,
            dry_run=True,
            started=started,
            ended=self._vault.now().replace(microsecond=0),
            would_do=would_do,
            keys=reports,
            warnings=self._storage_warnings(session),
        )

    def _storage_warnings(self, session: Session) -> list[str]:
        if self._clients.tables() is None:
            return [NO_STORAGE]
        return [session.not_cipps] if session.not_cipps else []


def _by_lower_case(listing: Mapping[str, Version]) -> Mapping[str, Version]:
    return {name.lower(): version for name, version in listing.items()}


def _names_of(keys: Sequence[Key]) -> frozenset[str]:
    return frozenset(key.name.lower() for key in keys)
