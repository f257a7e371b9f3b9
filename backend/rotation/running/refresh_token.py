"""Rotate a refresh token: redeem it for a new one, verify that one, store it, read it back."""

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from backend.azure.errors.entra_errors import Verdict
from backend.credentials.kinds import TOKEN_CONTENT_TYPE, TOKEN_LIFETIME, Key
from backend.errors import AzureRefusedError, ConflictError, NotFoundError
from backend.formats import is_guid
from backend.key_vault.secrets import NEVER, ROTATED_BY, Stored, version_of_stored
from backend.key_vault.secrets import Version as VaultVersion
from backend.key_vault.tags import OUR_NAME
from backend.key_vault.vault import DeletedError, DisabledError
from backend.rotation.planning.plan import (
    ONE_DAY,
    Disable,
    Leave,
    Moment,
    PutBack,
    Renew,
    Step,
    token_step,
    version_chores,
)
from backend.rotation.running.context import RunContext
from backend.rotation.running.reconcile import KeyFacts
from backend.rotation.running.versions import Fresh, planned, restored
from backend.sam_app.sign_in import Redeemed, SignInRefusedError

if TYPE_CHECKING:
    from backend.rotation.planning.version_history import Version

EARLIER_TRIED: Final = 5  # earlier versions that are tried if the served one can't sign in


