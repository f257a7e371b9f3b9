"""The API's description, for people: Swagger UI, from files of this package alone."""

import hashlib
from functools import cache
from typing import Final

from backend.errors import NotFoundError
from backend.quoting import quoted
from settings.access import Permission
from settings.raw_answer import RawAnswer
from settings.routes import Call, Parameter, Routes, Shown

routes = Routes()
FIRST: Final = "/api/docs/index.html"
HTML: Final = "text/html; charset=utf-8"
CSS: Final = "text/css; charset=utf-8"
SCRIPT: Final = "text/javascript; charset=utf-8"
PNG: Final = "image/png"
# Every file that is served, its folder and its type. What is not here is not there.
FILES: Final = {
    "index.html": ("docs_page", HTML),
    "page.css": ("docs_page", CSS),
    "page.js": ("docs_page", SCRIPT),
    "swagger-ui.css": ("swagger_ui", CSS),
    "swagger-ui-bundle.js": ("swagger_ui", SCRIPT),
    "favicon-32x32.png": ("swagger_ui", PNG),
}
# Swagger UI styles by the DOM, which a policy allows, and has its icons in its style sheet.
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
def docs(call: Call) -> RawAnswer:
    """Show the description as a page on which every endpoint can be tried; without a file, lead to its first."""
    if not call.rest.strip("/"):
        # The page names its files beside it, which works only where the address ends below docs/.
        return RawAnswer(status=302, headers={"Location": FIRST})
    if call.rest not in FILES:
        raise NotFoundError(f"The file {quoted(call.rest)} does not exist here. The page is {FIRST}.")
    return _file(call.rest)


@cache
def _file(name: str) -> RawAnswer:
    from pathlib import Path  # noqa: PLC0415 - only who looks at the page pays for it

    folder, content_type = FILES[name]
    content = (Path(__file__).parent / folder / name).read_bytes()
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {
        "ETag": tag,
        "Cache-Control": "private, no-cache",
        "Content-Security-Policy": POLICY,
        "Referrer-Policy": "no-referrer",
    }
    return RawAnswer(content, content_type, headers=headers)
