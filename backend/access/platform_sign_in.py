"""The check whether App Service lets only users of served tenants reach an app, by its authsettingsV2."""

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from backend.azure.clients import Clients
from backend.azure.errors.translation import while_trying_to
from backend.azure.sdk_json import fetched
from backend.errors import NOT_READABLE, UnreadableResponseError
from backend.readings import object_of, properties_of, text_of
from backend.text.redaction import public_url, redact

# Names in authsettingsV2 of the providers other than Entra. Custom providers are in a separate map.
OTHER_PROVIDERS: Final = ("facebook", "gitHub", "google", "twitter", "apple", "legacyMicrosoftAccount")
# The only paths that may be excluded from authentication, in lower case: PublicPing and the console's files. They need
# no sign-in, and read no principal. Each is exact: what a path with a star matches at App Service is not documented.
OPEN_PATHS: Final = frozenset(
    {
        "/api/publicping",
        "/api/console",
        "/api/console/",
        "/api/console/index.html",
        "/api/console/console.css",
        "/api/console/icon.svg",
        "/api/console/js/main.js",
        "/api/console/vendor/preact-htm.js",
    }
)
STATIC_WEB_APPS: Final = "azureStaticWebApps"
_NOT_SHOWN: Final = "an address that can't be shown"
# Entra uses one of these as issuer, regardless of the address that was called.
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
    with while_trying_to(f"read the authentication settings of '{name}'"):
        response = fetched(clients.web(subscription).web_apps.get_auth_settings_v2_without_secrets, group, name)
        settings = properties_of(response)
        if any(not isinstance(settings.get(name) or {}, dict) for name in ("platform", "globalValidation")):
            raise UnreadableResponseError(NOT_READABLE)  # its meaning for access is unknown
    return settings


def sign_in_problems(settings: Mapping[str, Any], serves: Callable[[str], bool]) -> list[str]:
    """Return the problems of an app's authsettingsV2. `serves` returns whether a tenant's users may sign in."""
    problems = []
    validation = object_of(settings.get("globalValidation"))
    if not object_of(settings.get("platform")).get("enabled"):
        problems.append(
            "App Service authentication is off, so no user can sign in. Turn it on "
            "(docs/deploy.md#turn-on-app-service-authentication)."
        )
    action = str(validation.get("unauthenticatedClientAction")).lower()
    if not validation.get("requireAuthentication") or action == "allowanonymous":
        problems.append(
            "The platform allows anonymous requests. Set requireAuthentication to true and unauthenticatedClientAction "
            "to Return401."
        )
    if excluded := closed_paths(validation):
        paths = ", ".join(redact(str(path)) for path in excluded)
        problems.append(
            f"The platform allows unauthenticated requests to these paths: {paths}. Remove them from excludedPaths."
        )
    return problems + _issuer_problems(settings, serves) + _other_doors(settings)


def sign_in_notes(settings: Mapping[str, Any]) -> list[str]:
    """Return recommendations for an app's authsettingsV2 that already restricts access to the app's own users."""
    if not object_of(settings.get("platform")).get("enabled"):
        return []
    notes = []
    providers = object_of(settings.get("identityProviders"))
    entra = object_of(providers.get("azureActiveDirectory"))
    validation = object_of(entra.get("validation"))
    allowed = object_of(validation.get("defaultAuthorizationPolicy")).get("allowedApplications")
    checked = object_of(validation.get("jwtClaimChecks")).get("allowedClientApplications")
    client = object_of(entra.get("registration")).get("clientId")
    if client and not allowed and not checked:
        notes.append(
            "Any client application with a token for this app can call it as its user. To restrict this, set "
            "validation.defaultAuthorizationPolicy.allowedApplications of azureActiveDirectory to this app's client "
            f"ID, {client}, and the IDs of your API clients."
        )
    # The portal shows it as "Azure Static Web Apps (Linked)" (Azure/static-web-apps#1341).
    if _is_set_up(providers.get(STATIC_WEB_APPS)):
        notes.append(
            "Users of a static web app pass the platform, as if this app were linked to one. CIPP's static web app "
            f"needs its only link for CIPP. Unlink this app there, then remove the provider {STATIC_WEB_APPS}."
        )
    return notes


def closed_paths(validation: Mapping[str, Any]) -> list[object]:
    """Return the paths that are excluded from authentication and must not be. Pure."""
    excluded = validation.get("excludedPaths")
    return [path for path in _each(excluded) if str(path).lower() not in OPEN_PATHS] if excluded else []


def _each(value: object) -> list[object]:
    """Return the entries of a list. Any other value counts as its only entry."""
    return value if isinstance(value, list) else [value]


def _other_doors(settings: Mapping[str, Any]) -> list[str]:
    """Return problems that allow other users, sign-in without TLS, or settings that this check can't see."""
    problems = []
    if path := object_of(settings.get("platform")).get("configFilePath"):
        problems.append(
            f"The file {redact(str(path))} controls sign-in, so the settings that are checked here have no effect. "
            "Remove configFilePath of the platform."
        )
    if object_of(settings.get("httpSettings")).get("requireHttps") is False:
        problems.append("Sign-in works without TLS. Set requireHttps of httpSettings to true.")
    if others := _other_providers(object_of(settings.get("identityProviders"))):
        problems.append(f"Users of other identity providers pass the platform. Disable {', '.join(others)}.")
    if urls := object_of(settings.get("login")).get("allowedExternalRedirectUrls"):
        addresses = ", ".join(public_url(str(url)) or _NOT_SHOWN for url in _each(urls))
        problems.append(
            f"A sign-in can redirect to other sites: {addresses}. Empty allowedExternalRedirectUrls of login."
        )
    return problems


def _other_providers(providers: Mapping[str, Any]) -> list[str]:
    """Return the names of the configured providers other than Entra."""
    custom = object_of(providers.get("customOpenIdConnectProviders"))
    standard = [name for name in OTHER_PROVIDERS if _is_set_up(providers.get(name))]
    return standard + [name for name, provider in custom.items() if _is_set_up(provider)]


def _is_set_up(provider: object) -> bool:
    """Return whether a provider can sign in users.

    Azure shows every provider as enabled. A provider that is not configured has an empty registration.
    """
    if not isinstance(provider, dict):
        return bool(provider)
    if not provider or provider.get("enabled") is False:
        return False
    registration = provider.get("registration")
    if registration and not isinstance(registration, dict):
        return True
    return any(registration.values()) if registration else "registration" not in provider


def _issuer_problems(settings: Mapping[str, Any], serves: Callable[[str], bool]) -> list[str]:
    entra = object_of(object_of(settings.get("identityProviders")).get("azureActiveDirectory"))
    registration = object_of(entra.get("registration"))
    issuer = text_of(registration.get("openIdIssuer"))
    if not issuer:
        return (
            ["The Entra provider does not name an issuer, so users of any tenant pass. Set openIdIssuer."]
            if registration
            else []
        )
    address = public_url(issuer) or _NOT_SHOWN
    try:
        parts = urlsplit(issuer)
        tenant = parts.path.strip("/").partition("/")[0]
        if parts.scheme == "https" and parts.hostname in ISSUERS and serves(tenant):
            return []
    except ValueError:  # not a URL
        pass
    return [
        f"The Entra provider accepts tokens of a foreign issuer, {address}. Set openIdIssuer to that of your tenant."
    ]
