"""What Entra's error codes mean for CIPP: the cause, who can repair it and how, and what it shows about the key.

Sources: learn.microsoft.com/entra/identity-platform/reference-error-codes for the causes; public issue threads
of CIPP and its documentation for the ways out. A code that this page lacks names its own source.
"""

import re
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final


class Verdict(Enum):
    """What a refusal says of the key that was shown."""

    DEAD = "dead"  # for everyone, for good
    REFUSED_HERE = "refused here"  # by place, device or risk: perhaps not where CIPP asks from
    UNPROVEN = "unproven"  # something else is wrong; the key may be good


@dataclass(frozen=True)
class Meaning:
    """The cause in a sentence, and who does what about it."""

    cause: str
    advice: str
    verdict: Verdict = Verdict.UNPROVEN


_SETUP = (
    "An admin of the tenant signs in again: CIPP, Application Settings, SAM Wizard (a customer: Tenant Onboarding)."
)
_HERE = (
    "Refused here, perhaps not to CIPP: a Conditional Access admin of the tenant compares this app's outbound "
    "addresses with those of CIPP's function app, and allows both for the CIPP account."
)
_MFA = "The CIPP account signs in again with MFA: CIPP, Application Settings, SAM Wizard."

MEANINGS: Final = MappingProxyType(
    {
        7000215: Meaning(
            "The client secret is wrong, or so new that Entra does not know it everywhere yet.",
            "Wait two minutes and prove it again; then an app admin makes a new secret for the SAM app.",
            Verdict.DEAD,
        ),
        7000222: Meaning(
            "The client secret has ended.", "An app admin makes a new secret for the SAM app.", Verdict.DEAD
        ),
        7000112: Meaning(
            "The SAM app is disabled in this tenant.",
            "A cloud app admin of the tenant enables sign-in for the enterprise application.",
        ),
        700016: Meaning(
            "The SAM app is not in this tenant.",
            "A global admin of the tenant consents to it again (CIPP: add the tenant anew), or checks ApplicationID.",
        ),
        700027: Meaning(
            "The certificate is not on the SAM app, or so new that Entra does not know it everywhere yet.",
            "Wait two minutes and prove it again; the next rotation makes a new one.",
            Verdict.DEAD,
        ),
        700024: Meaning(
            "The time of this app is not Entra's, so what it signs with the certificate is not valid now.",
            "Restart this app, so that it runs on another machine; then prove the keys again.",
        ),
        700082: Meaning("The refresh token was not used for 90 days.", _SETUP, Verdict.DEAD),
        # Not on the page above. Its text is in the tests of github.com/AzureAD/microsoft-authentication-library-for-js:
        # "The refresh token has expired due to maximum lifetime."
        700081: Meaning("The refresh token reached its maximum lifetime.", _SETUP, Verdict.DEAD),
        700084: Meaning("The refresh token has reached its fixed end.", _SETUP, Verdict.DEAD),
        70000: Meaning("The refresh token is not valid.", _SETUP, Verdict.DEAD),
        9002313: Meaning("What is stored is no refresh token.", _SETUP, Verdict.DEAD),
        70008: Meaning("The refresh token has ended or was revoked.", _SETUP, Verdict.DEAD),
        70043: Meaning("Conditional Access (sign-in frequency) ended the refresh token.", _SETUP, Verdict.DEAD),
        50173: Meaning("The account's password was changed, or its sessions were revoked.", _SETUP, Verdict.DEAD),
        50089: Meaning("The sign-in session expired or was revoked.", _SETUP, Verdict.DEAD),
        50132: Meaning("The account's password expired or was changed.", _SETUP, Verdict.DEAD),
        50133: Meaning("The session was revoked: the password expired or was changed.", _SETUP, Verdict.DEAD),
        50020: Meaning("The account is no member of this tenant.", _SETUP),
        50034: Meaning("The account does not exist in this tenant any more.", _SETUP),
        # Not on the page above. learn.microsoft.com, "Troubleshoot AAD errors for integrations" (Viva Goals). As with
        # 50034, the account is what is wrong. It can be restored, so the code does not show that the token is revoked.
        500341: Meaning(
            "The account was deleted from this tenant.",
            f"A user admin of the tenant restores it, or another account takes its place. {_SETUP}",
        ),
        50055: Meaning("The account's password has ended.", f"The account's owner changes it. {_SETUP}"),
        50057: Meaning("The account is disabled.", "A user admin of the tenant enables it."),
        50074: Meaning("The account must prove MFA.", _MFA),
        50076: Meaning("The account must prove MFA, since its place or a policy changed.", _MFA),
        50078: Meaning("The account's proof of MFA has ended by a policy.", _MFA),
        50079: Meaning("The account must register for MFA.", f"Its owner registers. {_MFA}"),
        50005: Meaning("Conditional Access does not allow this platform.", _HERE, Verdict.REFUSED_HERE),
        50053: Meaning(
            "The account is locked, or the address is known for attacks.",
            f"A user admin of the tenant looks in its sign-in log which of the two it is. {_HERE}",
            Verdict.REFUSED_HERE,
        ),
        50097: Meaning("Conditional Access asks the device to prove itself.", _HERE, Verdict.REFUSED_HERE),
        50131: Meaning("Conditional Access blocked the sign-in as suspicious.", _HERE, Verdict.REFUSED_HERE),
        50158: Meaning("A further check (Conditional Access) was not passed.", _HERE, Verdict.REFUSED_HERE),
        53000: Meaning("Conditional Access asks for a compliant device.", _HERE, Verdict.REFUSED_HERE),
        53001: Meaning("Conditional Access asks for a domain-joined device.", _HERE, Verdict.REFUSED_HERE),
        53002: Meaning("Conditional Access asks for an approved app.", _HERE, Verdict.REFUSED_HERE),
        53003: Meaning("Conditional Access blocked the sign-in.", _HERE, Verdict.REFUSED_HERE),
        53004: Meaning("The account looks at risk, and must register for MFA.", _HERE, Verdict.REFUSED_HERE),
        53009: Meaning("Conditional Access asks for Intune's protection of the app.", _HERE, Verdict.REFUSED_HERE),
        530034: Meaning(
            "The account looks at risk in the partner's tenant, so it may not enter a customer's.",
            _HERE,
            Verdict.REFUSED_HERE,
        ),
        530032: Meaning("A security policy blocked the sign-in.", _HERE, Verdict.REFUSED_HERE),
        65001: Meaning(
            "Consent is missing for the SAM app in this tenant.",
            "A global admin of the tenant consents to it again (CIPP: refresh CPV, or add the tenant anew).",
        ),
        90002: Meaning(
            "There is no such tenant.",
            "Check TenantID; where a customer has left, remove its secret from the vault (CIPP: remove the tenant).",
        ),
        500011: Meaning(
            "The tenant does not know the resource that was asked for.",
            "A global admin of the tenant checks its licences; check CIPP_CLOUD.",
        ),
    }
)
_OF_THE_APP: Final = (7000215, 7000222, 700027)
_UNKNOWN: Final = "Look the code up at https://login.microsoftonline.com/error, and keep the trace id for support."


def code_of(description: str) -> int | None:
    """Return the AADSTS code in Entra's description."""
    match = re.search(r"AADSTS(\d{1,10})", description)
    return int(match[1]) if match else None


def is_of_the_app(description: str) -> bool:
    """Tell whether a refusal is about the app's own credential: it says nothing of a token shown with it."""
    return code_of(description) in _OF_THE_APP


def meaning_of(description: str) -> Meaning:
    """Return what a refusal means. Of a code that is not known here the trace id is kept, never Entra's own text."""
    code = code_of(description)
    if meaning := MEANINGS.get(code or 0):
        return meaning
    trace = re.search(r"Trace ID: *([0-9a-fA-F-]{1,36})(?![0-9a-fA-F-])", description)
    which = f"The app does not know Entra's code AADSTS{code}" if code else "Entra gave no code that the app knows"
    return Meaning(f"{which}{f' (trace id {trace[1]})' if trace else ''}.", _UNKNOWN)
