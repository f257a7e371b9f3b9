"""A token for Graph as CIPP's SAM app, with whichever of the vault's keys signs in."""

import threading
import time
from typing import Final

from backend.clients import Clients
from backend.errors import NotConfiguredError
from backend.key_vault import KeyVault
from backend.values import SecretText

LIFETIME_SECONDS: Final = 300.0  # Entra's tokens live an hour at the least; a right granted now is in the next one


class SamToken:
    """The service of the token. Needs get on the vault's secrets."""

    def __init__(self, clients: Clients, vault: KeyVault) -> None:
        self._clients = clients
        self._vault = vault
        self._lock = threading.Lock()
        self._token: tuple[float, SecretText] | None = None

    def __call__(self) -> SecretText:
        """Answer a token; one is kept for five minutes.

        Raises:
            NotConfiguredError: CIPP is not set up yet.
            AzureError: The vault or Entra refused or was silent.
        """
        with self._lock:
            if self._token is None or time.monotonic() >= self._token[0]:
                begun = time.monotonic()
                self._token = (begun + LIFETIME_SECONDS, self._sign_in())
            return self._token[1]

    def forget(self) -> None:
        """Sign in anew next time: Graph refused the token, or what it may do."""
        with self._lock:
            self._token = None

    def _sign_in(self) -> SecretText:
        from backend.entra import Entra  # noqa: PLC0415 - only a lookup in Graph needs it
        from backend.rotation.keys import IDENTITY_NAMES, is_placeholder  # noqa: PLC0415 - the same
        from backend.rotation.signer import choose_signer  # noqa: PLC0415 - the same

        app_id, tenant = (self._vault.read(name).value.reveal().strip() for name in IDENTITY_NAMES)
        if is_placeholder(app_id) or is_placeholder(tenant):
            raise NotConfiguredError("CIPP is not set up yet: run its setup wizard.")
        limits = self._clients.limits
        entra = Entra(self._clients.cloud, limits, time.monotonic() + limits.azure_deadline_seconds)
        return choose_signer(self._vault, entra, limits, app_id, tenant).signed_in.token
