"""Sign in again: a person signs in for a refresh token, which is then verified and stored.

It is for a token that no rotation can repair, such as one that a changed password revoked (AADSTS50173). A sign-in has
two calls, which can run on different instances: `start` returns what the person needs, and `finish` is repeated until
the token is stored.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from backend.azure.clients import Clients
from backend.cipp.feature_flags import Flag, read_certificate_flag
from backend.cipp.row_lock import holder
from backend.concurrency.deadline import Deadline
from backend.credentials.change_lock import LOCK, ChangeLock, lock_for_change
from backend.credentials.kinds import (
    CERTIFICATE,
    CLIENT_SECRET,
    IDENTITY_NAMES,
    PARTNER_TOKEN,
    TOKEN_CONTENT_TYPE,
    TOKEN_LIFETIME,
    is_placeholder,
    kind_of,
)
from backend.credentials.sign_in_again.account import Account, PresentAccounts
from backend.credentials.sign_in_again.redirect import code_in
from backend.credentials.sign_in_again.results import FinishOrder, Method, Person, SignInFinish, SignInStart, StartOrder
from backend.credentials.sign_in_again.sealed_state import LONGEST, SignInState, opened, seal
from backend.credentials.sign_in_check import SignInCheck
from backend.credentials.signer import choose_signer
from backend.credentials.trial import NOT_SET_UP
from backend.errors import (
    AzureRefusedError,
    AzureUnreachableError,
    BackendError,
    ConflictError,
    InvalidInputError,
    NotConfiguredError,
    NotFoundError,
    joined,
)
from backend.formats import is_guid
from backend.key_vault.secrets import Stored, Version
from backend.key_vault.tags import ACCOUNT, SIGN_IN
from backend.key_vault.vault import DisabledError, KeyVault
from backend.sam_app.person_sign_in import CodeBinding, DeviceCode, PersonSignIn, SignInEndedError, Waiting, new_binding
from backend.sam_app.sign_in import Entra, Redeemed, SamApp, SignInRefusedError
from backend.text.quoting import quoted
from backend.values import SecretText

CODE_LIFETIME: Final = timedelta(minutes=15)  # for the sign-in in the browser. The code itself lives ten minutes.
SLOWER_SECONDS: Final = 5  # of RFC 8628, after slow_down
WAITS_FOR_RUN_SECONDS: Final = 10
_START_AGAIN: Final = "Start the sign-in again."
_USE_CODE: Final = "Start again with Method: code."
_NOTHING: Final = "Nothing was stored."
# Entra's codes after which the method code may work: public clients are off, a token of one can't be redeemed by CIPP,
# Conditional Access blocks device codes, or all sign-ins from a device that it does not know.
_BLOCK_DEVICE_CODES: Final = ("AADSTS7000218", "AADSTS700025", "AADSTS530036", "AADSTS53003", "AADSTS50097")
_BLOCK_DEVICE_CODES_ERRORS: Final = ("unauthorized_client", "invalid_grant")


@dataclass(frozen=True)
class _App:
    """CIPP's app as the vault names it. `tenant` is the partner's, a GUID or a domain."""

    app_id: str
    tenant: str


@dataclass(frozen=True)
class _Target:
    """A token of this installation, by its name in the vault. `tenant` is its GUID, "" if TenantID is a domain."""

    name: str
    tenant: str


class SignInAgain:
    """The service of the sign-in. Requires the vault's get, list, set and recover.

    `cipp_reads_it` returns how CIPP gets a new token of a name, as an instruction without the period.
    """

    def __init__(self, clients: Clients, vault: KeyVault, cipp_reads_it: Callable[[str], str]) -> None:
        self._clients = clients
        self._vault = vault
        self._persons = PersonSignIn(clients.cloud, clients.limits)
        self._cipp_reads_it = cipp_reads_it

    def start(self, order: StartOrder) -> SignInStart:
        """Start a sign-in. Nothing is stored.

        Raises:
            InvalidInputError: The name is not one of a refresh token.
            NotFoundError: The vault does not have the token of a direct tenant.
            SignInRefusedError: Entra refused, with advice.
            BackendError: CIPP is not set up, or the vault or Entra failed.
        """
        app = self._identity()
        target = _target(order.name, app)
        versions = self._versions(target)
        secret = self._sealing_secret()
        signer = self._signer(app)
        tenant = target.tenant or signer.tenant  # the signer's is a GUID, even if TenantID is a domain
        account = PresentAccounts(self._clients, self._vault, self._entra()).of(target.name, versions, signer, tenant)
        started = SignInStart(
            dry_run=order.dry_run,
            name=target.name,
            tenant_id=tenant,
            app_id=app.app_id,
            method=order.method,
            account=account.name,
        )
        if order.dry_run:
            return replace(started, would_do=_plan(app, tenant, order.method, account))
        bound_to = self._bound_to(app, order.by)
        if order.method == "device":
            code = self._device_code(app, tenant)
            ends = _seconds(self._vault.now() + timedelta(seconds=code.lifetime_seconds))
            state = SignInState(
                id=new_binding().nonce,
                name=target.name,
                tenant=tenant,
                method="device",
                code=code.device_code,
                account=account,
                interval_seconds=code.interval_seconds,
                expires=ends,
            )
            return replace(
                started,
                done=[f"Requested a device code for '{target.name}'. Nothing is stored yet."],
                address=code.address,
                user_code=code.user_code,
                interval_seconds=code.interval_seconds,
                expires=ends,
                state=seal(state, secret, bound_to),
            )
        binding = new_binding()
        ends = _seconds(self._vault.now() + CODE_LIFETIME)
        state = SignInState(
            id=binding.nonce,
            name=target.name,
            tenant=tenant,
            method="code",
            code=binding.verifier,
            account=account,
            interval_seconds=0,
            expires=ends,
        )
        return replace(
            started,
            done=[f"Prepared the sign-in page for '{target.name}'. Nothing is stored yet."],
            address=self._persons.authorize_address(app.app_id, tenant, binding, account=account.name),
            expires=ends,
            state=seal(state, secret, bound_to),
        )

    def finish(self, order: FinishOrder) -> SignInFinish:
        """Check once whether the person has signed in. Then verify the token, and store it.

        After a store whose response was lost, the same call finds the stored version by its tag. So does a call that
        runs beside the one that stores: the token is stored once.

        Raises:
            InvalidInputError: The state or the pasted text is not valid. It is not repeated.
            SignInEndedError: The person canceled, or the code has expired or was used. Start again.
            ConflictError: The token is for another tenant, app or account, or without MFA. Or a run owns the lock.
            BackendError: The vault or Entra failed. The message states whether the token may be stored.
        """
        if not 0 < len(order.state) <= LONGEST:
            raise InvalidInputError(f"State must have 1 to {LONGEST:,} characters.", field="State")
        app = self._identity()
        state = opened(order.state, self._sealing_secret(), self._bound_to(app, order.by))
        target = _target(state.name, app)
        versions = self._versions(target)
        if stored := self._stored_before(target, state, versions, dry_run=order.dry_run):
            return stored
        if state.expires <= self._vault.now():
            raise SignInEndedError("The sign-in has expired.", advice=_START_AGAIN)
        code = _pasted(order, state)
        if order.dry_run:
            would = "If the person has signed in, verify the new token"
            return SignInFinish(dry_run=True, name=target.name, would_do=[f"{would} and store it as '{target.name}'."])
        if waiting := self._waits_for_lock(target, state):  # a code that is redeemed now would be lost
            return waiting
        try:
            return self._finished(order, app, target, state, code)
        except SignInEndedError:  # perhaps because a call beside this one redeemed the code
            beside = self._waits_for_lock(target, state) or self._stored_before(
                target, state, self._versions(target), dry_run=False
            )
            if not beside:
                raise
            return beside

    def _waits_for_lock(self, target: _Target, state: SignInState) -> SignInFinish | None:
        """Return that the sign-in waits, if a run or another change owns the rotation's lock."""
        if not holder(self._clients, LOCK):
            return None
        return SignInFinish(
            dry_run=False,
            name=target.name,
            waits_for="A rotation or another change of a key is in progress. The sign-in waits for it.",
            interval_seconds=max(state.interval_seconds, WAITS_FOR_RUN_SECONDS),
        )

    def _finished(
        self, order: FinishOrder, app: _App, target: _Target, state: SignInState, code: SecretText
    ) -> SignInFinish:
        """Redeem the code, and store the token. Or return that the person has not signed in yet."""
        if state.method == "device":
            found = self._polled(app, state)
            if isinstance(found, Waiting):
                slower = SLOWER_SECONDS if found is Waiting.SLOW_DOWN else 0
                return SignInFinish(
                    dry_run=False,
                    name=target.name,
                    waits_for="The person has not signed in yet.",
                    interval_seconds=state.interval_seconds + slower,
                )
            return self._verified_and_stored(order, target, state, found, lambda: self._signer(app))
        signer = self._signer(app)  # it redeems the code, so it is checked first
        found = self._redeemed(signer, state, code)
        return self._verified_and_stored(order, target, state, found, lambda: signer)

    def _verified_and_stored(
        self, order: FinishOrder, target: _Target, state: SignInState, found: Redeemed, signer: Callable[[], SamApp]
    ) -> SignInFinish:
        """Verify and store the token of the person who has signed in."""
        try:
            return self._stored(order, target, state, found, signer)
        except _UnknownStoreError:
            raise
        except SignInRefusedError as error:
            raise ConflictError(
                f"{_NOTHING} The new token can't be used as CIPP uses it. {error.detail}",
                advice=_advice_after(error, state.method),
            ) from error
        except BackendError as error:
            error.add_context(before="The person has signed in, but the new token was not stored.")
            error.advice = joined(error.advice, _START_AGAIN)
            raise

    def _stored(
        self, order: FinishOrder, target: _Target, state: SignInState, found: Redeemed, signer: Callable[[], SamApp]
    ) -> SignInFinish:
        with lock_for_change(self._clients, target.name, by=order.by.name, dry_run=False, force=order.force) as lock:
            # Entra's replicas can differ, so two calls may have redeemed the code.
            if before := self._stored_before(target, state, self._versions(target), dry_run=False):
                return before
            app = signer()
            # CIPP redeems it with the app's credential, so it must work that way.
            verified = self._entra().redeem(app, state.tenant, found.refresh_token)
            _check_claims(app, state, found, verified)
            notes = _check_account(state.account, verified, force=order.force)
            stored = self._written(target, state, verified, found.refresh_token, lock)
        return SignInFinish(
            dry_run=False,
            name=target.name,
            progress="stored",
            account=verified.account,
            version=stored.version,
            expires=stored.expires,
            done=[
                f"Stored the refresh token of {verified.account or 'the account'} as '{target.name}'. It can sign in.",
                *notes,
                *([] if verified.has_mfa else ["Its access token can't be read, so MFA could not be verified."]),
                *lock.sentences,
                self._next_step(target),
            ],
        )

    def _written(
        self, target: _Target, state: SignInState, verified: Redeemed, token: SecretText, lock: ChangeLock
    ) -> Stored:
        """Store the token and read it back. After a lost response, the vault shows whether it was stored."""
        tags = {SIGN_IN: state.id, **({ACCOUNT: verified.account_id} if verified.account_id else {})}
        expires = _seconds(self._vault.now() + TOKEN_LIFETIME)
        lock.must_hold()
        lost: AzureUnreachableError | None = None
        try:
            self._vault.store(target.name, token, tags=tags, content_type=TOKEN_CONTENT_TYPE, expires=expires)
        except AzureUnreachableError as error:
            lost = error
        try:
            back = self._vault.read(target.name)
        except BackendError as error:
            raise _UnknownStoreError(error) from error
        if back.value == token:
            return back
        if lost:
            raise _UnknownStoreError(lost) from lost
        raise ConflictError(
            f"Another version of '{target.name}' was stored right after the new token. That version stays current.",
            advice="Check the key before you try again.",
        )

    def _next_step(self, target: _Target) -> str:
        try:
            how = self._cipp_reads_it(target.name)
        except BackendError:  # the token is stored, whatever the state of CIPP's apps is
            how = "Restart CIPP"
        return f"CIPP uses it after it has read its keys again. {how}."

    def _stored_before(
        self, target: _Target, state: SignInState, versions: Sequence[Version], *, dry_run: bool
    ) -> SignInFinish | None:
        """Return the result of a sign-in whose token is among the versions already. Return None if it is not."""
        stored = next((version for version in versions if version.tags.get(SIGN_IN) == state.id), None)
        if stored is None:
            return None
        done = f"The token of this sign-in was stored before, as version {stored.id} of '{target.name}'."
        if stored is not versions[0]:
            done = f"{done} Version {versions[0].id} is current now."
        if dry_run:
            return SignInFinish(dry_run=True, name=target.name, would_do=[])
        return SignInFinish(
            dry_run=False,
            name=target.name,
            progress="stored",
            version=stored.id,
            expires=stored.expires,
            done=[done, self._next_step(target)],
        )

    def _device_code(self, app: _App, tenant: str) -> DeviceCode:
        try:
            return self._persons.start_device(app.app_id, tenant)
        except SignInRefusedError as error:
            error.advice = _advice_after(error, "device")
            raise

    def _polled(self, app: _App, state: SignInState) -> Redeemed | Waiting:
        try:
            return self._persons.poll_device(app.app_id, state.tenant, state.code)
        except SignInRefusedError as error:
            raise SignInEndedError(f"{_NOTHING} {error.detail}", advice=_advice_after(error, "device")) from error

    def _redeemed(self, signer: SamApp, state: SignInState, code: SecretText) -> Redeemed:
        try:
            return self._persons.redeem_code(signer, state.tenant, code, CodeBinding(state.code, state.id))
        except SignInRefusedError as error:
            raise SignInEndedError(f"{_NOTHING} {error.detail}", advice=_advice_after(error, "code")) from error

    def _bound_to(self, app: _App, by: Person) -> list[str]:
        """Return what a state is bound to: the installation and the caller."""
        return [self._vault.name, app.app_id, by.user_id or by.name]

    def _identity(self) -> _App:
        """Return CIPP's app, as the vault names it.

        Raises:
            NotConfiguredError: CIPP is not set up yet.
        """
        app_id, tenant = (self._vault.read(known).value.reveal().strip() for known in IDENTITY_NAMES)
        if is_placeholder(app_id) or is_placeholder(tenant):
            raise NotConfiguredError(NOT_SET_UP, advice="Run CIPP's setup wizard.")
        return _App(app_id, tenant)

    def _sealing_secret(self) -> SecretText:
        """Return the secret of the vault from which the key of the state is derived.

        Raises:
            MissingError: The vault has neither a client secret nor a certificate.
        """
        try:
            stored = self._vault.read(CLIENT_SECRET)
            if not is_placeholder(stored.value.reveal()):
                return stored.value
        except (NotFoundError, DisabledError):
            pass
        return self._vault.read(CERTIFICATE).value

    def _versions(self, target: _Target) -> list[Version]:
        """Return the versions of a token. Only the partner's may be missing.

        Raises:
            NotFoundError: The vault does not have the token of the direct tenant.
        """
        versions = self._vault.current_versions(target.name)
        if not versions and target.name != PARTNER_TOKEN:
            raise NotFoundError(
                f"Key Vault has no secret {quoted(target.name)}, so it is not a direct tenant of this CIPP.",
                advice="ListKeyVaultSecrets lists the secrets. To add a tenant, use CIPP's Tenant Onboarding.",
            )
        return versions

    def _signer(self, app: _App) -> SamApp:
        """Return CIPP's app with a credential that signs in, which redeems tokens.

        Raises:
            SignInRefusedError: No credential signs in. It must be repaired first.
        """
        limits = self._clients.limits
        check = SignInCheck(self._entra(), limits, Deadline.after(limits.azure_deadline_seconds))
        certificate_first = read_certificate_flag(self._clients).state is Flag.ON
        return choose_signer(self._vault, check, app.app_id, app.tenant, certificate_first=certificate_first).app

    def _entra(self) -> Entra:
        limits = self._clients.limits
        return Entra(self._clients.cloud, limits, Deadline.after(limits.azure_deadline_seconds))


