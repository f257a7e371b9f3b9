"""The two contexts of the rotation: the services that all runs share, and one run.

A run keeps what it read at its start. Keys are stored only through it.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, tzinfo
from enum import Enum
from typing import Final

import msgspec

from backend.azure.clients import Clients
from backend.cipp.feature_flags import CertificateFlag
from backend.cipp.logbook import Logbook
from backend.cipp.owned_lock import OwnedLock
from backend.cipp.tables import CippTables, Tenant
from backend.concurrency.deadline import Deadline
from backend.concurrency.fresh_call import Together
from backend.concurrency.rate_limiter import NoTimeLeftError, Pace
from backend.credentials.kinds import IDENTITY_NAMES
from backend.credentials.sign_in_check import SignInCheck
from backend.credentials.signer import Signer
from backend.errors import (
    AzureRefusedError,
    AzureUnreachableError,
    BackendError,
    ConflictError,
    NotFoundError,
    changed_nothing,
)
from backend.hosting.hosting import Processes
from backend.hosting.uptimes import UptimeLook
from backend.installation.installation import Deployment
from backend.key_vault.left_enabled import disable_left_enabled, left_enabled
from backend.key_vault.secrets import ROTATED_BY, Stored, version_of_stored
from backend.key_vault.secrets import Version as VaultVersion
from backend.key_vault.tags import FOLLOWS, LOOKED, OUR_NAME, RESTART, WEEKLY
from backend.key_vault.vault import (
    DELETED,
    RECOVERY_POLL_SECONDS,
    RECOVERY_SECONDS,
    DeletedError,
    DisabledError,
    KeyVault,
)
from backend.rotation.planning.calendar import due_before
from backend.rotation.planning.certificate_mode import CertificateMode
from backend.rotation.planning.plan import Moment
from backend.rotation.running.key_reads import KeyReadTimes
from backend.rotation.running.versions import Fresh
from backend.sam_app.certificate import read_certificate
from backend.sam_app.sign_in import Credential, SamApp

TOO_MANY: Final = 429
# Key Vault service limit: 300 secret writes in 10 s per vault, shared with CIPP itself.
WRITES: Final = 290
WRITES_WINDOW_SECONDS: Final = 10.05  # with a margin for clock differences
TENANTS_UNKNOWN: Final = "Its token was not changed, because it is unknown which tenants are excluded in CIPP."
# The part of the margin at the end of a run that a repair of its own write may use.
REPAIR_SECONDS: Final = 10.0


class OvertakenError(ConflictError):
    """Another version of the key was stored during this run. It stays, and the run reads the state again."""


class RestartRight(Enum):
    """Whether a run may restart CIPP's apps.

    - `NOW`: the weekly timer, and a person with the permission to restart apps.
    - `NONE`: a person without that permission. The version that they created waits for the next weekly run.
    - `NOT_FOR_WAITING`: the hourly timer, which does not restart apps for such a version.
    """

    NOW = "now"
    NOT_FOR_WAITING = "not for a version that waits"
    NONE = "none"


@dataclass(frozen=True)
class RotationServices:
    """The services that all runs use, created once per process. `may_control`: the deployment allows restarts."""

    clients: Clients
    vault: KeyVault
    tables: CippTables
    processes: Processes
    addresses: Callable[[], str]
    logbook: Logbook
    deployment: Callable[[], Deployment]
    may_control: bool


@dataclass(frozen=True)
class CippData:
    """The data in CIPP's tables that a run depends on.

    - `tenants` is missing (None) if the table Tenants can't be read.
    - `week_zone` is the deployment's time zone, or if that is unknown, the one in which a week begins last.
    - `not_cipps` is why the storage account is not CIPP's. It is "" if it is CIPP's or not configured, or if unknown.
    - `zone_problems` are the problems of the settings that define the time zone.
    - `certificate_flag` is CIPP's flag for certificate-only mode.
    """

    tenants: Mapping[str, Tenant] | None
    zone: tzinfo
    week_zone: tzinfo
    not_cipps: str = ""
    zone_problems: Sequence[str] = ()
    certificate_flag: CertificateFlag = field(default_factory=CertificateFlag)

    @property
    def tenants_unknown(self) -> str:
        """Why every direct tenant is postponed, "" if they are not."""
        return f"{TENANTS_UNKNOWN} {self.not_cipps}" if self.not_cipps else ""


@dataclass(frozen=True)
class SignIn:
    """CIPP's app by ApplicationID and TenantID in the vault, with the versions of these two secrets.

    `signer` has the credential that signs in as the app.
    """

    app: SamApp
    signer: Signer
    versions: Mapping[str, str]


class RunContext:
    """One run of the rotation, or one read-only view.

    - `lock` is `NoLock` if nothing may be written.
    - `deadline`: no step begins after it.
    - `restart`: whether CIPP may be restarted for a client secret that this run stores.
    - `mode` is whether CIPP signs in with its client secret or with its certificate.
    - `check` checks credentials by signing in, `uptimes` reads since when CIPP's apps have their keys, and `addresses`
      returns the outbound addresses. Each is shared within the run.
    - `stored` has the last version of each key that the run stored.
    - `unsettled` are the keys with a write that was sent and not definitely refused. It may still take effect.
    - `unlisted` are the keys whose current version is not in the vault's list yet. Versions that it replaced may be
      missing from the list, too.
    """

    def __init__(  # noqa: PLR0913 - the parts of a run
        self,
        services: RotationServices,
        *,
        run_id: str,
        lock: OwnedLock,
        deadline: Deadline,
        force: bool,
        restart: RestartRight,
        cipp: CippData,
        check: SignInCheck,
        mode: CertificateMode,
        sign_in: SignIn | BackendError | None,
    ) -> None:
        """`sign_in` is why no sign-in is possible if that failed, and None if CIPP is not set up yet."""
        self.services = services
        self.vault = services.vault
        self.limits = services.clients.limits
        self.id = run_id
        self.lock = lock
        self.deadline = deadline
        self.restart = restart
        self.cipp = cipp
        self.check = check
        self.mode = mode
        self.entra = check.entra
        self.uptimes = UptimeLook(
            KeyReadTimes(services.clients, services.processes, app_id=self._app_id, now=self.vault.now), deadline
        )
        self.moment = Moment(
            now=self.vault.now(),
            due_before=due_before(self.vault.now(), cipp.week_zone),
            force=force,
            overlap=timedelta(days=self.limits.key_rotation_overlap_days),
        )
        self.stored: dict[str, VaultVersion] = {}
        self.unsettled: set[str] = set()
        self.unlisted: set[str] = set()
        self.addresses = Together(services.addresses)
        self._sign_in = sign_in
        self._pace = Pace(WRITES, WRITES_WINDOW_SECONDS)
        self._identity_now = Together(lambda: identity_versions(self.vault))
        self._identity: Sequence[str] = IDENTITY_NAMES
        self._vital = ""

    def _app_id(self) -> str:
        return self._sign_in.app.app_id if isinstance(self._sign_in, SignIn) else ""

    def must_be_signed_in(self) -> SignIn:
        """Return CIPP's app and the credential that signs in as it.

        Raises:
            BackendError: A sign-in is not possible. It is the error of the first credential.
        """
        if not isinstance(self._sign_in, SignIn):
            raise self.failure or BackendError
        return self._sign_in

    def for_app(self, sign_in: SignIn, identity: Sequence[str], vital: str) -> "RunContext":
        """Return the run for another app than CIPP's own.

        `identity` are the secrets that name that app and its tenant, and `vital` is the one with its credential.
        """
        run = copy(self)  # which shares the sets of stored versions
        run._sign_in, run._identity, run._vital = sign_in, identity, vital  # noqa: SLF001 - of the same class
        run._identity_now = Together(lambda: identity_versions(self.vault, identity))  # noqa: SLF001 - the same
        run.mode = CertificateMode()
        return run

    @property
    def sign_in(self) -> SignIn:
        """The result of `must_be_signed_in`, for steps after a sign-in."""
        return self.must_be_signed_in()

    @property
    def failure(self) -> BackendError | None:
        """Why a sign-in is not possible, or None if it is, or if CIPP is not set up yet."""
        return self._sign_in if isinstance(self._sign_in, BackendError) else None

    @property
    def is_signed_in(self) -> bool:
        """Whether a credential in the vault can sign in."""
        return isinstance(self._sign_in, SignIn)

    @property
    def is_set_up(self) -> bool:
        """Whether the vault holds more than the template's placeholders."""
        return self._sign_in is not None

    @property
    def app(self) -> SamApp:
        """CIPP's app at the start of the run, or now (`as_of_now`)."""
        return self.sign_in.app

    @property
    def time_is_over(self) -> bool:
        """Whether no further step may begin, because the host stops a function that takes too long."""
        return self.deadline.expired

    def versions(
        self, name: str, *, served: VaultVersion | None = None, is_certain: bool = False
    ) -> list[VaultVersion]:
        """Return a key's versions, the served one first. Versions that a restore left enabled are disabled.

        The vault's list may be outdated. If it lacks the version that this run stored, or else `served`, which was just
        read, that one is added. With `is_certain` the served version is read again. A dry run, or a run that lost its
        lock, writes nothing.

        Raises:
            AzureUnreachableError: A version lacks data that the next step depends on.
        """
        versions = self.vault.current_versions(name) if is_certain else self.vault.versions(name)
        newest = self.stored.get(name) or served
        if newest and not is_certain:
            if any(version.id == newest.id for version in versions):
                self.unlisted.discard(name)
            else:
                self.unlisted.add(name)
                versions = [newest, *versions]
        if not all(version.is_complete for version in versions):
            raise AzureUnreachableError(
                f"Couldn't read the versions of '{name}': Key Vault does not show when each was stored, or the tags "
                "can't be read. The key was not changed.",
                advice="Check its versions in the Azure portal.",
            )
        to_disable = left_enabled(versions)
        if not to_disable:
            return versions
        try:
            self.lock.must_hold()
        except ConflictError:
            pass
        else:
            disable_left_enabled(self.vault, name, to_disable)
        return [
            msgspec.structs.replace(version, enabled=False) if version in to_disable else version
            for version in versions
        ]

    def as_app(self, credential: Credential) -> SamApp:
        """Return the SAM app with another credential."""
        return SamApp(self.app.app_id, self.app.tenant, credential)

    def as_of_now(self) -> "RunContext":
        """Return the run with CIPP's app as the vault names it now, because it may have changed."""
        stored = {name: self.vault.read(name) for name in self._identity}
        versions = {name: found.version for name, found in stored.items()}
        if versions == self.sign_in.versions:
            return self
        app_id, tenant = (stored[name].value.reveal().strip() for name in self._identity)
        app = SamApp(app_id, tenant, self._read_vital())
        run = copy(self)  # which shares the sets of stored versions
        run._sign_in = replace(self.sign_in, app=app, versions=versions)  # noqa: SLF001 - of the same class
        return run

    def _read_vital(self) -> Credential:
        """Return the credential with which CIPP signs in, as the vault serves it now."""
        stored = self.vault.read(self._vital or self.mode.vital_secret)
        return read_certificate(stored.value) if self.mode.is_on else stored.value

    def age_of(self, created: datetime) -> timedelta:
        """Return the age of a version, by the vault's clock."""
        return self.vault.now() - created

    def store(self, name: str, over: str | None, fresh: Fresh, *, repairs: bool = False) -> Stored:
        """Store a verified key over a version (None: the vault had none), and read it back.

        `repairs`: it undoes a write of this run, so it must not wait for the next run.

        Raises:
            NoTimeLeftError: The run reached its time limit while it waited for the vault. Nothing was sent.
            OvertakenError: Another version was stored meanwhile. It stays.
            ConflictError: CIPP's app was changed meanwhile, or the lock is lost.
            DeletedError: The secret was deleted meanwhile. It stays deleted.
            AzureError: If `name` is in `unsettled`, the key might have been stored. Otherwise it was not stored.
        """
        place = {FOLLOWS: over} if over else {LOOKED: self.vault.now().isoformat(timespec="seconds")}
        waits = {RESTART: WEEKLY} if name == self.mode.vital_secret and self.restart is RestartRight.NONE else {}
        tags = {ROTATED_BY: OUR_NAME, "rotation-run": self.id, **fresh.tags, **place, **waits}
        deadline = self.deadline.plus(REPAIR_SECONDS if repairs else 0)
        back = self._written(name, over, replace(fresh, tags=tags), deadline)
        if back.value != fresh.value:
            raise OvertakenError(
                f"Another version of '{name}' was stored right after this run stored its own. That version stays."
            )
        self.stored[name] = version_of_stored(back)
        self.unlisted.add(name)
        return back

    def _written(self, name: str, over: str | None, fresh: Fresh, deadline: Deadline) -> Stored:
        """Write until the vault accepts or refuses. After a timeout, read the vault instead of writing again."""
        self.unsettled.discard(name)
        recovery = min(deadline, Deadline.after(RECOVERY_SECONDS))
        while True:
            settling: AzureRefusedError | None = None
            with self._pace.turn(deadline) as turn:
                # The vault is read after the wait for a place, which can take ten seconds, and after the check of the
                # lock, which can be slow, too.
                self.lock.must_hold()
                try:
                    self._refuse_if_changed(name, over)
                    self.unsettled.add(name)
                    self.vault.store(
                        name,
                        fresh.value,
                        tags=fresh.tags,
                        content_type=fresh.content_type,
                        expires=fresh.expires,
                        recovers=over is None,  # a version that existed before was deleted by someone
                        waits=False,
                    )
                except BackendError as error:
                    was_sent = name in self.unsettled
                    if changed_nothing(error):
                        self.unsettled.discard(name)
                    if isinstance(error, AzureRefusedError) and (error.is_settling or error.has_code(DELETED)):
                        settling = error
                    elif was_sent and isinstance(error, AzureRefusedError) and error.status == TOO_MANY:
                        turn.refuse(error.retry_after)
                        continue
                    else:
                        back = self._read_if_there(name) if name in self.unsettled else None
                        if back is None or back.value != fresh.value:
                            raise
                        return back
            if settling is None:
                return self.vault.read(name)
            # Wait without a place, so that other keys continue. Then check again for versions of others.
            _wait_for_vault(settling, recovery)

    def _read_if_there(self, name: str) -> Stored | None:
        """Read what a write that timed out may have stored. Return None if that is unknown."""
        try:
            return self.vault.read(name)
        except BackendError:
            return None

    def _refuse_if_changed(self, name: str, over: str | None) -> None:
        """Refuse the write if a person or CIPP stored another version meanwhile."""
        served = self.served_version(name)
        if served is None and over is not None:
            raise DeletedError(f"'{name}' was deleted meanwhile, so the new value was not stored.")
        if served != over:
            raise OvertakenError(f"Another version of '{name}' was stored meanwhile, so the new value was not stored.")
        self.refuse_if_another_app(name)

    def refuse_if_another_app(self, name: str) -> None:
        """Check that CIPP's app is still the one that this run began with.

        Raises:
            ConflictError: The secrets that name the app or its tenant were changed.
        """
        if self._identity_now() != self.sign_in.versions:
            changed = " or ".join(self._identity)
            raise ConflictError(f"{changed} was changed meanwhile, so '{name}' was not changed.")

    def served_version(self, name: str) -> str | None:
        """Return the id of the version that the vault serves now, None if the secret does not exist."""
        try:
            return self.vault.read(name).version
        except NotFoundError:
            return None
        except DisabledError:
            return self.vault.current_versions(name)[0].id


def _wait_for_vault(error: AzureRefusedError, deadline: Deadline) -> None:
    """Wait while the vault is still recovering or deleting a secret. The write was not accepted.

    Raises:
        NoTimeLeftError: It takes too long.
    """
    if not deadline.allows(RECOVERY_POLL_SECONDS):
        raise NoTimeLeftError(f"{error.detail} The next run continues.") from error
    time.sleep(RECOVERY_POLL_SECONDS)


def identity_versions(vault: KeyVault, identity: Sequence[str] = IDENTITY_NAMES) -> Mapping[str, str]:
    """Return the versions of ApplicationID and TenantID, or of the other secrets that name an app, as served now."""
    return {name: vault.read(name).version for name in identity}
