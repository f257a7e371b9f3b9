"""The files of the console: their addresses, types, caching and policy. No other file is served."""

import gzip
import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from settings.console.names import ADDRESS, LIBRARY, PAGE, SCRIPT, TYPES
from settings.console.script import joined
from settings.http.raw_response import RawResponse

FOLDER: Final = Path(__file__).parent
# Styles that depend on data are set through the DOM, which the policy allows.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
UNCHANGING: Final = "public, max-age=31536000, immutable"
CHANGING: Final = "no-cache"


@cache
def version() -> str:
    """Return the hash of all files. It is in the addresses, so a browser keeps a file until any of them changes."""
    digest = hashlib.sha256()
    for path in sorted(FOLDER.rglob("*")):
        if path.suffix in (".html", ".css", ".svg", ".js", ".py"):
            content = path.read_bytes()
            digest.update(f"{path.relative_to(FOLDER).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


@cache
def files() -> Mapping[str, RawResponse]:
    """Return the files by the path below the console. They are compressed once in each process."""
    return {name: _served(_content(name), content_type) for name, content_type in TYPES.items()}


def file(name: str, wanted_version: str) -> RawResponse | None:
    """Return a file, None if it does not exist. The page itself is at the empty path.

    A browser may keep only what has the current version in its address. During an update, it may request another one.
    """
    response = files().get(name or PAGE)
    if response is None or wanted_version != version() or name in ("", PAGE):
        return response
    return RawResponse(
        response.content,
        response.content_type,
        headers={**response.headers, "Cache-Control": UNCHANGING},
        gzipped=response.gzipped,
    )


def _content(name: str) -> bytes:
    if name == SCRIPT:
        modules = {
            path.relative_to(FOLDER).as_posix(): path.read_text(encoding="utf-8")
            for path in (FOLDER / "js").rglob("*.js")
        }
        return joined(modules, SCRIPT, {LIBRARY: _address(LIBRARY)}).encode()
    content = (FOLDER / name).read_bytes()
    if name == PAGE:
        for linked in TYPES:
            content = content.replace(f'"{linked}"'.encode(), f'"{_address(linked)}"'.encode())
    return content


def _address(name: str) -> str:
    return f"{ADDRESS}{name}?v={version()}"


def _served(content: bytes, content_type: str) -> RawResponse:
    headers = {
        "ETag": f'W/"{hashlib.sha256(content).hexdigest()[:32]}"',
        "Cache-Control": CHANGING,
        "Content-Security-Policy": POLICY,
        "Referrer-Policy": "same-origin",
        "Vary": "Accept-Encoding",
    }
    return RawResponse(content, content_type, headers=headers, gzipped=gzip.compress(content, 9, mtime=0))
