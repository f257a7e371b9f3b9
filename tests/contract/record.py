"""Write the API's description as a contract: what clients rely on, without texts and examples.

Run it only if an issue adds to the public interface: `python -m tests.contract.record`. The tests refuse a recording
that lacks what the one in the repository has.
"""

import json
from pathlib import Path
from typing import Any, Final

import msgspec

import function_app
from settings.openapi_document import document
from settings.routes import all_routes

RECORDING: Final = Path(__file__).parent / "openapi.json"
TEXTS: Final = frozenset({"description", "summary", "example", "examples", "title", "version"})
Json = Any  # what JSON may hold


def without_texts(value: Json, *, names_are_ours: bool = True) -> Json:
    """Return the document without texts and examples. A field of a schema that is named like one stays."""
    if isinstance(value, list):
        return [without_texts(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    return {
        name: without_texts(entry, names_are_ours=name not in ("properties", "schemas", "responses", "paths"))
        for name, entry in value.items()
        if not (names_are_ours and name in TEXTS)
    }


def current() -> Json:
    """Return the description of the API as it is now."""
    described = json.loads(msgspec.json.encode(document(all_routes(function_app.PAGES))))
    return without_texts({name: described[name] for name in ("openapi", "security", "paths", "components")})


def main() -> None:
    """Write the recording."""
    RECORDING.write_text(json.dumps(current(), indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
