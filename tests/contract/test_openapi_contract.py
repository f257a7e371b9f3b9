"""The contract with clients: no endpoint, field, value, status or tag of the recording is removed."""

from copy import deepcopy

import pytest

from backend.cipp import lock_row
from backend.configuration.timeouts import Limits
from backend.hosting import own_restarts
from backend.key_vault import tags
from backend.rotation.reporting import journal
from tests.contract.comparison import PUBLIC, Json, broken, recorded, requests_of
from tests.contract.record import current
from tests.support.markdown import names, table


def test_openapi_document_keeps_everything_recorded() -> None:
    assert list(broken(recorded(), current())) == []


def test_new_required_field_of_a_request_breaks_the_contract() -> None:
    for ref in requests_of(recorded()):
        described = deepcopy(recorded())
        described["components"]["schemas"][ref.rpartition("/")[2]]["required"] = ["Another"]
        assert any("requires ['Another']" in one for one in broken(recorded(), described)), ref


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
def test_documentation_keeps_public_setting(setting: str) -> None:
    rows = [*table("setting"), *table("variable")]
    assert any(setting in names(row[0]) for row in rows)


def test_limits_keep_their_defaults() -> None:
    defaults = {name: getattr(Limits(), name) for name in PUBLIC["defaults"]}
    assert defaults == PUBLIC["defaults"]


def test_tables_and_tags_keep_their_names() -> None:
    tables = [lock_row.TABLE, own_restarts.TABLE, journal.KEYS, journal.RUNS, journal.RUN_KEYS]
    assert sorted(tables) == PUBLIC["tables"]
    named = {name: value for name, value in vars(tags).items() if name.isupper()}
    assert PUBLIC["tags"].items() <= named.items()
