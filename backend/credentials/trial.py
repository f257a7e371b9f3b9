"""The sign-in check of a key that is not in the vault yet. Only a key that passes is stored."""

from collections.abc import Callable
from typing import Final

from backend.azure.clients import Clients
from backend.cipp.feature_flags import Flag, read_certificate_flag
from backend.concurrency.deadline import Deadline
from backend.credentials.kinds import IDENTITY_NAMES, SIGN_IN_NAMES, Kind, is_placeholder, kind_of
from backend.credentials.sign_in_check import SignInCheck
from backend.credentials.signer import choose_signer
from backend.errors import InvalidInputError, NotConfiguredError
from backend.key_vault.vault import KeyVault
from backend.sam_app.certificate import read_certificate
from backend.sam_app.sign_in import Entra, SamApp
from backend.values import SecretText

NOT_SET_UP: Final = "ApplicationID or TenantID in the vault is the template's placeholder."


class KeyTrial:
    """The service of the check. The vault's current version of the key is not used: it may be revoked or missing."""

    def __init__(self, clients: Clients, vault: KeyVault, with_sign_in: Callable[[], bool]) -> None:
        """`with_sign_in` returns whether this CIPP signs its users in with SSOAppSecret."""
        self._clients = clients
        self._vault = vault
        self._with_sign_in = with_sign_in

    def kind_of(self, name: str) -> Kind | None:
        """Return the kind of key that a secret is in this CIPP, None if it is not a key."""
        kind = kind_of(name, with_sign_in=True)
        return None if kind == "SignInSecret" and not self._with_sign_in() else kind

    def try_key(self, name: str, value: SecretText) -> None:
        """Sign in with a value as the key of that name. Secrets that are not keys pass without a check.

        Raises:
            InvalidInputError: The value must be a certificate, and is not one.
            SignInRefusedError: Entra refused the value or, for a token, the app that redeemed it.
            AzureError: The vault or Entra failed, so the result is unknown.
        """
        kind = self.kind_of(name)
        if kind is None:
            return
        try:
            credential = read_certificate(value) if kind == "Certificate" else value
        except InvalidInputError as error:
            detail = error.detail.replace("the stored certificate", "the value as a certificate")
            raise InvalidInputError(detail, field="Value") from error
        identity = SIGN_IN_NAMES if kind == "SignInSecret" else IDENTITY_NAMES
        app_id, tenant = (self._vault.read(known).value.reveal().strip() for known in identity)
        if is_placeholder(app_id) or is_placeholder(tenant):
            raise NotConfiguredError(NOT_SET_UP, advice="Run CIPP's setup wizard.")
        limits = self._clients.limits
        deadline = Deadline.after(limits.azure_deadline_seconds)
        check = SignInCheck(Entra(self._clients.cloud, limits, deadline), limits, deadline)
        if kind in ("Certificate", "ClientSecret", "SignInSecret"):
            # Its age is unknown: the caller may have created it a moment ago.
            check.sign_in(SamApp(app_id, tenant, credential), age=None)
            return
        certificate_first = read_certificate_flag(self._clients).state is Flag.ON
        app = choose_signer(self._vault, check, app_id, tenant, certificate_first=certificate_first).app
        check.entra.redeem(app, name.lower() if kind == "TenantRefreshToken" else app.tenant, value)
