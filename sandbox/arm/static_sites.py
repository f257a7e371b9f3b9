"""Static web apps: list and show them, create them, their settings, secrets and builds."""

import hashlib
import secrets
from typing import Any, Final

from starlette.responses import JSONResponse, Response

from sandbox.arm.call import GROUP, SUBSCRIPTION, Call
from sandbox.arm.errors import app_service_refused, bad_request
from sandbox.arm.gateway import Operation
from sandbox.arm.resource import shape
from sandbox.arm.site_document import without_zone
from sandbox.arm.sites import page
from sandbox.arm.static_site import Backend, StaticSite
from sandbox.names import PLANTED

STATIC_SITE: Final = f"{GROUP}/providers/Microsoft.Web/staticSites/{{static_site}}"


def linked(backend: Backend) -> dict[str, Any]:
    """Return a linked backend's properties."""
    return {
        "backendResourceId": backend.resource_id,
        "region": backend.region,
        "areAutomatedDeploymentsEnabled": None,
        "storageAccountResourceId": None,
        "userAssignedManagedIdentityResourceId": None,
        "managedServiceIdentityType": "None",
        "createdOn": backend.created.isoformat().replace("+00:00", "Z"),
        "provisioningState": "Succeeded",
        "routingPath": None,
    }


def provided(backend: Backend) -> dict[str, Any]:
    """Return a user-provided function app's properties."""
    return {
        "functionAppResourceId": backend.resource_id,
        "functionAppRegion": backend.region,
        "createdOn": without_zone(backend.created),
    }


def child(site: StaticSite, kind: str, name: str, properties: object, path: str = "") -> dict[str, Any]:
    """Return a child resource of a static web app. `path` is the end of its ID, if that is not kind and name."""
    return {
        "id": f"{site.id}/{path or f'{kind}/{name}'}",
        "name": name,
        "type": f"Microsoft.Web/staticSites/{kind}",
        "location": site.location,
        "properties": properties,
    }


def _shown(call: Call, site: StaticSite) -> dict[str, Any]:
    domains = [d.name for d in site.domains_at(call.now) if d.status(call.now) == "Ready"]
    whole: dict[str, Any] = {
        "id": site.id,
        "name": site.name,
        "type": site.type,
        "location": site.location,
        "properties": {
            "defaultHostname": site.default_hostname,
            "repositoryUrl": site.repository_url,
            "branch": site.branch,
            "customDomains": domains,
            "userProvidedFunctionApps": [provided(b) for b in site.provided] or None,
            "linkedBackends": [linked(b) for b in site.linked],
            **shape("static_site"),
        },
        "sku": {"name": "Standard", "tier": "Standard"},
    }
    if site.tags:
        whole["tags"] = site.tags
    return whole


def _list(call: Call) -> Response:
    return JSONResponse(page([_shown(call, s) for s in call.visible(call.arm.static_sites.values())]))


def _get(call: Call) -> Response:
    return JSONResponse(_shown(call, call.static_site()))


def _put(call: Call) -> Response:
    """Create a static web app, or change it. The sandbox builds nothing from the repository."""
    name, group, body = call.params["static_site"], call.group(), call.body
    known = call.arm.static_sites.get(name.lower())
    if known is not None and known.group != group.name:
        raise app_service_refused(409, "Conflict", "54001", f"Static site with given name {name} already exists.")
    if known is None:
        location = body.get("location")
        if not isinstance(location, str) or not location:
            raise bad_request("The parameter location has an invalid value.")
        call.arm.static_sites[name.lower()] = StaticSite(
            subscription_id=call.arm.subscription_id,
            group=group.name,
            name=name,
            location=location,
            default_hostname=f"sandbox-{hashlib.sha256(name.lower().encode()).hexdigest()[:9]}.3.azurestaticapps.net",
            repository_url="",
            branch="",
            created=call.now,
            api_key=f"{PLANTED}{secrets.token_hex(20)}",
        )
    return _patch(call)


def _patch(call: Call) -> Response:
    site = call.static_site()
    site.tags = call.body.get("tags", site.tags) or {}
    site.branch = call.properties.get("branch", site.branch)
    site.repository_url = call.properties.get("repositoryUrl", site.repository_url)
    return JSONResponse(_shown(call, site))


def _list_settings(call: Call) -> Response:
    site = call.static_site()
    return JSONResponse(child(site, "config", "appsettings", site.app_settings))


def _put_settings(call: Call) -> Response:
    site = call.static_site()
    site.app_settings = call.properties
    return JSONResponse(child(site, "config", "appsettings", site.app_settings))


def _list_function_settings(call: Call) -> Response:
    return JSONResponse(child(call.static_site(), "config", "functionappsettings", {}))


def _list_secrets(call: Call) -> Response:
    site = call.static_site()
    return JSONResponse(child(site, "secrets", "secrets", {"apiKey": site.api_key}, "secrets"))


def _list_roles(call: Call) -> Response:
    site = call.static_site()
    held = sorted({role for user in site.users for role in user.roles})
    roles = ["authenticated", "anonymous", *held]
    return JSONResponse(child(site, "configuredRoles", "configuredRoles", roles, "configuredRoles"))


def _build(site: StaticSite) -> dict[str, Any]:
    properties = {
        "buildId": "default",
        "sourceBranch": site.branch,
        "pullRequestTitle": None,
        "hostname": site.default_hostname,
        "createdTimeUtc": without_zone(site.created),
        "lastUpdatedOn": without_zone(site.created),
        "status": "Ready",
        "userProvidedFunctionApps": [provided(b) for b in site.provided] or None,
        "linkedBackends": [linked(b) for b in site.linked],
        "databaseConnections": [],
    }
    return child(site, "builds", "default", properties)


def _builds(call: Call) -> Response:
    return JSONResponse(page([_build(call.static_site())]))


def _default_build(call: Call) -> Response:
    return JSONResponse(_build(call.static_site()))


OPERATIONS: Final = (
    Operation("GET", f"{SUBSCRIPTION}/providers/Microsoft.Web/staticSites", _list, listing=True),
    Operation("GET", f"{GROUP}/providers/Microsoft.Web/staticSites", _list, listing=True),
    Operation("GET", STATIC_SITE, _get),
    Operation("PUT", STATIC_SITE, _put),
    Operation("PATCH", STATIC_SITE, _patch),
    Operation("POST", f"{STATIC_SITE}/listAppSettings", _list_settings),
    Operation("PUT", f"{STATIC_SITE}/config/appsettings", _put_settings),
    Operation("POST", f"{STATIC_SITE}/listFunctionAppSettings", _list_function_settings),
    Operation("POST", f"{STATIC_SITE}/listSecrets", _list_secrets),
    Operation("POST", f"{STATIC_SITE}/listConfiguredRoles", _list_roles),
    Operation("GET", f"{STATIC_SITE}/builds", _builds),
    Operation("GET", f"{STATIC_SITE}/builds/default", _default_build),
)
