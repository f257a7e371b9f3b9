"""Rotate the secret of the app with which users sign in to CIPP on a container.

Nothing is stored unless App Service signs users in with the app that the vault names: with the secret of another app,
no user could sign in. The secret is verified by a sign-in of that app. App Service keeps the version that it read, so
after a renewal it is requested to read again. The old secret stays until App Service uses the new one, and 30 days have
passed. Both the request and App Service's own read may restart CIPP, which may update it. So while CIPP's own jobs may
run, a secret that works is not replaced, and App Service is not requested to read one. One that can't sign in is
replaced at any time, and if App Service uses such a version, it is requested to read at any time, too. It is the only
request without `ENABLE_CONTROLS`, or by a caller who may not restart CIPP.

The registration is changed as CIPP's SAM app. If that can't sign in, or may not change all apps, this app's own
identity does it, if the deployment allowed that (`--allow-repair`).
"""

import time
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from backend.concurrency.deadline import Deadline
from backend.credentials.kinds import SIGN_IN_NAMES, SIGN_IN_SECRET, Validity
from backend.credentials.signer import Signer
from backend.errors import BackendError, ConflictError, NotFoundError
from backend.formats import is_guid
from backend.hosting.hosting import VersionInUse
from backend.key_vault.secrets import Stored
from backend.readings import claims_of, text_or_none, texts_of
from backend.rotation.planning.plan import Leave, Moment, PutBack, Refresh, Renew, Seen, Step, credential_of
from backend.rotation.running.client_secret import SignInSecretKind
from backend.rotation.running.context import RestartRight, RunContext, SignIn
from backend.rotation.running.credential_work import CredentialWork
from backend.sam_app.client_secret import UNKNOWN_END
from backend.sam_app.graph import Graph
from backend.sam_app.registration import AppRegistration
from backend.sam_app.sign_in import SamApp, SignedIn
from backend.values import SecretText

NOUN: Final = "CIPP's sign-in app"
OVERLAP: Final = timedelta(days=30)  # at least, so that no session of a user ends with the old secret
REFRESHED_FOR: Final = timedelta(hours=3)  # after the renewal. Then App Service reads it by itself, within a day
READ_SECONDS: Final = 30.0  # how long a run waits until App Service uses the new version
POLL_SECONDS: Final = 2.0
MAY_CHANGE_ALL: Final = frozenset({"Application.ReadWrite.All", "Directory.ReadWrite.All"})
MAY_CHANGE_OWN: Final = "Application.ReadWrite.OwnedBy"
_NO_ID: Final = "Couldn't find CIPP's sign-in app: the vault's SSOAppId is not a GUID."
_SET_UP: Final = "Set up the sign-in on CIPP's page of SSO, which stores SSOAppId."
_WAITS: Final = "{reason} Not renewed yet: CIPP's own jobs may run until {until:%H:%M} UTC. A later run renews it."
_OTHER_APP: Final = (
    "CIPP signs users in with the app '{used}' (authsettingsV2), and the vault's SSOAppId is '{stored}'. The secret of "
    "one can't sign in as the other, so nothing was checked or changed."
)
_WHICH_APP: Final = (
    "Find out which of both apps CIPP is to use. ListBackendSignIn shows the state. If it is that of the vault, send "
    "ExecBackendSignInRepair with Causes SettingsDamaged and Force. Otherwise set SSOAppId in the vault."
)
_UNKNOWN_APP: Final = "Nothing was stored, because it is unknown with which app CIPP signs users in:"
_NOT_READ: Final = (
    "App Service does not use the new version of the secret of CIPP's sign-in yet. It reads it within a day. The old "
    "one stays valid until then, and for 30 days."
)


@dataclass(frozen=True)
class UsedSecret:
    """What App Service uses of the secret: the served version, unless `is_older`.

    `ends` is when that older one expires, None if unknown. `problem` completes "App Service can't read it:".
    """

    is_older: bool = False
    ends: datetime | None = None
    is_refused: bool = False
    problem: str = ""


def sign_in_app(run: RunContext, credential: SecretText | None = None) -> SamApp:
    """Return CIPP's sign-in app as the vault names it, with a credential. By default it can't sign in.

    Raises:
        NotFoundError: The vault does not name the app.
        ConflictError: App Service signs users in with another app.
        AzureError: Key Vault refused or timed out.
    """
    app = _app(_identity(run), credential)
    if credential is not None:
        refuse_another_app(run, app.app_id)
    return app


