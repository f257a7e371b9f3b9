"""An app's settings and connection strings, and which of them are slot settings."""

import json
from typing import Any, Final

from starlette.responses import JSONResponse, Response

from sandbox.arm.call import Call
from sandbox.arm.config_check import check_settings
from sandbox.arm.errors import bad_request, not_found
from sandbox.arm.gateway import Operation
from sandbox.arm.headers import etag
from sandbox.arm.site import Site
from sandbox.arm.sites import SITE, page

_REFERENCES: Final = f"{SITE}/config/configreferences/appsettings"


def config(site: Site, name: str, properties: object) -> dict[str, Any]:
    """Return one of the app's configurations in Azure's envelope."""
    return {
        "id": f"{site.id}/config/{name}",
        "name": name,
        "type": "Microsoft.Web/sites/config",
        "location": site.location,
        "properties": properties,
    }


def _list_settings(call: Call) -> Response:
    site = call.site()
    return JSONResponse(config(site, "appsettings", site.app_settings))


def _put_settings(call: Call) -> Response:
    """Replace all settings and restart the app. Settings that are not in the body are removed."""
    site = call.site()
    settings = {name: _text(name, v) for name, v in call.properties.items() if v is not None}
    check_settings(call, site, settings)
    site.app_settings = settings
    site.references.forget()
    site.modified = call.now
    site.restart(call.now)
    return JSONResponse(config(site, "appsettings", site.app_settings), headers=etag(site.modified))


def _text(name: str, value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    raise bad_request(f"The value of the application setting {name} must be a string.")


def _list_connections(call: Call) -> Response:
    site = call.site()
    return JSONResponse(config(site, "connectionstrings", site.connection_strings))


def _put_connections(call: Call) -> Response:
    site = call.site()
    site.connection_strings = call.properties
    site.modified = call.now
    site.restart(call.now)
    return JSONResponse(config(site, "connectionstrings", site.connection_strings), headers=etag(site.modified))


def _slot_names(site: Site) -> dict[str, Any]:
    names = ("connectionStringNames", "appSettingNames", "azureStorageConfigNames")
    return {
        "id": None,
        "name": site.name,
        "type": site.type,
        "location": site.location,
        "properties": {name: site.slot_config_names.get(name) for name in names},
    }


def _get_slot_names(call: Call) -> Response:
    return JSONResponse(_slot_names(call.site()))


def _put_slot_names(call: Call) -> Response:
    site = call.site()
    site.slot_config_names = call.properties
    return JSONResponse(_slot_names(site))


def _references(call: Call) -> Response:
    site = call.site()
    return JSONResponse(page([one for name in site.app_settings if (one := _reference(call, site, name))]))


def _get_reference(call: Call) -> Response:
    site, wanted = call.site(), call.params["setting"].lower()
    for name in site.app_settings:
        if name.lower() == wanted and (one := _reference(call, site, name)):
            return JSONResponse(one)
    raise not_found(f"Cannot find KeyVault reference with name {call.params['setting']}.")


def _refresh_references(call: Call) -> Response:
    """Read all references again. Not in Azure's published specification, and not verified on real Azure."""
    site = call.site()
    before = site.references.versions()
    site.references.forget()
    response = _references(call)
    if any(before.get(name, version) != version for name, version in site.references.versions().items()):
        site.restart(call.now)
    return response


def _reference(call: Call, site: Site, name: str) -> dict[str, Any] | None:
    found = site.references.resolved(call.azure, site.principal_id, name, site.app_settings[name])
    if found is None:
        return None
    return {
        "id": f"{site.id}/config/configreferences/appsettings/{name}",
        "name": name,
        "type": "Microsoft.Web/sites/config/configreferences",
        "location": site.location,
        "properties": {
            "reference": found.reference.text,
            "status": found.status,
            "vaultName": found.reference.vault,
            "secretName": found.reference.secret,
            "secretVersion": found.reference.version,
            "identityType": {"type": "SystemAssigned"},
            "details": "Reference has been successfully resolved." if found.status == "Resolved" else "",
            "source": "KeyVault",
            "activeVersion": found.active_version,
        },
    }


OPERATIONS: Final = (
    Operation("POST", f"{SITE}/config/appsettings/list", _list_settings, metered=True),
    Operation("PUT", f"{SITE}/config/appsettings", _put_settings),
    Operation("POST", f"{SITE}/config/connectionstrings/list", _list_connections, metered=True),
    Operation("PUT", f"{SITE}/config/connectionstrings", _put_connections),
    Operation("GET", f"{SITE}/config/slotConfigNames", _get_slot_names),
    Operation("PUT", f"{SITE}/config/slotConfigNames", _put_slot_names),
    Operation("GET", _REFERENCES, _references),
    Operation("GET", f"{_REFERENCES}/{{setting}}", _get_reference),
    Operation("POST", f"{_REFERENCES}/refresh", _refresh_references),
)
