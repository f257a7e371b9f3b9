"""The console, a page for an administrator. Its files need no sign-in, because they contain no data."""

from typing import Final

from backend.errors import NotFoundError
from backend.text.quoting import quoted
from settings.console.names import ADDRESS, TYPES
from settings.http.raw_response import RawResponse
from settings.http.routes import Call, Parameter, Routes, Shown

routes = Routes()
FILE: Final = Parameter("file", "A file of the page.", "index.html", required=True, only=tuple(TYPES))
VERSION: Final = Parameter("v", "The version of the files, so that a browser may keep this one.")


@routes.get(
    "Console",
    public=True,
    shown=Shown(path="console", rest=FILE, query=(VERSION,), types=tuple(dict.fromkeys(TYPES.values())), others=(404,)),
)
def console(call: Call) -> RawResponse:
    """Show the console in a browser. Its files contain no data, and no sign-in is required."""
    from settings.console import files  # noqa: PLC0415 - used only by this page

    if found := files.file(call.rest, call.query.get("v", "")):
        return found
    raise NotFoundError(f"The file {quoted(call.rest)} does not exist here.", advice=f"Open {ADDRESS}.")
