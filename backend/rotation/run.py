"""One run: what it read at its start, and the one way in which it stores a key."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from backend.clients import Clients
from backend.entra import Credential, Entra, SamApp
from backend.errors import AzureRefusedError, BackendError, ConflictError, NotFoundError, changed_nothing
from backend.held import Held
from backend.key_vault import DeletedError, DisabledError, KeyVault
from backend.left_enabled import disable_left_enabled, left_enabled
from backend.pace import Pace
from backend.rotation.keys import CLIENT_SECRET, IDENTITY_NAMES
from backend.rotation.lineage import Version
from backend.rotation.plan import Moment
from backend.rotation.sign_in_check import SignInCheck
from backend.rotation.signer import Signer
from backend.rotation.tags import CREDENTIAL_ID, FOLLOWS, LOOKED, OUR_NAME, RESTART, RESTORED_FROM, WEEKLY
from backend.together import Together
from backend.values import SecretText
from backend.vault_secret import ROTATED_BY, Stored, version_of_stored
from backend.vault_secret import Version as VaultVersion

TOO_MANY: Final = 429
# What repairs a write of this run may use of the margin that is kept for its end.
REPAIR_SECONDS: Final = 10.0


class OvertakenError(ConflictError):
    """Someone else stored the key while this run was at it: theirs stays, and the run looks again."""


@dataclass(frozen=True)
class Fresh:
    """A proven key, and what is stored with it."""

    value: SecretText
    content_type: str
    expires: datetime | None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """One run of the rotation. `identity` holds the versions of ApplicationID and TenantID at its start.

    `may_restart`: CIPP may be restarted for a client secret that this run stores, see `RestartRight`.

    `signer` tells how the run signs in as CIPP's app; `app` is the app as of its start, or of now. `check` is the one
    check of credentials. `stored` are the versions that the run made, the last one of each key. `unsettled` are the
    keys of which a version was sent that was not definitely refused: it is stored, or may be later. `unlisted` are the
    keys of which the vault's list does not have the served version yet: what others stored under it may lack, too.
    """

    id: str
    clients: Clients
    vault: KeyVault
    entra: Entra
    held: Held
    signer: Signer
    check: SignInCheck
    app: SamApp
    identity: Mapping[str, str]
    moment: Moment
    pace: Pace
    ends_at: float
    may_restart: bool = True
    stored: dict[str, VaultVersion] = field(default_factory=dict)
    unsettled: set[str] = field(default_factory=set)
    unlisted: set[str] = field(default_factory=set)
    _identity_now: Together[Mapping[str, str]] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_identity_now", Together(lambda: identity_versions(self.vault)))

    @property
    def time_is_over(self) -> bool:
        """Tell whether nothing further may be begun: the host kills a function that takes too long."""
        return time.monotonic() >= self.ends_at

    def versions(
        self, name: str, *, served: VaultVersion | None = None, is_certain: bool = False
    ) -> list[VaultVersion]:
        """Return a key's versions, the served one first. What a restore left enabled is disabled, and counts as such.

        The vault's list may be older than what it serves. What this run stored is added if it is not listed yet, or
        else `served`, which a read has just shown. With `is_certain` it is what the vault serves, for one more read. A
        dry run, or a run that lost its lock, writes nothing.
        """
        versions = self.vault.current_versions(name) if is_certain else self.vault.versions(name)
        newest = self.stored.get(name) or served
        if newest and not is_certain:
            if any(version.id == newest.id for version in versions):
                self.unlisted.discard(name)
            else:
                self.unlisted.add(name)
                versions = [newest, *versions]
        to_disable = left_enabled(versions)
        if not to_disable:
            return versions
        try:
            self.held.must_hold()
        except ConflictError:
            pass
        else:
            disable_left_enabled(self.vault, name, to_disable)
        return [replace(version, enabled=False) if version in to_disable else version for version in versions]

    def as_app(self, credential: Credential) -> SamApp:
        """Answer the SAM app with another credential."""
        return SamApp(self.app.app_id, self.app.tenant, credential)

    def as_of_now(self) -> "Run":
        """Answer the run with CIPP's app as the vault names it now: someone may have set up another one."""
        stored = {name: self.vault.read(name) for name in IDENTITY_NAMES}
        identity = {name: found.version for name, found in stored.items()}
        if identity == self.identity:
            return self
        app_id, tenant = (stored[name].value.reveal().strip() for name in IDENTITY_NAMES)
        return replace(self, identity=identity, app=SamApp(app_id, tenant, self.vault.read(CLIENT_SECRET).value))

    def age_of(self, created: datetime) -> timedelta:
        """Return how old something in the vault is, by the vault's clock."""
        return self.vault.now() - created

    def store(self, name: str, over: str | None, fresh: Fresh, *, repairs: bool = False) -> Stored:
        """Put a proven key on top of a version (None: there was nothing), and read it back.

        `repairs`: it takes back what this run stored, which may not wait for the next one.

        Raises:
            NoTimeLeftError: The run's time was over before the vault had room; nothing was sent.
            OvertakenError: Someone else stored the key meanwhile: theirs stays.
            ConflictError: Someone changed CIPP's app meanwhile, or the lock is lost.
            DeletedError: Someone deleted the secret meanwhile: it stays deleted.
            AzureError: If `name` is in `unsettled`, it is stored or may be later. Otherwise it is not stored.
        """
        place = {FOLLOWS: over} if over else {LOOKED: self.vault.now().isoformat(timespec="seconds")}
        waits = {RESTART: WEEKLY} if name == CLIENT_SECRET and not self.may_restart else {}
        ours = {ROTATED_BY: OUR_NAME, "rotation-run": self.id, **fresh.tags, **place, **waits}
        until = self.ends_at + (REPAIR_SECONDS if repairs else 0)
        back = self._written(name, over, replace(fresh, tags=ours), until)
        if back.value != fresh.value:
            raise OvertakenError(f"Someone else stored '{name}' right after this run did; theirs stays.")
        self.stored[name] = version_of_stored(back)
        self.unlisted.add(name)
        return back

    def _written(self, name: str, over: str | None, fresh: Fresh, until: float) -> Stored:
        """Write until the vault has it or refuses; what was cut off is looked up, never written twice."""
        self.unsettled.discard(name)
        while True:
            with self.pace.turn(until) as turn:
                # Looked at with the place in hand, since the wait for it can take ten seconds, and after the lock,
                # since asking for that can take long, too.
                self.held.must_hold()
                self._refuse_if_changed(name, over)
                self.unsettled.add(name)
                try:
                    self.vault.store(
                        name,
                        fresh.value,
                        tags=fresh.tags,
                        content_type=fresh.content_type,
                        expires=fresh.expires,
                        recovers=over is None,  # what was there is gone because someone deleted it
                    )
                except BackendError as error:
                    if changed_nothing(error):
                        self.unsettled.discard(name)
                    if isinstance(error, AzureRefusedError) and error.status == TOO_MANY:
                        turn.refuse(error.retry_after)
                        continue
                    back = self._read_if_there(name) if name in self.unsettled else None
                    if back is None or back.value != fresh.value:
                        raise
                    return back
            return self.vault.read(name)

    def _read_if_there(self, name: str) -> Stored | None:
        """Read what a store that was cut off may have left; nothing learned is no answer to it."""
        try:
            return self.vault.read(name)
        except BackendError:
            return None

    def _refuse_if_changed(self, name: str, over: str | None) -> None:
        """Look again, immediately before a write: whatever a person or CIPP stored meanwhile wins."""
        served = self.served_version(name)
        if served is None and over is not None:
            raise DeletedError(f"Someone deleted '{name}' meanwhile, so the new value was not stored.")
        if served != over:
            raise OvertakenError(f"Someone else stored '{name}' meanwhile; theirs stays, ours was not stored.")
        self.refuse_if_another_app(name)

    def refuse_if_another_app(self, name: str) -> None:
        """Look whether CIPP's app is still the one that this run began with.

        Raises:
            ConflictError: Someone changed ApplicationID or TenantID.
        """
        if self._identity_now() != self.identity:
            raise ConflictError(f"Someone changed ApplicationID or TenantID meanwhile, so '{name}' was left alone.")

    def served_version(self, name: str) -> str | None:
        """Return the id of the version that the vault serves now, None if there is none."""
        try:
            return self.vault.read(name).version
        except NotFoundError:
            return None
        except DisabledError:
            return self.vault.current_versions(name)[0].id


