"""What one run knows before it touches a key: who CIPP is, who asks, the time and the zone."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta, timezone, tzinfo
from typing import Final

from backend import at_once
from backend.cipp_storage import NotCippsStorageError
from backend.cipp_tables import CippTables, Tenant
from backend.clients import Clients
from backend.deployment import Deployment
from backend.entra import Entra, SignInRefusedError
from backend.errors import BackendError, NotFoundError
from backend.held import Held
from backend.key_vault import DisabledError, KeyVault
from backend.pace import Pace
from backend.rotation.calendar import due_before
from backend.rotation.keys import CLIENT_SECRET, IDENTITY_NAMES, Key, is_placeholder
from backend.rotation.plan import Moment, Validity
from backend.rotation.report import KeyReport
from backend.rotation.run import Run, identity_versions
from backend.rotation.sign_in_check import SignInCheck
from backend.rotation.signer import Signer, choose_signer
from backend.uptime import Uptimes

logger = logging.getLogger("cipp.rotation")
# Key Vault service limits: 300 secret writes in 10 s and vault, shared with CIPP itself.
WRITES: Final = 290
WRITES_WINDOW_SECONDS: Final = 10.05  # so much may its clock and ours differ
TENANTS_UNKNOWN: Final = "Its token is left alone, since it is unknown which tenants are excluded in CIPP."
NEXT_TRY: Final = (
    "The vault still serves the earlier key. The hourly catch-up tries again, and ExecKeyRotation does immediately."
)
READS_OF_IDENTITY: Final = 2
LATEST_ZONE: Final = timezone(timedelta(hours=-12))  # west of Greenwich weeks begin later than in UTC
NOT_SET_UP: Final = "CIPP is not set up yet: the vault holds the template's placeholder. Run CIPP's setup wizard."


@dataclass(frozen=True)
class Services:
    """What a run works with."""

    clients: Clients
    vault: KeyVault
    tables: CippTables
    uptimes: Uptimes
    addresses: Callable[[], str]
    deployment: Callable[[], Deployment]


@dataclass(frozen=True)
class Session:
    """What one run knows before it touches a key. `run` is None if no sign-in is possible, and `failure` states why.

    `week_zone` is that of the weeks: the deployment's, or if that is unknown, the one in which a week begins last.
    `not_cipps` is why the storage account is not CIPP's, "" if it is, if none is configured, or if that is unknown.
    """

    services: Services
    run: Run | None
    zone: tzinfo
    week_zone: tzinfo
    tenants: Mapping[str, Tenant] | None
    failure: BackendError = field(default_factory=BackendError)
    not_set_up: bool = False
    not_cipps: str = ""

    @property
    def tenants_unknown(self) -> str:
        """Why every direct tenant is postponed; "" if they are not."""
        return f"{TENANTS_UNKNOWN} {self.not_cipps}" if self.not_cipps else ""

    def opened(self) -> Run:
        """Answer the run.

        Raises:
            BackendError: Nobody can sign in; what the first credential met.
        """
        if self.run is None:
            raise self.failure
        return self.run


def open_session(  # noqa: PLR0913 - all that a run is given
    services: Services,
    *,
    run_id: str,
    held: Held,
    ends_at: float,
    force: bool,
    may_restart: bool = True,
) -> Session:
    """Read who CIPP is and who asks. A failure is the reason of every key's failure, not an exception."""
    reading = at_once.start(services.tables.tenants, name="read CIPP's tenants")
    zone = services.tables.zone()
    week_zone = LATEST_ZONE if services.tables.is_zone_unknown else zone
    try:
        session = Session(services, None, zone, week_zone, reading.result())
    except NotCippsStorageError as error:
        session = Session(services, None, zone, week_zone, None, not_cipps=str(error))
    vault, limits = services.vault, services.clients.limits
    check = SignInCheck(Entra(services.clients.cloud, limits, ends_at), limits, ends_at)
    try:
        found = _signed_in(vault, check)
    except BackendError as error:
        return replace(session, failure=error)
    if found is None:
        return replace(session, not_set_up=True)
    identity, signer = found
    moment = Moment(
        now=vault.now(),
        due_before=due_before(vault.now(), week_zone),
        force=force,
        overlap=timedelta(days=limits.key_rotation_overlap_days),
    )
    pace = Pace(WRITES, WRITES_WINDOW_SECONDS)
    app = signer.app
    run = Run(
        run_id,
        services.clients,
        vault,
        check.entra,
        held,
        signer,
        check,
        app,
        identity,
        moment,
        pace,
        ends_at,
        may_restart,
    )
    return replace(session, run=run)


def _signed_in(vault: KeyVault, check: SignInCheck) -> tuple[Mapping[str, str], Signer] | None:
    """Sign in as the app that the vault names; return the versions that name it, and the signer. None: not set up.

    ApplicationID, TenantID and the client secret are read one after another. If someone sets up another app in between,
    they do not fit together, and are read again.

    Raises:
        BackendError: No credential of the vault signs in, or the vault or Entra timed out or refused.
    """
    for tries_left in reversed(range(READS_OF_IDENTITY)):
        stored = {name: vault.read(name) for name in IDENTITY_NAMES}
        values = [stored[name].value.reveal().strip() for name in IDENTITY_NAMES]
        identity = {name: found.version for name, found in stored.items()}
        if any(is_placeholder(value) for value in [*values, _value(vault, CLIENT_SECRET)]):
            return None
        try:
            signer = choose_signer(vault, check, *values)
        except SignInRefusedError:
            if not tries_left or identity_versions(vault) == identity:
                raise
            continue
        if not tries_left or signer.secret is Validity.VALID or identity_versions(vault) == identity:
            return identity, signer
    raise AssertionError("the identity is read at least once")


def reason_to_leave(key: Key, session: Session) -> KeyReport | None:
    """Return the report of a key that is not touched at all, or None if it may be.

    A direct tenant's token is left alone if CIPP excludes the tenant. If the storage account is not CIPP's, all of them
    are postponed: which tenants are excluded is unknown, and a setting repairs it. Without any storage
    account, or while the table Tenants alone is missing, refused or timed out, they are rotated: tokens that expire
    harm more than an excluded tenant's token that is renewed. The vault's own keys are never postponed for it.
    """
    if session.not_set_up or (key.kind == "RefreshToken" and is_placeholder(_value(session.services.vault, key.name))):
        return KeyReport(name=key.name, kind=key.kind, outcome="unchanged", reason=NOT_SET_UP)
    if key.tenant is not None and (reason := session.tenants_unknown):
        return KeyReport(name=key.name, kind=key.kind, outcome="postponed", reason=reason, advice=NEXT_TRY)
    tenant = (session.tenants or {}).get(key.tenant or "")
    if tenant and tenant.excluded:
        reason = f"Excluded in CIPP ({tenant.name or tenant.domain}): its token is left alone."
        return KeyReport(name=key.name, kind=key.kind, outcome="unchanged", reason=reason)
    return None


def _value(vault: KeyVault, name: str) -> str:
    """Answer what a secret holds; "" where there is none, or what it serves is disabled."""
    try:
        return vault.read(name).value.reveal()
    except (NotFoundError, DisabledError):
        return ""
