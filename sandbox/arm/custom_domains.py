"""A static web app's own host names, and the operations that add and remove them."""

import secrets
import uuid
from datetime import datetime
from typing import Any, Final

from publicsuffixlist import PublicSuffixList
from starlette.responses import JSONResponse, Response

from sandbox.arm.call import SUBSCRIPTION, Call
from sandbox.arm.errors import app_service_refused, bad_request, not_found
from sandbox.arm.gateway import Operation
from sandbox.arm.headers import etag
from sandbox.arm.site_document import without_zone
from sandbox.arm.sites import page
from sandbox.arm.state import Operation as Running
from sandbox.arm.static_site import GONE_AFTER, READY_AFTER, CustomDomain, StaticSite
from sandbox.arm.static_sites import STATIC_SITE, child

_DOMAIN: Final = f"{STATIC_SITE}/customDomains/{{domain}}"
_RUNNING: Final = f"{SUBSCRIPTION}/providers/Microsoft.Web/locations/{{location}}"
_METHODS: Final = ("cname-delegation", "dns-txt-token")
_MOST: Final = 5  # on the Standard plan
_SUFFIXES: Final = PublicSuffixList()


def _shown(call: Call, site: StaticSite, domain: CustomDomain) -> dict[str, Any]:
    properties = {
        "domainName": domain.name,
        "createdOn": without_zone(domain.created),
        "status": domain.status(call.now),
    }
    if token := domain.token(call.now):
        properties["validationToken"] = token
    if error := domain.error(call.now):
        properties["errorMessage"] = error
    return child(site, "customDomains", domain.name, properties)


def _list(call: Call) -> Response:
    site = call.static_site()
    return JSONResponse(page([_shown(call, site, d) for d in site.domains_at(call.now)]))


def _held(call: Call, site: StaticSite) -> CustomDomain | None:
    domain = site.domains.get(call.params["domain"].lower())
    return None if domain is None or domain.gone(call.now) else domain


def _get(call: Call) -> Response:
    site = call.static_site()
    domain = _held(call, site)
    if domain is None:
        raise not_found(f"Custom domain {call.params['domain']} was not found.")
    return JSONResponse(_shown(call, site, domain))


def _put(call: Call) -> Response:
    """Add a domain. Return 202 while Azure checks its DNS, or 200 if it was added before."""
    site = call.static_site()
    domain = _held(call, site)
    if domain is not None:
        return JSONResponse(_shown(call, site, domain))
    method = _check(call, site)
    name = call.params["domain"].lower()
    by_token = method == "dns-txt-token"
    token = secrets.token_hex(16) if by_token else None
    site.domains[name] = CustomDomain(name, call.now, method, token)
    return _accepted(call, site, None if by_token else call.now + READY_AFTER)


def _check(call: Call, site: StaticSite) -> str:
    name, method = call.params["domain"].lower(), call.properties.get("validationMethod") or _METHODS[0]
    if method not in _METHODS:
        raise bad_request(f"The parameter validationMethod has an invalid value: {method}.")
    if "." not in name:
        raise bad_request(f"The domain {name} is not a valid host name.")
    is_apex = name == _SUFFIXES.privatesuffix(name) and not name.endswith(".invalid")  # .invalid is not in DNS
    if method == "cname-delegation" and is_apex:  # Azure's wording
        raise bad_request("Request Envelope is invalid. Apex Domains must use dns-txt-token as the ValidationMethod.")
    if any(label.startswith("xn--") for label in name.split(".")):  # documented, but without the wording
        raise bad_request(f"The domain {name} is not supported: it is in Punycode.")
    if any(name in s.domains and not s.domains[name].gone(call.now) for s in call.arm.static_sites.values()):
        raise app_service_refused(409, "Conflict", "54002", f"Domain {name} is already in use.")
    if len(site.domains_at(call.now)) >= _MOST:
        raise bad_request(f"The static site has the most custom domains that its plan allows: {_MOST}.")
    return str(method)


def _delete(call: Call) -> Response:
    site = call.static_site()
    domain = _held(call, site)
    if domain is None:
        return Response(status_code=204)
    domain.deleted = domain.deleted or call.now
    response = _accepted(call, site, domain.deleted + GONE_AFTER)
    response.headers.update(etag(call.now))
    return response


def _validate(call: Call) -> Response:
    site = call.static_site()
    _check(call, site)
    ends = None if call.params["domain"].lower().endswith(".invalid") else call.now
    return _accepted(call, site, ends)


def _accepted(call: Call, site: StaticSite, ends: datetime | None) -> Response:
    """Return 202. The operation succeeds at `ends`, or never ends."""
    name = str(uuid.uuid4())
    call.arm.operations[name] = Running(ends)
    there = (
        f"https://{call.cloud.arm}/subscriptions/{site.subscription_id}/providers/Microsoft.Web/locations/{site.region}"
    )
    headers = {
        "location": f"{there}/operations/{name}?api-version=2019-01-01",
        "azure-asyncoperation": f"{there}/operationResults/{name}?api-version=2019-01-01",
        "retry-after": "60",
    }
    return Response(status_code=202, headers=headers)


def _running(call: Call) -> Running:
    running = call.arm.operations.get(call.params["operation"].lower())
    if running is None:
        raise not_found(f"Operation {call.params['operation']} was not found.")
    return running


def _ended(call: Call) -> bool:
    ends = _running(call).ends
    return ends is not None and call.now >= ends


def _result(call: Call) -> Response:
    name, location = call.params["operation"], call.params["location"]
    own_id = (
        f"/subscriptions/{call.params['subscription']}/providers/Microsoft.Web/locations/{location}"
        f"/operationResults/{name}"
    )
    return JSONResponse({"id": own_id, "status": "Succeeded" if _ended(call) else "InProgress"})


def _operation(call: Call) -> Response:
    if _ended(call):
        return Response(status_code=204)
    here = (
        f"https://{call.cloud.arm}/subscriptions/{call.params['subscription']}/providers/Microsoft.Web"
        f"/locations/{call.params['location']}/operations/{call.params['operation']}?api-version=2019-01-01"
    )
    return Response(status_code=202, headers={"location": here, "retry-after": "60"})


OPERATIONS: Final = (
    Operation("GET", f"{STATIC_SITE}/customDomains", _list),
    Operation("GET", _DOMAIN, _get),
    Operation("PUT", _DOMAIN, _put),
    Operation("DELETE", _DOMAIN, _delete),
    Operation("POST", f"{_DOMAIN}/validate", _validate),
    Operation("GET", f"{_RUNNING}/operationResults/{{operation}}", _result, anyone=True),
    Operation("GET", f"{_RUNNING}/operations/{{operation}}", _operation, anyone=True),
)
