"""Plan or rotate the keys of one run, and report each. A key that fails never stops another."""

import logging
from collections.abc import Container, Mapping, Sequence
from concurrent.futures import wait
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import Final, Protocol

from backend.azure.errors.entra_errors import Verdict
from backend.cipp.owned_lock import LostLockError
from backend.concurrency import background
from backend.concurrency.rate_limiter import NoTimeLeftError
from backend.credentials.kinds import CERTIFICATE, CLIENT_SECRET, TOKENS, Key, Kind
from backend.credentials.sign_in_check import NotVerifiedError
from backend.errors import AzureError, AzureUnreachableError, BackendError, joined
from backend.internal_errors import contained, stack_of
from backend.key_vault.secrets import Version
from backend.rotation.planning.calendar import due_before
from backend.rotation.planning.memory import KeyMemory
from backend.rotation.planning.plan import Leave, Moment, PutBack, Renew, Step, not_due
from backend.rotation.planning.step_text import MAY_UPDATE, in_words
from backend.rotation.results import Details, KeyReport
from backend.rotation.running.client_secret import ClientSecretKind
from backend.rotation.running.context import RunContext
from backend.rotation.running.credential_work import CredentialWork
from backend.rotation.running.reconcile import Done, Work, work_through
from backend.rotation.running.refresh_token import RefreshTokenWork, may_lie_over_others, token_expires
from backend.rotation.running.sam_certificate import CertificateKind
from backend.rotation.running.session import NEXT_TRY, advice_on, reason_to_leave
from backend.rotation.running.sign_in_secret import as_sign_in_app, sign_in_secret_work
from backend.sam_app.graph import Graph
from backend.sam_app.registration import AppRegistration
from backend.sam_app.sign_in import SignInRefusedError
from backend.values import in_whole_seconds

logger = logging.getLogger("cipp.rotation")
READ_AT_NIGHT: Final[tuple[Kind, ...]] = ("RefreshToken", "ClientSecret", "Certificate")
HELD_BY_CIPP: Final[Mapping[Kind, str]] = MappingProxyType({"ClientSecret": CLIENT_SECRET, "Certificate": CERTIFICATE})
MANY_TOKENS: Final = 64  # more than these have to wait for the vault's write limit
TOKENS_STEP: Final = "Check the refresh tokens, and renew those that are due."
ALL_STEP: Final = "Check all keys, and renew those that are due."


@dataclass(frozen=True)
class KnownKeys:
    """What is known of the keys before a run.

    - `listed` is the current version of each key, by name in lower case. Keys without one are read on their own.
    - `memories` are the history entries from earlier runs.
    - `doubted` are the names in lower case of the keys that are checked even if they are not due.
    """

    listed: Mapping[str, Version] = field(default_factory=dict)
    memories: Mapping[str, KeyMemory] = field(default_factory=dict)
    doubted: Container[str] = ()


@dataclass(frozen=True)
class KeyResult:
    """The result for one key. `superseded_ends` is the first expiry of an old one that CIPP's apps might still use."""

    report: KeyReport
    details: Details = field(default_factory=Details)
    warnings: Sequence[str] = ()
    superseded_ends: datetime | None = None


@dataclass(frozen=True)
class BatchResult:
    """The results for the keys of a run.

    `is_vital_renewed`: the key with which CIPP signs in has a new version. `is_read_at_night`: a key has one that a
    container's CIPP reads at night, so not the token of a direct tenant. `superseded` is the first expiry of an old
    key that CIPP's apps might still use, by the name of its secret.
    """

    reports: list[KeyReport]
    warnings: list[str]
    is_vital_renewed: bool
    is_read_at_night: bool
    superseded: Mapping[str, datetime]


@dataclass(frozen=True)
class PlannedKey:
    """The planned steps for a key."""

    report: KeyReport
    steps: Sequence[str] = ()


