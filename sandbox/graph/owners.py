"""The owners of an application: list, add and remove them."""

import re
from dataclasses import replace
from typing import Final

from starlette.responses import Response

from sandbox.application import Application
from sandbox.graph.call import Call
from sandbox.graph.errors import bad_request, not_found
from sandbox.graph.rights import check_owner
from sandbox.graph.tenant_objects import find_principal

_REFERENCE: Final = re.compile(r"https://[^/]+/[^/]+/(?:directoryObjects|users|servicePrincipals)/(?P<id>[^/]+)$")


def list_owners(call: Call, app: Application) -> Response:
    """GET /applications/{id}/owners."""
    directory = call.azure.directory
    principals = {principal.id: principal for principal in directory.service_principals}
    entities = [
        {"@odata.type": "#microsoft.graph.servicePrincipal", "id": owner, "displayName": principals[owner].display_name}
        if owner in principals
        else {"@odata.type": "#microsoft.graph.user", "id": owner}
        for owner in sorted(app.owners)
    ]
    return call.collection("directoryObjects", entities)


def list_owned(call: Call) -> Response:
    """GET /servicePrincipals/{id}/ownedObjects: applications and service principals that it owns."""
    principal, directory = find_principal(call), call.azure.directory
    apps = [one for one in directory.applications.values() if principal.id in one.owners]
    others = [one for one in directory.service_principals if principal.id in one.owners]
    entities = [{"@odata.type": "#microsoft.graph.application", "id": one.id, "appId": one.app_id} for one in apps] + [
        {"@odata.type": "#microsoft.graph.servicePrincipal", "id": one.id, "appId": one.app_id} for one in others
    ]
    return call.collection("directoryObjects", entities)


def add_owner(call: Call, app: Application) -> Response:
    """POST /applications/{id}/owners/$ref."""
    check_owner(call, app.owners)
    reference = _REFERENCE.match(str(call.body.get("@odata.id", "")))
    if reference is None:
        raise bad_request("Invalid URL format specified in @odata.id payload.")
    owner = reference["id"].lower()
    if not call.azure.directory.knows(owner):
        raise not_found(owner)
    if owner in app.owners:
        raise bad_request(
            "One or more added object references already exist for the following modified properties: 'owners'."
        )
    call.change(replace(app, owners=app.owners | {owner}))
    return call.done()


def remove_owner(call: Call, app: Application) -> Response:
    """DELETE /applications/{id}/owners/{owner}/$ref."""
    check_owner(call, app.owners)
    owner = call.request.path_params["owner"].lower()
    if owner not in app.owners:
        raise not_found(owner)
    call.change(replace(app, owners=app.owners - {owner}))
    return call.done()
