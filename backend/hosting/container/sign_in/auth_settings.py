"""What is damaged in the authsettingsV2 of CIPP as a container, and how CIPP writes them from the vault's values. Pure.

Members that CIPP does not write stay, and so do more API clients. Source: the contract of CIPP as a container.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from backend.formats import is_guid
from backend.hosting.container.sign_in.problems import SETTING
from backend.installation.states.container import client_id_of
from backend.readings import Json, object_of, text_of, texts_of

_PROVIDER: Final = "azureActiveDirectory"
_REDIRECT: Final = ("redirecttologinpage", "0")  # in some versions of the API, Azure returns the number
_WELL_KNOWN: Final = ("oauth-protected-resource", "oauth-authorization-server", "openid-configuration")
EXCLUDED_PATHS: Final = (
    *("/api/PublicPing", "/api/publicping", "/api/PublicWebhooks", "/API/PublicWebhooks", "/api/publicwebhooks"),
    *("/api/PublicPhishingCheck", "/API/PublicPhishingCheck"),
    *("/api/PublicMcpRegister", "/API/PublicMcpRegister", "/api/publicmcpregister"),
    *("/api/setup/*", "/authredirect", "/LogoutRedirect", "/404", "/_next/static/*", "/assets/*", "/favicon.ico"),
    *("/apple-touch-icon.png", "/robots.txt", "/manifest.json", "/version.json", "/openapi.json", "/sw.js"),
    *(f"/.well-known/{name}{end}" for name in _WELL_KNOWN for end in ("", "/*")),
)


@dataclass(frozen=True)
class SignInNames:
    """The vault's values of the sign-in: the app, its tenant, and whether users of other tenants sign in, too."""

    app_id: str
    tenant: str
    multi_tenant: bool

    def issuer(self, entra: str) -> str:
        """Return the issuer. `entra` is the address of Microsoft Entra ID in this cloud."""
        return f"{entra}/{'common' if self.multi_tenant else self.tenant}/v2.0"


def is_on(settings: Mapping[str, Any]) -> bool:
    """Return whether App Service authentication is on."""
    return str(object_of(settings.get("platform")).get("enabled")).strip().lower() == "true"


def damages(settings: Mapping[str, Any], names: SignInNames | None) -> list[str]:
    """Return what keeps authsettingsV2 from signing users in, as sentences. `names` is None if they are unknown."""
    provider, found = _provider(settings), []
    validation = object_of(provider.get("validation"))
    client_id = client_id_of(settings)
    if not is_on(settings):
        found.append("App Service authentication is off.")
    if provider.get("enabled") is False:
        found.append("Its provider Microsoft is disabled.")
    if not is_guid(client_id):
        found.append("It names no client ID that is a GUID.")
        return found
    if names and client_id.lower() != names.app_id.lower():
        found.append(f"It signs users in with the app '{client_id}', and the vault's SSOAppId is '{names.app_id}'.")
        return found
    audiences = [audience.lower() for audience in texts_of(validation.get("allowedAudiences"))]
    if audiences and not {f"api://{client_id}".lower(), client_id.lower()} & {*audiences}:
        found.append("Its allowedAudiences lack the app of the sign-in.")
    allowed = _applications(provider)
    if allowed and client_id.lower() not in [app.lower() for app in allowed]:
        found.append("Its allowedApplications lack the app of the sign-in.")
    action = text_or_number(object_of(settings.get("globalValidation")).get("unauthenticatedClientAction"))
    if action and action not in (*_REDIRECT, "allowanonymous", "1"):  # before 10.7.1, CIPP set AllowAnonymous
        found.append("It denies users without a session, and does not redirect them to the sign-in.")
    return found


def names_another_app(settings: Mapping[str, Any], names: SignInNames) -> bool:
    """Return whether authsettingsV2 names another app than the vault, which has no secret of that app then."""
    client_id = client_id_of(settings)
    return is_guid(client_id) and client_id.lower() != names.app_id.lower()


def is_of_another_app(settings: Mapping[str, Any], names: SignInNames) -> bool:
    """Return whether users sign in with another app than the vault's, so that a repair changes the app."""
    return is_on(settings) and names_another_app(settings, names)


def written_again(settings: Mapping[str, Any], names: SignInNames, entra: str, *, with_secret: bool) -> Json:
    """Return authsettingsV2 as CIPP writes it. Its other members, its API clients and its open paths stay."""
    validation, provider = object_of(settings.get("globalValidation")), _provider(settings)
    checks, registration = object_of(provider.get("validation")), object_of(provider.get("registration"))
    policy = object_of(checks.get("defaultAuthorizationPolicy"))
    kept = {name: value for name, value in registration.items() if name != "clientSecretSettingName"}
    secret = {"clientSecretSettingName": SETTING} if with_secret else {}
    policy = {**policy, "allowedApplications": _with(_applications(provider), names.app_id)}
    excluded = texts_of(validation.get("excludedPaths")) or [*EXCLUDED_PATHS]
    login = object_of(settings.get("login"))
    return {
        **settings,
        "platform": {**object_of(settings.get("platform")), "enabled": True},
        "globalValidation": {
            **validation,
            "unauthenticatedClientAction": "RedirectToLoginPage",
            "redirectToProvider": "azureactivedirectory",
            "excludedPaths": excluded,
        },
        "identityProviders": {
            **object_of(settings.get("identityProviders")),
            _PROVIDER: {
                **provider,
                "enabled": True,
                "registration": {
                    **kept,
                    "clientId": names.app_id,
                    **secret,
                    "openIdIssuer": names.issuer(entra),
                },
                "validation": {
                    **checks,
                    "allowedAudiences": _with(texts_of(checks.get("allowedAudiences")), f"api://{names.app_id}"),
                    "defaultAuthorizationPolicy": {"allowedPrincipals": {}, **policy},
                },
            },
        },
        "login": {**login, "tokenStore": {"tokenRefreshExtensionHours": 72, **_store(login), "enabled": True}},
    }


def without_secret(settings: Mapping[str, Any]) -> Json:
    """Return authsettingsV2 with which users sign in by ID tokens alone. Everything else stays."""
    providers, provider = object_of(settings.get("identityProviders")), _provider(settings)
    registration = object_of(provider.get("registration"))
    kept = {name: value for name, value in registration.items() if name != "clientSecretSettingName"}
    return {**settings, "identityProviders": {**providers, _PROVIDER: {**provider, "registration": kept}}}


def text_or_number(value: object) -> str:
    """Return a name or a number of the API as text, in lower case."""
    return str(value).strip().lower() if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _store(login: Json) -> Json:
    return object_of(login.get("tokenStore"))


def _provider(settings: Mapping[str, Any]) -> Json:
    return object_of(object_of(settings.get("identityProviders")).get(_PROVIDER))


def _applications(provider: Json) -> list[str]:
    policy = object_of(object_of(provider.get("validation")).get("defaultAuthorizationPolicy"))
    return [text_of(app) for app in texts_of(policy.get("allowedApplications"))]


def _with(texts: Sequence[str], one: str) -> list[str]:
    return [*texts] if one.lower() in [text.lower() for text in texts] else [*texts, one]
