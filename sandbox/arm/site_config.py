"""An app's general configuration, its authentication settings and its publishing policies."""

from typing import Any, Final

from starlette.responses import JSONResponse, Response

from sandbox.arm.call import Call
from sandbox.arm.config_check import check_properties, check_settings
from sandbox.arm.errors import bad_request, not_found
from sandbox.arm.gateway import Operation
from sandbox.arm.headers import etag
from sandbox.arm.resource import shape
from sandbox.arm.site import Site
from sandbox.arm.site_settings import config
from sandbox.arm.sites import SITE, page, settings_of


def _get(call: Call) -> Response:
    site = call.site()
    return JSONResponse({**config(site, "web", site.site_config), "name": site.name})


def _patch(call: Call) -> Response:
    return _write(call, call.site().site_config)


def _put(call: Call) -> Response:
    site = call.site()
    untouched = {**shape("site_config"), "publishingUsername": f"${site.name}"}
    return _write(call, untouched)


def _write(call: Call, base: dict[str, Any]) -> Response:
    """Change the configuration. Azure returns the app's own ID, not the configuration's."""
    site = call.site()
    given = call.properties
    settings = given.pop("appSettings", None)
    check_properties(call, site, given)
    if settings is not None:
        read = settings_of(settings)
        check_settings(call, site, read)
        site.app_settings = read
        site.references.forget()
    site.site_config = base | {k: v for k, v in given.items() if v is not None}
    site.modified = call.now
    if not (site.container and "U3" in call.azure.options.unknowns):
        site.restart(call.now)
    whole = {**config(site, "web", site.site_config), "id": site.id, "name": site.name, "type": site.type}
    return JSONResponse(whole, headers=etag(site.modified))


def _auth(site: Site) -> dict[str, Any]:
    return config(site, "authsettingsV2", shape("site_auth") | site.auth_settings)


def _get_auth(call: Call) -> Response:
    return JSONResponse(_auth(call.site()))


def _put_auth(call: Call) -> Response:
    site = call.site()
    site.auth_settings = call.properties
    site.modified = call.now
    return JSONResponse(_auth(site), headers=etag(site.modified))


def _policy(site: Site, name: str) -> dict[str, Any]:
    return {
        "id": f"{site.id}/basicPublishingCredentialsPolicies/{name}",
        "name": name,
        "type": "Microsoft.Web/sites/basicPublishingCredentialsPolicies",
        "location": site.location,
        "properties": {"allow": site.publishing.get(name, False)},
    }


def _list_policies(call: Call) -> Response:
    return JSONResponse(page([_policy(call.site(), name) for name in ("ftp", "scm")]))


def _policy_name(call: Call) -> str:
    name = call.params["policy"].lower()
    if name not in ("ftp", "scm"):
        raise not_found(f"Cannot find publishing policy with name {name}.")
    return name


def _get_policy(call: Call) -> Response:
    return JSONResponse(_policy(call.site(), _policy_name(call)))


def _put_policy(call: Call) -> Response:
    site, name, allow = call.site(), _policy_name(call), call.properties.get("allow")
    if not isinstance(allow, bool):
        raise bad_request("The parameter allow has an invalid value.")
    site.publishing[name] = allow
    return JSONResponse(_policy(site, name))


OPERATIONS: Final = (
    Operation("GET", f"{SITE}/config/web", _get),
    Operation("PATCH", f"{SITE}/config/web", _patch),
    Operation("PUT", f"{SITE}/config/web", _put),
    Operation("GET", f"{SITE}/config/authsettingsV2", _get_auth),
    Operation("GET", f"{SITE}/config/authsettingsV2/list", _get_auth),
    Operation("PUT", f"{SITE}/config/authsettingsV2", _put_auth),
    Operation("GET", f"{SITE}/basicPublishingCredentialsPolicies", _list_policies),
    Operation("GET", f"{SITE}/basicPublishingCredentialsPolicies/{{policy}}", _get_policy),
    Operation("PUT", f"{SITE}/basicPublishingCredentialsPolicies/{{policy}}", _put_policy),
)
