"""The keys of one session, worked through: planned, rotated or proven, each reported, none stopping another."""

import logging
from collections.abc import Callable, Container, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from backend import correlation
from backend.aadsts import Verdict
from backend.app_registration import AppRegistration
from backend.certificate import read_certificate
from backend.entra import SignInRefusedError
from backend.errors import AzureUnreachableError, BackendError, NotFoundError
from backend.graph import Graph
from backend.held import LostLockError
from backend.pace import NoTimeLeftError
from backend.rotation.calendar import due_before
from backend.rotation.client_secret import ClientSecretKind
from backend.rotation.credential_work import CredentialWork
from backend.rotation.journal import KeyMemory
from backend.rotation.keys import CERTIFICATE, CLIENT_SECRET, Key
from backend.rotation.plan import Leave, Moment, PutBack, Renew, not_due
from backend.rotation.publish import CredentialKind
from backend.rotation.refresh_token import RefreshTokenWork, may_lie_over_others, token_expires
from backend.rotation.report import Details, KeyProof, KeyReport, ProofOutcome
from backend.rotation.run import Run
from backend.rotation.sam_certificate import CertificateKind
from backend.rotation.session import NEXT_TRY, Session, reason_to_leave
from backend.rotation.sign_in_check import NotVerifiedError
from backend.rotation.words import in_words
from backend.rotation.work import Done, Work, work_through
from backend.stack import stack_of
from backend.together import Together
from backend.values import in_whole_seconds
from backend.vault_secret import Stored, Version

if TYPE_CHECKING:
    from datetime import datetime

logger = logging.getLogger("cipp.rotation")
AT_ONCE: Final = 64
MANY_TOKENS: Final = 64  # more than these wait for the vault's limit of writes
TIME_OVER: Final = "The time of the check was over before this key's turn."
CHECK_AGAIN: Final = "The hourly catch-up checks the key in the next hour, and ExecKeyProof does immediately."
TOKENS: Final = ("RefreshToken", "TenantRefreshToken")


@dataclass(frozen=True)
class Before:
    """What is known of the keys before a run. `listed` is the version that each serves, by name in lower case.

    A key that it lacks, because the vault was not listed, is looked at by itself. `memories` are of earlier runs.
    """

    listed: Mapping[str, Version] = field(default_factory=dict)
    memories: Mapping[str, KeyMemory] = field(default_factory=dict)
    doubted: Container[str] = ()


