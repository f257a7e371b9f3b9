"""The body of a refusal by each of Azure's services."""

import uuid
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

from starlette.responses import JSONResponse, Response

from sandbox.arm.errors import app_service_refused
from sandbox.arm.target import target_of
from sandbox.clouds import Place
from sandbox.denials import denial
from sandbox.faults import Fault
from sandbox.known_refusals import REFUSALS, Refused

_CODES: Final = {
    "arm": {401: "AuthenticationFailed", 403: "AuthorizationFailed", 404: "ResourceNotFound"}
    | {429: "SubscriptionRequestsThrottled", 500: "InternalServerError", 503: "ServiceUnavailable"}
    | {504: "GatewayTimeout"},
    "vault": {401: "Unauthorized", 403: "Forbidden", 404: "SecretNotFound", 409: "Conflict"}
    | {429: "Throttled", 500: "InternalServerError", 503: "ServiceUnavailable"},
    "graph": {400: "Request_BadRequest", 401: "InvalidAuthenticationToken"}
    | {403: "Authorization_RequestDenied", 404: "Request_ResourceNotFound", 429: "TooManyRequests"}
    | {500: "InternalServerError", 503: "serviceNotAvailable", 504: "gatewayTimeout"},
    "tables": {403: "AuthorizationFailure", 500: "InternalError", 503: "ServerBusy"},
}
# As recorded from Resource Manager: not JSON.
_UNAVAILABLE: Final = (
    '<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN""http://www.w3.org/TR/html4/strict.dtd">\r\n'
    "<HTML><HEAD><TITLE>Service Unavailable</TITLE>\r\n"
    '<META HTTP-EQUIV="Content-Type" Content="text/html; charset=us-ascii"></HEAD>\r\n'
    "<BODY><h2>Service Unavailable</h2>\r\n"
    "<hr><p>HTTP Error 503. The service is unavailable.</p>\r\n"
    "</BODY></HTML>\r\n"
)

_OF_OTHERS: Final = ("registry", "blobs", "site")
_OF_REGISTRY: Final = {401: "UNAUTHORIZED", 403: "DENIED", 429: "TOOMANYREQUESTS", 503: "UNAVAILABLE"}
_WEB: Final = "/providers/microsoft.web/"
_BY_WEB: Final = {
    409: ("59206", "Cannot modify this site because another operation is in progress."),
    429: ("59206", "Cannot acquire exclusive lock to create, update or delete this site. Retry the request later."),
    500: ("51021", "There was an unexpected InternalServerError."),
    503: ("", ""),
}


def refusal(place: Place | None, fault: Fault, method: str, path: str, now: datetime) -> Response:
    """Return the fault's status in the form of the service behind `place`. None is the managed identity."""
    status, retry_after = fault.status, fault.retry_after
    headers = {} if retry_after is None else {"retry-after": retry_after}
    if fault.code and place is not None:
        known = REFUSALS[fault.code](Refused(place, method, path, now))
        known.headers.update(headers)
        return known
    if place is not None and place.plane in _OF_OTHERS:
        return _by_others(place, status, headers)
    return _of_azure(place, fault, method, path, now)


def _of_azure(place: Place | None, fault: Fault, method: str, path: str, now: datetime) -> Response:
    status = fault.status
    headers = {} if fault.retry_after is None else {"retry-after": fault.retry_after}
    phrase = _phrase(status)
    message = f"The sandbox refused this call with {status} {phrase}, because a test planted this fault."
    body: dict[str, Any]
    if place is not None and status == 403 and (denied := denial(place, method, path)):
        body = denied
    elif place is not None and place.plane == "arm" and _WEB in path.lower() and status in _BY_WEB:
        return _of_web(status, path, headers)
    elif place is None:
        body = {"statusCode": status, "message": message, "correlationId": str(uuid.uuid4())}
    elif place.plane == "entra":
        body = _entra(fault, message, now)
    elif place.plane == "arm" and status == 503:
        html = {"content-type": "text/html; charset=us-ascii", "x-ms-failure-cause": "service"}
        return Response(_UNAVAILABLE, status, {**headers, **html})
    else:
        code = _CODES[place.plane].get(status, phrase.replace(" ", ""))
        if place.plane == "arm" and status == 504:  # as recorded
            provider = target_of(method, path).provider or "Microsoft.Resources"
            message = f"The gateway did not receive a response from '{provider}' within the specified time period."
        body = {"error": {"code": code, "message": message}}
        if place.plane == "tables":
            body = {"odata.error": {"code": code, "message": {"lang": "en-US", "value": message}}}
        if place.plane == "graph":
            request_id = str(uuid.uuid4())
            body["error"]["innerError"] = {
                "date": now.strftime("%Y-%m-%dT%H:%M:%S"),
                "request-id": request_id,
                "client-request-id": request_id,
            }
    cause = {"x-ms-failure-cause": "gateway"} if place is not None and place.plane == "arm" else {}
    return JSONResponse(body, status, {**cause, **headers})


def _by_others(place: Place, status: int, headers: dict[str, str]) -> Response:
    """Respond as the registry, or as the front end of an app."""
    if place.plane != "registry":
        return Response(_UNAVAILABLE.replace("503", str(status)), status, headers, "text/html")
    code = _OF_REGISTRY.get(status, _phrase(status).replace(" ", "").upper())
    return JSONResponse({"errors": [{"code": code, "message": _phrase(status).lower()}]}, status, headers)


def _of_web(status: int, path: str, headers: dict[str, str]) -> Response:
    """Respond as Microsoft.Web itself does, when Resource Manager only forwards its response."""
    headers = {**headers, "x-ms-failure-cause": "service"}
    if status == 503:
        return Response(_UNAVAILABLE, status, headers, "text/html; charset=us-ascii")
    if status == 500 and "/staticsites/" in path.lower():
        return JSONResponse({"Message": "An error has occurred."}, status, headers)
    return JSONResponse(app_service_refused(status, str(status), *_BY_WEB[status]).body, status, headers)


def _entra(fault: Fault, message: str, now: datetime) -> dict[str, Any]:
    busy = fault.status == 429 or fault.status >= 500
    number = fault.aadsts or (90033 if busy else 70000)
    trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
    timestamp = now.strftime("%Y-%m-%d %H:%M:%SZ")
    return {
        "error": "temporarily_unavailable" if busy else "invalid_client" if fault.status == 401 else "invalid_grant",
        "error_description": (
            f"AADSTS{number}: {message}\r\nTrace ID: {trace}\r\nCorrelation ID: {correlation}\r\nTimestamp: {timestamp}"
        ),
        "error_codes": [number],
        "timestamp": timestamp,
        "trace_id": trace,
        "correlation_id": correlation,
    }


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
