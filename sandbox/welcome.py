"""What `make run` prints when the sandbox and the API are ready."""

import http.client
import json
import time
from collections.abc import Iterator

from sandbox.shapes import SHAPES

RESPONSE_SECONDS = 60
WARM_SECONDS = 2
JSON = "-H 'Content-Type: application/json'"
# The Functions host of Azure refuses this call if it has no body.
INPUT = '{"input": ""}'
_SHAPES = {"functions": "function apps with a static web app", "container": "one container on App Service"}


def welcome(port: int, role: str, logs: str, shape: str = SHAPES[0]) -> str:
    """Return a summary of the API's links and keys, and requests to try."""
    url = f"http://localhost:{port}"
    caller = "without a signed-in caller" if role == "nobody" else f"as {role}"
    # First: this loads most of what the links need, and the links have a short time limit.
    keys = _get(port, "/api/ListKeyRotations")
    lines = [
        "",
        f"CIPP Backend runs on {url}. Requests are sent {caller}.",
        f"The CIPP that it manages is {_SHAPES[shape]}.",
        "",
        "Links (GET /api/ExecBackendURLs)",
        *_links(_links_once_warm(port)),
        "",
        "Keys (GET /api/ListKeyRotations)",
        *_keys(keys),
        "",
        "Try next",
        *(_requests_without_caller(url) if role == "nobody" else _requests_with_role(url)),
        f"  curl -i -X POST {JSON} -d '{INPUT}' {url}/admin/functions/WeeklyKeyRotation",
        "",
        f"Logs: {logs}. The host's log follows. To stop everything, press Ctrl-C.",
        "",
    ]
    return "\n".join(lines)


def _requests_with_role(url: str) -> Iterator[str]:
    yield f"  {url}/api/console/ in a browser"
    yield f"  {url}/api/docs in a browser"
    yield f"  curl {url}/api/ListFunctionApps"
    yield f"""  curl -X POST {JSON} -d '{{"DryRun": true}}' {url}/api/ExecKeyRotation"""


def _requests_without_caller(url: str) -> Iterator[str]:
    """Yield one request that needs no caller, and one that names its own caller."""
    caller = """$(printf '{"userDetails":"me","userRoles":["superadmin"]}' | base64 | tr -d '\\n')"""
    yield f"  curl {url}/api/PublicPing"
    yield f'  curl -H "x-ms-client-principal: {caller}" {url}/api/ListFunctionApps'


def is_ready(port: int) -> bool:
    """Return whether the host responds."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/admin/host/ping")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _links_once_warm(port: int) -> object:
    """Return the links. If the first result has warnings, retry: the first call loads the SDKs and may miss Azure."""
    links = _get(port, "/api/ExecBackendURLs")
    if isinstance(links, dict) and links.get("Warnings"):
        time.sleep(WARM_SECONDS)
        links = _get(port, "/api/ExecBackendURLs")
    return links


def _get(port: int, path: str) -> object:
    """Return the Results, or a sentence that describes the failure."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=RESPONSE_SECONDS)
    try:
        connection.request("GET", path, headers={"Host": f"localhost:{port}"})
        response = connection.getresponse()
        text = response.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return f"no response: {type(error).__name__}: {error}"
    finally:
        connection.close()
    try:
        results = json.loads(text)["Results"]
    except (ValueError, KeyError, TypeError):
        results = text[:200]
    return results if response.status == http.HTTPStatus.OK else f"status {response.status}: {results}"


def _links(results: object) -> Iterator[str]:
    if not isinstance(results, dict):
        yield f"  {results}"
        return
    for name, link in results.items():
        if name != "Warnings":
            yield f"  {name:<22} {'unknown' if link is None else link}"
    for warning in results.get("Warnings") or ():
        yield f"  Warning: {warning}"


def _keys(results: object) -> Iterator[str]:
    if not isinstance(results, dict):
        yield f"  {results}"
        return
    for key in results["Keys"]:
        ends = key["Ends"]
        yield f"  {key['Name']:<38} {f'expires {ends}' if ends else 'expiry unknown'}"
    yield f"  {results['Sentence']}"
