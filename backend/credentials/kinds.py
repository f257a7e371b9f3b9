"""The kinds of credentials that the app rotates, and their order."""

from collections.abc import Iterable
from datetime import timedelta
from enum import Enum
from typing import Final, Literal

import msgspec

from backend.errors import InvalidInputError, NotFoundError
from backend.formats import is_guid
from backend.text.quoting import quoted

PARTNER_TOKEN: Final = "RefreshToken"  # noqa: S105 - a secret's name


CLIENT_SECRET: Final = "ApplicationSecret"  # noqa: S105 - a secret's name


CERTIFICATE: Final = "SAMCertificate"


SIGN_IN_SECRET: Final = "SSOAppSecret"  # noqa: S105 - a secret's name. Of a container: with it, users sign in to CIPP


TOKENS: Final = ("RefreshToken", "TenantRefreshToken")  # the kinds of refresh tokens


TOKEN_CONTENT_TYPE: Final = "text/plain; refresh token"  # noqa: S105 - a content type


TOKEN_LIFETIME: Final = timedelta(
    days=90
)  # from its issue (learn.microsoft.com/entra/identity-platform/refresh-tokens)


IDENTITY_NAMES: Final = ("ApplicationID", "TenantID")


SIGN_IN_NAMES: Final = ("SSOAppId", "TenantID")  # the app with which users sign in to a container, and its tenant


# The values that CIPP's deployment template writes before the setup wizard runs.
_PLACEHOLDERS: Final = ("longapplicationid", "appsecret", "refreshtoken", "tenantid")


def _check_wanted(name: str, by_name: dict[str, str], *, with_sign_in: bool) -> None:
    if name.lower() in (identity.lower() for identity in IDENTITY_NAMES):
        raise InvalidInputError(f"'{name}' is not a key, so it is never rotated.", field="Names")
    if name.lower() not in by_name:
        raise NotFoundError(
            f"Key Vault has no secret {quoted(name)}.",
            advice="ListKeyVaultSecrets lists the secrets. ExecKeyVaultSecretRecover recovers a deleted one.",
        )
    if kind_of(name, with_sign_in=with_sign_in) is None:
        raise InvalidInputError(f"'{by_name[name.lower()]}' is not a key that the app rotates.", field="Names")


def is_placeholder(value: str) -> bool:
    """Return whether a value is one that CIPP's template writes before the setup wizard runs."""
    return value.strip().lower() in _PLACEHOLDERS


Kind = Literal["RefreshToken", "TenantRefreshToken", "ClientSecret", "Certificate", "SignInSecret"]


def kind_of(name: str, *, with_sign_in: bool = False) -> Kind | None:
    """Return the kind of key of a vault secret, or None if the app does not rotate it.

    `with_sign_in`: this CIPP signs its users in with SSOAppSecret, so that is a key, too.
    """
    if name.lower() == PARTNER_TOKEN.lower():
        return "RefreshToken"
    if name.lower() == CLIENT_SECRET.lower():
        return "ClientSecret"
    if name.lower() == CERTIFICATE.lower():
        return "Certificate"
    if with_sign_in and name.lower() == SIGN_IN_SECRET.lower():
        return "SignInSecret"
    return "TenantRefreshToken" if is_guid(name) else None


class Key(msgspec.Struct, frozen=True):
    """A vault secret that the app rotates. `name` has the case in which it was first stored in the vault."""

    name: str
    kind: Kind

    @property
    def tenant(self) -> str | None:
        """The direct tenant of the token, None for the partner's keys."""
        return self.name.lower() if self.kind == "TenantRefreshToken" else None


def keys_in(
    vault_names: Iterable[str], wanted: Iterable[str] | None = None, *, with_sign_in: bool = False
) -> list[Key]:
    """Return the keys in the order of work: tokens, the client secret, the certificate, the secret of the sign-in.

    The partner's keys are included even if they are missing in the vault: two can be recreated, one is reported. The
    secret of the sign-in is included only `with_sign_in`, and if the vault has it.

    Raises:
        NotFoundError: A wanted name is not in the vault.
        InvalidInputError: A wanted name is in the vault, but the app does not rotate it.
    """
    own = (CLIENT_SECRET, CERTIFICATE) if wanted is not None else (PARTNER_TOKEN, CLIENT_SECRET, CERTIFICATE)
    by_name = {name.lower(): name for name in (*own, *vault_names)}
    if wanted is not None:
        names = list(wanted)
        for name in names:
            _check_wanted(name, by_name, with_sign_in=with_sign_in)
        by_name = {name.lower(): by_name[name.lower()] for name in names}
    kinds = {name: kind_of(name, with_sign_in=with_sign_in) for name in by_name.values()}
    found = [Key(name, kind) for name, kind in kinds.items() if kind]
    order: list[Kind] = ["RefreshToken", "TenantRefreshToken", "ClientSecret", "Certificate", "SignInSecret"]
    return sorted(found, key=lambda key: (order.index(key.kind), key.name.lower()))


class Validity(Enum):
    """Whether a credential can sign in."""

    VALID = "valid"
    REVOKED = "revoked or expired"
    NOT_VERIFIED = "not verified yet"  # refused, but so new that not all of Entra's replicas may have it
