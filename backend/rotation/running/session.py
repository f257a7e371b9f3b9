"""Start a run: read CIPP's identity and sign in as its app. Also decide which keys are left alone."""

from dataclasses import replace
from datetime import timedelta, timezone
from functools import partial
from typing import Final

from backend.azure.cipp_storage import NotCippsStorageError
from backend.azure.errors.entra_errors import Verdict
from backend.cipp.feature_flags import CertificateFlag, Flag, read_certificate_flag
from backend.cipp.owned_lock import OwnedLock
from backend.concurrency import background
from backend.concurrency.deadline import Deadline
from backend.credentials.kinds import CLIENT_SECRET, IDENTITY_NAMES, Key, Validity, is_placeholder
from backend.credentials.sign_in_check import SignInCheck
from backend.credentials.signer import choose_signer, served_certificate
from backend.errors import BackendError, NotFoundError
from backend.key_vault.secrets import Stored
from backend.key_vault.vault import DisabledError, KeyVault, MissingError
from backend.rotation.planning.certificate_mode import CertificateMode, InVault, certificate_mode
from backend.rotation.results import KeyReport
from backend.rotation.running.context import (
    CippData,
    RestartRight,
    RotationServices,
    RunContext,
    SignIn,
    identity_versions,
)
from backend.sam_app.sign_in import Entra, SignInRefusedError

NEXT_TRY: Final = (
    "The current keys in the vault were not removed. The hourly catch-up tries again. To try now, call ExecKeyRotation."
)
READS_OF_IDENTITY: Final = 2
LATEST_ZONE: Final = timezone(timedelta(hours=-12))  # the zone in which weeks begin last
NOT_SET_UP: Final = "CIPP is not set up yet: the vault contains the template's placeholder. Run CIPP's setup wizard."


def open_run(  # noqa: PLR0913 - the parts of a run
    services: RotationServices,
    *,
    lock: OwnedLock,
    deadline: Deadline,
    run_id: str = "",
    force: bool = False,
    restart: RestartRight = RestartRight.NOW,
) -> RunContext:
    """Read CIPP's identity and sign in as its app. A failure is not raised, but becomes the failure of every key.

    `run_id` is empty for a run that writes nothing. For the other parameters, see `RunContext`.
    """
    cipp = _cipp_data(services)
    limits = services.clients.limits
    check = SignInCheck(Entra(services.clients.cloud, limits, deadline), limits, deadline)
    opening = _Opening(services.vault, check, cipp.certificate_flag)
    sign_in: SignIn | BackendError | None
    try:
        sign_in = opening.signed_in()
    except BackendError as error:
        sign_in = error
    return RunContext(
        services,
        run_id=run_id,
        lock=lock,
        deadline=deadline,
        force=force,
        restart=restart,
        cipp=cipp,
        check=check,
        mode=opening.mode,
        sign_in=sign_in,
    )


def _cipp_data(services: RotationServices) -> CippData:
    tables = services.tables
    reading = background.start(tables.tenants, name="read CIPP's tenants")
    flag = background.start(partial(read_certificate_flag, services.clients), name="read CIPP's feature flags")
    zone = tables.zone()
    data = CippData(
        None,
        zone,
        LATEST_ZONE if tables.is_zone_unknown else zone,
        zone_problems=tables.zone_problems,
        certificate_flag=_needed(flag.result(), services),
    )
    try:
        return replace(data, tenants=reading.result())
    except NotCippsStorageError as error:
        return replace(data, not_cipps=str(error))


def _needed(flag: CertificateFlag, services: RotationServices) -> CertificateFlag:
    """Return the flag, unreadable if this shape of CIPP needs it and CIPP's storage account is not known.

    The shape is looked up only then.
    """
    is_needed = flag.state is Flag.UNCONFIGURED and services.processes.needs_flag
    return flag.if_needed if is_needed else flag


