"""The API's documentation as a page (Swagger UI), served only from files of this package."""

import hashlib
from functools import cache
from typing import Final

from backend.errors import NotFoundError
from backend.text.quoting import quoted
from settings.access.caller import Permission
from settings.http.raw_response import RawResponse
from settings.http.routes import Call, Parameter, Routes, Shown

routes = Routes()
FIRST: Final = "/api/docs/index.html"
HTML: Final = "text/html; charset=utf-8"
CSS: Final = "text/css; charset=utf-8"
SCRIPT: Final = "text/javascript; charset=utf-8"
PNG: Final = "image/png"
# Every file that is served, with its folder and content type. No other file is.
FILES: Final = {
    "index.html": ("docs_page", HTML),
    "page.css": ("docs_page", CSS),
    "page.js": ("docs_page", SCRIPT),
    "swagger-ui.css": ("swagger_ui", CSS),
    "swagger-ui-bundle.js": ("swagger_ui", SCRIPT),
    "favicon-32x32.png": ("swagger_ui", PNG),
}
# The policy works because Swagger UI sets styles through the DOM and has its icons in its style sheet.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
FILE: Final = Parameter("file", "A file of the page.", "index.html", required=True, only=tuple(FILES))


@routes.get(
    "Docs",
    needs=Permission.APP_SETTINGS_READ,
    shown=Shown(path="docs", rest=FILE, types=(HTML, CSS, SCRIPT, PNG), others=(302, 404)),
)
def docs(call: Call) -> RawResponse:
    """Show the documentation page, on which every endpoint can be tried. Without a file, redirect to it."""
    if not call.rest.strip("/"):
        # The page's links are relative, which works only for a path below docs/.
        return RawResponse(status=302, headers={"Location": FIRST})
    if call.rest not in FILES:
        raise NotFoundError(f"The file {quoted(call.rest)} does not exist here.", advice=f"Open {FIRST}.")
    return _file(call.rest)


@cache
def _file(name: str) -> RawResponse:
    from pathlib import Path  # noqa: PLC0415 - used only by this page

    folder, content_type = FILES[name]
    content = (Path(__file__).parents[1] / "openapi" / folder / name).read_bytes()
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    # App Service refuses a POST with a session cookie that has no origin and no referrer.
    headers = {
        "ETag": tag,
        "Cache-Control": "private, no-cache",
        "Content-Security-Policy": POLICY,
        "Referrer-Policy": "same-origin",
    }
    return RawResponse(content, content_type, headers=headers)
