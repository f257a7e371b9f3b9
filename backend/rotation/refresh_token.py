"""Rotating a refresh token: redeem it for a new one, prove that one, store it, read it back."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from backend.aadsts import Verdict
from backend.entra import Redeemed, SignInRefusedError
from backend.errors import AzureRefusedError, ConflictError, NotFoundError
from backend.key_vault import DeletedError, DisabledError, is_guid
from backend.rotation.keys import Key
from backend.rotation.plan import ONE_DAY, Disable, Leave, Moment, PutBack, Renew, Step, token_step, version_chores
from backend.rotation.run import Fresh, Run, planned, restored
from backend.rotation.tags import OUR_NAME
from backend.vault_secret import ROTATED_BY, Stored, version_of_stored
from backend.vault_secret import Version as VaultVersion

if TYPE_CHECKING:
    from backend.rotation.lineage import Version

CONTENT_TYPE: Final = "text/plain; refresh token"
LIFETIME: Final = timedelta(days=90)  # since its issue (learn.microsoft.com/entra/identity-platform/refresh-tokens)
EARLIER_TRIED: Final = 5  # versions looked at when the served one does not sign in


class RefreshTokenWork:
    """One refresh token, the partner's or a direct tenant's."""

    def __init__(self, key: Key, run: Run, *, listed: VaultVersion | None = None, doubted: bool = False) -> None:
        """`listed` is the served version by the one listing of the vault.

        `doubted`: it failed when it was last tried, so it is checked even if it is not due.
        """
        self._key = key
        self._run = run
        self._listed = listed
        self._doubted = doubted
        self._tenant = key.tenant or run.app.tenant
        self._refused: set[str] = set()  # versions that this run did not put back
        self._deleted = False
        self._stored: Stored | None = None
        self._versions: list[Version] = []
        self.served = ""
        self.since: datetime | None = None
        self.ends: datetime | None = None
        self.scopes: frozenset[str] = frozenset()
        self.unreadable = False

    def next_step(self, moment: Moment) -> Step:
        """Look at the versions, and plan.

        Raises:
            NotFoundError: The vault has no partner's token.
        """
        versions = [] if self._deleted else self._looked()
        if not versions:
            return self._gone()
        self.served = versions[0].id
        self.since = versions[0].created
        self.ends = token_expires(versions[0])
        self._versions = [planned(version, dead=frozenset(self._refused)) for version in versions]
        step = token_step(self._versions, moment)
        if self._doubted and isinstance(step, Leave):
            return token_step(self._versions, moment, signs_in=self._signs_in())
        return step

    def chores(self, moment: Moment) -> list[Step]:
        """Return which of this app's versions are to be disabled, by the last look."""
        return version_chores(self._versions, moment)

    def do(self, step: Step) -> str | None:
        """Renew, put back or disable."""
        try:
            match step:
                case Disable(version_id=version):
                    self._run.held.must_hold()
                    self._run.vault.disable(self._key.name, version)
                case PutBack(version_id=version):
                    return self._put_back(version)
                case Renew():
                    self._renew()
        except DeletedError as error:
            self._deleted = True
            return str(error)
        return None

    def _looked(self) -> list[VaultVersion]:
        """Return the versions, the served one first. At first only that one, if no other can matter."""
        listed, self._listed = self._listed, None
        if listed is None or not listed.enabled or may_lie_over_others(listed, self._run.moment.now):
            return self._run.versions(self._key.name)
        try:
            self._stored = self._run.vault.read(self._key.name)
        except NotFoundError:
            return []
        except DisabledError:
            return self._run.versions(self._key.name)
        served = version_of_stored(self._stored)
        if may_lie_over_others(served, self._run.moment.now):  # the one listing did not have it yet
            return self._run.versions(self._key.name, served=served)
        return [served]

    def _gone(self) -> Step:
        """Leave a tenant's token that was deleted; it is not brought back.

        Raises:
            NotFoundError: It is the partner's.
        """
        if self._key.tenant:
            self._versions = []
            return Leave("The vault has no such secret any more: someone deleted it, and it stays deleted.")
        raise NotFoundError(
            f"The vault has no secret '{self._key.name}': sign in with CIPP's setup wizard to make one."
        )

    def _signs_in(self) -> bool:
        """Tell whether the vault serves a living token; a refusal that is not the token's is raised."""
        served = self._served_value()
        try:
            self._run.entra.redeem(self._run.app, self._tenant, served.value)
        except SignInRefusedError as refusal:
            if refusal.verdict is not Verdict.DEAD:
                raise
            return False
        self._doubted = False
        return True

    def _served_value(self) -> Stored:
        """Return what the vault serves, as of the last look."""
        if self._stored is None or self._stored.version != self.served:
            self._stored = self._run.vault.read(self._key.name, self.served)
        return self._stored

    def _renew(self) -> None:
        served = self._served_value()
        old, fresh = self._redeemed(served)
        proof = self._run.entra.redeem(self._run.app, self._tenant, fresh.refresh_token)
        self._refuse_worse(fresh, proof)
        self.scopes = proof.scopes
        self.unreadable = proof.has_mfa is None
        healed = {} if old.version == served.version else {"healed-from": old.version}
        ends = self._run.vault.now() + LIFETIME
        self._run.store(self._key.name, self.served, Fresh(fresh.refresh_token, CONTENT_TYPE, ends, healed))
        self._doubted = False  # it was just proven

    def _redeemed(self, served: Stored) -> tuple[Stored, Redeemed]:
        """Redeem what the vault serves; where Entra calls it dead, the newest earlier version that is not."""
        run = self._run
        try:
            return served, run.entra.redeem(run.app, self._tenant, served.value)
        except SignInRefusedError as refusal:
            if refusal.verdict is not Verdict.DEAD:
                raise
            versions = run.versions(self._key.name, served=version_of_stored(served))
            earlier = [version for version in versions[1:] if version.enabled]
            for version in earlier[:EARLIER_TRIED]:
                try:
                    old = run.vault.read(self._key.name, version.id)
                    return old, run.entra.redeem(run.app, self._tenant, old.value)
                except (AzureRefusedError, NotFoundError):  # a version that the list shows as enabled may be disabled
                    continue
            raise

    def _put_back(self, version_id: str) -> str | None:
        """Store someone else's version again, on top of ours, if it signs in at CIPP's app as it is now."""
        run = self._run.as_of_now()
        try:
            theirs = run.vault.read(self._key.name, version_id)
        except (DisabledError, NotFoundError) as error:  # the list that showed it was older
            self._refused.add(version_id)
            return f"Someone else's version {version_id} lies under ours, but can't be read: {error}"
        try:
            run.entra.redeem(run.app, self._key.tenant or run.app.tenant, theirs.value)
        except SignInRefusedError as refusal:
            self._refused.add(version_id)
            return f"Someone else's version {version_id} lies under ours, but does not sign in: {refusal}"
        fresh = replace(restored(theirs), expires=token_expires(theirs))
        run.store(self._key.name, self.served, fresh)
        return None

    def _refuse_worse(self, fresh: Redeemed, proof: Redeemed) -> None:
        """Refuse a token for another tenant, app or account, or one that may do less than the old one.

        A claim that Entra did not send is not held against it: tokens are opaque by its word.
        """
        wanted = {"app": (self._run.app.app_id, proof.app_id)}
        if is_guid(self._tenant):
            wanted["tenant"] = (self._tenant, proof.tenant_id)
        for what, (ours, theirs) in wanted.items():
            if theirs and theirs.lower() != ours.lower():
                raise ConflictError(f"The new token is for {what} {theirs}, not for {ours}; it was not stored.")
        if fresh.account_id and proof.account_id and fresh.account_id != proof.account_id:
            raise ConflictError("The new token is for another account than the old one; it was not stored.")
        if fresh.has_mfa and proof.has_mfa is False:
            raise ConflictError("The new token lost the proof of MFA that the old one has; it was not stored.")
        if lost := fresh.scopes - proof.scopes:
            raise ConflictError(f"The new token lost the scopes {', '.join(sorted(lost))}; it was not stored.")


def token_expires(version: VaultVersion | Stored) -> datetime:
    """Return when a refresh token expires: 90 days after it was stored, or earlier if the vault says so."""
    longest = version.created + LIFETIME
    return min(version.expires or longest, longest)


def may_lie_over_others(listed: VaultVersion, now: datetime) -> bool:
    """Return whether a version of this app is so young that it may lie over one that others stored meanwhile.

    A run that ended has looked. One that was killed is followed by the hourly run.
    """
    return listed.tags.get(ROTATED_BY) == OUR_NAME and now - listed.created < ONE_DAY
