"""The keys of one session, worked through: planned, rotated or proven, each reported, none stopping another."""

import logging
from collections.abc import Callable, Container, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Final

from backend import correlation
from backend.aadsts import Verdict
from backend.app_registration import AppRegistration
from backend.certificate import read_certificate
from backend.entra import SignInRefusedError
from backend.errors import AzureUnreachableError, BackendError, NotFoundError
from backend.graph import Graph
from backend.pace import NoTimeLeftError
from backend.rotation.calendar import due_before
from backend.rotation.client_secret import ClientSecretWork
from backend.rotation.keys import CERTIFICATE, CLIENT_SECRET, Key
from backend.rotation.plan import Leave, Moment, PutBack, Renew
from backend.rotation.refresh_token import RefreshTokenWork
from backend.rotation.report import Details, KeyProof, KeyReport, ProofOutcome
from backend.rotation.run import Run
from backend.rotation.sam_certificate import CertificateWork
from backend.rotation.session import NEXT_TRY, Session, reason_to_leave
from backend.rotation.words import in_words
from backend.rotation.work import Done, Work, work_through
from backend.stack import stack_of
from backend.together import Together
from backend.values import SecretText, in_whole_seconds

if TYPE_CHECKING:
    from datetime import datetime

logger = logging.getLogger("cipp.rotation")
AT_ONCE: Final = 64
TIME_OVER: Final = "The time of the check was over before this key's turn."
CHECK_AGAIN: Final = "The hourly catch-up checks the key in the next hour, and ExecKeyProof does immediately."
TOKENS: Final = ("RefreshToken", "TenantRefreshToken")


