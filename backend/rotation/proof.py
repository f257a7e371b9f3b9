"""The proof that a new credential signs in, before anything relies on it."""

import time

from backend.entra import Credential
from backend.errors import AzureError
from backend.rotation.run import Run


def prove(run: Run, credential: Credential, *, count: int | None = None) -> None:
    """Sign in so often in a row, each on a new connection: Entra's replicas learn of a credential one by one.

    Raises:
        AzureError: It did not succeed in time; the last refusal.
    """
    limits = run.clients.limits
    wanted = count or limits.key_rotation_proof_count
    give_up_at = min(time.monotonic() + limits.key_rotation_proof_timeout_seconds, run.ends_at)
    in_a_row = 0
    while True:
        try:
            run.entra.sign_in(run.as_app(credential))
            in_a_row += 1
        except AzureError:
            in_a_row = 0
            if time.monotonic() + limits.key_rotation_proof_gap_seconds > give_up_at:
                raise
        if in_a_row == wanted:
            return
        time.sleep(limits.key_rotation_proof_gap_seconds)
