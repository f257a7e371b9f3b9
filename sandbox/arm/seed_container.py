"""CIPP as one container: its site, its plan, and what a migration leaves beside them."""

from datetime import datetime
from typing import Any, Final

from sandbox import names
from sandbox.arm.resource import Plan, shape
from sandbox.arm.seed_sites import common, storage_string
from sandbox.arm.site import Site
from sandbox.container.layout import Layout
from sandbox.options import Options

B2: Final = {"name": "B2", "tier": "Basic", "size": "B2", "family": "B", "capacity": 1}
_EXCLUDED_PATHS: Final = (
    *("/api/PublicPing", "/api/publicping"),
    *("/api/PublicWebhooks", "/API/PublicWebhooks", "/api/publicwebhooks"),
    *("/api/PublicPhishingCheck", "/API/PublicPhishingCheck"),
    *("/api/PublicMcpRegister", "/API/PublicMcpRegister", "/api/publicmcpregister"),
    *("/api/setup/*", "/authredirect", "/LogoutRedirect", "/404", "/_next/static/*", "/assets/*", "/favicon.ico"),
    *("/apple-touch-icon.png", "/robots.txt", "/manifest.json", "/version.json", "/openapi.json", "/sw.js"),
    *(
        f"/.well-known/{name}{end}"
        for name in ("oauth-protected-resource", "oauth-authorization-server", "openid-configuration")
        for end in ("", "/*")
    ),
)


def container_sites(now: datetime, storage_key: str, image: str, options: Options, placed: Layout) -> list[Site]:
    """Return the container, and the second one of state S11. They started some time before `now`."""
    principals = {placed.site: names.CONTAINER_PRINCIPAL_ID} if placed.site else {}
    if placed.state == "S11":
        principals[names.SECOND_CONTAINER_SITE] = names.SECOND_CONTAINER_PRINCIPAL_ID
    storage = storage_string(storage_key)
    return [_container(common(name, who, now), storage, image, options, placed) for name, who in principals.items()]


def container_plan(placed: Layout) -> Plan:
    """Return the plan of the container."""
    return Plan(
        subscription_id=names.SUBSCRIPTION_ID,
        group=placed.plan_group,
        name=placed.plan,
        location="West Europe",
        kind="linux",
        sku=dict(B2),
    )


def auth_settings(client_id: str) -> dict[str, Any]:
    """Return authsettingsV2 as CIPP writes it."""
    return {
        "platform": {"enabled": True},
        "globalValidation": {
            "unauthenticatedClientAction": "RedirectToLoginPage",
            "redirectToProvider": "azureactivedirectory",
            "excludedPaths": list(_EXCLUDED_PATHS),
        },
        "identityProviders": {
            "azureActiveDirectory": {
                "enabled": True,
                "registration": {
                    "clientId": client_id,
                    "clientSecretSettingName": "AUTH_SECRET",
                    "openIdIssuer": f"https://login.microsoftonline.com/{names.TENANT_ID}/v2.0",
                },
                "validation": {
                    "allowedAudiences": [f"api://{client_id}"],
                    "defaultAuthorizationPolicy": {"allowedPrincipals": {}, "allowedApplications": [client_id]},
                },
            }
        },
        "login": {"tokenStore": {"enabled": True, "tokenRefreshExtensionHours": 72}},
    }


def _container(shared: dict[str, Any], storage: str, image: str, options: Options, placed: Layout) -> Site:
    name = shared["name"]
    settings = {"AzureWebJobsStorage": storage, "WEBSITE_RESOURCE_GROUP": names.RESOURCE_GROUP}
    if not options.sign_in_off:
        settings["AUTH_SECRET"] = f"@Microsoft.KeyVault(VaultName={placed.vault};SecretName=SSOAppSecret)"
    elif not placed.migrated:
        settings["WEBSITE_AUTH_AAD_ALLOWED_TENANTS"] = "*"
    client_id = names.OTHER_SSO_APP_ID if placed.state == "S13" else names.SSO_APP_ID
    return Site(
        **shared,
        kind="app,linux,container",
        host_label=f"{name}-c4f2h7bxd9e5a8g3.westeurope-01" if "U13" in options.unknowns else "",
        plan=placed.plan,
        plan_group=placed.plan_group,
        site_config={
            **shape("site_config"),
            "acrUseManagedIdentityCreds": False,
            "alwaysOn": True,
            "functionAppScaleLimit": 0,
            "healthCheckPath": "/api/setup/health",
            "http20Enabled": True,
            "linuxFxVersion": f"DOCKER|{image}",
            "minimumElasticInstanceCount": 0,
            "netFrameworkVersion": "v4.0",
            "numberOfWorkers": 1,
            "publishingUsername": f"${name}",
            "use32BitWorkerProcess": False,
        },
        app_settings=settings,
        auth_settings={} if options.sign_in_off else auth_settings(client_id),
    )
