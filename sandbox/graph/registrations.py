"""Application registrations: create, create or change by `uniqueName`, and delete."""

import uuid
from collections.abc import Mapping
from typing import Any, Final

from starlette.responses import Response

from sandbox.application import Application
from sandbox.graph.applications import READ, WRITE, changed, check_names, find, shape
from sandbox.graph.call import Call
from sandbox.graph.errors import bad_request, not_found
from sandbox.graph.registration_check import check_registration
from sandbox.graph.rights import check_owner

CREATE: Final = (*WRITE, "Application.ReadWrite.OwnedBy")
SHOW: Final = READ
_FIRST: Final = {"signInAudience": "AzureADMyOrg"}


def create(call: Call) -> Response:
    """POST /applications."""
    return call.entity("applications", shape(call, _created(call, call.body)), 201)


def upsert(call: Call) -> Response:
    """PATCH /applications(uniqueName='{unique_name}'). Creates it if the caller prefers so and it is missing."""
    wanted = call.request.path_params["unique_name"]
    known = _named(call, wanted)
    if known is not None:
        check_owner(call, known.owners)
        changed(call, known)
        return call.done()
    if "create-if-missing" not in call.request.headers.get("prefer", ""):
        raise not_found(wanted)
    return call.entity("applications", shape(call, _created(call, {**call.body, "uniqueName": wanted})), 201)


def get_by_unique_name(call: Call) -> Response:
    """GET /applications(uniqueName='{unique_name}')."""
    wanted = call.request.path_params["unique_name"]
    known = _named(call, wanted)
    if known is None:
        raise not_found(wanted)
    return call.entity("applications", shape(call, known))


def delete(call: Call) -> Response:
    """DELETE /applications/{id}. Its service principal goes with it."""
    app = find(call)
    check_owner(call, app.owners)
    call.azure.directory.remove(app)
    return call.done()


def _named(call: Call, wanted: str) -> Application | None:
    apps = call.azure.directory.applications.values()
    mine = [app for app in apps if app.tenant_id == call.tenant_id]
    return next((app for app in mine if app.properties.get("uniqueName") == wanted), None)


def _created(call: Call, body: Mapping[str, Any]) -> Application:
    """Create an application. Its creator becomes its owner.

    Raises:
        GraphError: 400. A property is not valid.
    """
    check_names(body)
    name = body.get("displayName")
    if not isinstance(name, str) or not name:
        raise bad_request("A value is required for property 'displayName' of resource 'Application'.")
    properties = {key: value for key, value in body.items() if key != "displayName" and not key.startswith("@odata.")}
    app = Application(
        id=str(uuid.uuid4()),
        app_id=str(uuid.uuid4()),
        tenant_id=call.tenant_id,
        display_name=name,
        created=call.azure.clock.now(),
        properties={**_FIRST, **properties},
        owners=frozenset({str(call.claims["oid"])}),
    )
    check_registration(app, app, call.azure.directory.tenants[call.tenant_id].domain)
    call.azure.directory.register(app)
    return app
