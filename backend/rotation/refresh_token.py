"""Rotating a refresh token: redeem it for a new one, prove that one, store it, read it back."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from backend.aadsts import Verdict
from backend.entra import Redeemed, SignInRefusedError
from backend.errors import AzureRefusedError, ConflictError, NotFoundError
from backend.key_vault import is_guid
from backend.rotation.keys import Key
from backend.rotation.plan import Disable, Leave, Moment, PutBack, Step, token_step
from backend.rotation.run import Fresh, Run, planned, restored
from backend.vault_secret import Stored

CONTENT_TYPE: Final = "text/plain; refresh token"
LIFETIME: Final = timedelta(days=90)  # since its issue (learn.microsoft.com/entra/identity-platform/refresh-tokens)
EARLIER_TRIED: Final = 5  # versions looked at when the served one does not sign in


class RefreshTokenWork:
    """One refresh token, the partner's or a direct tenant's."""

    def __init__(self, key: Key, run: Run, *, doubted: bool = False) -> None:
        """`doubted`: it failed when it was last tried, so it is looked at even where it is not due."""
        self._key = key
        self._run = run
        self._doubted = doubted
        self._tenant = key.tenant or run.app.tenant
        self._dead: set[str] = set()
        self.served = ""
        self.since: datetime | None = None
        self.ends: datetime | None = None
        self.scopes: frozenset[str] = frozenset()
        self.unreadable = False

    def next_step(self, moment: Moment) -> Step:
        """Look at the versions, and plan."""
        versions = self._run.versions(self._key.name)
        if not versions:
            raise NotFoundError(
                f"The vault has no secret '{self._key.name}': sign in with CIPP's setup wizard to make one."
            )
        self.served = versions[0].id
        self.since = versions[0].created
        self.ends = versions[0].expires or versions[0].created + LIFETIME
        shown = [planned(version, dead=frozenset(self._dead)) for version in versions]
        step = token_step(shown, moment)
        if self._doubted and isinstance(step, Leave | Disable):
            return token_step(shown, moment, signs_in=self._signs_in())
        return step

    def do(self, step: Step) -> str | None:
        """Renew, put back or disable."""
        if isinstance(step, Disable):
            self._run.held.must_hold()
            self._run.vault.disable(self._key.name, step.version_id)
        elif isinstance(step, PutBack):
            return self._put_back(step.version_id)
        elif not isinstance(step, Leave):
            self._renew()
        return None

    def _signs_in(self) -> bool:
        """Tell whether the vault serves a living token; a refusal that is not the token's is raised."""
        served = self._run.vault.read(self._key.name, self.served)
        try:
            self._run.entra.redeem(self._run.app, self._tenant, served.value)
        except SignInRefusedError as refusal:
            if refusal.verdict is not Verdict.DEAD:
                raise
            return False
        self._doubted = False
        return True

    def _renew(self) -> None:
        served = self._run.vault.read(self._key.name, self.served)
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
            earlier = [version for version in run.versions(self._key.name)[1:] if version.enabled]
            for version in earlier[:EARLIER_TRIED]:
                old = run.vault.read(self._key.name, version.id)
                try:
                    return old, run.entra.redeem(run.app, self._tenant, old.value)
                except AzureRefusedError:
                    continue
            raise

    def _put_back(self, version_id: str) -> str | None:
        """Store someone else's version again, on top of ours, if it signs in at CIPP's app as it is now."""
        run = self._run.as_of_now()
        theirs = run.vault.read(self._key.name, version_id)
        try:
            run.entra.redeem(run.app, self._key.tenant or run.app.tenant, theirs.value)
        except SignInRefusedError as refusal:
            self._dead.add(version_id)
            return f"Someone else's version {version_id} lies under ours, but does not sign in: {refusal}"
        fresh = replace(restored(theirs), expires=theirs.expires or theirs.created + LIFETIME)
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
