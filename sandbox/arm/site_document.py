"""An app as `GET sites/{name}` shows it."""

import hashlib
from datetime import datetime
from typing import Any, Final

from sandbox.arm.host_binding import HostBinding
from sandbox.arm.resource import shape
from sandbox.arm.site import Site
from sandbox.arm.site_identity import identity_document
from sandbox.clouds import Cloud

_FROM_CONFIG: Final = (
    "acrUseManagedIdentityCreds",
    "alwaysOn",
    "functionAppScaleLimit",
    "http20Enabled",
    "linuxFxVersion",
    "minimumElasticInstanceCount",
    "numberOfWorkers",
)
_ONLY_IN_CONFIG: Final = ("alwaysOn", "healthCheckPath", "linuxFxVersion", "numberOfWorkers")


def host_name(site: Site, cloud: Cloud) -> str:
    """Return the app's own host name in its cloud."""
    return f"{site.host_label or site.name}.{cloud.site_suffix}"


def scm_host_name(site: Site, cloud: Cloud) -> str:
    """Return the host name of the app's deployment site."""
    return f"{site.name}.scm.{cloud.site_suffix}"


def verification_id(site: Site) -> str:
    """Return the text that a TXT record `asuid` must have."""
    return hashlib.sha256(site.subscription_id.encode()).hexdigest().upper()


def document(site: Site, cloud: Cloud, sku: str) -> dict[str, Any]:
    """Return the whole resource. `sku` is its plan's tier."""
    whole: dict[str, Any] = {
        "id": site.id,
        "name": site.name,
        "type": site.type,
        "kind": site.kind,
        "location": site.location,
        "properties": {**shape("site"), **_properties(site, cloud, sku), **site.changed_properties},
    }
    if identity := identity_document(site):
        whole["identity"] = identity
    if site.tags:
        whole["tags"] = site.tags
    return whole


def without_zone(time: datetime) -> str:
    """Return a time in App Service's format: without a zone and without trailing zeros in the fraction."""
    text = time.replace(tzinfo=None).isoformat()
    return text.rstrip("0") if "." in text else text


def _properties(site: Site, cloud: Cloud, sku: str) -> dict[str, Any]:
    host, scm = host_name(site, cloud), scm_host_name(site, cloud)
    linux = "-Linux" if site.linux else ""
    web_space = f"{site.group}-{site.location.replace(' ', '')}webspace{linux}"
    stamp = shape("site")["homeStamp"]
    version = None if site.container else site.site_config.get("linuxFxVersion")
    return {
        "name": site.name,
        "state": site.state,
        "hostNames": [host, *site.bindings],
        "webSpace": web_space,
        "selfLink": f"https://{stamp}.api.azurewebsites.windows.net:454/subscriptions/"
        f"{site.subscription_id}/webspaces/{web_space}/sites/{site.name}",
        "repositorySiteName": site.name,
        "enabledHostNames": [host, *site.bindings, scm],
        "siteProperties": {
            "metadata": None,
            "properties": [
                {"name": "LinuxFxVersion", "value": version},
                {"name": "WindowsFxVersion", "value": None},
            ],
            "appSettings": None,
        },
        "hostNameSslStates": [
            _ssl_state(host, "Standard"),
            *(_ssl_state(one.name, "Standard", one) for one in site.bindings.values()),
            _ssl_state(scm, "Repository"),
        ],
        "serverFarmId": site.plan_id,
        "reserved": site.linux,
        "lastModifiedTimeUtc": without_zone(site.modified),
        "siteConfig": _config_summary(site),
        "deploymentId": site.name,
        "sku": sku,
        "customDomainVerificationId": verification_id(site),
        "kind": site.kind,
        "ftpUsername": f"{site.name}\\${site.name}",
        "tags": site.tags or None,
        "resourceGroup": site.group,
        "defaultHostName": host,
        "httpsOnly": site.https_only,
    }


def _config_summary(site: Site) -> dict[str, Any]:
    """Return the part of the configuration that a site shows. Of a container, even the image is only in config/web."""
    shown = {**shape("site_config_summary"), **{name: site.site_config[name] for name in _FROM_CONFIG}}
    return {**shown, **dict.fromkeys(_ONLY_IN_CONFIG)} if site.container else shown


def _ssl_state(host: str, host_type: str, binding: HostBinding | None = None) -> dict[str, Any]:
    return {
        "name": host,
        "sslState": (binding.ssl_state if binding else None) or "Disabled",
        "ipBasedSslResult": None,
        "virtualIP": None,
        "virtualIPv6": None,
        "thumbprint": binding.thumbprint if binding else None,
        "certificateResourceId": None,
        "toUpdate": None,
        "toUpdateIpBasedSsl": None,
        "ipBasedSslState": "NotConfigured",
        "hostType": host_type,
    }
