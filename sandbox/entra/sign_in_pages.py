"""The routes of a person's sign-in: device codes, and the pages that a browser opens."""

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from sandbox.azure import Azure
from sandbox.directory import Tenant
from sandbox.entra.authorize import check_request, signed_in
from sandbox.entra.device import device_code, enter_code
from sandbox.entra.errors import HEADERS, EntraError, unknown_tenant
from sandbox.entra.person import choice_of, error_page, sign_in_page
from sandbox.entra.request import form_of, place_at, refused


def sign_in_routes(azure: Azure) -> list[Route]:
    """Return the routes."""

    async def device(request: Request) -> Response:
        form = await form_of(request)
        _, cloud = place_at(request)
        try:
            tenant = _tenant(azure, request)
            return JSONResponse(device_code(azure, tenant, form, cloud), headers=HEADERS)
        except EntraError as error:
            return refused(error, request, azure)

    async def device_page(request: Request) -> Response:
        if request.method == "GET":
            return sign_in_page(asks_for_code=True)
        form = await form_of(request)
        try:
            enter_code(azure, form.get("user_code", ""), choice_of(form))
        except EntraError as error:
            return error_page(error)
        return HTMLResponse("<!DOCTYPE html><title>Sign in</title><p>You may close this window now.</p>")

    async def authorize(request: Request) -> Response:
        query = dict(request.query_params)
        try:
            tenant = _tenant(azure, request)
            check_request(azure, tenant, query)
            if request.method == "GET":
                return sign_in_page(query.get("login_hint", ""))
            return RedirectResponse(signed_in(azure, tenant, query, choice_of(await form_of(request))), 302)
        except EntraError as error:
            return error_page(error)

    async def native(request: Request) -> Response:
        del request
        return HTMLResponse("<!DOCTYPE html><title>Sign in</title>")

    return [
        Route("/{tenant}/oauth2/v2.0/devicecode", device, methods=["POST"]),
        Route("/common/oauth2/deviceauth", device_page, methods=["GET", "POST"]),
        Route("/{tenant}/oauth2/v2.0/authorize", authorize, methods=["GET", "POST"]),
        Route("/common/oauth2/nativeclient", native),
    ]


def _tenant(azure: Azure, request: Request) -> Tenant:
    name = request.path_params["tenant"]
    tenant = azure.directory.tenant(name)
    if tenant is None:
        raise unknown_tenant(name)
    return tenant
