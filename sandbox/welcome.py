"""What `make run` says once everything answers."""

import http.client
import json
import time
from collections.abc import Iterator

ANSWER_SECONDS = 60
WARM_SECONDS = 2
JSON = "-H 'Content-Type: application/json'"
# Azure's host refuses this call without a body.
INPUT = '{"input": ""}'


def welcome(port: int, role: str, logs: str) -> str:
    """Ask the API for the links and the keys, and put them into words."""
    url = f"http://localhost:{port}"
    caller = "as they come (nobody is signed in)" if role == "nobody" else f"as {role}"
    # first, for it loads most of what the links need, which have little time to answer
    keys = _get(port, "/api/ListKeyRotations")
    lines = [
        "",
        f"CIPP Backend answers on {url}, requests {caller}.",
        "",
        "Links (GET /api/ExecBackendURLs)",
        *_links(_links_once_warm(port)),
        "",
        "Keys (GET /api/ListKeyRotations)",
        *_keys(keys),
        "",
        "Try next",
        *(_as_they_come(url) if role == "nobody" else _as_the_role(url)),
        f"  curl -i -X POST {JSON} -d '{INPUT}' {url}/admin/functions/WeeklyKeyRotation",
        "",
        f"Logs: {logs}. What the host does follows here. Ctrl-C ends all of it.",
        "",
    ]
    return "\n".join(lines)


def _as_the_role(url: str) -> Iterator[str]:
    yield f"  {url}/api/docs in a browser"
    yield f"  curl {url}/api/ListFunctionApps"
    yield f"""  curl -X POST {JSON} -d '{{"DryRun": true}}' {url}/api/ExecKeyRotation"""


def _as_they_come(url: str) -> Iterator[str]:
    """Show one request that needs nobody, and one that brings its own caller."""
    caller = """$(printf '{"userDetails":"me","userRoles":["superadmin"]}' | base64 | tr -d '\\n')"""
    yield f"  curl {url}/api/PublicPing"
    yield f'  curl -H "x-ms-client-principal: {caller}" {url}/api/ListFunctionApps'


def answers(port: int) -> bool:
    """Whether the host answers already."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/admin/host/ping")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _links_once_warm(port: int) -> object:
    """Ask twice where the first answer warns: the first call loads the SDKs and may answer without Azure."""
    links = _get(port, "/api/ExecBackendURLs")
    if isinstance(links, dict) and links.get("Warnings"):
        time.sleep(WARM_SECONDS)
        links = _get(port, "/api/ExecBackendURLs")
    return links


def _get(port: int, path: str) -> object:
    """Give the Results, or a sentence on what came instead."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", path, headers={"Host": f"localhost:{port}"})
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return f"no answer: {type(error).__name__}: {error}"
    finally:
        connection.close()
    try:
        results = json.loads(text)["Results"]
    except (ValueError, KeyError, TypeError):
        results = text[:200]
    return results if answer.status == http.HTTPStatus.OK else f"answered {answer.status}: {results}"


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
        yield f"  {key['Name']:<38} {f'ends {ends}' if ends else 'its end is unknown'}"
    yield f"  {results['Sentence']}"
