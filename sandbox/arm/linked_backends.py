"""The apps behind a static web app's `/api`: linked backends, and the older user-provided apps."""

from typing import Any, Final

from starlette.responses import JSONResponse, Response

from sandbox.arm.call import Call
from sandbox.arm.errors import ArmError, bad_request, not_found
from sandbox.arm.gateway import Operation
from sandbox.arm.resource import Resource
from sandbox.arm.sites import page
from sandbox.arm.static_site import Backend, StaticSite
from sandbox.arm.static_sites import STATIC_SITE, child, linked, provided


def _shown(call: Call, site: StaticSite, backend: Backend) -> dict[str, Any]:
    properties = linked(backend)
    if not _of_the_build(call):
        return child(site, "linkedBackends", backend.name, properties)
    path = f"builds/default/linkedBackends/{backend.name}"
    return child(site, "builds/linkedBackends", backend.name, properties, path)


def _of_the_build(call: Call) -> bool:
    return "/builds/" in call.target.action.lower()


def _list(call: Call) -> Response:
    site = call.static_site()
    return JSONResponse(page([_shown(call, site, b) for b in site.linked]))


def _find(call: Call, backends: list[Backend]) -> Backend | None:
    return next((b for b in backends if b.name.lower() == call.params["backend"].lower()), None)


def _get(call: Call) -> Response:
    site = call.static_site()
    backend = _find(call, site.linked)
    if backend is None:
        raise not_found(f"Linked backend {call.params['backend']} was not found.")
    return JSONResponse(_shown(call, site, backend))


def _wanted(call: Call, site: StaticSite) -> Backend:
    """Return the backend in the body.

    Raises:
        ArmError: 400 if the static web app has another backend, or the app is unknown.
        500, as recorded, if the region is not the app's.
    """
    name = call.params["backend"]
    if any(b.name.lower() != name.lower() for b in site.linked):
        raise bad_request("The static site already has a linked backend; a static site has one at most.")
    resource_id = str(call.properties.get("backendResourceId", ""))
    app = _app(call, resource_id)
    if app is None:
        raise bad_request(f"The backend resource {resource_id} was not found.")
    region = str(call.properties.get("region") or app.region)
    if region.replace(" ", "").lower() != app.region:
        raise ArmError(500, {"Message": "An error has occurred."}, {"x-ms-failure-cause": "service"}, gateway=False)
    return Backend(name, app.id, region, call.now)


def _app(call: Call, resource_id: str) -> Resource | None:
    apps = call.arm.sites.values()
    return next((s for s in apps if s.id.lower() == resource_id.lower()), None)


def _put(call: Call) -> Response:
    site = call.static_site()
    backend = _wanted(call, site)
    site.linked = [backend]
    return JSONResponse(_shown(call, site, backend))


def _delete(call: Call) -> Response:
    site = call.static_site()
    if backend := _find(call, site.linked):
        site.linked.remove(backend)
    return Response(status_code=204)


def _validate(call: Call) -> Response:
    _wanted(call, call.static_site())
    return Response(status_code=204)


def _provided(site: StaticSite, backend: Backend) -> dict[str, Any]:
    return child(site, "userProvidedFunctionApps", backend.name, provided(backend))


def _list_provided(call: Call) -> Response:
    site = call.static_site()
    return JSONResponse(page([_provided(site, b) for b in site.provided]))


def _get_provided(call: Call) -> Response:
    site = call.static_site()
    backend = _find(call, site.provided)
    if backend is None:
        raise not_found(f"User provided function app {call.params['backend']} was not found.")
    return JSONResponse(_provided(site, backend))


def _attach(call: Call) -> Response:
    """Link a function app by the older way, as CIPP's template does. Not run against real Azure: the refusals."""
    site, name = call.static_site(), call.params["backend"]
    if any(b.name.lower() != name.lower() for b in site.provided):
        raise bad_request("The static site already has a user provided function app.")
    resource_id = str(call.properties.get("functionAppResourceId", ""))
    app = _app(call, resource_id)
    if app is None:
        raise bad_request(f"The function app {resource_id} was not found.")
    region = str(call.properties.get("functionAppRegion") or app.location)
    site.provided = [Backend(name, app.id, region, call.now)]
    return JSONResponse(_provided(site, site.provided[0]))


def _detach(call: Call) -> Response:
    site = call.static_site()
    backend = _find(call, site.provided)
    if backend is None:
        return Response(status_code=204)
    site.provided.remove(backend)
    return Response(status_code=200)


def _operations(home: str) -> tuple[Operation, ...]:
    return (
        Operation("GET", f"{home}/linkedBackends", _list),
        Operation("GET", f"{home}/linkedBackends/{{backend}}", _get),
        Operation("PUT", f"{home}/linkedBackends/{{backend}}", _put),
        Operation("DELETE", f"{home}/linkedBackends/{{backend}}", _delete),
        Operation("POST", f"{home}/linkedBackends/{{backend}}/validate", _validate),
        Operation("GET", f"{home}/userProvidedFunctionApps", _list_provided),
        Operation("GET", f"{home}/userProvidedFunctionApps/{{backend}}", _get_provided),
        Operation("PUT", f"{home}/userProvidedFunctionApps/{{backend}}", _attach),
        Operation("DELETE", f"{home}/userProvidedFunctionApps/{{backend}}", _detach),
    )


OPERATIONS: Final = _operations(STATIC_SITE) + _operations(f"{STATIC_SITE}/builds/default")
