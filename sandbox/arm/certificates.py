"""Certificates that App Service manages for custom host names: requested, issued after a while, and removed.

Not verified on real Azure: how long it takes, and the wording of the refusals. Azure returns 202 for a request.
"""

from datetime import timedelta
from typing import Any, Final

from starlette.responses import JSONResponse, Response

from sandbox.arm.call import GROUP, SUBSCRIPTION, Call
from sandbox.arm.errors import app_service_refused, bad_request, not_authorized, resource_not_found
from sandbox.arm.gateway import Operation
from sandbox.arm.host_binding import ISSUED_AFTER, Certificate
from sandbox.arm.site_document import without_zone
from sandbox.arm.sites import page

_CERTIFICATES: Final = "providers/Microsoft.Web/certificates"
_ONE: Final = f"{GROUP}/{_CERTIFICATES}/{{certificate}}"
_VALID: Final = timedelta(days=180)


def _shown(call: Call, one: Certificate) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "canonicalName": one.canonical_name,
        "serverFarmId": one.plan_id,
        "hostNames": [one.canonical_name],
        "password": None,
        "thumbprint": None,
    }
    if one.is_issued(call.now):
        issued = one.requested + ISSUED_AFTER
        properties |= {
            "friendlyName": "",
            "subjectName": one.canonical_name,
            "issuer": "GeoTrust TLS RSA CA G1",
            "issueDate": without_zone(issued),
            "expirationDate": without_zone(issued + _VALID),
            "thumbprint": one.thumbprint,
        }
    return {
        "id": one.id,
        "name": one.name,
        "type": one.type,
        "location": one.location,
        "tags": one.tags or None,
        "properties": properties,
    }


def place(location: str) -> str:
    """Return a location in the form of an identifier: West Europe is westeurope."""
    return location.replace(" ", "").lower()


def _list(call: Call) -> Response:
    return JSONResponse(page([_shown(call, one) for one in call.visible(call.arm.certificates.values())]))


def _find(call: Call) -> Certificate | None:
    group, name = call.group(), call.params["certificate"].lower()
    return call.arm.certificates.get(f"{group.name}/{name}")


def _get(call: Call) -> Response:
    one = _find(call)
    if one is None:
        raise resource_not_found(Certificate.type, call.params["certificate"], call.params["group"])
    return JSONResponse(_shown(call, one))


def _put(call: Call) -> Response:
    """Request a certificate. While it is issued, another request for the host name is a conflict."""
    group, given, name = call.group(), call.properties, call.params["certificate"]
    host, plan_id = str(given.get("canonicalName", "")).lower(), str(given.get("serverFarmId", ""))
    location = call.body.get("location")
    if not isinstance(location, str):
        raise bad_request("The parameter location has an invalid value.")
    plan = call.arm.plans.get(plan_id.rpartition("/")[2].lower())
    if plan is None or plan.id.lower() != plan_id.lower():
        raise bad_request(f"Cannot find serverFarm with name {plan_id.rpartition('/')[2]}.")
    join = "Microsoft.Web/serverfarms/join/action"
    if not call.arm.access.allows(call.caller.object_id, join, plan.id):
        raise not_authorized(call.caller.client_id, call.caller.object_id, join, plan.id)
    if place(location) != place(plan.location):
        raise bad_request(f"The certificate must be in the location of the serverFarm: {plan.location}.")
    if host.startswith("*."):
        raise bad_request("Properties.CanonicalName is invalid.  A wildcard is not supported.")
    bound = {one for site in call.arm.sites.values() if site.plan_id == plan.id for one in site.bindings}
    if host not in bound:
        raise bad_request(
            f"Properties.CanonicalName is invalid.  Certificate creation requires hostname '{host}' added to an "
            f"App Service in the serverFarmId '{plan.id}'."
        )
    for one in call.arm.certificates.values():
        if one.canonical_name == host and not one.is_issued(call.now):
            message = f"Another certificate creation for the hostname '{host}' is in progress."
            raise app_service_refused(409, "Conflict", "54003", message)
    made = Certificate(
        subscription_id=call.arm.subscription_id,
        group=group.name,
        name=name,
        location=location,
        canonical_name=host,
        plan_id=plan.id,
        requested=call.now,
    )
    call.arm.certificates[f"{group.name}/{name.lower()}"] = made
    there = f"https://{call.cloud.arm}{made.id}?api-version={call.query['api-version']}"
    return Response(status_code=202, headers={"location": there, "retry-after": "10"})


def _delete(call: Call) -> Response:
    one = _find(call)
    if one is None:
        return Response(status_code=204)
    used = (binding.thumbprint for site in call.arm.sites.values() for binding in site.bindings.values())
    if one.is_issued(call.now) and one.thumbprint in used:
        message = f"Certificate {one.name} is used in an existing SSL binding."
        raise app_service_refused(409, "Conflict", "54004", message)
    del call.arm.certificates[f"{one.group}/{one.name.lower()}"]
    return Response()


OPERATIONS: Final = (
    Operation("GET", f"{SUBSCRIPTION}/{_CERTIFICATES}", _list, listing=True),
    Operation("GET", f"{GROUP}/{_CERTIFICATES}", _list),
    Operation("GET", _ONE, _get),
    Operation("PUT", _ONE, _put),
    Operation("DELETE", _ONE, _delete),
)
