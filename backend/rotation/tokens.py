"""Rotating a refresh token: redeem it for a new one, prove that one, store it, read it back."""

from datetime import timedelta
from typing import Final

from backend.entra import Redeemed
from backend.errors import ConflictError
from backend.key_vault import Stored
from backend.rotation.plan import Key
from backend.rotation.run import Run

CONTENT_TYPE: Final = "text/plain; refresh token"
LIFETIME: Final = timedelta(days=90)  # since its issue (learn.microsoft.com/entra/identity-platform/refresh-tokens)


def rotate_token(key: Key, served: Stored, run: Run) -> Stored:
    """Rotate one refresh token; answer what the vault serves now.

    Raises:
        BackendError: A step failed. The vault still serves the old token, which stays valid.
    """
    tenant = key.tenant or run.app.tenant
    fresh = run.entra.redeem(run.app, tenant, served.value)
    proof = run.entra.redeem(run.app, tenant, fresh.refresh_token)
    _refuse_strangers(fresh, proof, app_id=run.app.app_id, tenant=tenant)
    return run.store(served, fresh.refresh_token, content_type=CONTENT_TYPE, expires=run.vault.now() + LIFETIME)


def _refuse_strangers(fresh: Redeemed, proof: Redeemed, *, app_id: str, tenant: str) -> None:
    """Refuse a token for another tenant, app or account; a claim that Entra did not send is not held against it."""
    wanted = {"tenant": (tenant, fresh.tenant_id), "app": (app_id, fresh.app_id)}
    for what, (ours, theirs) in wanted.items():
        if theirs and theirs.lower() != ours.lower():
            raise ConflictError(f"The new token is for {what} {theirs}, not for {ours}; it was not stored.")
    if fresh.account_id and proof.account_id and fresh.account_id != proof.account_id:
        raise ConflictError("The new token is for another account than the old one; it was not stored.")
