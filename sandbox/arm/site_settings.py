"""An app's settings and connection strings, and which of them are slot settings."""

import json
import re
from typing import Any, Final

from starlette.responses import JSONResponse, Response

from sandbox.arm.call import Call
from sandbox.arm.config_check import check_settings
from sandbox.arm.errors import bad_request
from sandbox.arm.gateway import Operation
from sandbox.arm.headers import etag
from sandbox.arm.site import Site
from sandbox.arm.sites import SITE, page

_REFERENCE: Final = re.compile(
    r"@Microsoft\.KeyVault\("
    r"(?:SecretUri=https://(?P<host>[^./]+)\.[^/]+/secrets/(?P<name>[^/)]+)(?:/(?P<version>[^/)]*))?/?"
    r"|VaultName=(?P<host2>[^;)]+);SecretName=(?P<name2>[^;)]+)(?:;SecretVersion=(?P<version2>[^;)]*))?)\)",
    re.IGNORECASE,
)


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
    items = []
    for name, value in site.app_settings.items():
        if match := _REFERENCE.fullmatch(value):
            items.append(_reference(call, site, name, value, match))
    return JSONResponse(page(items))


def _reference(call: Call, site: Site, name: str, value: str, match: re.Match[str]) -> dict[str, Any]:
    vault_name = match["host"] or match["host2"]
    secret_name = match["name"] or match["name2"]
    vault = call.azure.vaults.get(vault_name.lower())
    stored = {n.lower() for n in vault.snapshot()["secrets"]} if vault else set()
    known = "Resolved" if secret_name.lower() in stored else "SecretNotFound"
    return {
        "id": f"{site.id}/config/configreferences/appsettings/{name}",
        "name": name,
        "type": "Microsoft.Web/sites/config/configreferences",
        "location": site.location,
        "properties": {
            "reference": value,
            "status": known if vault else "VaultNotFound",
            "vaultName": vault_name,
            "secretName": secret_name,
            "secretVersion": match["version"] or match["version2"] or None,
            "identityType": {"type": "SystemAssigned"},
            "details": "Reference has been successfully resolved." if known == "Resolved" else "",
            "source": "KeyVault",
            "activeVersion": None,
        },
    }


OPERATIONS: Final = (
    Operation("POST", f"{SITE}/config/appsettings/list", _list_settings, metered=True),
    Operation("PUT", f"{SITE}/config/appsettings", _put_settings),
    Operation("POST", f"{SITE}/config/connectionstrings/list", _list_connections, metered=True),
    Operation("PUT", f"{SITE}/config/connectionstrings", _put_connections),
    Operation("GET", f"{SITE}/config/slotConfigNames", _get_slot_names),
    Operation("PUT", f"{SITE}/config/slotConfigNames", _put_slot_names),
    Operation("GET", f"{SITE}/config/configreferences/appsettings", _references),
)
