"""What clients rely on stays: no endpoint, field, value, status or tag of the recorded description goes away."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend import own_restarts, row_lock
from backend.limits import Limits
from backend.rotation import journal, tags
from tests.contract.record import RECORDING, current

Json = Any  # what JSON may hold
ROOT = Path(__file__).parent.parent.parent
PUBLIC = json.loads((Path(__file__).parent / "public.json").read_text(encoding="utf-8"))


def broken(before: Json, after: Json, path: str = "") -> Iterator[str]:
    """Yield where `after` lacks or changes what `before` has. Additions are fine, but for what requests require."""
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
    schema = re.fullmatch(r"/components/schemas/(\w+)", path)
    return path.endswith("/requestBody") or "/parameters" in path or bool(schema and schema[1] in PUBLIC["requests"])


def _more(before: Json, after: Json) -> Json:
    if isinstance(before, list) and isinstance(after, list):
        return sorted(set(after) - set(before))
    return after if after and not before else None


def test_openapi_document_keeps_everything_recorded() -> None:
    recorded = json.loads(RECORDING.read_text(encoding="utf-8"))
    assert list(broken(recorded, current())) == []


@pytest.mark.parametrize(
    ("before", "after", "count"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, 0),
        ({"a": 1, "b": 2}, {"a": 1}, 1),
        ({"a": {"type": "string"}}, {"a": {"type": "integer"}}, 1),
        ({"enum": ["x", "y"]}, {"enum": ["y", "x", "z"]}, 0),
        ({"enum": ["x", "y"]}, {"enum": ["x"]}, 1),
        ({"list": [{"name": "a", "in": "query"}]}, {"list": [{"name": "b", "in": "query"}]}, 1),
    ],
)
def test_contract_comparison_finds_each_removal(before: Json, after: Json, count: int) -> None:
    assert len(list(broken(before, after))) == count


@pytest.mark.parametrize("setting", PUBLIC["settings"])
def test_readme_still_documents_setting(setting: str) -> None:
    assert re.search(rf"^\| [^|]*`{setting}`[^|]* \|", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)


def test_limits_keep_their_defaults() -> None:
    defaults = {name: getattr(Limits(), name) for name in PUBLIC["defaults"]}
    assert defaults == PUBLIC["defaults"]


def test_tables_and_tags_keep_their_names() -> None:
    tables = [row_lock.TABLE, own_restarts.TABLE, journal.KEYS, journal.RUNS, journal.RUN_KEYS]
    assert sorted(tables) == PUBLIC["tables"]
    names = {name: value for name, value in vars(tags).items() if name.isupper()}
    assert PUBLIC["tags"].items() <= names.items()