class _UnknownStoreError(AzureUnreachableError):
    """The token was sent to the vault, and the vault can't be read. The same call finds out whether it was stored."""

    def __init__(self, cause: BackendError) -> None:
        super().__init__(
            f"The new token was sent to Key Vault, but whether it is stored is unknown. {cause.detail}",
            advice="Repeat this call in a minute. It finds the stored token.",
        )


def _target(name: str, app: _App) -> _Target:
    """Return the token of a name.

    Raises:
        InvalidInputError: The name is not one of a refresh token.
    """
    kind = kind_of(name)
    if kind == "RefreshToken":
        return _Target(PARTNER_TOKEN, app.tenant.lower() if is_guid(app.tenant) else "")
    if kind == "TenantRefreshToken":
        return _Target(name, name.lower())
    raise InvalidInputError(
        f"{quoted(name)} is not a refresh token: use {PARTNER_TOKEN}, or the tenant ID of a direct tenant.",
        field="Name",
    )


def _pasted(order: FinishOrder, state: SignInState) -> SecretText:
    """Return the pasted authorization code, or an empty text for a device code.

    Raises:
        InvalidInputError: It is missing, not valid, or does not belong to the method.
    """
    if state.method == "device":
        if order.pasted is not None:
            raise InvalidInputError("Pasted belongs to a sign-in with Method: code.", field="Pasted")
        return SecretText("")
    if order.pasted is None:
        raise InvalidInputError("Missing Pasted: a sign-in with Method: code needs it.", field="Pasted")
    return code_in(order.pasted, state.id)


