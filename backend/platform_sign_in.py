"""Whether App Service lets only our own people through to an app: its authsettingsV2, judged."""

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from backend.clients import Clients
from backend.errors import while_trying_to
from backend.redaction import public_url, redact

# Names in authsettingsV2 of the providers beside Entra. The custom ones stand in a map of their own.
OTHER_PROVIDERS: Final = ("facebook", "gitHub", "google", "twitter", "apple", "legacyMicrosoftAccount")
STATIC_WEB_APPS: Final = "azureStaticWebApps"
_NOT_SHOWN: Final = "an address that can't be shown"
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


def auth_settings(clients: Clients, subscription: str, group: str, name: str) -> Mapping[str, Any]:
    """Return an app's authsettingsV2. Requires Microsoft.Web/sites/config/read.

    Raises:
        AzureError: Azure refused or timed out.
        NotFoundError: The app does not exist, or this app's identity can't see it.
    """
    with while_trying_to(f"look at the authentication of '{name}'"):
        response = clients.web(subscription).web_apps.get_auth_settings_v2_without_secrets(group, name).as_dict()
    return response.get("properties") or {}


def sign_in_problems(settings: Mapping[str, Any], serves: Callable[[str], bool]) -> list[str]:
    """Say what is wrong with an app's authsettingsV2; `serves` tells whether a tenant's users may sign in."""
    problems = []
    validation = settings.get("globalValidation") or {}
    if not (settings.get("platform") or {}).get("enabled"):
        problems.append("App Service authentication is off, so nobody can sign in: turn it on (README, Deploy).")
    action = str(validation.get("unauthenticatedClientAction")).lower()
    if not validation.get("requireAuthentication") or action == "allowanonymous":
        problems.append(
            "Anonymous requests are let through by the platform: set requireAuthentication to true and "
            "unauthenticatedClientAction to Return401."
        )
    if excluded := validation.get("excludedPaths"):
        paths = ", ".join(redact(str(path)) for path in excluded)
        problems.append(f"These paths are let through unauthenticated, so empty excludedPaths: {paths}.")
    return problems + _issuer_problems(settings, serves) + _other_doors(settings)


def sign_in_notes(settings: Mapping[str, Any]) -> list[str]:
    """Return what to improve in an app's authsettingsV2, although access stays with the app's own users."""
    if not (settings.get("platform") or {}).get("enabled"):
        return []
    notes = []
    providers = settings.get("identityProviders") or {}
    entra = providers.get("azureActiveDirectory") or {}
    validation = entra.get("validation") or {}
    allowed = (validation.get("defaultAuthorizationPolicy") or {}).get("allowedApplications")
    checked = (validation.get("jwtClaimChecks") or {}).get("allowedClientApplications")
    client = (entra.get("registration") or {}).get("clientId")
    if client and not allowed and not checked:
        notes.append(
            "Any client application that gets a token for this app may call it as its user. List those that may: "
            "set validation.defaultAuthorizationPolicy.allowedApplications of azureActiveDirectory to this app's "
            f"client id, {client}, and the ids of your API clients."
        )
    # The portal shows it as "Azure Static Web Apps (Linked)" (Azure/static-web-apps#1341).
    if _is_set_up(providers.get(STATIC_WEB_APPS)):
        notes.append(
            "Users of a static web app pass the platform, as if this app were linked to one. CIPP's static web app "
            f"needs its one link for CIPP: unlink this app there, then remove the provider {STATIC_WEB_APPS}."
        )
    return notes


def _other_doors(settings: Mapping[str, Any]) -> list[str]:
    """Return the problems that allow users of others, sign-ins without TLS, or settings that are not seen here."""
    problems = []
    if path := (settings.get("platform") or {}).get("configFilePath"):
        problems.append(
            f"A file decides about sign-in, {redact(str(path))}, and the settings that are checked here do not count: "
            "remove configFilePath of the platform."
        )
    if (settings.get("httpSettings") or {}).get("requireHttps") is False:
        problems.append("Sign-in works without TLS: set requireHttps of httpSettings to true.")
    if others := _other_providers(settings.get("identityProviders") or {}):
        problems.append(f"Users of other identity providers pass the platform: disable {', '.join(others)}.")
    if urls := (settings.get("login") or {}).get("allowedExternalRedirectUrls"):
        addresses = ", ".join(public_url(str(url)) or _NOT_SHOWN for url in urls)
        problems.append(
            f"A sign-in may redirect to other sites, so empty allowedExternalRedirectUrls of login: {addresses}."
        )
    return problems


def _other_providers(providers: Mapping[str, Any]) -> list[str]:
    """Return the names of the providers beside Entra that are set up."""
    custom = providers.get("customOpenIdConnectProviders") or {}
    standard = [name for name in OTHER_PROVIDERS if _is_set_up(providers.get(name))]
    return standard + [name for name, provider in custom.items() if _is_set_up(provider)]


def _is_set_up(provider: Mapping[str, Any] | None) -> bool:
    """Return whether a provider can sign anybody in.

    Azure shows every provider as enabled. One that was never set up has an empty registration.
    """
    if not provider or provider.get("enabled") is False:
        return False
    registration = provider.get("registration")
    return any(registration.values()) if registration else "registration" not in provider


def _issuer_problems(settings: Mapping[str, Any], serves: Callable[[str], bool]) -> list[str]:
    entra = (settings.get("identityProviders") or {}).get("azureActiveDirectory") or {}
    registration = entra.get("registration") or {}
    issuer = str(registration.get("openIdIssuer") or "")
    if not issuer:
        return ["It names no issuer, so any tenant's users pass: set openIdIssuer."] if registration else []
    address = public_url(issuer) or _NOT_SHOWN
    try:
        parts = urlsplit(issuer)
        tenant = parts.path.strip("/").partition("/")[0]
        if parts.scheme == "https" and parts.hostname in ISSUERS and serves(tenant):
            return []
    except ValueError:  # no address at all
        pass
    return [f"It takes the tokens of a foreign issuer, {address}: set openIdIssuer to your own tenant's."]