class KeyRing:
    """The keys of one session, worked through."""

    def __init__(
        self,
        session: Session,
        tell: Callable[[KeyReport, Details], None] = lambda _report, _details: None,
        tokens_done: Callable[[], None] = lambda: None,
        *,
        doubted: Container[str] = (),
    ) -> None:
        """`tell` gets the report and the details of each key.

        `doubted` names in lower case the keys that failed when last tried: those are looked at in any case.
        """
        self._session = session
        self._tell = tell
        self._tokens_done = tokens_done
        self._doubted = doubted
        self._addresses = Together(session.services.addresses)
        self._restarted = cache(lambda: session.services.uptimes.all_since(session.services.vault.now()))
        self._scopes: dict[str, frozenset[str]] = {}
        self._failures: dict[str, Details] = {}
        self.not_reached: set[str] = set()
        self.secret_renewed = False
        self.superseded: dict[str, datetime] = {}

    def rotate(self, keys: Sequence[Key]) -> list[KeyReport]:
        """Work through the keys: the tokens at once, then the client secret, then the certificate."""
        tokens = [key for key in keys if key.kind in TOKENS]
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="rotation") as workers:
            reports = list(workers.map(correlation.inherited(self._rotated), tokens))
        if len(tokens) < len(keys):
            self._tokens_done()
        return reports + [self._rotated(key) for key in keys if key.kind not in TOKENS]

    def plan(self, keys: Sequence[Key]) -> list[tuple[KeyReport, str]]:
        """Say what is to be done with each key, "" for nothing, and do nothing."""
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="plan") as workers:
            return list(workers.map(correlation.inherited(self._planned), keys))

    def _planned(self, key: Key) -> tuple[KeyReport, str]:
        session = self._session
        try:
            if early := reason_to_leave(key, session):
                return early, ""
            run = session.opened()
            work = self._work(key, run)
            step = work.next_step(self._moment(key, run))
        except BackendError as error:
            return failed(key, str(error), self._advice(error)), ""
        report = KeyReport(
            name=key.name,
            kind=key.kind,
            outcome="unchanged" if isinstance(step, Leave) else "planned",
            reason=step.reason,
            current_since=work.since,
            expires=in_whole_seconds(work.ends),
        )
        return report, in_words(step, key.kind)

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
            sign_in_with(key, run.vault.read(key.name).value, run)
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
        name = key.name.lower()
        self._tell(report, replace(self._failures.get(name, Details()), scopes=self._scopes.get(name)))
        return report

    def _worked(self, key: Key) -> KeyReport:  # noqa: PLR0911 - one return an outcome
        """Rotate one key; whatever happens becomes its report, and stops no other."""
        session = self._session
        try:
            if early := reason_to_leave(key, session):
                return early
            run = session.opened()
            if run.time_is_over:
                return postponed(key)
            work = self._work(key, run)
            done = work_through(work, self._moment(key, run), lambda: run.time_is_over)
        except NoTimeLeftError as error:
            return postponed(key, str(error))
        except SignInRefusedError as error:
            self._failures[key.name.lower()] = self._details(key, error)
            unproven = "" if error.verdict is Verdict.DEAD else "Unproven, not dead: the key is left alone. "
            return failed(key, f"{unproven}{error}", self._advice(error))
        except BackendError as error:
            self._failures[key.name.lower()] = self._details(key, error)
            return failed(key, str(error), error.advice)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other keys go on
            logger.error(  # noqa: TRY400 - a traceback shows the error's text, which may hold a value
                "Rotation of %s failed by an internal error.", key.name, extra={"stack": stack_of(error)}
            )
            return failed(key, f"This app made a mistake ({type(error).__name__}); the log tells where.", None)
        return self._report(key, done, work)

    def _details(self, key: Key, error: BackendError) -> Details:
        """Return what a failure shows beyond the report.

        A dead client secret is known as such only if no sign-in was possible: later a new one may be meant.
        """
        nobody = self._session.run is None
        is_its_own = key.kind == "ClientSecret" if nobody else key.kind in TOKENS
        return Details(
            is_revoked=isinstance(error, SignInRefusedError) and error.verdict is Verdict.DEAD and is_its_own,
            is_timeout=isinstance(error, AzureUnreachableError),
            common_cause=str(self._session.failure) if nobody else "",
        )

    def _work(self, key: Key, run: Run) -> Work:
        doubted = key.name.lower() in self._doubted
        if key.kind in TOKENS:
            return RefreshTokenWork(key, run, doubted=doubted)
        registration = AppRegistration(
            Graph(run.clients.cloud, run.clients.limits, lambda: run.signer.signed_in.token), run.app.app_id
        )
        if key.kind == "ClientSecret":
            return ClientSecretWork(run, registration, self._restarted)
        site = self._session.services.deployment().main_app or ""
        return CertificateWork(run, registration, site, restarted=self._restarted, doubted=doubted)

    def _moment(self, key: Key, run: Run) -> Moment:
        if key.kind != "ClientSecret":
            return run.moment
        days = run.clients.limits.key_rotation_secret_max_age_days
        return replace(run.moment, due_before=due_before(run.moment.now, self._session.zone, days))

    def _report(self, key: Key, done: Done, work: Work) -> KeyReport:
        if done.postponed and not done.changed:
            return postponed(key)
        self._keep(key, done, work)
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
        if done.problem:
            said.append(f"Afterwards: {done.problem}")
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
        """Tell whether the vault has come to serve another version than the one that this run stored."""
        ours = self._session.run.stored.get(key.name) if self._session.run else None
        return ours not in (None, work.served)

    def _keep(self, key: Key, done: Done, work: Work) -> None:
        """Keep what is told of the run as a whole."""
        if isinstance(work, RefreshTokenWork) and work.scopes:
            self._scopes[key.name.lower()] = work.scopes
        if isinstance(work, ClientSecretWork):
            self.secret_renewed = done.changed
        if isinstance(work, ClientSecretWork | CertificateWork) and work.superseded_ends:
            self.superseded[CLIENT_SECRET if key.kind == "ClientSecret" else CERTIFICATE] = work.superseded_ends


def sign_in_with(key: Key, value: SecretText, run: Run) -> None:
    """Sign in with a key's value; a token that comes back is dropped, the one that was shown stays valid.

    Raises:
        SignInRefusedError: Entra refused.
    """
    if key.kind == "ClientSecret":
        run.entra.sign_in(run.as_app(value))
    elif key.kind == "Certificate":
        run.entra.sign_in(run.as_app(read_certificate(value)))
    else:
        run.entra.redeem(run.app, key.tenant or run.app.tenant, value)


def failed(key: Key, reason: str, advice: str | None) -> KeyReport:
    """Report a failure."""
    return KeyReport(name=key.name, kind=key.kind, outcome="failed", reason=reason, advice=advice or NEXT_TRY)


def postponed(key: Key, reason: str = "The run's time was over before this key's turn.") -> KeyReport:
    """Report that the run's time was over."""
    return KeyReport(name=key.name, kind=key.kind, outcome="postponed", reason=reason, advice=NEXT_TRY)