def _check_claims(app: SamApp, state: SignInState, found: Redeemed, verified: Redeemed) -> None:
    """Refuse a token for another tenant or app, or without MFA. A claim that Entra did not send is not compared.

    Raises:
        ConflictError: It is such a token.
    """
    wanted = {"tenant": (state.tenant, verified.tenant_id), "app": (app.app_id, verified.app_id)}
    for what, (expected, actual) in wanted.items():
        if actual and actual.lower() != expected.lower():
            raise ConflictError(f"It is for {what} {actual}, not for {expected}.")
    if found.has_mfa is False or verified.has_mfa is False:
        raise ConflictError(
            "It lacks the MFA claim, which Microsoft requires of partners.",
            advice="Sign in with MFA. If the account has none, an admin must register it, or require it by a policy.",
        )


def _check_account(present: Account, signed_in: Redeemed, *, force: bool) -> list[str]:
    """Refuse another account, or an unknown one, unless `force` allows it. Return a sentence for that case.

    Raises:
        ConflictError: The account is another one than before, or unknown.
    """
    if present.is_known and present.is_of(signed_in):
        return []
    who = signed_in.account or signed_in.account_id or "an account without a name"
    before = f"instead of {present.name or present.id}" if present.is_known else "and which account it had is unknown"
    if force:
        return [f"The account is now {who}, {before}. Force is set."]
    raise ConflictError(
        f"The account that signed in is {who}, {before}.",
        advice="Sign in with the account that CIPP had. To use this account, repeat the sign-in with Force: true.",
    )


def _advice_after(error: AzureRefusedError, method: Method) -> str:
    """Return what to do after a refusal by Entra."""
    is_blocked = error.code in (*_BLOCK_DEVICE_CODES, *_BLOCK_DEVICE_CODES_ERRORS)
    return joined(error.advice, _USE_CODE if method == "device" and is_blocked else _START_AGAIN)


def _plan(app: _App, tenant: str, method: Method, account: Account) -> list[str]:
    """Return what a sign-in would do."""
    how = "Request a device code" if method == "device" else "Prepare the sign-in page"
    who = f" It must be the account {account.name or account.id}." if account.is_known else ""
    unknown = "" if account.is_known else " Which account the token has is unknown, so the end requires Force."
    works = ["The present token works, so a sign-in is not necessary."] if account.works else []
    return [
        *works,
        f"{how} for the app {app.app_id} in tenant {tenant}. A person then signs in.{who}{unknown}",
    ]


def _seconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