class Progress(Protocol):
    """The receiver of a run's progress."""

    def add(self, report: KeyReport, details: Details) -> None:
        """Add the report of a key. Called by several threads."""

    def begin(self, step: str) -> None:
        """Note what the run does now."""

    def write(self) -> None:
        """Write the progress of the run. Called after the tokens."""


def run_batch(run: RunContext, keys: Sequence[Key], known: KnownKeys, progress: Progress) -> BatchResult:
    """Rotate the keys: the tokens concurrently, then the client secret, the certificate, the secret of the sign-in.

    Many tokens have to wait for the vault's write limit. Then the others are rotated meanwhile, and the old client
    secret stays valid for the tokens.
    """
    tokens = [key for key in keys if key.kind in TOKENS]
    others = [key for key in keys if key.kind not in TOKENS]
    batch = _Batch(run, known, progress, is_concurrent=len(tokens) > MANY_TOKENS)
    in_turn = partial(batch.in_turn, others)
    if tokens:
        progress.begin(ALL_STEP if others and batch.is_concurrent else TOKENS_STEP)
    meanwhile = background.start(in_turn, name="rotation") if batch.is_concurrent else None
    try:
        results = background.each(batch.rotated, tokens, threads=background.KEYS, name="rotation")
    finally:
        if meanwhile:
            wait([meanwhile])  # the run needs the lock until the last key is done
    if others:
        batch.begin(others[0])
        progress.write()
    results += meanwhile.result() if meanwhile else in_turn()
    reports = [result.report for result in results]
    return BatchResult(
        reports=reports,
        warnings=[warning for result in results for warning in result.warnings],
        is_vital_renewed=any(one.kind == run.mode.vital and one.outcome == "rotated" for one in reports),
        is_read_at_night=any(one.kind in READ_AT_NIGHT and one.outcome == "rotated" for one in reports),
        superseded={
            HELD_BY_CIPP[result.report.kind]: result.superseded_ends
            for result in results
            if result.superseded_ends and result.report.kind in HELD_BY_CIPP
        },
    )


def plan_batch(run: RunContext, keys: Sequence[Key], known: KnownKeys) -> list[PlannedKey]:
    """Return the planned steps for each key, and change nothing."""
    return background.each(partial(_planned, run, known), keys, threads=background.KEYS, name="plan")


def _planned(run: RunContext, known: KnownKeys, key: Key) -> PlannedKey:
    try:
        with contained(f"The plan of {key.name}"):
            if early := reason_to_leave(key, run):
                return PlannedKey(early)
            if key.kind != "SignInSecret":
                run.must_be_signed_in()
            moment = _moment(run, key)
            if settled := _settled(key, moment, known):
                return PlannedKey(settled)
            work = _work(run, key, known)
            step = work.next_step(moment)
            steps = [step, *(work.chores(moment) if isinstance(step, Leave) else [])]
    except BackendError as error:
        return PlannedKey(failed(key, error.detail, advice_on(error, run)))
    would_do = [f"{step.reason} {words}" for step in steps if (words := in_words(step, key.kind))]
    report = KeyReport(
        name=key.name,
        kind=key.kind,
        outcome="planned" if would_do else "unchanged",
        reason=step.reason,
        current_since=work.facts.since,
        expires=in_whole_seconds(work.facts.ends),
    )
    return PlannedKey(report, would_do)