def refuse_another_app(run: RunContext, app_id: str) -> BackendError | None:
    """Check that App Service signs users in with this app. Return why that is unknown, None if it does.

    An authsettingsV2 without a client ID does not name another app.

    Raises:
        ConflictError: App Service signs users in with another app.
    """
    secret = run.services.processes.sign_in_secret
    if secret is None:
        return None
    try:
        used = secret.use().app_id
    except BackendError as error:
        return error
    if is_guid(used) and used.lower() != app_id.lower():
        raise ConflictError(_OTHER_APP.format(used=used, stored=app_id), advice=_WHICH_APP)
    return None


def as_sign_in_app(run: RunContext) -> RunContext:
    """Return a run for CIPP's sign-in app, with a token for Graph that may change its registration.

    Raises:
        NotFoundError: The vault does not name the app.
        BackendError: Neither CIPP's SAM app nor this app's identity has such a token. It is the error of the SAM app.
    """
    stored = _identity(run)
    versions = {name: found.version for name, found in stored.items()}
    app = _app(stored, None)
    signer = Signer(app, _token(run), Validity.NOT_VERIFIED, None)
    return run.for_app(SignIn(app, signer, versions), SIGN_IN_NAMES, SIGN_IN_SECRET)


def sign_in_secret_work(run: RunContext, *, doubted: bool = False) -> "SignInSecretWork":
    """Return the work on the secret, before its first step. `run` is one of `as_sign_in_app`."""
    token = run.sign_in.signer.signed_in.token
    registration = AppRegistration(Graph(run.services.clients.cloud, run.limits, lambda: token), run.app.app_id, NOUN)
    return SignInSecretWork(run, registration, SignInSecretKind(run, registration), doubted=doubted)


