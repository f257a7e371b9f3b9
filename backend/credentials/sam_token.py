"""A token for Graph as CIPP's SAM app, with any of the vault's keys that can sign in."""

from functools import partial
from typing import Final

from backend.azure.clients import Clients
from backend.concurrency import background
from backend.concurrency.cached import Cached
from backend.concurrency.deadline import Deadline
from backend.errors import NotConfiguredError
from backend.key_vault.vault import KeyVault
from backend.values import SecretText

LIFETIME_SECONDS: Final = 300.0  # Entra's tokens live at least an hour. A new permission is in the next token.
WAIT_SECONDS: Final = 20.0  # from the start of a sign-in, so that joining a slow one waits for less time
FAILURE_SECONDS: Final = 5.0  # how long a failed sign-in is not repeated


class SamToken:
    """The service of the token. Requires get on the vault's secrets. Concurrent callers share one sign-in."""

    def __init__(self, clients: Clients, vault: KeyVault) -> None:
        self._clients = clients
        self._vault = vault
        self._token = Cached(
            self._sign_in,
            action="sign in as CIPP's SAM app",
            lifetime=LIFETIME_SECONDS,
            failure_seconds=FAILURE_SECONDS,
            wait_seconds=WAIT_SECONDS,
            survives_writes="a token stays valid after the credential was changed",
        )

    def __call__(self) -> SecretText:
        """Return a token. It is cached for `LIFETIME_SECONDS`, a failure for `FAILURE_SECONDS`.

        Raises:
            NotConfiguredError: CIPP is not set up yet.
            AzureError: The vault or Entra refused, or timed out.
        """
        return self._token.get()

    def forget(self) -> None:
        """Discard the token, because Graph refused it or a permission is missing in it."""
        self._token.forget()

    def _sign_in(self) -> SecretText:
        from backend.cipp.feature_flags import Flag, read_certificate_flag  # noqa: PLC0415 - the same
        from backend.credentials.kinds import IDENTITY_NAMES, is_placeholder  # noqa: PLC0415 - the same
        from backend.credentials.sign_in_check import SignInCheck  # noqa: PLC0415 - the same
        from backend.credentials.signer import choose_signer  # noqa: PLC0415 - the same
        from backend.sam_app.sign_in import Entra  # noqa: PLC0415 - only a lookup in Graph needs it

        flag = background.start(partial(read_certificate_flag, self._clients), name="read CIPP's feature flags")
        app_id, tenant = (self._vault.read(name).value.reveal().strip() for name in IDENTITY_NAMES)
        if is_placeholder(app_id) or is_placeholder(tenant):
            raise NotConfiguredError("CIPP is not set up yet.", advice="Run its setup wizard.")
        limits = self._clients.limits
        deadline = Deadline.after(limits.azure_deadline_seconds)
        check = SignInCheck(Entra(self._clients.cloud, limits, deadline), limits, deadline)
        certificate_first = flag.result().state is Flag.ON
        signer = choose_signer(self._vault, check, app_id, tenant, certificate_first=certificate_first)
        return signer.signed_in.token