class _Batch:
    """Rotate the keys of one run on several threads. After the lock is lost, no further key is begun.

    `is_concurrent`: the client secret and the certificate are rotated meanwhile, so they are not shown as steps.
    """

    def __init__(self, run: RunContext, known: KnownKeys, progress: Progress, *, is_concurrent: bool) -> None:
        self._run = run
        self._known = known
        self._progress = progress
        self.is_concurrent = is_concurrent
        self._lost_lock: LostLockError | None = None

    def in_turn(self, keys: Sequence[Key]) -> list[KeyResult]:
        """Rotate the keys one after another."""
        return [self.rotated(key) for key in keys]

    def begin(self, key: Key, step: Step | None = None) -> None:
        """Note what the run does with a key now. Tokens are rotated concurrently, so each is not shown."""
        if key.kind in TOKENS or self.is_concurrent:
            return
        words = in_words(step, key.kind) if step else ""
        self._progress.begin(f"{key.name}: {words}" if words else f"Check {key.name}, and renew it if it is due.")

    def rotated(self, key: Key) -> KeyResult:
        """Rotate one key and report the result. An error never stops other keys. Without the lock nothing is done."""
        result = self._worked(key)
        self._progress.add(result.report, result.details)
        return result

    def _worked(self, key: Key) -> KeyResult:
        run = self._run
        self.begin(key)
        try:
            if early := self._left_alone(key):
                return KeyResult(early)
            work, begin = _work(run, key, self._known), partial(self.begin, key)
            done = work_through(work, _moment(run, key), lambda: run.time_is_over, begin)
            return _result(run, key, done)
        except NoTimeLeftError as error:
            return KeyResult(postponed(key, error.detail, error.advice))
        except LostLockError as error:
            self._lost_lock = error
            return KeyResult(postponed(key, error.detail, error.advice))
        except BackendError as error:
            return _failed(run, key, error)
        except Exception as error:  # noqa: BLE001 - the other keys continue after any error
            logger.error(  # noqa: TRY400 - a traceback shows the error's text, which may hold a value
                "Rotation of %s failed: internal error.", key.name, extra={"stack": stack_of(error)}
            )
            return KeyResult(
                failed(key, f"Internal error ({type(error).__name__}). See the app's log for its origin.", None)
            )

    def _left_alone(self, key: Key) -> KeyReport | None:
        """Return the report of a key that this run doesn't touch, or None if it does."""
        run = self._run
        if early := reason_to_leave(key, run):
            return early
        if key.kind != "SignInSecret":  # this app's own identity may be able to renew it
            run.must_be_signed_in()
        if settled := _settled(key, _moment(run, key), self._known):
            return settled
        if self._lost_lock:
            return postponed(key, str(self._lost_lock))
        return postponed(key) if run.time_is_over else None


def _settled(key: Key, moment: Moment, known: KnownKeys) -> KeyReport | None:
    """Return the report of a token that needs no step according to the list of the vault, or None otherwise."""
    name = key.name.lower()
    listed = known.listed.get(name)
    if listed is None or key.kind not in TOKENS or not listed.enabled or name in known.doubted:
        return None
    if not listed.is_complete:
        return None
    if moment.force or listed.created < moment.due_before:
        return None
    memory = known.memories.get(name)
    has_ended = memory is not None and memory.tried is not None and memory.tried >= listed.created
    if may_lie_over_others(listed, moment.now) and not has_ended:
        return None
    return KeyReport(
        name=key.name,
        kind=key.kind,
        outcome="unchanged",
        reason=not_due(listed.created, moment),
        current_since=listed.created,
        expires=in_whole_seconds(token_expires(listed)),
    )


def _work(run: RunContext, key: Key, known: KnownKeys) -> Work:
    """Return the work on a key, before its first step."""
    name = key.name.lower()
    doubted = name in known.doubted
    if key.kind in TOKENS:
        return RefreshTokenWork(key, run, listed=known.listed.get(name), doubted=doubted)
    if key.kind == "SignInSecret":
        return sign_in_secret_work(as_sign_in_app(run), doubted=doubted)
    return credential_work(run, key, doubted=doubted)


def credential_work(run: RunContext, key: Key, *, doubted: bool = False) -> CredentialWork:
    """Return the work on the client secret or the certificate, before its first step."""
    token = run.sign_in.signer.signed_in.token
    registration = AppRegistration(Graph(run.services.clients.cloud, run.limits, lambda: token), run.app.app_id)
    if key.kind == "ClientSecret":
        return CredentialWork(run, registration, ClientSecretKind(run, registration), doubted=doubted)
    main_app = run.services.deployment().main_app or ""
    return CredentialWork(run, registration, CertificateKind(run, registration, main_app), doubted=doubted)


