"""Record the OpenAPI document as a contract: everything that clients rely on, without texts and examples.

Run `.venv/bin/python -m tests.contract.record` if you add to the public interface. It writes nothing if the description
lacks a part of the recording.
"""

import json
import sys
from typing import Any, Final

import msgspec

import function_app
from settings.http.routes import all_routes
from settings.openapi.document import document
from tests.contract.comparison import RECORDING, broken, recorded

TEXTS: Final = frozenset({"description", "summary", "example", "examples", "title", "version"})
Json = Any  # any JSON value


def without_texts(value: Json, *, names_are_keywords: bool = True) -> Json:
    """Return the document without texts and examples. Schema fields with such a name are kept."""
    if isinstance(value, list):
        return [without_texts(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    return {
        name: without_texts(entry, names_are_keywords=name not in ("properties", "schemas", "responses", "paths"))
        for name, entry in value.items()
        if not (names_are_keywords and name in TEXTS)
    }


def current() -> Json:
    """Return the contract of the current OpenAPI document."""
    described = json.loads(msgspec.json.encode(document(all_routes(function_app.PAGES))))
    return without_texts({name: described[name] for name in ("openapi", "security", "paths", "components")})


def main() -> int:
    """Write the recording, or print what the description lacks and return 1."""
    described = current()
    if lost := list(broken(recorded(), described)):
        sys.stderr.write("".join(f"{one}\n" for one in lost))
        return 1
    RECORDING.write_text(json.dumps(described, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
