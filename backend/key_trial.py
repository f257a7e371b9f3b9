"""The trial of a key that is not in the vault yet: it signs in, or it is not stored."""

import time
from typing import Final

from backend.certificate import read_certificate
from backend.clients import Clients
from backend.entra import Entra, SamApp
from backend.errors import InvalidInputError, NotConfiguredError
from backend.key_vault import KeyVault
from backend.rotation.keys import IDENTITY_NAMES, is_placeholder, kind_of
from backend.rotation.sign_in_check import SignInCheck
from backend.rotation.signer import choose_signer
from backend.values import SecretText

NOT_SET_UP: Final = "ApplicationID or TenantID in the vault is the template's placeholder: run CIPP's setup wizard."


class KeyTrial:
    """The service of the trial. What the vault serves under the key's name does not matter: it may be dead or gone."""

    def __init__(self, clients: Clients, vault: KeyVault) -> None:
        self._clients = clients
        self._vault = vault

    def try_key(self, name: str, value: SecretText) -> None:
        """Sign in with a value as the key of that name; a secret that is no key passes.

        Raises:
            InvalidInputError: It is no certificate, where it should be one.
            SignInRefusedError: Entra refused it; or, for a token, whoever shows it.
            AzureError: The vault or Entra did not tell.
        """
        kind = kind_of(name)
        if kind is None:
            return
        try:
            credential = read_certificate(value) if kind == "Certificate" else value
        except InvalidInputError as error:
            raise InvalidInputError(str(error).replace("The stored certificate", "The value"), field="Value") from error
        app_id, tenant = (self._vault.read(known).value.reveal().strip() for known in IDENTITY_NAMES)
        if is_placeholder(app_id) or is_placeholder(tenant):
            raise NotConfiguredError(NOT_SET_UP)
        limits = self._clients.limits
        ends_at = time.monotonic() + limits.azure_deadline_seconds
        check = SignInCheck(Entra(self._clients.cloud, limits, ends_at), limits, ends_at)
        if kind in ("Certificate", "ClientSecret"):
            # Its age is unknown: whoever stores it may have created it a moment ago.
            check.sign_in(SamApp(app_id, tenant, credential), age=None)
            return
        app = choose_signer(self._vault, check, app_id, tenant).app
        check.entra.redeem(app, name.lower() if kind == "TenantRefreshToken" else app.tenant, value)
