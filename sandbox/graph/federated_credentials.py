"""Federated identity credentials of an application: tokens of another issuer that sign in as it.

The successful responses are as recorded. The refusals follow the documentation, and none of them was seen in Azure.
"""

import re
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.responses import Response

from sandbox.application import Application
from sandbox.graph.call import Call
from sandbox.graph.errors import GraphError, bad_request, not_found
from sandbox.graph.rights import check_owner

_MOST: Final = 20
_NAME: Final = re.compile(r"[A-Za-z0-9][\w-]{2,119}")
_CHANGEABLE: Final = ("audiences", "description", "issuer", "subject")
_FIELDS: Final = ("id", "name", "issuer", "subject", "description", "audiences")


def list_credentials(call: Call, app: Application) -> Response:
    """GET /applications/{id}/federatedIdentityCredentials."""
    return call.collection(_fragment(app), app.federated)


def create_credential(call: Call, app: Application) -> Response:
    """POST /applications/{id}/federatedIdentityCredentials."""
    check_owner(call, app.owners)
    name = call.body.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise bad_request("Invalid value specified for property 'name' of resource 'FederatedIdentityCredential'.")
    if any(one["name"] == name for one in app.federated):
        raise GraphError(
            409,
            "Request_MultipleObjectsWithSameKeyValue",
            f"FederatedIdentityCredential with name {name} already exists.",
        )
    if len(app.federated) >= _MOST:
        raise bad_request("The number of federated identity credentials has reached the limit of 20.")
    made = {"description": None, **_changes(call, {*_CHANGEABLE, "name"}), "id": str(uuid.uuid4()), "name": name}
    entity = {field: made.get(field) for field in _FIELDS}
    _check(entity, app)
    call.change(replace(app, federated=(*app.federated, entity)))
    return call.entity(_fragment(app), entity, 201)


def change_credential(call: Call, app: Application) -> Response:
    """PATCH /applications/{id}/federatedIdentityCredentials/{credential}, by ID or name."""
    check_owner(call, app.owners)
    before = _find(call, app)
    after = {**before, **_changes(call, set(_CHANGEABLE))}
    others = tuple(one for one in app.federated if one is not before)
    _check(after, replace(app, federated=others))
    call.change(replace(app, federated=(*others, after)))
    return call.done()


def remove_credential(call: Call, app: Application) -> Response:
    """DELETE /applications/{id}/federatedIdentityCredentials/{credential}, by ID or name."""
    check_owner(call, app.owners)
    taken = _find(call, app)
    call.change(replace(app, federated=tuple(one for one in app.federated if one is not taken)))
    return call.done()


def _fragment(app: Application) -> str:
    return f"applications('{app.id}')/federatedIdentityCredentials"


def _find(call: Call, app: Application) -> Mapping[str, Any]:
    wanted = call.request.path_params["credential"]
    for one in app.federated:
        if wanted in (one["id"], one["name"]):
            return one
    raise not_found(wanted)


def _changes(call: Call, known: set[str]) -> dict[str, Any]:
    if unknown := sorted(set(call.body) - known):
        raise bad_request(f"Property '{unknown[0]}' is read-only and cannot be set.")
    return dict(call.body)


def _check(entity: Mapping[str, Any], app: Application) -> None:
    """Refuse an issuer that is not an address, an empty subject, not exactly one audience, and a second equal pair."""
    issuer = urlsplit(str(entity["issuer"] or ""))
    if issuer.scheme != "https" or not issuer.hostname:
        raise bad_request("Invalid value specified for property 'issuer' of resource 'FederatedIdentityCredential'.")
    if not entity["subject"] or not isinstance(entity["subject"], str):
        raise bad_request("Invalid value specified for property 'subject' of resource 'FederatedIdentityCredential'.")
    audiences = entity["audiences"]
    if not isinstance(audiences, list) or len(audiences) != 1:
        raise bad_request("Invalid value specified for property 'audiences' of resource 'FederatedIdentityCredential'.")
    pair = (entity["issuer"], entity["subject"])
    if any((one["issuer"], one["subject"]) == pair for one in app.federated):
        raise bad_request("FederatedIdentityCredential with issuer and subject already exists.")
