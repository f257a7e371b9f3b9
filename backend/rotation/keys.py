"""Which of the vault's secrets are keys that the rotation looks after, and in which order."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from backend.errors import InvalidInputError, NotFoundError
from backend.key_vault import is_guid
from backend.quoting import quoted
from backend.rotation.report import Kind

PARTNER_TOKEN: Final = "RefreshToken"  # noqa: S105 - a secret's name
CLIENT_SECRET: Final = "ApplicationSecret"  # noqa: S105 - a secret's name
CERTIFICATE: Final = "SAMCertificate"
IDENTITY_NAMES: Final = ("ApplicationID", "TenantID")
# What CIPP's deployment template writes before the setup wizard ran.
_PLACEHOLDERS: Final = ("longapplicationid", "appsecret", "refreshtoken", "tenantid")


@dataclass(frozen=True)
class Key:
    """A vault secret that the rotation looks after. `name` is as first stored in the vault."""

    name: str
    kind: Kind

    @property
    def tenant(self) -> str | None:
        """The direct tenant whose token it is; None for the partner's keys."""
        return self.name.lower() if self.kind == "TenantRefreshToken" else None


def kind_of(name: str) -> Kind | None:
    """Tell which kind of key a vault secret is; None if it is none that we rotate."""
    if name.lower() == PARTNER_TOKEN.lower():
        return "RefreshToken"
    if name.lower() == CLIENT_SECRET.lower():
        return "ClientSecret"
    if name.lower() == CERTIFICATE.lower():
        return "Certificate"
    return "TenantRefreshToken" if is_guid(name) else None


def keys_in(vault_names: Iterable[str], wanted: Iterable[str] | None = None) -> list[Key]:
    """Pick the keys in the order of work: tokens, the client secret, the certificate.

    The partner's own keys are picked even where the vault has lost them: two can be made anew, one is told.

    Raises:
        NotFoundError: A wanted name is not in the vault.
        InvalidInputError: A wanted name is in the vault, but nothing that we rotate.
    """
    own = (CLIENT_SECRET, CERTIFICATE) if wanted is not None else (PARTNER_TOKEN, CLIENT_SECRET, CERTIFICATE)
    by_name = {name.lower(): name for name in (*own, *vault_names)}
    if wanted is not None:
        asked = list(wanted)
        for name in asked:
            _check_wanted(name, by_name)
        by_name = {name.lower(): by_name[name.lower()] for name in asked}
    found = [Key(name, kind) for name in by_name.values() if (kind := kind_of(name))]
    order: list[Kind] = ["RefreshToken", "TenantRefreshToken", "ClientSecret", "Certificate"]
    return sorted(found, key=lambda key: (order.index(key.kind), key.name.lower()))


def _check_wanted(name: str, by_name: dict[str, str]) -> None:
    if name.lower() in (identity.lower() for identity in IDENTITY_NAMES):
        raise InvalidInputError(f"'{name}' is not a key: it is never rotated.", field="Names")
    if name.lower() not in by_name:
        raise NotFoundError(f"The vault has no secret {quoted(name)}. ListKeyVaultSecrets lists those that it has.")
    if kind_of(name) is None:
        raise InvalidInputError(f"'{by_name[name.lower()]}' is no key that the rotation looks after.", field="Names")


def is_placeholder(value: str) -> bool:
    """Tell whether a value is what CIPP's template writes before the setup wizard ran."""
    return value.strip().lower() in _PLACEHOLDERS
