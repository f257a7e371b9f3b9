"""The API as a caller uses it: the functions that the host indexes, called with requests, in this process."""

import asyncio
import base64
import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, quote

import azure.functions as func
from azure.functions.decorators.function_app import Function
from azure.functions.decorators.http import HttpTrigger

import function_app
from sandbox.host.index import methods_of
from sandbox.host.route import RouteTemplate, parse
from settings.http.app import functions_app
from settings.http.process import services
from tests.support.planted import FINDS

# Variables that a machine may set and that would change how the app is configured.
AMBIENT = (
    "WEBSITE_",
    "CIPP_",
    "KEY_ROTATION_",
    "ENABLE_",
    "AZURE",
    "IDENTITY_",
    "CONTAINER_",
    "LEGION_",
    "KUBERNETES_",
)
# Waits that a test need not have.
QUICK = {
    "KEY_ROTATION_PROOF_COUNT": "1",  # by default 3: the sweeps and the fixture three_sign_in_checks have that many
    "KEY_ROTATION_PROOF_GAP_SECONDS": "0.05",
    "RESTART_POLL_SECONDS": "0.05",
    "CIPP_START_POLL_SECONDS": "0.05",
}


@dataclass(frozen=True)
class Answer:
    """A response. `body` is the parsed JSON."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def body(self) -> Any:  # noqa: ANN401 - what JSON may hold
        return json.loads(self.text)

    @property
    def results(self) -> Any:  # noqa: ANN401 - what JSON may hold
        return self.body["Results"]


@cache
def functions() -> dict[str, Function]:
    """Return the functions by lower-case name. They are indexed once, because a FunctionApp can be read only once."""
    indexed = functions_app(*function_app.PAGES).get_functions()
    return {str(function.get_function_name()).lower(): function for function in indexed}


def function_at(method: str, path: str) -> tuple[Function, dict[str, str]]:
    """Return the function of a path under `/api`, found as the host does, and the values of its route."""
    for template, name in routes():
        function = functions()[name]
        trigger, values = function.get_trigger(), template.match(quote(path))
        if values is not None and isinstance(trigger, HttpTrigger) and method in methods_of(trigger):
            return function, values
    return functions()["zzunknownendpoint"], {"endpoint": path}


@cache
def routes() -> list[tuple[RouteTemplate, str]]:
    """Return the parsed routes, except the last one, which matches everything."""
    triggers = {name: function.get_trigger() for name, function in functions().items()}
    return [
        (parse(str(trigger.route)), name)
        for name, trigger in sorted(triggers.items())
        if isinstance(trigger, HttpTrigger) and name != "zzunknownendpoint"
    ]


class Api:
    """One app process. `environ` is its environment, and its services are new."""

    def __init__(self) -> None:
        services.cache_clear()

    def get(self, name: str, *, role: str | None = "superadmin", **headers: str) -> Answer:
        return self.call("GET", name, role=role, headers=headers)

    def post(self, name: str, body: object = None, *, role: str | None = "superadmin", **headers: str) -> Answer:
        """Send a body as JSON. The default is `{}`, because every endpoint refuses an empty body."""
        raw = json.dumps({} if body is None else body).encode()
        return self.call("POST", name, raw, role=role, headers={"content-type": "application/json", **headers})

    def call(
        self,
        method: str,
        name: str,
        raw: bytes = b"",
        *,
        role: str | None = "superadmin",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Return the response of `send` as text."""
        response = self.send(method, name, raw, role=role, headers=headers)
        return Answer(response.status_code, dict(response.headers), response.get_body().decode())

    def send(  # noqa: PLR0913 - all parts of a request
        self,
        method: str,
        name: str,
        raw: bytes = b"",
        *,
        role: str | None = "superadmin",
        headers: Mapping[str, str] | None = None,
        at: str = "localhost:7071",
    ) -> func.HttpResponse:
        """Call as the host does: the function of that path and method, or else the last one, which matches everything.

        A query may follow the name, as in a URL. `at` is the Host header, which the host puts into the URL.
        """
        name, _, query = name.partition("?")
        sent = {name.replace("_", "-"): value for name, value in (headers or {}).items()}
        if role is not None:
            sent.setdefault("x-ms-client-principal", principal(role))
        found, values = function_at(method, name)
        request = func.HttpRequest(
            method=method,
            url=f"http://{at}/api/{name}",
            headers=sent,
            params=dict(parse_qsl(query)),
            route_params=values,
            body=raw,
        )
        returned = found.get_user_function()(request)
        response: func.HttpResponse = asyncio.run(returned) if inspect.iscoroutine(returned) else returned
        FINDS.look(f"{response.get_body().decode('utf-8', 'replace')} {dict(response.headers)}", f"{method} {name}")
        return response


def principal(*roles: str, **fields: object) -> str:
    """Return the header that the platform sets for a static web app's user."""
    shape = {
        "identityProvider": "aad",
        "userId": "5a1d0b0c",
        "userDetails": "admin@contoso.com",
        "userRoles": [*roles, "authenticated", "anonymous"],
        **fields,
    }
    return base64.b64encode(json.dumps(shape).encode()).decode()
