"""Compare a description of the API with the one that is recorded: nothing that clients rely on may be missing."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

RECORDING: Final = Path(__file__).parent / "openapi.json"
PUBLIC: Final = json.loads((Path(__file__).parent / "public.json").read_text(encoding="utf-8"))
Json = Any  # any JSON value


@cache
def recorded() -> Json:
    """Return the recording."""
    return json.loads(RECORDING.read_text(encoding="utf-8"))


def requests_of(described: Json) -> set[str]:
    """Return the references to the schemas of all bodies of requests."""
    operations = [one for methods in described["paths"].values() for one in methods.values()]
    bodies = [one["requestBody"]["content"]["application/json"] for one in operations if "requestBody" in one]
    return {body["schema"]["$ref"] for body in bodies}


def broken(before: Json, after: Json, path: str = "") -> Iterator[str]:
    """Yield each part of `before` that `after` lacks or changes. Additions are allowed, except new required fields."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name, entry in before.items():
            here = f"{path}/{name}"
            if name not in after:
                yield f"{here} is gone"
            elif name == "required" and _is_of_a_request(path):
                is_announced = any(re.fullmatch(pattern, here) for pattern in PUBLIC["now_required"])
                if not is_announced and (added := _more(entry, after[name])):
                    yield f"{here} requires {added} as well"
            else:
                yield from broken(entry, after[name], here)
    elif isinstance(before, list) and isinstance(after, list):
        for entry in before:
            if not any(not list(broken(entry, other)) for other in after):
                yield f"{path} lacks {json.dumps(entry)[:120]}"
    elif before != after:
        yield f"{path} was {before!r} and is {after!r}"


def _is_of_a_request(path: str) -> bool:
    is_body = path.removeprefix("/") in {ref.removeprefix("#/") for ref in requests_of(recorded())}
    return path.endswith("/requestBody") or "/parameters" in path or is_body


def _more(before: Json, after: Json) -> Json:
    if isinstance(before, list) and isinstance(after, list):
        return sorted(set(after) - set(before))
    return after if after and not before else None
