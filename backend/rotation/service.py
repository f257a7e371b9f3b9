"""The rotation for its callers: runs, dry runs, sign-in checks and the overview. See also `timers`."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final
from uuid import uuid4

import msgspec

from backend.azure.clients import Clients
from backend.cipp.logbook import Logbook
from backend.cipp.owned_lock import NoLock
from backend.cipp.row_lock import holder, row_lock
from backend.cipp.tables import CippTables
from backend.concurrency import background
from backend.concurrency.deadline import Deadline
from backend.concurrency.malloc import use_few_arenas
from backend.configuration.mode import Mode, Option
from backend.credentials.certificate_gate import LastRead
from backend.credentials.change_lock import LOCK
from backend.credentials.kinds import IDENTITY_NAMES, SIGN_IN_SECRET, Key, keys_in
from backend.errors import BackendError
from backend.hosting.hosting import Hosting
from backend.hosting.uptimes import UptimeLook
from backend.installation.discovery import Discovery
from backend.installation.installation import node_name
from backend.internal_errors import contained, stack_of
from backend.key_vault.secrets import Version
from backend.key_vault.vault import KeyVault
from backend.rotation.planning.backoff import KeyChoice, chosen_keys, doubted_in
from backend.rotation.planning.calendar import week_start
from backend.rotation.planning.memory import KeyMemory, proof_tried
from backend.rotation.reporting.journal import Journal
from backend.rotation.reporting.progress import kept_current
from backend.rotation.reporting.pruning import PRUNE_SECONDS, prune
from backend.rotation.reporting.reporter import Reporter, report_untouched
from backend.rotation.reporting.snapshot import collect
from backend.rotation.reporting.status import key_overview
from backend.rotation.results import KeyOverview, KeyProof, KeyReport, KeyRuns, Rotation, RunReport
from backend.rotation.running.batch import BatchResult, KnownKeys, plan_batch, run_batch
from backend.rotation.running.context import RestartRight, RotationServices, RunContext
from backend.rotation.running.key_checks import KeyChecks
from backend.rotation.running.key_reads import KeyReadTimes
from backend.rotation.running.restarts import Restarts
from backend.rotation.running.session import open_run
from backend.rotation.running.sign_in_checks import check_keys

logger = logging.getLogger("cipp.rotation")
WEEKLY: Final = "the weekly timer"
HTTP_SECONDS: Final = 200.0  # the load balancer cuts a response off at 230 s
REPAIR_SECONDS: Final = 120.0  # of the response to a repair of the sign-in, which does more than that
MARGIN_SECONDS: Final = 20.0  # reserved for what a run writes when it completes
RUNS_SHOWN: Final = 10  # of the overview
JOURNAL_WAIT_SECONDS: Final = 2.0  # a response does not wait longer for the history
FIRST_STEP: Final = "Check which keys are due."
LAST_STEP: Final = "Check whether CIPP's apps use the current keys."
NO_STORAGE: Final = (
    "No storage account is configured (CIPP_STORAGE or AzureWebJobsStorage). Without it, runs have no history, and "
    "instances don't share a lock."
)


@dataclass(frozen=True)
class RunResult:
    """The result of a run, and the versions that the vault served at its start, {} if the vault was not listed."""

    rotation: Rotation
    listed: Mapping[str, Version]


class KeyRotation:
    """Rotate and check the vault's keys.

    Requires the permissions get, list, set and recover on the vault. Calls Microsoft Graph as the SAM app.
    """

    def __init__(
        self, clients: Clients, discovery: Discovery, vault: KeyVault, environ: Mapping[str, str], hosting: Hosting
    ) -> None:
        self.services = RotationServices(
            clients,
            vault,
            CippTables(clients, environ),
            hosting.processes,
            lambda: hosting.apps.addresses(),  # noqa: PLW0108 - looked up by each run, because CIPP's shape may change
            Logbook(clients, node_name(environ)),
            discovery.deployment,
            Mode.of(environ).allows(Option.CONTROLS),
        )
        self.journal = Journal(clients)
        self._clients = clients
        self._vault = vault
        self._checks = KeyChecks()
        self.mode = Mode.of(environ)

    def rotate(
        self,
        *,
        by: str,
        names: Iterable[str] | None = None,
        dry_run: bool = False,
        force: bool = False,
        may_restart: bool = True,
    ) -> Rotation:
        """Rotate the keys that are due, or those of `names`. A key that fails never stops the others.

        `may_restart`: the caller may restart CIPP. Without that right CIPP is not restarted, and a client secret that
        this run creates waits for the next weekly run.

        Raises:
            NotFoundError: A name is not in the vault.
            InvalidInputError: A name is not one of the keys that are rotated.
            ConflictError: Another run has the lock.
            AzureError: The vault could not be listed, or the storage of the lock timed out.
        """
        if dry_run:
            return self._dry(names, force=force)
        right = RestartRight.NOW if may_restart else RestartRight.NONE
        if names is None:
            return self.run(by=by, keys=KeyChoice.ALL, force=force, restart=right).rotation
        chosen = self.keys_in(self._vault.names(), names)  # a wrong name is refused first, even if another has the lock
        return self.run(by=by, keys=chosen, force=force, restart=right).rotation

    def prove(self, names: Iterable[str] | None = None) -> list[KeyProof]:
        """Sign in with each key now, or with those of `names`. Change nothing. One check runs at a time (`KeyChecks`).

        Raises:
            NotFoundError: A name is not in the vault.
            InvalidInputError: A name is not one of the keys that are rotated.
            ConflictError: A check of other keys did not complete in time, or another caller waits for it already.
            AzureUnreachableError: The check takes longer than a request may take. It continues.
        """
        if names is None:
            return self._checks.results(
                None, lambda seconds: self._checked(self.keys_in(self._vault.names()), seconds), HTTP_SECONDS
            )
        chosen = self.keys_in(self._vault.names(), names)  # a wrong name is refused first, even during another check
        return self._checks.results(_names_of(chosen), lambda seconds: self._checked(chosen, seconds), HTTP_SECONDS)

    def renew_sign_in(self, by: str) -> KeyReport | None:
        """Renew the secret of CIPP's sign-in if it can't sign in or expires soon. Return None without such a key.

        Raises:
            NotEnabledError: This installation does not rotate keys.
            ConflictError: Another run has the lock.
            AzureError: The vault could not be listed, or the storage of the lock timed out.
        """
        keys = [key for key in self.keys_in(self._vault.names()) if key.kind == "SignInSecret"]
        if not keys:
            return None
        run = self.run(by=by, keys=keys, most_seconds=REPAIR_SECONDS, doubt=True, restart=RestartRight.NONE)
        return run.rotation.keys[0]

    def prove_by_timer(self, keys: Sequence[Key], most_seconds: float) -> dict[str, KeyProof]:
        """Sign in with the keys for the timer. Return the results by name in lower case.

        The timer always waits for its turn. Its check gets slightly less time than it waits for the result.

        Raises:
            ConflictError: The check of other keys left too little time.
            AzureUnreachableError: The check takes longer than `most_seconds`. It continues.
        """
        proofs = self._checks.results(
            _names_of(keys),
            lambda seconds: self._checked(keys, seconds - JOURNAL_WAIT_SECONDS),
            most_seconds,
            is_timer=True,
        )
        return {proof.name.lower(): proof for proof in proofs}

    def keys_in(self, vault_names: Iterable[str], wanted: Iterable[str] | None = None) -> list[Key]:
        """Return the keys of this CIPP in the order of work, or those of `wanted`. Only a container has a sign-in key.

        Raises:
            NotFoundError: A wanted name is not in the vault.
            InvalidInputError: A wanted name is in the vault, but the app does not rotate it.
        """
        listed = list(vault_names)
        is_there = any(name.lower() == SIGN_IN_SECRET.lower() for name in listed)
        with_sign_in = is_there and self.services.processes.sign_in_secret is not None
        return keys_in(listed, wanted, with_sign_in=with_sign_in)

    def graph_roles(self) -> frozenset[str]:
        """Return the application permissions in Graph that the SAM app's token holds.

        Raises:
            BackendError: A sign-in as the SAM app is not possible. It is the error of the first credential.
        """
        return self._open_read_only().must_be_signed_in().signer.signed_in.roles

    def overview(self, run_id: str | None = None, *, listed: Mapping[str, Version] | None = None) -> KeyOverview:
        """Return how long CIPP keeps working, the last runs or the named one, and the state of each key.

        `listed` are the versions that the vault serves, if the caller has just listed them.

        Raises:
            NotFoundError: The history does not have the run.
            AzureError: The table of the named run, or the vault, refused or timed out.
        """
        named = None if run_id is None else self.journal.run(run_id)
        memories = background.start(self.journal.keys, name="read the keys' history")
        runs = background.start(
            lambda: self.journal.runs(RUNS_SHOWN, with_keys=named is None), name="read the last runs"
        )
        lock_holder = background.start(lambda: holder(self._clients, LOCK), name="read the lock")
        served = background.start(self._vault.served if listed is None else lambda: listed, name="list the vault")
        context = self._open_read_only()
        keys = self.keys_in(served.result())
        snapshot = collect(
            context,
            served.result(),
            keys,
            memories=memories.result(),
            runs=runs.result(),
            holder=lock_holder.result(),
        )
        overview = key_overview(snapshot, keys, self.mode)
        return overview if named is None else msgspec.structs.replace(overview, runs=[named])

    def runs(self, run_id: str | None = None) -> KeyRuns:
        """Return the runs that are kept without their keys, or the named one with them. Nothing else is read.

        Raises:
            NotFoundError: The history does not have the run.
            AzureError: The table refused or timed out.
        """
        if run_id is not None:
            return KeyRuns(runs=[self.journal.run(run_id)], by_week=WEEKLY, has_more=False)
        found, has_more = self.journal.all_runs(by=WEEKLY)
        return KeyRuns(runs=found, by_week=WEEKLY, has_more=has_more)

    def _checked(self, keys: Sequence[Key], most_seconds: float) -> list[KeyProof]:
        """Sign in with the keys, and store the results in the history. Keys that were not reached in time are left out.

        The last sign-ins begin some seconds before the end, so that there is time to complete and store them.
        """
        began = self._vault.now().replace(microsecond=0)
        checked = check_keys(self._open_read_only(max(most_seconds - MARGIN_SECONDS, most_seconds / 4)), keys)
        reached = [key.proof for key in checked if key.is_reached]
        writing = background.start(lambda: self._remember(reached, began), name="write the keys' history")
        with suppress(TimeoutError):  # the storage may have timed out once already in this request
            writing.result(JOURNAL_WAIT_SECONDS)
        return [key.proof for key in checked]

    def _remember(self, proofs: Sequence[KeyProof], began: datetime) -> None:
        """Store the results of a check. The history is read again, so that results of runs since the start stay."""
        memories = self.journal.keys()
        # Whole seconds, as in Azure's responses. The next run may start within the same second.
        now = self._vault.now().replace(microsecond=0)
        self.journal.remember(
            proof_tried(memories.get(proof.name.lower(), KeyMemory(proof.name.lower())), proof, now, began=began)
            for proof in proofs
        )

    def _open_read_only(self, most_seconds: float = HTTP_SECONDS, *, force: bool = False) -> RunContext:
        """Open a run that writes nothing."""
        return open_run(self.services, lock=NoLock(), deadline=Deadline.after(most_seconds), force=force)

    def run(  # noqa: PLR0913 - the options of a run
        self,
        *,
        by: str,
        keys: KeyChoice | Sequence[Key],
        most_seconds: float = HTTP_SECONDS,
        force: bool = False,
        doubt: bool = False,
        quiet: bool = False,
        restart: RestartRight = RestartRight.NOW,
    ) -> RunResult:
        """Do one run under the lock. The keys are chosen under the lock. If they are given, the vault isn't listed.

        `force`: also renew keys that are not due. `doubt`: also check keys that are not due. `quiet`: write nothing to
        the history and the Logbook if nothing was done.

        Raises:
            NotEnabledError: This installation does not rotate keys.
            ConflictError: Another run has the lock.
            AzureError: The vault could not be listed, or the storage of the lock timed out.
        """
        self.mode.must_allow(Option.ROTATION, "rotate the keys")
        use_few_arenas()
        run_id = uuid4().hex[:12]
        limit = min(most_seconds, self._clients.limits.key_rotation_time_limit_seconds)
        deadline = Deadline.after(max(limit - MARGIN_SECONDS, limit / 2))
        with row_lock(self._clients, LOCK, run_id=run_id, by=by) as held:
            is_listed = isinstance(keys, KeyChoice)
            listing = background.start(self._vault.served if is_listed else dict, name="list the vault")
            remembering = background.start(self.journal.keys, name="read the keys' history")
            context = open_run(
                self.services,
                run_id=run_id,
                lock=held,
                deadline=deadline,
                force=force,
                restart=restart,
            )
            listed, memories = listing.result(), remembering.result()
            choices = self.keys_in(listed) if is_listed else []
            chosen = chosen_keys(keys, choices, memories, self._vault.now())
            started = self._vault.now().replace(microsecond=0)
            report = RunReport(run_id=run_id, by=by, started=started, total=len(chosen), step=FIRST_STEP)
            reporter = Reporter(context, self.journal, report, memories, quiet=quiet)
            doubted = [key.name.lower() for key in chosen] if doubt else doubted_in(memories)
            key_facts = KnownKeys(_by_lower_case(listed), memories, doubted)
            with ended_in_any_case(reporter, self._vault.now):
                with kept_current(reporter.show):
                    batch = run_batch(context, chosen, key_facts, reporter)
                    reporter.begin(LAST_STEP)
                    warnings = [*batch.warnings, *self._after(context, batch)]
                ended = self._vault.now().replace(microsecond=0)
                warnings += reporter.end(ended)
        # If the storage is slow, deleting continues in the background.
        wait([background.start(lambda: prune(self._clients, ended), name="delete old runs")], PRUNE_SECONDS)
        rotation = Rotation(
            run_id=run_id,
            dry_run=False,
            started=started,
            ended=ended,
            would_do=[],
            keys=batch.reports,
            warnings=[*self._general_warnings(context), *warnings],
        )
        return RunResult(rotation, listed)

    def last_read(self) -> LastRead:
        """Return since when CIPP certainly has its keys.

        Raises:
            BackendError: Key Vault refused or timed out.
        """
        clients, processes = self._clients, self.services.processes
        app_id = self._vault.read(IDENTITY_NAMES[0]).value.reveal().strip()
        now, zone = self._vault.now(), self.services.tables.zone()
        reads = KeyReadTimes(clients, processes, app_id=lambda: app_id, now=self._vault.now)
        since = UptimeLook(reads, Deadline.after(clients.limits.azure_deadline_seconds)).all_since(now)
        return LastRead(since, now, processes.next_read(now, zone), zone)

    def paused_until(self) -> datetime | None:
        """Return until when the timers renew no key, because CIPP's own jobs may run, or None if they may renew.

        A run by a person never waits. While CIPP's shape is unknown, the last known one counts. Without one, the timers
        wait as for a container.
        """
        return self.services.processes.pause(self._time_in_azure, self.services.tables.zone)

    def _time_in_azure(self) -> datetime:
        """Return the vault's time, which only a response shows."""
        with suppress(BackendError):  # then it is this machine's
            self._vault.read(IDENTITY_NAMES[0])
        return self._vault.now()

    def report_untouched(self, by: str, error: BackendError) -> None:
        """Write to CIPP's Logbook, at most once a day, that a scheduled run failed before it touched a key."""
        zone = self.services.tables.zone()
        report_untouched(self.journal, self.services.logbook, by=by, error=error, now=self._vault.now(), zone=zone)

    def _after(self, context: RunContext, batch: BatchResult) -> list[str]:
        """If enabled, restart the apps that use an old client secret. Return warnings about those that still do."""
        try:
            with contained("The restart of CIPP's apps"):
                return self._restarted(context, batch)
        except BackendError as error:
            return [f"Couldn't check whether CIPP's apps use the current keys. {error}"]

    def _restarted(self, context: RunContext, batch: BatchResult) -> list[str]:
        restarts = Restarts(context)
        report: list[str] = []
        if context.limits.key_rotation_restart_cipp and self.mode.allows(Option.CONTROLS):
            zone = context.cipp.zone
            report = restarts.restart(
                just_renewed=batch.is_vital_renewed, weekly_run=lambda: self._last_weekly_run(zone)
            )
        report += restarts.advice(batch.superseded)
        if batch.is_read_at_night and (read := self.services.processes.next_read(self._vault.now(), context.cipp.zone)):
            local = f"{read.astimezone(context.cipp.zone):%H:%M} of its time zone"
            report.append(
                f"CIPP reads its new keys on {read:%Y-%m-%d} at {read:%H:%M} UTC ({local}), or when it starts."
            )
        return list(dict.fromkeys(report))  # both may report that the time is over

    def _last_weekly_run(self, zone: tzinfo) -> datetime | None:
        """Return when the last weekly run started, or when the week started if runs have no history.

        Where CIPP reads its keys at night, the weekly timer may have waited for that, and the first run after it does
        the work. So the start of the week counts, too.
        """
        started = week_start(self._vault.now(), zone)
        if self._clients.tables() is None:
            return started
        last = self.journal.last_started(WEEKLY)
        if self.services.processes.next_read(self._vault.now(), zone) is None:
            return last
        return max(last or started, started)

    def _dry(self, names: Iterable[str] | None, *, force: bool) -> Rotation:
        listing = self._vault.served()
        keys = self.keys_in(listing, names)
        run_id, started = uuid4().hex[:12], self._vault.now().replace(microsecond=0)
        reading = background.start(self.journal.keys, name="read the keys' history")
        context = self._open_read_only(force=force)
        memories = reading.result()
        key_facts = KnownKeys(_by_lower_case(listing), memories, doubted_in(memories))
        planned = plan_batch(context, keys, key_facts)
        would_do = [f"{key.report.name}: {step}" for key in planned for step in key.steps]
        return Rotation(
            run_id=run_id,
            dry_run=True,
            started=started,
            ended=self._vault.now().replace(microsecond=0),
            would_do=would_do,
            keys=[key.report for key in planned],
            warnings=[*self._off(), *self._general_warnings(context)],
        )

    def _off(self) -> list[str]:
        """Return why no run follows a dry run, [] if this installation rotates keys."""
        return [] if self.mode.allows(Option.ROTATION) else self.mode.notes

    def _general_warnings(self, context: RunContext) -> list[str]:
        """Return the problems of the storage account, of its feature flags, and of the time zone settings."""
        cipp, mode = context.cipp, context.mode
        if self._clients.tables() is None:
            return [text for text in (NO_STORAGE, mode.problem, mode.effect, *cipp.zone_problems) if text]
        return [text for text in (cipp.not_cipps, mode.problem, mode.effect, *cipp.zone_problems) if text]


@contextmanager
def ended_in_any_case(reporter: Reporter, now: Callable[[], datetime]) -> Iterator[None]:
    """Complete the row of a run in the history if the run fails. The error is raised again."""
    try:
        yield
    except BaseException:
        try:
            reporter.give_up(now().replace(microsecond=0))
        except Exception as error:  # noqa: BLE001 - the error of the run itself is the one to raise
            logger.error(  # noqa: TRY400 - a traceback shows the error's text, which may hold a value
                "Rotation history not updated for a failed run.", extra={"stack": stack_of(error)}
            )
        raise


def _by_lower_case(listing: Mapping[str, Version]) -> Mapping[str, Version]:
    return {name.lower(): version for name, version in listing.items()}


def _names_of(keys: Sequence[Key]) -> frozenset[str]:
    return frozenset(key.name.lower() for key in keys)
