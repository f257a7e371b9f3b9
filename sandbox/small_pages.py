"""Lists in small pages, so that a test can check whether a client follows every link to the next page.

Azure's own pages are larger than the seed. Not verified on real Azure: the form of Resource Manager's links, and
whether the second page of a list that is POSTed is POSTed, too. Here it is a GET, as the SDKs send it.
"""

import json
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers
from starlette.types import Scope

from sandbox.buffered_response import BufferedResponse

PLACE: Final = "$sandboxSkip"
METHOD: Final = "$sandboxMethod"


def page_request(scope: Scope, size: int, *, is_table: bool) -> tuple[Scope, int]:
    """Return the call for the service, and the position in the list at which the page starts."""
    query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
    if is_table:
        if scope["method"] == "GET" and scope["path"].endswith(("()", "/Tables")):
            top = f"$top={min(size, int(query.get('$top', size)))}"
            others = [part for part in scope["query_string"].decode("latin-1").split("&") if part]
            kept = [part for part in others if not part.lower().startswith(("$top=", "%24top="))]
            scope = {**scope, "query_string": "&".join([*kept, top]).encode("latin-1")}
        return scope, 0
    if PLACE not in query:
        return scope, 0
    first = int(query.pop(PLACE))
    method = query.pop(METHOD, scope["method"])
    return {**scope, "method": method, "query_string": urlencode(query).encode()}, first


def keep_page(response: BufferedResponse, scope: Scope, first: int, size: int) -> None:
    """Keep one page of a list, with the link to the next page. A body that is not a list of objects stays as it is."""
    try:
        body = json.loads(response.body)
    except ValueError:
        return
    entries: Any = body.get("value") if isinstance(body, dict) else None
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        return
    body["value"] = entries[first : first + size]
    if first + size < len(entries):
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        link = urlencode({**query, PLACE: first + size, METHOD: scope["method"]})
        name = "@odata.nextLink" if "@odata.context" in body else "nextLink"
        body[name] = f"https://{Headers(scope=scope).get('host', '')}{scope['path']}?{link}"
    response.replace(json.dumps(body).encode())