class _Opening:
    """The sign-in at the start of a run. `mode` is whether CIPP signs in with its certificate, as far as it was read.

    ApplicationID, TenantID and the client secret are read one after another. If another app is set up in between, they
    do not belong together, and are read again.
    """

    def __init__(self, vault: KeyVault, check: SignInCheck, flag: CertificateFlag) -> None:
        self._vault = vault
        self._check = check
        self._flag = flag
        self.mode = certificate_mode(flag, InVault.VALUE, has_certificate=False)

    def signed_in(self) -> SignIn | None:
        """Sign in as the app that the vault names. Return None if CIPP is not set up.

        Raises:
            BackendError: No credential in the vault can sign in, or Key Vault or Entra timed out or refused.
        """
        vault = self._vault
        for tries_left in reversed(range(READS_OF_IDENTITY)):
            stored = {name: _identity(vault, name) for name in IDENTITY_NAMES}
            values = [stored[name].value.reveal().strip() for name in IDENTITY_NAMES]
            identity = {name: found.version for name, found in stored.items()}
            held = _held(_value(vault, CLIENT_SECRET))
            self.mode = self._mode(held)
            if any(is_placeholder(value) for value in values):
                return None
            if held is InVault.PLACEHOLDER and not self.mode.is_on:
                return None
            try:
                signer = choose_signer(vault, self._check, *values, certificate_first=self.mode.is_on)
            except SignInRefusedError:
                if not tries_left or identity_versions(vault) == identity:
                    raise
                continue
            if not tries_left or signer.secret is Validity.VALID or identity_versions(vault) == identity:
                return SignIn(signer.app, signer, identity)
        raise AssertionError("the identity is read at least once")

    def _mode(self, held: InVault) -> CertificateMode:
        has_certificate = held is InVault.PLACEHOLDER and served_certificate(self._vault) is not None
        return certificate_mode(self._flag, held, has_certificate=has_certificate)


def _held(secret: str) -> InVault:
    if is_placeholder(secret):
        return InVault.PLACEHOLDER
    return InVault.VALUE if secret.strip() else InVault.MISSING


def _identity(vault: KeyVault, name: str) -> Stored:
    """Return a secret that names the app or its tenant.

    Raises:
        MissingError: The vault does not have it.
    """
    try:
        return vault.read(name)
    except MissingError:
        raise vault.missing(name, "Run CIPP's setup wizard, or store it with ExecKeyVaultSecretSet.") from None


def reason_to_leave(key: Key, run: RunContext) -> KeyReport | None:
    """Return the report of a key that is not touched at all, or None if it may be.

    A direct tenant's token is left alone if CIPP excludes the tenant. If the storage account is not CIPP's, the tokens
    of all direct tenants are postponed, because the excluded tenants are unknown and a setting can correct it. Without
    a storage account, or if only the table Tenants can't be read, they are rotated, because an expired token is worse
    than a renewed token of an excluded tenant. CIPP's own keys are never postponed for this reason.
    """
    if not run.is_set_up or (key.kind == "RefreshToken" and is_placeholder(_value(run.vault, key.name))):
        return KeyReport(name=key.name, kind=key.kind, outcome="unchanged", reason=NOT_SET_UP)
    if key.tenant is not None and (reason := run.cipp.tenants_unknown):
        return KeyReport(name=key.name, kind=key.kind, outcome="postponed", reason=reason, advice=NEXT_TRY)
    tenant = (run.cipp.tenants or {}).get(key.tenant or "")
    if tenant and tenant.excluded:
        reason = f"Not rotated: the tenant ({tenant.name or tenant.domain}) is excluded in CIPP."
        return KeyReport(name=key.name, kind=key.kind, outcome="unchanged", reason=reason)
    return None


def advice_on(error: BackendError, run: RunContext) -> str | None:
    """Return the advice of an error. If Entra refused the address, add the outbound addresses to compare."""
    if not (isinstance(error, SignInRefusedError) and error.verdict is Verdict.REFUSED_HERE):
        return error.advice or None
    try:
        return f"{error.advice} {run.addresses()}"
    except BackendError as unknown:
        return f"{error.advice} The addresses are unknown: {unknown}"


def _value(vault: KeyVault, name: str) -> str:
    """Return the value of a secret, or "" if it does not exist or its current version is disabled."""
    try:
        return vault.read(name).value.reveal()
    except (NotFoundError, DisabledError):
        return ""