def _moment(run: RunContext, key: Key) -> Moment:
    moment = run.moment
    if key.kind != "ClientSecret":
        return moment
    days = run.limits.key_rotation_secret_max_age_days
    return replace(moment, due_before=due_before(moment.now, run.cipp.week_zone, days), mode=run.mode)


def _result(run: RunContext, key: Key, done: Done) -> KeyResult:
    """Return the result for a key after its steps."""
    facts, details = done.facts, Details(is_spare=key.kind == "ClientSecret" and run.mode.is_on)
    if key.kind in TOKENS:
        is_unsettled = key.name in run.unlisted or done.postponed or bool(done.warnings)
        details = Details(scopes=facts.scopes or None, is_unsettled=is_unsettled)
    if done.postponed and not done.changed:
        report = postponed(key)
    else:
        report = KeyReport(
            name=key.name,
            kind=key.kind,
            outcome="rotated" if done.changed else "unchanged",
            reason=_reason(run, key, done),
            current_since=facts.since,
            expires=in_whole_seconds(facts.ends),
        )
    warnings = [f"{key.name}: {warning}" for warning in done.warnings]
    return KeyResult(report, details, warnings, facts.superseded_ends)


def _reason(run: RunContext, key: Key, done: Done) -> str:
    """Return what was done with a key and why, or why nothing was done."""
    sentences = list(done.notes)
    for step in done.steps:
        if isinstance(step, Renew):
            sentences.append(f"{step.reason} The new one was verified by signing in, stored and read back.")
            sentences += [MAY_UPDATE] if key.kind == "SignInSecret" else []
        elif isinstance(step, PutBack):
            sentences.append(f"{step.reason} Version {step.version_id} was stored again.")
        else:
            sentences.append(step.reason)
    if done.facts.are_claims_unreadable:
        sentences.append("Its claims can't be read, so MFA and account were not compared.")
    stored = run.stored.get(key.name)
    if stored is not None and stored.id != done.facts.version:
        sentences.append("Another version was stored after this run stored its own, and is the current one.")
    if done.postponed:
        sentences.append(f"The run reached its time limit. The next run continues. {done.left}")
    if not done.changed:
        sentences.append(done.left)
    return " ".join(sentences).strip()


def _failed(run: RunContext, key: Key, error: BackendError) -> KeyResult:
    """Return the result of a failure, and what it shows about the key."""
    is_common = error is run.failure
    verdict = error.verdict if isinstance(error, SignInRefusedError) else None
    # Otherwise the refused credential may be a new one that the vault does not serve.
    is_its_own = key.kind == run.mode.vital if is_common else key.kind in TOKENS
    details = Details(
        is_revoked=verdict is Verdict.DEAD and is_its_own,
        is_timeout=isinstance(error, AzureUnreachableError | NotVerifiedError),
        common_cause=str(error) if is_common else "",
    )
    if verdict is None:
        advice = joined(error.advice, NEXT_TRY) if isinstance(error, AzureError) else error.advice
        return KeyResult(failed(key, error.detail, advice), details)
    unknown = "" if verdict is Verdict.DEAD else "The key might still be valid, so it was not changed. "
    return KeyResult(failed(key, f"{unknown}{error.detail}", advice_on(error, run)), details)


def failed(key: Key, reason: str, advice: str | None) -> KeyReport:
    """Return the report of a failure."""
    return KeyReport(name=key.name, kind=key.kind, outcome="failed", reason=reason, advice=advice or NEXT_TRY)


def postponed(key: Key, reason: str = "The run reached its time limit before this key.", advice: str = "") -> KeyReport:
    """Return the report of a key that is left to the next run."""
    advice = joined(advice, NEXT_TRY)
    return KeyReport(name=key.name, kind=key.kind, outcome="postponed", reason=reason, advice=advice)
