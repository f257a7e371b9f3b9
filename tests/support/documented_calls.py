"""The calls of the API that the documentation shows, in curl and in PowerShell."""

import json
import os
import re
import shlex
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

from tests.support.markdown import Fence, fences, pages

SHELLS: Final = ("sh", "bash")
# What an example may use besides its own text: the address of the deployed app, and a token for it.
API: Final = "https://cippabc12-backend.azurewebsites.net/api"
TOKEN: Final = "token"
LOCAL: Final = "http://localhost:7071/api"
_CURL_FLAGS: Final = ("-i", "-s", "-S", "-sS", "-f", "-fsS", "--include", "--silent", "--fail")
_CURL_METHOD: Final = ("-X", "--request")
_CURL_HEADER: Final = ("-H", "--header")
_CURL_BODY: Final = ("-d", "--data", "--data-raw")
_CURL_OUTPUT: Final = ("-o", "--output")
_CALLS_API: Final = re.compile(r"\$API\b|localhost:7071/api|/api/")
_STATUS: Final = re.compile(r"\s#\s*(\d{3})\b[^\n]*\Z")
_POWERSHELL_CALL: Final = re.compile(r"\bInvoke-(?:RestMethod|WebRequest)\b")
_POWERSHELL_WORD: Final = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|[|();]|[^\s'\"|();]+")


@dataclass(frozen=True)
class DocumentedCall:
    """One call. `status` is the expected status. If it is missing, any success is expected.

    `path` is what follows `/api/`. A call without a body has None as `body`.
    """

    place: str
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    signed_in: bool
    status: int | None = None


@dataclass(frozen=True)
class Example:
    """The text of one call: the whole curl command, or the parameters of `Invoke-RestMethod`."""

    place: str
    text: str


def curl_examples() -> list[Example]:
    """Return every command that calls the API from a shell."""
    return [
        Example(f"{page}:{line}", command)
        for page in pages()
        for fence in fences(page)
        if fence.language in SHELLS
        for line, command in shell_commands(fence)
        if re.search(r"\bcurl\b", command) and _CALLS_API.search(command)
    ]


def powershell_examples() -> list[Example]:
    """Return every command that calls the API from PowerShell."""
    return [
        Example(f"{page}:{fence.line + number}", line[found.end() :])
        for page in pages()
        for fence in fences(page)
        if fence.language == "powershell"
        for number, line in enumerate(re.sub(r"`\n\s*", " ", fence.text).splitlines(), 1)
        if (found := _POWERSHELL_CALL.search(line)) and "$api" in line
    ]


def shell_commands(fence: Fence) -> Iterator[tuple[int, str]]:
    """Yield each command of a block with its line. A command ends with its line, outside quotes and continuations."""
    command, begun = "", 0
    for number, line in enumerate(fence.text.splitlines(), fence.line + 1):
        begun = begun if command else number
        command = f"{command}\n{line}" if command else line
        if line.endswith("\\") or not _is_closed(command):
            continue
        if command.strip() and not command.lstrip().startswith("#"):
            yield begun, command.strip()
        command = ""


def _is_closed(command: str) -> bool:
    try:
        shlex.split(command, comments=True)
    except ValueError:  # a quotation is open
        return False
    return True


def curl_call(place: str, command: str) -> DocumentedCall:
    """Return the call of a curl command. A shell reads it, with its quotes and substitutions."""
    assert command.startswith("curl "), f"{place}: curl must be the first word"
    method, headers, body, addresses = "", {}, None, []
    words = iter(_arguments(command))
    for word in words:
        if word in _CURL_METHOD:
            method = next(words)
        elif word in _CURL_HEADER:
            name, _, value = next(words).partition(":")
            headers[name.strip().lower()] = value.strip()
        elif word in _CURL_BODY:
            body = json.loads(next(words))
        elif word in _CURL_OUTPUT:
            next(words)
        elif not word.startswith("-"):
            addresses.append(word)
        else:
            assert word in _CURL_FLAGS, f"{place}: the test does not know curl's {word}"
    assert len(addresses) == 1, f"{place}: one address"
    is_local = addresses[0].startswith(f"{LOCAL}/")
    assert is_local or addresses[0].startswith(f"{API}/"), f'{place}: the address must be "$API/..." or {LOCAL}/...'
    path, query = _split(addresses[0].removeprefix(f"{LOCAL if is_local else API}/"))
    signed_in = (is_local and "x-ms-client-principal" not in headers) or (
        headers.pop("authorization", "") == f"Bearer {TOKEN}"
    )
    status = _STATUS.search(command)
    default = "GET" if body is None else "POST"
    return DocumentedCall(
        place, method or default, path, query, headers, body, signed_in, int(status[1]) if status else None
    )


def _arguments(command: str) -> list[str]:
    """Return the arguments with which a shell calls curl."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "arguments")
        script = f'curl() {{ printf "%s\\0" "$@" >"{file}"; }}\n{command}\n'
        environ = {"PATH": os.environ["PATH"], "API": API, "TOKEN": TOKEN}
        subprocess.run(["sh", "-euc", script], env=environ, check=True)  # noqa: S603, S607 - an example of the project
        return file.read_text(encoding="utf-8").removesuffix("\0").split("\0")


def powershell_call(place: str, arguments: str) -> DocumentedCall:
    """Return the call of `Invoke-RestMethod` with these arguments."""
    words = _POWERSHELL_WORD.findall(re.split(r"\s#", arguments)[0])
    given: dict[str, str] = {}
    while words and words[0] not in "|);":
        name = words.pop(0)
        assert re.fullmatch(r"-[A-Z]\w+", name), f"{place}: {name} is not a parameter with its whole name"
        assert words, f"{place}: {name} has no value"
        given[name[1:]] = words.pop(0)
    known = {"Method", "Uri", "Authentication", "Token", "ContentType", "Body", "Headers", "OutFile"}
    assert given.keys() <= known, f"{place}: the test does not know {sorted(given.keys() - known)}"
    address = given["Uri"]
    assert re.fullmatch(r'"\$api/[^"]+"', address), f'{place}: the address must be "$api/..."'
    path, query = _split(address.strip('"').removeprefix("$api/"))
    signed_in = given.get("Authentication") == "Bearer" and given.get("Token") == "$token"
    headers = {"content-type": given["ContentType"].strip("'\"")} if "ContentType" in given else {}
    body = None
    if "Body" in given:
        assert re.fullmatch(r"'.*'", given["Body"]), f"{place}: the body must be JSON in single quotes"
        body = json.loads(given["Body"][1:-1].replace("''", "'"))
    return DocumentedCall(place, given.get("Method", "Get").upper(), path, query, headers, body, signed_in)


def _split(address: str) -> tuple[str, dict[str, str]]:
    path, _, query = address.partition("?")
    return path, dict(parse_qsl(query, keep_blank_values=True))