class KeyRing:
    """The keys of one session, worked through."""

    def __init__(
        self,
        session: Session,
        tell: Callable[[KeyReport, Details], None] = lambda _report, _details: None,
        tokens_done: Callable[[], None] = lambda: None,
        before: Before | None = None,
    ) -> None:
        """`tell` gets the report and the details of each key, and `tokens_done` is called after the tokens."""
        self._session = session
        self._tell = tell
        self._tokens_done = tokens_done
        self._before = before or Before()
        self._addresses = Together(session.services.addresses)
        self._details: dict[str, Details] = {}
        self._lost_lock: LostLockError | None = None
        self.warnings: list[str] = []
        self.not_reached: set[str] = set()
        self.secret_renewed = False
        self.superseded: dict[str, datetime] = {}

    def rotate(self, keys: Sequence[Key]) -> list[KeyReport]:
        """Work through the keys: the tokens concurrently, then the client secret, then the certificate.

        Many tokens wait for the vault's limit of writes. Then the other two are worked through in the meantime, with
        the old client secret still valid for the tokens.
        """
        tokens = [key for key in keys if key.kind in TOKENS]
        others = [key for key in keys if key.kind not in TOKENS]
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="rotation") as workers:
            meanwhile = (
                workers.submit(correlation.inherited(self._in_turn), others) if len(tokens) > MANY_TOKENS else None
            )
            reports = list(workers.map(correlation.inherited(self._rotated), tokens))
        if others:
            self._tokens_done()
        return reports + (meanwhile.result() if meanwhile else self._in_turn(others))

    def _in_turn(self, keys: Sequence[Key]) -> list[KeyReport]:
        return [self._rotated(key) for key in keys]

    def plan(self, keys: Sequence[Key]) -> list[tuple[KeyReport, list[str]]]:
        """Return what is to be done with each key, step by step, and do nothing."""
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="plan") as workers:
            return list(workers.map(correlation.inherited(self._planned), keys))

    def _planned(self, key: Key) -> tuple[KeyReport, list[str]]:
        session = self._session
        try:
            if early := reason_to_leave(key, session):
                return early, []
            run = session.opened()
            moment = self._moment(key, run)
            if settled := self._settled(key, moment):
                return settled, []
            work = self.work(key, run)
            step = work.next_step(moment)
            steps = [step, *(work.chores(moment) if isinstance(step, Leave) else [])]
        except BackendError as error:
            return failed(key, str(error), self._advice(error)), []
        would_do = [f"{step.reason} {words}" for step in steps if (words := in_words(step, key.kind))]
        report = KeyReport(
            name=key.name,
            kind=key.kind,
            outcome="planned" if would_do else "unchanged",
            reason=step.reason,
            current_since=work.since,
            expires=in_whole_seconds(work.ends),
        )
        return report, would_do

    def prove(self, keys: Sequence[Key]) -> list[KeyProof]:
        """Sign in with each key and change nothing. When the session's time is over, no further sign-in begins.

        `not_reached` then names in lower case the keys with which no sign-in was tried: nothing is known of them.
        """
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="prove") as workers:
            return list(workers.map(correlation.inherited(self._proven), keys))

    def _proven(self, key: Key) -> KeyProof:  # noqa: PLR0911 - one return an outcome
        session = self._session
        if session.run is None and key.kind != "ClientSecret":
            self.not_reached.add(key.name.lower())
        if session.run is not None and session.run.time_is_over:
            return self._left_out(key, TIME_OVER)
        try:
            if early := reason_to_leave(key, session):
                return KeyProof(name=key.name, kind=key.kind, outcome="skipped", reason=early.reason)
            run = session.opened()
            sign_in_with(key, run.vault.read(key.name), run)
        except NoTimeLeftError as error:
            return self._left_out(key, str(error))
        except NotFoundError as error:
            outcome: ProofOutcome = "skipped" if key.kind == "Certificate" else "unproven"
            return KeyProof(name=key.name, kind=key.kind, outcome=outcome, reason=str(error), advice=error.advice)
        except SignInRefusedError as error:
            # Where nobody could sign in, it is the client secret's death that was seen, and no other key's.
            is_its_own = session.run is not None or key.kind == "ClientSecret"
            outcome = "dead" if error.verdict is Verdict.DEAD and is_its_own else "unproven"
            return KeyProof(
                name=key.name, kind=key.kind, outcome=outcome, reason=str(error), advice=self._advice(error)
            )
        except BackendError as error:
            return KeyProof(name=key.name, kind=key.kind, outcome="unproven", reason=str(error), advice=error.advice)
        return KeyProof(name=key.name, kind=key.kind, outcome="proven", reason="It signs in.")

    def _left_out(self, key: Key, reason: str) -> KeyProof:
        self.not_reached.add(key.name.lower())
        return KeyProof(name=key.name, kind=key.kind, outcome="unproven", reason=reason, advice=CHECK_AGAIN)

    def _advice(self, error: BackendError) -> str | None:
        """Add to a refusal by place the addresses that an admin must compare."""
        if not (isinstance(error, SignInRefusedError) and error.verdict is Verdict.REFUSED_HERE):
            return error.advice
        try:
            return f"{error.advice} {self._addresses()}"
        except BackendError as unknown:
            return f"{error.advice} The addresses are unknown: {unknown}"

    def _rotated(self, key: Key) -> KeyReport:
        report = self._worked(key)
        self._tell(report, self._details.get(key.name.lower(), Details()))
        return report

    def _worked(self, key: Key) -> KeyReport:
        """Rotate one key; whatever happens becomes its report, and stops no other. Without the lock nothing is done."""
        try:
            return self._left_alone(key) or self._worked_through(key, self._session.opened())
        except NoTimeLeftError as error:
            return postponed(key, str(error))
        except LostLockError as error:
            self._lost_lock = error
            return postponed(key, str(error))
        except BackendError as error:
            return self._failed(key, error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other keys go on
            logger.error(  # noqa: TRY400 - a traceback shows the error's text, which may hold a value
                "Rotation of %s failed by an internal error.", key.name, extra={"stack": stack_of(error)}
            )
            return failed(key, f"This app made a mistake ({type(error).__name__}); the log tells where.", None)

    def _left_alone(self, key: Key) -> KeyReport | None:
        """Return the report of a key that this run does not touch, or None if it does."""
        if early := reason_to_leave(key, self._session):
            return early
        run = self._session.opened()
        if settled := self._settled(key, self._moment(key, run)):
            return settled
        if self._lost_lock:
            return postponed(key, str(self._lost_lock))
        return postponed(key) if run.time_is_over else None

    def _worked_through(self, key: Key, run: Run) -> KeyReport:
        work = self.work(key, run)
        return self._report(key, work_through(work, self._moment(key, run), lambda: run.time_is_over), work)

    def _failed(self, key: Key, error: BackendError) -> KeyReport:
        """Report a failure, and keep what it shows of the key."""
        is_common = error is self._session.failure
        verdict = error.verdict if isinstance(error, SignInRefusedError) else None
        # Another refusal may mean a new credential, which the vault does not serve.
        is_its_own = key.kind == "ClientSecret" if is_common else key.kind in TOKENS
        self._details[key.name.lower()] = Details(
            is_revoked=verdict is Verdict.DEAD and is_its_own,
            is_timeout=isinstance(error, AzureUnreachableError | NotVerifiedError),
            common_cause=str(error) if is_common else "",
        )
        if verdict is None:
            return failed(key, str(error), error.advice)
        unproven = "" if verdict is Verdict.DEAD else "Unproven, not dead: the key is left alone. "
        return failed(key, f"{unproven}{error}", self._advice(error))

    def _settled(self, key: Key, moment: Moment) -> KeyReport | None:
        """Return the report of a token of which the one listing shows that nothing is to be done; None otherwise."""
        name = key.name.lower()
        listed = self._before.listed.get(name)
        if listed is None or key.kind not in TOKENS or not listed.enabled or name in self._before.doubted:
            return None
        if moment.force or listed.created < moment.due_before:
            return None
        memory = self._before.memories.get(name)
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

    def work(self, key: Key, run: Run) -> RefreshTokenWork | CredentialWork:
        """Return the work on a key. It has done nothing yet."""
        name = key.name.lower()
        doubted = name in self._before.doubted
        if key.kind in TOKENS:
            listed = self._before.listed.get(name)
            return RefreshTokenWork(key, run, listed=listed, doubted=doubted)
        return self.credential_work(key, run, doubted=doubted)

    def credential_work(self, key: Key, run: Run, *, doubted: bool = False) -> CredentialWork:
        """Return the work on the client secret or the certificate. It has done nothing yet."""
        registration = AppRegistration(
            Graph(run.clients.cloud, run.clients.limits, lambda: run.signer.signed_in.token), run.app.app_id
        )
        return CredentialWork(
            run, registration, self._kind(key, run, registration), self._session.services.uptimes, doubted=doubted
        )

    def _kind(self, key: Key, run: Run, registration: AppRegistration) -> CredentialKind:
        if key.kind == "ClientSecret":
            return ClientSecretKind(run, registration)
        return CertificateKind(run, registration, self._session.services.deployment().main_app or "")

    def _moment(self, key: Key, run: Run) -> Moment:
        if key.kind != "ClientSecret":
            return run.moment
        days = run.clients.limits.key_rotation_secret_max_age_days
        return replace(run.moment, due_before=due_before(run.moment.now, self._session.week_zone, days))

    def _report(self, key: Key, done: Done, work: RefreshTokenWork | CredentialWork) -> KeyReport:
        self.warnings += [f"{key.name}: {warning}" for warning in done.warnings]
        self._keep(key, done, work)
        if done.postponed and not done.changed:
            return postponed(key)
        said = list(done.notes)
        for step in done.steps:
            if isinstance(step, Renew):
                said.append(f"{step.reason} The new one was proven by signing in, stored and read back.")
            elif isinstance(step, PutBack):
                said.append(f"{step.reason} It was put back.")
            else:
                said.append(step.reason)
        if isinstance(work, RefreshTokenWork) and work.unreadable:
            said.append("Its claims cannot be read, so MFA and account were not compared.")
        if self._was_overtaken(key, work):
            said.append("Someone else has stored it after this run did; theirs is served.")
        if done.postponed:
            said.append(f"The run's time was over; the next one goes on. {done.left}")
        return KeyReport(
            name=key.name,
            kind=key.kind,
            outcome="rotated" if done.changed else "unchanged",
            reason=" ".join(said if done.changed else [*said, done.left]).strip(),
            current_since=work.since,
            expires=in_whole_seconds(done.ends),
        )

    def _was_overtaken(self, key: Key, work: Work) -> bool:
        """Return whether the vault has come to serve another version than the one that this run stored."""
        ours = self._session.run.stored.get(key.name) if self._session.run else None
        return ours is not None and ours.id != work.served

    def _keep(self, key: Key, done: Done, work: RefreshTokenWork | CredentialWork) -> None:
        """Keep what concerns the run as a whole."""
        if isinstance(work, RefreshTokenWork):
            is_unlisted = self._session.run is not None and key.name in self._session.run.unlisted
            is_unsettled = is_unlisted or done.postponed or bool(done.warnings)
            self._details[key.name.lower()] = Details(scopes=work.scopes or None, is_unsettled=is_unsettled)
            return
        if key.kind == "ClientSecret":
            self.secret_renewed = done.changed
        if work.superseded_ends:
            self.superseded[CLIENT_SECRET if key.kind == "ClientSecret" else CERTIFICATE] = work.superseded_ends


def sign_in_with(key: Key, stored: Stored, run: Run) -> None:
    """Sign in with a key; a token that comes back is dropped, the one that was shown stays valid.

    Raises:
        NotVerifiedError: Entra refused a client secret or certificate that it may not know everywhere yet.
        SignInRefusedError: Entra refused.
    """
    if key.kind in TOKENS:
        run.entra.redeem(run.app, key.tenant or run.app.tenant, stored.value)
        return
    credential = read_certificate(stored.value) if key.kind == "Certificate" else stored.value
    run.check.sign_in(run.as_app(credential), age=run.age_of(stored.created), patience_seconds=0)


def failed(key: Key, reason: str, advice: str | None) -> KeyReport:
    """Report a failure."""
    return KeyReport(name=key.name, kind=key.kind, outcome="failed", reason=reason, advice=advice or NEXT_TRY)


def postponed(key: Key, reason: str = "The run's time was over before this key's turn.") -> KeyReport:
    """Report that the run's time was over."""
    return KeyReport(name=key.name, kind=key.kind, outcome="postponed", reason=reason, advice=NEXT_TRY)
