"""What the rotation does with the client secret in CIPP's certificate-only mode. Pure.

| flag | client secret in the vault | use |
| --- | --- | --- |
| on | a value | `FALLBACK` |
| on | missing, or the placeholder | `ABSENT` |
| off, unreadable, or unconfigured | the placeholder, with a certificate | `ABSENT` |
| unreadable | a value, or missing | `UNKNOWN` |
| unconfigured | a value, or missing | `LAST_WEEK` |
| off | a value, or missing | `RENEWED` |

Unconfigured is a CIPP on function apps whose storage account this app does not know, so it can never read the flag.

- If such a client secret expires, CIPP stops, unless its certificate-only mode is on.
- If it is renewed in that mode, the app registration has one more client secret beside the fallback. That harm is the
  smaller one, and can be undone. So a client secret that signs in is renewed in its last week. CIPP's own job renews it
  at 30 days, unless the mode is on.
- One that does not sign in is left alone and reported, because a new one could be the only one of a CIPP in that mode.

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
_NEVER: Final = f"This app does not renew {CLIENT_SECRET}, because it is unknown whether CIPP signs in with it."
_IN_TIME: Final = f"This app renews {CLIENT_SECRET} only in its last week, because it can't read CIPP's feature flags."
_UNKNOWN: Final = "It is unknown whether CIPP's certificate-only mode is on. {problem}"


class SecretUse(Enum):
    """What the rotation does with the client secret.

    - `RENEWED`: CIPP signs in with it.
    - `FALLBACK`: CIPP keeps it as a way back. It is checked, and never renewed.
    - `ABSENT`: CIPP does not have one, and none is created.
    - `UNKNOWN`: it is unknown whether CIPP wants one, so it stays as it is.
    - `LAST_WEEK`: the same, but one that signs in is renewed in its last week.
    """

    RENEWED = "renewed"
    FALLBACK = "kept as a fallback"
    ABSENT = "absent"
    UNKNOWN = "unknown"
    LAST_WEEK = "renewed in its last week"


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
        return self.reason if self.use in (SecretUse.UNKNOWN, SecretUse.LAST_WEEK) else ""

    @property
    def effect(self) -> str:
        """What an unknown mode means for the client secret, as a sentence, "" if the mode is known."""
        match self.use:
            case SecretUse.UNKNOWN:
                return _NEVER
            case SecretUse.LAST_WEEK:
                return _IN_TIME
        return ""


def certificate_mode(flag: CertificateFlag, secret: InVault, *, has_certificate: bool) -> CertificateMode:
    """Return the mode by the table above. `has_certificate`: the vault serves a certificate that can be read."""
    if flag.state is Flag.ON:
        return CertificateMode(SecretUse.FALLBACK if secret is InVault.VALUE else SecretUse.ABSENT, _MODE_ON)
    if secret is InVault.PLACEHOLDER and has_certificate:
        state = "is off" if flag.state is Flag.OFF else f"can't be read. {flag.problem}".rstrip(".")
        return CertificateMode(SecretUse.ABSENT, _PLACEHOLDER.format(flag=state))
    if flag.state in (Flag.UNREADABLE, Flag.UNCONFIGURED):
        use = SecretUse.UNKNOWN if flag.state is Flag.UNREADABLE else SecretUse.LAST_WEEK
        return CertificateMode(use, _UNKNOWN.format(problem=flag.problem).rstrip())
    return CertificateMode()