def identity_versions(vault: KeyVault) -> Mapping[str, str]:
    """Answer the versions of ApplicationID and TenantID that the vault serves."""
    return {name: vault.read(name).version for name in IDENTITY_NAMES}


def planned(version: VaultVersion, *, dead: frozenset[str] = frozenset()) -> Version:
    """Show a vault's version to the plan."""
    return Version(
        id=version.id,
        created=version.created,
        enabled=version.enabled,
        ours=version.tags.get(ROTATED_BY) == OUR_NAME,
        credential_id=version.tags.get(CREDENTIAL_ID),
        tagged_id=version.tags.get(CREDENTIAL_ID),
        follows=version.tags.get(FOLLOWS),
        looked=_time(version.tags.get(LOOKED)),
        restored_from=version.tags.get(RESTORED_FROM),
        dead=version.id in dead,
    )


def restored(stored: Stored, credential_id: str | None = None) -> Fresh:
    """Answer an earlier version as it is stored again; `credential_id` where its tags do not tell it."""
    known = stored.tags.get(CREDENTIAL_ID) or credential_id
    tags = {RESTORED_FROM: stored.version, **({CREDENTIAL_ID: known} if known else {})}
    return Fresh(stored.value, stored.content_type or "", stored.expires, tags)


def _time(text: str | None) -> datetime | None:
    """Read a time of our tags; anyone may have changed them."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if text else None
    except ValueError:
        return None
