"""An app's functions and its host keys."""

from typing import Any, Final

from starlette.responses import JSONResponse, Response

from sandbox.arm.call import Call
from sandbox.arm.errors import bad_request, not_found
from sandbox.arm.gateway import Operation
from sandbox.arm.site import Function, Site
from sandbox.arm.site_document import host_name
from sandbox.arm.sites import SITE, page


def _function(call: Call, site: Site, function: Function) -> dict[str, Any]:
    home = f"https://{host_name(site, call.cloud)}"
    http = any(b["type"] == "httpTrigger" for b in function.bindings)
    disabled = site.app_settings.get(f"AzureWebJobs.{function.name}.Disabled", "").lower() in ("1", "true")
    return {
        "id": f"{site.id}/functions/{function.name}",
        "name": f"{site.name}/{function.name}",
        "type": "Microsoft.Web/sites/functions",
        "location": site.location,
        "properties": {
            "name": function.name,
            "function_app_id": None,
            "script_root_path_href": f"{home}/admin/vfs/site/wwwroot/{function.name}/",
            "script_href": None,
            "config_href": f"{home}/admin/vfs/site/wwwroot/{function.name}/function.json",
            "test_data_href": None,
            "secrets_file_href": None,
            "href": f"{home}/admin/functions/{function.name}",
            "config": {"name": function.name, "bindings": list(function.bindings)},
            "files": None,
            "test_data": "",
            "invoke_url_template": f"{home}/api/{function.name.lower()}" if http else "",
            "language": function.language,
            "isDisabled": disabled,
        },
    }


def _list(call: Call) -> Response:
    site = call.site()
    return JSONResponse(page([_function(call, site, f) for f in site.functions]))


def _find(call: Call, site: Site) -> Function:
    wanted = call.params["function"]
    for function in site.functions:
        if function.name.lower() == wanted.lower():
            return function
    raise not_found(f"Function with name '{wanted}' does not exist.")


def _get(call: Call) -> Response:
    site = call.site()
    return JSONResponse(_function(call, site, _find(call, site)))


def _function_keys(call: Call) -> Response:
    site = call.site()
    _find(call, site)
    return JSONResponse({"default": site.host_keys.get("functionKeys", {}).get("default")})


def _host_keys(call: Call) -> Response:
    return JSONResponse(call.site().host_keys)


def _host_status(call: Call) -> Response:
    """Return the status of the host, as the portal reads it. Its other properties are unknown."""
    site = call.site()
    if not site.host or site.state != "Running":
        raise bad_request("Encountered an error (ServiceUnavailable) from host runtime.")
    return JSONResponse(
        {
            "id": f"{site.id}/host/default/properties/status",
            "name": "default",
            "type": "Microsoft.Web/sites/host/properties",
            "location": site.location,
            "properties": {"id": site.name, "state": "Running", "version": "4.1041.200.0", "errors": None},
        }
    )


def _sync(call: Call) -> Response:
    call.site()
    return Response(status_code=204)


OPERATIONS: Final = (
    Operation("GET", f"{SITE}/functions", _list),
    Operation("GET", f"{SITE}/functions/{{function}}", _get),
    Operation("POST", f"{SITE}/functions/{{function}}/listkeys", _function_keys),
    Operation("POST", f"{SITE}/host/default/listkeys", _host_keys),
    Operation("GET", f"{SITE}/host/default/properties/status", _host_status),
    Operation("POST", f"{SITE}/host/default/sync", _sync),
    Operation("POST", f"{SITE}/syncfunctiontriggers", _sync),
)
