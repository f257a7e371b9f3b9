"""What Entra's error codes mean for CIPP, and what to do.

Source: learn.microsoft.com/entra/identity-platform/reference-error-codes, and public threads for the advice.
"""

import re
from types import MappingProxyType
from typing import Final

ADVICE: Final = MappingProxyType(
    {
        7000215: "The client secret is wrong, or so new that Entra does not know it everywhere yet.",
        7000222: "The client secret has ended: make a new one for the SAM app (Certificates & secrets).",
        7000112: "The SAM app is disabled in this tenant: enable the enterprise application.",
        700016: "The SAM app is not in this tenant: give consent there again (CIPP: add the tenant anew).",
        700027: "The certificate is not on the SAM app, or so new that Entra does not know it everywhere yet.",
        700082: "The refresh token was not used for 90 days: sign in anew with CIPP's setup wizard.",
        700084: "The refresh token has reached its fixed end: sign in anew with CIPP's setup wizard.",
        70000: "The refresh token is not valid: sign in anew with CIPP's setup wizard.",
        70008: "The refresh token has ended or was revoked: sign in anew with CIPP's setup wizard.",
        70043: "Conditional Access ended the refresh token: exclude the CIPP account, then sign in anew.",
        50173: "The account's password was changed or its sessions revoked: sign in anew with CIPP's setup wizard.",
        50034: "The account is not in this tenant any more: sign in anew with another one.",
        50055: "The account's password has ended: change it, then sign in anew.",
        50057: "The account is disabled: enable it, or sign in anew with another one.",
        50076: "The account must prove MFA anew: sign in with CIPP's setup wizard, with MFA.",
        50078: "The account must prove MFA anew: sign in with CIPP's setup wizard, with MFA.",
        50079: "The account must register for MFA: do so, then sign in anew.",
        65001: "Consent is missing for the SAM app in this tenant: give it again (CIPP: add the tenant anew).",
        90002: "There is no such tenant: check TenantID, or remove the customer's secret if the tenant is gone.",
        500011: "The tenant does not know the resource that was asked for: check its licences and the cloud.",
        53000: "Conditional Access asks for a compliant device: exclude the CIPP account from that policy.",
        53003: "Conditional Access blocked the sign-in: exclude the CIPP account, or allow this app's addresses.",
    }
)


def code_of(description: str) -> int | None:
    """Find the AADSTS code in Entra's description."""
    found = re.search(r"AADSTS(\d+)", description)
    return int(found[1]) if found else None


def advice_for(description: str) -> str:
    """Say what to do; an unknown code keeps Entra's first line, which names its trace."""
    code = code_of(description)
    return ADVICE.get(code or 0, "Look the code up at https://login.microsoftonline.com/error.")
