"""Apps: list, show, change, start, stop and restart them."""

import secrets
from typing import Any, Final

from starlette.responses import JSONResponse, Response

from sandbox.arm.call import GROUP, SUBSCRIPTION, Call
from sandbox.arm.config_check import check_properties, check_settings
from sandbox.arm.errors import app_service_refused, bad_request
from sandbox.arm.gateway import Operation
from sandbox.arm.headers import etag
from sandbox.arm.resource import shape
from sandbox.arm.site import Instance, Site
from sandbox.arm.site_document import document
from sandbox.arm.site_identity import check_linked, set_identity
from sandbox.names import PLANTED

SITE: Final = f"{GROUP}/providers/Microsoft.Web/sites/{{site}}"
# The properties of a site that a caller can write and the sandbox keeps unchanged.
_KEPT: Final = (
    "clientAffinityEnabled",
    "clientCertEnabled",
    "clientCertMode",
    "functionAppConfig",
    "keyVaultReferenceIdentity",
    "publicNetworkAccess",
    "virtualNetworkSubnetId",
)


def page(items: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a whole list in the format of Microsoft.Web."""
    return {"value": items, "nextLink": None, "id": None}


def shown(call: Call, site: Site) -> dict[str, Any]:
    """Return the app as the caller's cloud shows it."""
    plan = call.arm.plans.get(site.plan.lower())
    return document(site, call.cloud, plan.sku["tier"] if plan else "Dynamic")


def settings_of(pairs: object) -> dict[str, str]:
    """Return application settings from a list of names and values, the format of a site configuration.

    Raises:
        ArmError: 400. The value is not such a list.
    """
    try:
        return {str(pair["name"]): str(pair["value"]) for pair in pairs}  # type: ignore[attr-defined]
    except (KeyError, TypeError) as error:
        raise bad_request("The parameter appSettings has an invalid value.") from error


def _list(call: Call) -> Response:
    """List the apps, without the two properties that Azure omits from lists."""
    left_out = {"privateEndpointConnections": None, "inFlightFeatures": None}
    items = [shown(call, site) for site in call.visible(call.arm.sites.values())]
    return JSONResponse(page([{**i, "properties": {**i["properties"], **left_out}} for i in items]))


def _get(call: Call) -> Response:
    site = call.site()
    return JSONResponse(shown(call, site), headers=etag(site.modified))


def _patch(call: Call) -> Response:
    site = call.site()
    _change(call, site)
    return JSONResponse(shown(call, site), headers=etag(site.modified))


def _put(call: Call) -> Response:
    name = call.params["site"]
    group = call.group()
    site = call.arm.sites.get(name.lower())
    if site is not None and site.group != group.name:
        raise app_service_refused(409, "Conflict", "54001", f"Website with given name {name} already exists.")
    if site is None:
        site = _new(call, name, group.name)
    _change(call, site)
    call.arm.sites[name.lower()] = site
    return JSONResponse(shown(call, site), headers=etag(site.modified))


def _new(call: Call, name: str, group: str) -> Site:
    location = call.body.get("location")
    if not isinstance(location, str):
        raise bad_request("The parameter location has an invalid value.")
    plan_id = str(call.properties.get("serverFarmId", ""))
    plan = plan_id.rpartition("/")[2]
    found = call.arm.plans.get(plan.lower())
    if found is None or ("/" in plan_id and plan_id.lower() != found.id.lower()):
        raise bad_request(f"Cannot find serverFarm with name {plan}.")
    site = Site(
        subscription_id=call.arm.subscription_id,
        group=group,
        name=name,
        location=location,
        plan=plan,
        plan_group=found.group,
        principal_id="",
        system_identity=False,
        tenant_id=call.arm.tenant_id,
        modified=call.now,
        site_config=shape("site_config"),
        instances=(Instance(call.now),),
        host_keys={
            "masterKey": f"{PLANTED}{secrets.token_hex(20)}",
            "functionKeys": {"default": f"{PLANTED}{secrets.token_hex(20)}"},
            "systemKeys": {},
        },
    )
    check_linked(call, site, "Microsoft.Web/serverfarms/join/action", found.id)
    return site


def _change(call: Call, site: Site) -> None:
    body, properties = call.body, call.properties
    config = dict(properties.get("siteConfig") or {})
    settings = config.pop("appSettings", None)
    read = None if settings is None else settings_of(settings)
    check_properties(call, site, config)
    check_settings(call, site, read or {})
    if body.get("identity") is not None:
        set_identity(call, site, body["identity"])
    site.kind = body.get("kind", site.kind)
    site.tags = body.get("tags", site.tags) or {}
    site.https_only = properties.get("httpsOnly", site.https_only)
    site.changed_properties |= {k: properties[k] for k in _KEPT if k in properties}
    if read is not None:
        site.app_settings = read
        site.references.forget()
    site.site_config |= {k: v for k, v in config.items() if v is not None}
    site.modified = call.now
    if site.container and (config or read is not None):
        site.restart(call.now)


def _start(call: Call) -> Response:
    site = call.site()
    site.start(call.now)
    return Response(headers=etag(site.modified))


def _stop(call: Call) -> Response:
    site = call.site()
    site.stop(call.now)
    return Response(headers=etag(site.modified))


def _restart(call: Call) -> Response:
    """Restart the app, unless the restart is soft: that only applies pending settings."""
    site = call.site()
    if not call.flag("softRestart"):
        site.restart(call.now, at_once=call.flag("synchronous"))
        if "U2" in call.azure.options.unknowns:
            site.references.forget()
    return Response(headers=etag(site.modified))


def _delete(call: Call) -> Response:
    """Delete an app, and its plan if no other app is on it, as Azure does by default."""
    site = call.arm.sites.get(call.params["site"].lower())
    if site is None or site.group != call.group().name:
        return Response(status_code=204)
    del call.arm.sites[site.name.lower()]
    if not any(other.plan_id.lower() == site.plan_id.lower() for other in call.arm.sites.values()):
        call.arm.plans.pop(site.plan.lower(), None)
    return Response(status_code=200)


OPERATIONS: Final = (
    Operation("GET", f"{SUBSCRIPTION}/providers/Microsoft.Web/sites", _list, listing=True),
    Operation("GET", f"{GROUP}/providers/Microsoft.Web/sites", _list, listing=True),
    Operation("GET", SITE, _get),
    Operation("PATCH", SITE, _patch, metered=True),
    Operation("PUT", SITE, _put, metered=True),
    Operation("DELETE", SITE, _delete),
    Operation("POST", f"{SITE}/start", _start),
    Operation("POST", f"{SITE}/stop", _stop),
    Operation("POST", f"{SITE}/restart", _restart),
)
