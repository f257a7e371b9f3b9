"""What a container returns over HTTP: without sign-in the paths that CIPP leaves open, and nothing while it is dark.

Not verified on real Azure: the status codes while the port is shut. Here it is 503 at first, and 502 before the first
worker responds.
"""

import base64
import json
import re
from typing import TYPE_CHECKING, Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from sandbox import names
from sandbox.arm.site_document import host_name
from sandbox.clouds import CLOUDS
from sandbox.known_refusals import STOPPED_PAGE
from sandbox.moment import moment
from sandbox.service import not_in_the_sandbox

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from sandbox.arm.site import Site
    from sandbox.azure import Azure
    from sandbox.cipp.process import Process

_SHUT_PAGE: Final = (
    "<!DOCTYPE html><html><head><title>{status} {phrase}</title></head><body><h1>{status} {phrase}</h1></body></html>"
)
_PHRASES: Final = {502: "Bad Gateway", 503: "Service Unavailable"}


def face_app(azure: "Azure") -> "ASGIApp":
    """Return the containers of `azure`. A host without a container is unknown to the sandbox."""

    async def respond(scope: "Scope", receive: "Receive", send: "Send") -> None:
        request = Request(scope, receive)
        site = site_of(azure, request.url.hostname or "")
        response = not_in_the_sandbox(request) if site is None else _response(azure, site, request)
        await response(scope, receive, send)

    return respond


def site_of(azure: "Azure", host: str) -> "Site | None":
    """Return the container behind a host name, its own or a custom one."""
    host = host.lower()
    for site in azure.arm.sites.values():
        own = {host_name(site, cloud) for cloud in CLOUDS}
        if site.container and (host in own or host in site.bindings):
            return site
    return None


def _response(azure: "Azure", site: "Site", request: Request) -> Response:
    process = azure.cipp.processes.get(site.name)
    if process is None:
        return Response(STOPPED_PAGE, 403, media_type="text/html")
    now = azure.clock.now()
    if process.phase(now) == "Dark":
        status = 502 if process.can_start and now >= process.reads else 503
        return Response(_SHUT_PAGE.format(status=status, phrase=_PHRASES[status]), status, media_type="text/html")
    if request.method != "GET":
        return not_in_the_sandbox(request)
    if _signs_in(site) and not _is_open(site, request.url.path):
        login = f"https://login.microsoftonline.com/{names.TENANT_ID}/oauth2/v2.0/authorize"
        return RedirectResponse(f"{login}?client_id={_client_id(site)}", 302)
    return _page(azure, process, request)


def _page(azure: "Azure", process: "Process", request: Request) -> Response:
    path = request.url.path.lower()
    if path == "/api/setup/health":
        return JSONResponse(_health(azure, process))
    if path == "/version.json":
        return JSONResponse(_version(azure, process))
    if path == "/api/publicping":
        message = {"Message": "Pong", "ColdStart": False, "Timestamp": moment(azure.clock.now()), "RequestId": "1"}
        return JSONResponse({"Results": message})
    if path == "/healthz":
        ready = {"http": True, "background": process.phase(azure.clock.now()) == "Ready", "storage": True}
        return JSONResponse({"status": "ready", "roles": {"http": True, "background": True}, "ready": ready})
    if path == "/api/me":
        return JSONResponse({"clientPrincipal": _principal(request.headers.get("x-ms-client-principal", ""))})
    return not_in_the_sandbox(request)


def _health(azure: "Azure", process: "Process") -> dict[str, Any]:
    is_ready = process.phase(azure.clock.now()) == "Ready"
    milliseconds = int(process.start.total_seconds() * 1000) + int(process.started.timestamp() * 1000) % 997
    startup = {
        "readinessMode": "HttpReady",
        "warmupMode": "AfterReady",
        "cpuCount": 2,
        "httpPoolSize": 6,
        "bgPoolSize": 8,
        "sharedModules": 2,
        "httpOnlyModules": 1,
        "bgOnlyModules": 1,
        "warmupMs": milliseconds,
        "baseWorkerMs": milliseconds // 2,
        "baseFunctions": 410,
        "httpReadyMs": milliseconds,
        "httpFunctions": 640,
        "httpPoolFullMs": milliseconds * 3 // 2 if is_ready else 0,
        "bgReadyMs": milliseconds * 3 // 2 if is_ready else 0,
        "bgFunctions": 820 if is_ready else 0,
        "fullyReadyMs": milliseconds * 3 // 2 if is_ready else 0,
    }
    return {"status": "ok", "ready": True, "phase": process.phase(azure.clock.now()), "startup": startup}


def _version(azure: "Azure", process: "Process") -> dict[str, Any]:
    built = process.image
    return {
        "version": process.version,
        "commit": built.revision if built else "",
        "tag": process.image_tag,
        "buildDate": moment(built.created if built else azure.clock.now()),
    }


def _principal(header: str) -> object:
    """Return the principal of a request that App Service did not check."""
    try:
        return json.loads(base64.b64decode(header))
    except ValueError:
        return None


def _signs_in(site: "Site") -> bool:
    return bool(site.auth_settings.get("platform", {}).get("enabled"))


def _client_id(site: "Site") -> str:
    providers = site.auth_settings.get("identityProviders", {})
    registration = providers.get("azureActiveDirectory", {}).get("registration", {})
    return str(registration.get("clientId", ""))


def _is_open(site: "Site", path: str) -> bool:
    """Return whether a path is excluded from sign-in: exactly, or by a trailing star after a slash."""
    excluded = site.auth_settings.get("globalValidation", {}).get("excludedPaths") or ()
    return any(path == one or (one.endswith("/*") and re.match(re.escape(one[:-1]), path)) for one in excluded)