class RefreshTokenWork:
    """One refresh token, the partner's or a direct tenant's."""

    def __init__(self, key: Key, run: RunContext, *, listed: VaultVersion | None = None, doubted: bool = False) -> None:
        """`listed` is the served version in the list of the vault.

        `doubted`: it failed its last try, so it is checked even if it is not due.
        """
        self._key = key
        self._run = run
        self._listed = listed
        self._doubted = doubted
        self._tenant = key.tenant or run.app.tenant
        self._refused: set[str] = set()  # versions that this run did not store again
        self._deleted = False
        self._stored: Stored | None = None
        self._versions: list[Version] = []
        self._served = ""
        self.facts = KeyFacts()

    def next_step(self, moment: Moment) -> Step:
        """Read the versions, and plan.

        Raises:
            NotFoundError: The partner's token is not in the vault.
        """
        versions = [] if self._deleted else self._looked()
        if not versions:
            return self._gone()
        served = versions[0]
        self._served = served.id
        self.facts = replace(self.facts, version=served.id, since=served.created, ends=token_expires(served))
        self._versions = [planned(version, refused=frozenset(self._refused)) for version in versions]
        step = token_step(self._versions, moment)
        if self._doubted and isinstance(step, Leave):
            return token_step(self._versions, moment, signs_in=self._signs_in())
        return step

    def chores(self, moment: Moment) -> list[Step]:
        """Return the steps that disable old versions, by the last state that was read."""
        return [*version_chores(self._versions, moment)]

    def do(self, step: Step) -> str | None:
        """Renew the token, store an earlier version again, or disable one."""
        try:
            match step:
                case Disable(version_id=version):
                    self._run.lock.must_hold()
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
        """Return the versions, the served one first. The first call returns only that one if others don't matter."""
        listed, self._listed = self._listed, None
        if (
            listed is None
            or not listed.is_complete
            or not listed.enabled
            or may_lie_over_others(listed, self._run.moment.now)
        ):
            return self._run.versions(self._key.name)
        try:
            self._stored = self._run.vault.read(self._key.name)
        except NotFoundError:
            return []
        except DisabledError:
            return self._run.versions(self._key.name)
        served = version_of_stored(self._stored)
        if not served.is_complete or may_lie_over_others(
            served, self._run.moment.now
        ):  # the list of the vault did not have it yet
            return self._run.versions(self._key.name, served=served)
        return [served]

    def _gone(self) -> Step:
        """Leave a tenant's token that was deleted.

        Raises:
            NotFoundError: It is the partner's token.
        """
        if self._key.tenant:
            self._versions = []
            return Leave("The secret was deleted from the vault, and stays deleted.")
        raise self._run.vault.missing(self._key.name, "To create one, sign in with CIPP's setup wizard.")

    def _signs_in(self) -> bool:
        """Return whether the served token is valid. A refusal for a reason other than the token is raised."""
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
        """Return the served version, by the last state that was read."""
        if self._stored is None or self._stored.version != self._served:
            self._stored = self._run.vault.read(self._key.name, self._served)
        return self._stored

    def _renew(self) -> None:
        served = self._served_value()
        old, fresh = self._redeemed(served)
        proof = self._run.entra.redeem(self._run.app, self._tenant, fresh.refresh_token)
        self._refuse_worse(fresh, proof)
        self.facts = replace(self.facts, scopes=proof.scopes, are_claims_unreadable=proof.has_mfa is None)
        repaired = {} if old.version == served.version else {"healed-from": old.version}
        ends = self._run.vault.now() + TOKEN_LIFETIME
        self._run.store(self._key.name, self._served, Fresh(fresh.refresh_token, TOKEN_CONTENT_TYPE, ends, repaired))
        self._doubted = False  # it was just verified

    def _redeemed(self, served: Stored) -> tuple[Stored, Redeemed]:
        """Redeem the served token, or the newest earlier one that is valid if Entra refuses the served one for good."""
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
        """Store a version again that this app overwrote, if it can sign in at CIPP's current app."""
        run = self._run.as_of_now()
        try:
            theirs = run.vault.read(self._key.name, version_id)
        except (DisabledError, NotFoundError) as error:  # the list that showed it was outdated
            self._refused.add(version_id)
            return f"Couldn't restore version {version_id}, which this app overwrote: it can't be read. {error}"
        try:
            run.entra.redeem(run.app, self._key.tenant or run.app.tenant, theirs.value)
        except SignInRefusedError as refusal:
            self._refused.add(version_id)
            return f"Couldn't restore version {version_id}, which this app overwrote: it can't sign in. {refusal}"
        fresh = replace(restored(theirs), expires=token_expires(theirs))
        run.store(self._key.name, self._served, fresh)
        return None

    def _refuse_worse(self, fresh: Redeemed, proof: Redeemed) -> None:
        """Refuse a token for another tenant, app or account, or with fewer rights than the old one.

        Claims that Entra did not send are not compared, because it documents tokens as opaque.
        """
        wanted = {"app": (self._run.app.app_id, proof.app_id)}
        if is_guid(self._tenant):
            wanted["tenant"] = (self._tenant, proof.tenant_id)
        for what, (expected, actual) in wanted.items():
            if actual and actual.lower() != expected.lower():
                raise ConflictError(f"The new token was not stored: it is for {what} {actual}, not for {expected}.")
        if fresh.account_id and proof.account_id and fresh.account_id != proof.account_id:
            raise ConflictError("The new token was not stored: it is for another account than the old one.")
        if fresh.has_mfa and proof.has_mfa is False:
            raise ConflictError("The new token was not stored: it lost the MFA claim of the old one.")
        if lost := fresh.scopes - proof.scopes:
            raise ConflictError(f"The new token was not stored: it lost the scopes {', '.join(sorted(lost))}.")


def token_expires(version: VaultVersion | Stored) -> datetime | None:
    """Return when a refresh token expires: 90 days after it was stored, or at an earlier expiry in the vault.

    None if the vault does not show when it was stored.
    """
    if version.created == NEVER:
        return version.expires
    longest = version.created + TOKEN_LIFETIME
    return min(version.expires or longest, longest)


def may_lie_over_others(listed: VaultVersion, now: datetime) -> bool:
    """Return whether a version of this app is so recent that it may have replaced one that others stored.

    A completed run has checked that. After an interrupted run, the hourly run does.
    """
    return listed.tags.get(ROTATED_BY) == OUR_NAME and now - listed.created < ONE_DAY
