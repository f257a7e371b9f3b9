"""The deployment site of an app on Flex Consumption, as far as `az functionapp deployment source config-zip` calls it.

Its calls are those of Azure CLI 2.91.0. The status 415 for another content type than application/zip was reported by
users of `az functionapp deploy`. Not run against real Azure: the texts, and how long a deployment takes.
"""

import hashlib
import io
import json
import secrets
import zipfile
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sandbox.arm.errors import ArmError
from sandbox.arm.site import Deployment, Site
from sandbox.arm.site_package import check_container
from sandbox.clouds import CLOUDS, place_of
from sandbox.service import not_in_the_sandbox, service
from sandbox.tokens import InvalidTokenError

if TYPE_CHECKING:
    from sandbox.azure import Azure

_TAKES: Final = timedelta(seconds=2)
# The Azure CLI sends a token for the first. Tokens for Resource Manager are known from scripts of users.
_AUDIENCES: Final = frozenset({"https://appservice.azure.com", *CLOUDS[0].arm_audiences})
_PUBLISH: Final = "Microsoft.Web/sites/publish/Action"
_AT_THE_ROOT: Final = frozenset({"host.json", "function_app.py"})
_DEPLOYING, _FAILED, _SUCCEEDED = 2, 3, 4


def scm_app(azure: "Azure") -> ASGIApp:
    """Return the deployment sites of `azure`."""

    async def publish(request: Request) -> Response:
        site = _admitted(azure, request)
        return site if isinstance(site, Response) else _publish(azure, site, request, await request.body())

    async def latest(request: Request) -> Response:
        site = _admitted(azure, request)
        return site if isinstance(site, Response) else _latest(azure, site)

    return service(
        [
            Route("/api/publish", publish, methods=["POST"]),
            Route("/api/deployments/latest", latest, methods=["GET"]),
        ]
    )


def _admitted(azure: "Azure", request: Request) -> Site | Response:
    """Return the app if the caller's token is for Azure and allows to publish it."""
    place = place_of(request.url.hostname or "")
    site = azure.arm.sites.get((place.site or "") if place else "")
    if site is None or "functionAppConfig" not in site.changed_properties:
        return not_in_the_sandbox(request)
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    try:
        claims = azure.tokens.check(token if scheme.lower() == "bearer" else "", _AUDIENCES)
    except InvalidTokenError:
        return Response(status_code=401)
    if not azure.arm.access.allows(str(claims.get("oid")), _PUBLISH, site.id):
        return Response(status_code=403)
    return site


def _publish(azure: "Azure", site: Site, request: Request, content: bytes) -> Response:
    if request.headers.get("content-type") != "application/zip":
        return Response(status_code=415)
    if request.query_params.get("RemoteBuild", "").lower() != "false":
        return not_in_the_sandbox(request)  # Azure would build the package again, and drop the one that was sent
    now = azure.clock.now()
    if site.deployments and now < site.deployments[0].ended:
        return PlainTextResponse("There is a deployment currently in progress.", 409)
    try:
        check_container(azure.arm, site)
    except ArmError as error:
        return PlainTextResponse(str(json.loads(bytes(error.response().body))), 400)
    valid = _is_package(content)
    deployment = Deployment(
        id=secrets.token_hex(16),
        message="Created via a push deployment",
        author="N/A",
        author_email="N/A",
        deployer=request.query_params.get("Deployer", "N/A"),
        started=now,
        ended=now + _TAKES,
        active=valid,
        status=_SUCCEEDED if valid else _FAILED,
    )
    site.deployments = [deployment, *(replace(one, active=one.active and not valid) for one in site.deployments)]
    if valid:
        site.package = {"sha256": hashlib.sha256(content).hexdigest(), "remoteBuild": False}
        site.functions, site.host = (), ""
        site.modified = now
        site.restart(now)
    return JSONResponse(deployment.id, 202)


def _is_package(content: bytes) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            return set(package.namelist()) >= _AT_THE_ROOT
    except zipfile.BadZipFile:
        return False


def _latest(azure: "Azure", site: Site) -> Response:
    if not site.deployments:
        return Response(status_code=404)
    last = site.deployments[0]
    ended = azure.clock.now() >= last.ended
    shown = {"id": last.id, "status": last.status if ended else _DEPLOYING, "status_text": "", "complete": ended}
    return JSONResponse({**shown, "deployer": last.deployer, "message": last.message, "progress": ""})
