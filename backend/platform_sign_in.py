"""Whether App Service lets only our own people through to an app: its authsettingsV2, judged."""

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from backend.redaction import public_url, redact

# Entra issues as one of these, whichever of its addresses was asked.
ISSUERS: Final = frozenset(
    {
        "login.microsoftonline.com",
        "login.microsoftonline.us",
        "login.partner.microsoftonline.cn",
        "login.chinacloudapi.cn",
        "sts.windows.net",
        "sts.chinacloudapi.cn",
    }
)


def sign_in_problems(settings: Mapping[str, Any], serves: Callable[[str], bool]) -> list[str]:
    """Say what is wrong with an app's authsettingsV2; `serves` tells whether a tenant's users may sign in."""
    problems = []
    validation = settings.get("globalValidation") or {}
    if not (settings.get("platform") or {}).get("enabled"):
        problems.append("App Service authentication is off, so nobody can sign in: turn it on (README, Deploy).")
    if not validation.get("requireAuthentication") or validation.get("unauthenticatedClientAction") == "AllowAnonymous":
        problems.append(
            "Anonymous requests are let through by the platform: set requireAuthentication to true and "
            "unauthenticatedClientAction to Return401."
        )
    if excluded := validation.get("excludedPaths"):
        paths = ", ".join(redact(str(path)) for path in excluded)
        problems.append(f"These paths are let through unauthenticated, so empty excludedPaths: {paths}.")
    return problems + _issuer_problems(settings, serves)


def _issuer_problems(settings: Mapping[str, Any], serves: Callable[[str], bool]) -> list[str]:
    entra = (settings.get("identityProviders") or {}).get("azureActiveDirectory") or {}
    registration = entra.get("registration") or {}
    issuer = str(registration.get("openIdIssuer") or "")
    if not issuer:
        return ["It names no issuer, so any tenant's users pass: set openIdIssuer."] if registration else []
    shown = public_url(issuer) or "an address that can't be shown"
    try:
        parts = urlsplit(issuer)
        tenant = parts.path.strip("/").partition("/")[0]
        if parts.scheme == "https" and parts.hostname in ISSUERS and serves(tenant):
            return []
    except ValueError:  # no address at all
        pass
    return [f"It takes the tokens of a foreign issuer, {shown}: set openIdIssuer to your own tenant's."]
