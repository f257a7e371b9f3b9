"""The names of the console's files, with their types. It is loaded with the route table, so it imports nothing."""

from typing import Final

ADDRESS: Final = "/api/console/"
PAGE: Final = "index.html"
SCRIPT: Final = "js/main.js"
LIBRARY: Final = "vendor/preact-htm.js"
_SCRIPT_TYPE: Final = "text/javascript; charset=utf-8"
# Every file that is served. No other file is.
TYPES: Final = {
    PAGE: "text/html; charset=utf-8",
    "console.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
    SCRIPT: _SCRIPT_TYPE,
    LIBRARY: _SCRIPT_TYPE,
}
