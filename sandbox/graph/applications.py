"""Applications: list, read, change."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from starlette.responses import Response

from sandbox.application import Application
from sandbox.graph.application_shape import PATCHABLE, READ_ONLY, as_graph
from sandbox.graph.call import Call, NotInTheSandboxError
from sandbox.graph.certificates import replaced_keys
from sandbox.graph.errors import bad_request, not_found
from sandbox.graph.registration_check import check_registration
from sandbox.graph.rights import check_owner

_OWNED: Final = "Application.ReadWrite.OwnedBy"  # allows an app to read all of them, and to change its own
READ: Final = (
    "Application.Read.All",
    "Application.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
    _OWNED,
)
WRITE: Final = ("Application.ReadWrite.All", "Directory.ReadWrite.All", _OWNED)
_EQUALS: Final = re.compile(r"^\s*(appId|id|displayName|uniqueName)\s+eq\s+'([^']*)'\s*$", re.IGNORECASE)


def find_own(call: Call) -> Application:
    """Return the application in the path, which the caller changes.

    Raises:
        GraphError: The tenant doesn't have it, or the caller may not change it.
    """
    app = find(call)
    check_owner(call, app.owners)
    return app


def find(call: Call) -> Application:
    """Return the current state of the application in the path, by object ID or `appId`.

    Raises:
        GraphError: The caller's tenant doesn't have the application.
    """
    return _named(call, list(call.azure.directory.applications.values()))


def _named(call: Call, apps: list[Application]) -> Application:
    app_id, object_id = call.request.path_params.get("app_id"), call.request.path_params.get("id", "")
    wanted = (app_id or object_id).lower()
    for app in _visible(call, apps):
        if wanted == (app.app_id if app_id else app.id):
            return app
    raise not_found(app_id or object_id)


def list_all(call: Call) -> Response:
    """GET /applications."""
    apps = _filtered(_visible(call, _read(call)), call.request.query_params.get("$filter"))
    return call.collection("applications", [shape(call, app) for app in apps])


def get(call: Call) -> Response:
    """GET /applications/{id}."""
    return call.entity(
        "applications", shape(call, _named(call, _read(call)), with_keys="keyCredentials" in call.select)
    )


def patch(call: Call) -> Response:
    """PATCH /applications/{id}."""
    app = find_own(call)
    changed(call, app)
    return call.done()


def check_names(body: Mapping[str, Any]) -> None:
    """Accept the names of the properties in a body.

    Raises:
        GraphError: 400. A property is read-only or unknown.
    """
    for name in body:
        if name in READ_ONLY:
            raise bad_request(f"Property '{name}' is read-only and cannot be set.")
        if name not in PATCHABLE and not name.startswith("@odata."):
            raise bad_request(f"Property '{name}' does not exist as a declared property or extension property.")
    if "passwordCredentials" in body:
        raise NotInTheSandboxError


def changed(call: Call, app: Application) -> None:
    """Change an application as the body of the call has it.

    Raises:
        GraphError: 400. A property is not valid.
    """
    check_names(call.body)
    before = app
    changes = {name: value for name, value in call.body.items() if not name.startswith("@odata.")}
    if "keyCredentials" in changes:
        keys = replaced_keys(call.azure.directory, app, changes.pop("keyCredentials"), call.azure.clock.now())
        app = replace(app, keys=keys)
    app = replace(app, display_name=changes.pop("displayName", app.display_name))
    merged = {name: _merged(app.properties.get(name), value) for name, value in changes.items()}
    app = replace(app, properties={**app.properties, **merged})
    check_registration(before, app, call.azure.directory.tenants[app.tenant_id].domain)
    call.change(app)


def _merged(old: object, new: object) -> object:
    """Return a complex property with the members of a PATCH replaced."""
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **_plain(new)}
    return _plain(new) if isinstance(new, dict) else new


def _plain(value: dict[str, Any]) -> dict[str, Any]:
    return {name: member for name, member in value.items() if not name.startswith("@odata.")}


def _read(call: Call) -> list[Application]:
    return call.azure.directory.read_applications(call.azure.clock.now())


def _visible(call: Call, apps: list[Application]) -> list[Application]:
    return [app for app in apps if app.tenant_id == call.tenant_id]


def _filtered(apps: list[Application], text: str | None) -> list[Application]:
    if text is None:
        return apps
    found = _EQUALS.match(text)
    if found is None:
        raise NotInTheSandboxError
    name, wanted = found[1].lower(), found[2].lower()
    values: dict[str, Callable[[Application], str]] = {
        "appid": lambda a: a.app_id,
        "id": lambda a: a.id,
        "displayname": lambda a: a.display_name.lower(),
        "uniquename": lambda a: str(a.properties.get("uniqueName") or "").lower(),
    }
    return [app for app in apps if values[name](app) == wanted]


def shape(call: Call, app: Application, *, with_keys: bool = False) -> dict[str, Any]:
    """Return the application in Graph's format."""
    return as_graph(app, call.azure.directory.tenants[app.tenant_id].domain, with_keys=with_keys)
