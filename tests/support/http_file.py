"""The content of `test.http`: one request per endpoint, for the REST clients of editors."""

import json
from collections.abc import Iterator, Sequence
from urllib.parse import quote

from settings.http.routes import Route

HEADING = """\
# One request per endpoint, for the REST clients of editors (VS Code, JetBrains). They need `make run`.
# `make examples` writes this file. Every write operation here is a dry run.
# ExecKeyVaultSecretRestore and ExecKeyVaultSecretRecover return 404 if the version or deleted secret does not exist.
@base = http://localhost:7071/api
"""


def text_of(routes: Sequence[Route]) -> str:
    """Return the content of the file."""
    return "\n".join([HEADING, *(_request(route) for route in routes)])


def address_of(route: Route) -> str:
    """Return an endpoint's path under `/api`, with an example of every parameter."""
    rest = f"/{route.shown.rest.example}" if route.shown.rest else ""
    query = "&".join(f"{one.name}={quote(one.example)}" for one in route.shown.query if one.example)
    return f"{route.path}{rest}{'?' if query else ''}{query}"


def _request(route: Route) -> str:
    return "\n".join(_lines(route))


def _lines(route: Route) -> Iterator[str]:
    yield f"### {route.name}: {route.doc}"
    yield f"{route.method} {{{{base}}}}/{address_of(route)}"
    if route.body:
        yield "Content-Type: application/json"
        yield ""
        yield json.dumps(route.shown.example)
    yield ""