class SignInSecretWork(CredentialWork):
    """The secret of CIPP's sign-in app."""

    used = UsedSecret()
    _unknown_app: BackendError | None = None  # why it is unknown with which app users sign in

    def look(self, moment: Moment) -> Seen:
        """Read the state as that of any credential, if it is that of the app with which users sign in.

        Raises:
            ConflictError: App Service signs users in with another app.
            BackendError: As for any credential.
        """
        self._unknown_app = refuse_another_app(self._run, self._run.app.app_id)
        return super().look(moment)

    def next_step(self, moment: Moment) -> Step:
        """Read the state, and plan the essential step. While CIPP's own jobs may run, one that works is not changed.

        Raises:
            BackendError: A step is due, and it is unknown with which app users sign in. Or as for any credential.
        """
        step = super().next_step(moment)
        if isinstance(step, Renew | PutBack) and self._unknown_app and self._in_vault:
            self._unknown_app.add_context(before=_UNKNOWN_APP)
            raise self._unknown_app
        if isinstance(step, Renew | PutBack) and self._works(moment) and (until := self._paused_until(moment)):
            return Leave(_WAITS.format(reason=step.reason, until=until))
        return step

    def chores(self, moment: Moment) -> list[Step]:
        """Return the chores, by the last state that was read."""
        return [*self._refreshing(moment), *super().chores(moment)]

    def do(self, step: Step) -> str | None:
        """Do a step. Return the reason if it was not done after all."""
        return self._refresh() if isinstance(step, Refresh) else super().do(step)

    def look_at_use(self, moment: Moment) -> None:
        """Read what App Service uses, after `look`. A version that Entra refuses for good ends now."""
        self.used = self._used(moment)

    def _used(self, moment: Moment) -> UsedSecret:
        secret, served = self._run.services.processes.sign_in_secret, self.facts.version
        with suppress(BackendError):
            in_use = secret.in_use() if secret else VersionInUse("")
            if in_use.problem or not in_use.version or served is None or in_use.version == served.lower():
                return UsedSecret(problem=in_use.problem)
            if self._is_refused(in_use.version):
                return UsedSecret(is_older=True, ends=moment.now, is_refused=True)
            version = next((one for one in self.seen.versions if one.id.lower() == in_use.version), None)
            credential = credential_of(version, self.seen.credentials) if version else None
            ends = credential.ends if credential and credential.ends < UNKNOWN_END else None
            return UsedSecret(is_older=True, ends=ends)
        return UsedSecret()

    def _works(self, moment: Moment) -> bool:
        ends = self.seen.ends
        return self.seen.validity is Validity.VALID and (ends is None or ends > moment.now)

    def _paused_until(self, moment: Moment) -> datetime | None:
        zone = self._run.cipp.zone
        return self._run.services.processes.pause(lambda: moment.now, lambda: zone)

    def _with_apps(self, moment: Moment) -> Moment:
        """Add since when App Service certainly has the served version: now, if it uses that one."""
        moment = replace(moment, overlap=max(moment.overlap, OVERLAP), restarted=None, outdated=())
        if not any(credential.is_own for credential in self.seen.credentials):
            return moment
        return replace(moment, restarted=moment.now if self._is_used() else None)

    def _is_used(self) -> bool | None:
        """Return whether App Service uses the served version, None if that is unknown."""
        active, served = self._active(), self.facts.version
        return None if active is None or served is None else active == served.lower()

    def _active(self) -> str | None:
        """Return the version that App Service uses, in lower case, None if that is unknown."""
        secret = self._run.services.processes.sign_in_secret
        with suppress(BackendError):
            return (secret.in_use().version or None) if secret else None
        return None

    def _refreshing(self, moment: Moment) -> list[Refresh]:
        """Return the request to App Service to read the secret that this app stored shortly before."""
        served = self._in_vault[0] if self._in_vault else None
        if served is None or not self.seen.versions[0].is_own or moment.now - served.created >= REFRESHED_FOR:
            return []
        active = self._active()
        if active is None or active == served.id.lower():
            return []
        if (self._paused_until(moment) or not self._may_restart) and not self._is_refused(active):
            return []
        return [Refresh("App Service did not use the current version yet, so it was requested to read it.")]

    @property
    def _may_restart(self) -> bool:
        return self._run.restart is not RestartRight.NONE and self._run.services.may_control

    def _is_refused(self, active: str) -> bool:
        """Return whether Entra certainly refuses the version that App Service uses, so that no user can sign in."""
        version = next((one for one in self._in_vault if one.id.lower() == active), None)
        if version is None:
            return False
        if version.id not in self._judged:
            with suppress(BackendError):
                stored = self._run.vault.read(self._kind.secret_name, version.id)
                app = self._run.as_app(self._kind.credential_of(stored))
                self._judged[version.id] = self._run.check.judge(app, age=self._run.age_of(version.created))
        judged = self._judged.get(version.id)
        return judged is not None and judged.validity is Validity.REVOKED

    def _refresh(self) -> str | None:
        """Let App Service read the secret, and wait until it uses it. Return the reason if that was not seen.

        Raises:
            ConflictError: The lock is lost.
            BackendError: Azure refused or timed out. The advice is that App Service reads it within a day.
        """
        secret = self._run.services.processes.sign_in_secret
        if secret is None:
            return _NOT_READ
        self._run.lock.must_hold()
        try:
            secret.refresh()
        except ConflictError:
            raise
        except BackendError as error:
            error.advice = f"{error.advice} {_NOT_READ}".strip()
            raise
        patience = min(Deadline.after(READ_SECONDS), self._run.deadline)
        while not self._is_used():
            if not patience.allows(POLL_SECONDS):
                return _NOT_READ
            time.sleep(POLL_SECONDS)
        return None


def _identity(run: RunContext) -> dict[str, Stored]:
    """Return the secrets that name the app and its tenant."""
    try:
        stored = {name: run.vault.read(name) for name in SIGN_IN_NAMES}
    except NotFoundError as error:
        error.advice = error.advice or _SET_UP
        raise
    if not is_guid(stored[SIGN_IN_NAMES[0]].value.reveal().strip()):
        raise NotFoundError(_NO_ID, advice=_SET_UP)
    return stored


def _app(stored: dict[str, Stored], credential: SecretText | None) -> SamApp:
    app_id, tenant = (stored[name].value.reveal().strip() for name in SIGN_IN_NAMES)
    return SamApp(app_id, tenant, credential or SecretText(""))


def _token(run: RunContext) -> SignedIn:
    """Return a token for Graph: that of CIPP's SAM app if it may change all apps, else of this app's identity.

    With the permission on its own apps alone, the SAM app may change the sign-in app only if it is an owner.
    """
    signed_in = run.sign_in.signer.signed_in if run.is_signed_in else None
    if signed_in and signed_in.roles & MAY_CHANGE_ALL:
        return signed_in
    with suppress(BackendError):
        token = run.services.clients.graph_token()
        claims = claims_of(token.reveal())
        roles = frozenset(texts_of(claims.get("roles")))
        if roles & {*MAY_CHANGE_ALL, MAY_CHANGE_OWN}:
            return SignedIn(token, text_or_none(claims.get("tid")), roles)
    return signed_in or run.must_be_signed_in().signer.signed_in
