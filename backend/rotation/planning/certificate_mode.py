"""What the rotation does with the client secret in CIPP's certificate-only mode. Pure.

| flag | client secret in the vault | use |
| --- | --- | --- |
| on | a value | `FALLBACK` |
| on | missing, or the placeholder | `ABSENT` |
| off, or unreadable | the placeholder, with a certificate | `ABSENT` |
| unreadable | a value, or missing | `UNKNOWN` |
| off | a value, or missing | `RENEWED` |

If the placeholder's certificate can't sign in, the run fails before its first step, so nothing is created then either.
Without a certificate, CIPP with a placeholder is not set up yet.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from backend.cipp.feature_flags import CertificateFlag, Flag
from backend.credentials.kinds import CERTIFICATE, CLIENT_SECRET, Kind

_MODE_ON: Final = f"Certificate-only mode is on, so CIPP signs in with {CERTIFICATE}."
_PLACEHOLDER: Final = (
    f"CIPP signs in with {CERTIFICATE}, because {CLIENT_SECRET} contains the template's placeholder. "
    "CIPP's flag for certificate-only mode {flag}."
)
_UNKNOWN: Final = "It is unknown whether CIPP's certificate-only mode is on. {problem}"


class SecretUse(Enum):
    """What the rotation does with the client secret.

    - `RENEWED`: CIPP signs in with it.
    - `FALLBACK`: CIPP keeps it as a way back. It is checked, and never renewed.
    - `ABSENT`: CIPP does not have one, and none is created.
    - `UNKNOWN`: it is unknown whether CIPP wants one, so it stays as it is.
    """

    RENEWED = "renewed"
    FALLBACK = "kept as a fallback"
    ABSENT = "absent"
    UNKNOWN = "unknown"


class InVault(Enum):
    """The client secret in the vault. A disabled one counts as missing."""

    VALUE = "a value"
    PLACEHOLDER = "the template's placeholder"
    MISSING = "missing"


@dataclass(frozen=True)
class CertificateMode:
    """The use of the client secret, and why, as a sentence. `reason` is "" if it is renewed."""

    use: SecretUse = SecretUse.RENEWED
    reason: str = ""

    @property
    def is_on(self) -> bool:
        """Whether CIPP signs in with its certificate."""
        return self.use in (SecretUse.FALLBACK, SecretUse.ABSENT)

    @property
    def vital(self) -> Kind:
        """The kind of key with which CIPP signs in."""
        return "Certificate" if self.is_on else "ClientSecret"

    @property
    def vital_secret(self) -> str:
        """The name of the vault secret with which CIPP signs in."""
        return CERTIFICATE if self.is_on else CLIENT_SECRET

    @property
    def problem(self) -> str:
        """Why the mode is unknown, "" if it is known."""
        return self.reason if self.use is SecretUse.UNKNOWN else ""


def certificate_mode(flag: CertificateFlag, secret: InVault, *, has_certificate: bool) -> CertificateMode:
    """Return the mode by the table above. `has_certificate`: the vault serves a certificate that can be read."""
    if flag.state is Flag.ON:
        return CertificateMode(SecretUse.FALLBACK if secret is InVault.VALUE else SecretUse.ABSENT, _MODE_ON)
    if secret is InVault.PLACEHOLDER and has_certificate:
        state = "is off" if flag.state is Flag.OFF else f"can't be read. {flag.problem}".rstrip(".")
        return CertificateMode(SecretUse.ABSENT, _PLACEHOLDER.format(flag=state))
    if flag.state is Flag.UNREADABLE:
        return CertificateMode(SecretUse.UNKNOWN, _UNKNOWN.format(problem=flag.problem).rstrip())
    return CertificateMode()
