"""An app's running instances, each with one process."""

from typing import Any, Final

from starlette.responses import JSONResponse, Response

from sandbox.arm.call import Call
from sandbox.arm.errors import not_found
from sandbox.arm.gateway import Operation
from sandbox.arm.site import Instance, Site
from sandbox.arm.site_document import scm_host_name
from sandbox.arm.sites import SITE, page
from sandbox.moment import moment

_INSTANCE: Final = f"{SITE}/instances/{{instance}}"
_PID: Final = 52


def _instance(call: Call, site: Site, instance: Instance) -> dict[str, Any]:
    scm = f"https://{scm_host_name(site, call.cloud)}"
    return {
        "id": f"{site.id}/instances/{instance.name}",
        "name": instance.name,
        "type": "Microsoft.Web/sites/instances",
        "location": site.location,
        "properties": {
            "state": "READY",
            "statusUrl": f"{scm}/api/environment/status?instance={instance.name}",
            "detectorUrl": f"https://portal.azure.com/#@/resource{site.id}/troubleshoot",
            "consoleUrl": f"{scm}/webssh/host?instance={instance.name}",
            "healthCheckUrl": None,
            "containers": {},
            "physicalZone": None,
        },
    }


def _process(site: Site, instance: Instance, scm: str, *, whole: bool) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "id": _PID,
        "name": "Microsoft.Azure.WebJobs.Script.WebHost",
        "machineName": instance.name[:12],
        "href": f"{scm}/api/processes/{_PID}",
        "user_name": "app",
    }
    if whole:
        properties |= {
            "start_time": moment(instance.started),
            "thread_count": 38,
            "handle_count": 412,
            "is_webjob": False,
            "is_scm_site": False,
        }
    return {
        "id": f"{site.id}/instances/{instance.name}/processes/{_PID}",
        "name": f"{site.name}/{instance.name}/{_PID}",
        "type": "Microsoft.Web/sites/instances/processes",
        "location": site.location,
        "properties": properties,
    }


def _find(call: Call, site: Site) -> Instance:
    for instance in site.running(call.now):
        if instance.name == call.params["instance"].lower():
            return instance
    raise not_found(f"Cannot find instance with name {call.params['instance']}.")


def _hides_processes(call: Call, site: Site) -> bool:
    """Return whether the processes are not shown. What Azure shows of a custom container is not known."""
    return site.container and "U1" not in call.azure.options.unknowns


def _list(call: Call) -> Response:
    site = call.site()
    return JSONResponse(page([_instance(call, site, i) for i in site.running(call.now)]))


def _get(call: Call) -> Response:
    site = call.site()
    return JSONResponse(_instance(call, site, _find(call, site)))


def _processes(call: Call) -> Response:
    site = call.site()
    if _hides_processes(call, site):
        _find(call, site)
        return JSONResponse(page([]))  # not known of a custom container: it shows no process of CIPP here
    scm = f"https://{scm_host_name(site, call.cloud)}"
    return JSONResponse(page([_process(site, _find(call, site), scm, whole=False)]))


def _get_process(call: Call) -> Response:
    site = call.site()
    instance = _find(call, site)
    if _hides_processes(call, site) or call.params["process"] not in ("0", str(_PID)):  # 0 means the app's own process
        raise not_found(f"Process with id {call.params['process']} not found.")
    return JSONResponse(_process(site, instance, f"https://{scm_host_name(site, call.cloud)}", whole=True))


OPERATIONS: Final = (
    Operation("GET", f"{SITE}/instances", _list),
    Operation("GET", _INSTANCE, _get),
    Operation("GET", f"{_INSTANCE}/processes", _processes),
    Operation("GET", f"{_INSTANCE}/processes/{{process}}", _get_process),
)
