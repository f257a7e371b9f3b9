"""A token for Graph as CIPP's SAM app, with whichever of the vault's keys signs in."""

import time
from typing import Final

from backend.clients import Clients
from backend.errors import NotConfiguredError
from backend.key_vault import KeyVault
from backend.shared_call import SharedCall
from backend.values import SecretText

LIFETIME_SECONDS: Final = 300.0  # Entra's tokens live an hour at the least; a right granted now is in the next one
WAIT_SECONDS: Final = 20.0  # from the beginning of a sign-in, so joining a slow one costs less or nothing
FAILURE_SECONDS: Final = 5.0  # a sign-in that failed is not repeated for so long


class SamToken:
    """The service of the token. Needs get on the vault's secrets. One sign-in at a time, and all join it."""

    def __init__(self, clients: Clients, vault: KeyVault) -> None:
        self._clients = clients
        self._vault = vault
        self._sign_ins = SharedCall(self._sign_in, name="sign in as the SAM app", failure_seconds=FAILURE_SECONDS)

    def __call__(self) -> SecretText:
        """Return a token. One is kept for five minutes, and a failure for some seconds.

        Raises:
            NotConfiguredError: CIPP is not set up yet.
            AzureError: The vault or Entra refused, or timed out.
        """
        attempt = self._sign_ins.attempt(LIFETIME_SECONDS)
        return attempt.result(attempt.began + WAIT_SECONDS, what="sign in as CIPP's SAM app")

    def forget(self) -> None:
        """Sign in again next time, because Graph refused the token, or what it may do."""
        self._sign_ins.forget()

    def _sign_in(self) -> SecretText:
        from backend.entra import Entra  # noqa: PLC0415 - only a lookup in Graph needs it
        from backend.rotation.keys import IDENTITY_NAMES, is_placeholder  # noqa: PLC0415 - the same
        from backend.rotation.sign_in_check import SignInCheck  # noqa: PLC0415 - the same
        from backend.rotation.signer import choose_signer  # noqa: PLC0415 - the same

        app_id, tenant = (self._vault.read(name).value.reveal().strip() for name in IDENTITY_NAMES)
        if is_placeholder(app_id) or is_placeholder(tenant):
            raise NotConfiguredError("CIPP is not set up yet: run its setup wizard.")
        limits = self._clients.limits
        ends_at = time.monotonic() + limits.azure_deadline_seconds
        check = SignInCheck(Entra(self._clients.cloud, limits, ends_at), limits, ends_at)
        return choose_signer(self._vault, check, app_id, tenant).signed_in.token
