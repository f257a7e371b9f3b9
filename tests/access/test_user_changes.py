"""What a change of a user does to the rows of CIPP's table, for any rows, and which changes are refused."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.access.allowed_users import folded
from backend.access.users.changes import Change, Create, Delete, Merge, Step, check_roles, is_reached, steps_of
from backend.access.users.rows import AUTO, MANUAL, ROLES, SOURCE, Content, UserTable, table_of
from backend.errors import BackendError, ConflictError, InvalidInputError, NotFoundError
from sandbox.cipp.user_sync import synced

ANN, BEN, CAT = "ann@contoso.com", "ben@contoso.com", "cat@contoso.com"
Rows = dict[tuple[str, str], dict[str, Any]]


def stored(*manual: str, auto: Iterable[str] = (), **columns: object) -> dict[str, object]:
    return {**Content(manual, tuple(auto)).columns, **columns}


def row(name: str, columns: Mapping[str, object], partition: str = "User") -> dict[str, object]:
    return {"PartitionKey": partition, "RowKey": name, "odata.etag": "W/1", **columns}


def table(**users: Mapping[str, object]) -> UserTable:
    return table_of([row(f"{name}@contoso.com", columns) for name, columns in users.items()])


def by_keys(rows: Iterable[Mapping[str, Any]]) -> Rows:
    return {(entry["PartitionKey"], entry["RowKey"]): {**entry} for entry in rows}


def after(rows: Rows, steps: Iterable[Step]) -> Rows:
    """Return the rows after the steps, as the storage and the writer take them."""
    rows = {keys: {**columns} for keys, columns in rows.items()}
    for step in steps:
        match step:
            case Delete(old):
                del rows[old.partition, old.key]
            case Create(key, columns, copied_from):
                assert ("User", key) not in rows
                rows["User", key] = _others(rows, copied_from) | row(key, columns)
            case Merge(old, columns, copied_from):
                rows[old.partition, old.key] = _others(rows, copied_from) | rows[old.partition, old.key] | dict(columns)
    return rows


def _others(rows: Rows, copied_from: Iterable[Any]) -> dict[str, Any]:
    together: dict[str, Any] = {}
    for old in copied_from:
        together = rows[old.partition, old.key] | together
    return together


def _after_sync(rows: Rows, name: str, roles: Iterable[str]) -> list[dict[str, Any]]:
    """Return the row of a user after CIPP's sync, in whose groups the user still is."""
    own = [{**columns} for (_, key), columns in rows.items() if folded(key) == name]
    result = synced(own, {role: [name] for role in roles}, "2026-09-01T12:00:00Z")
    return [row for row in result.values() if row] or own


ROLE = st.sampled_from(["superadmin", "admin", "Admin", "readonly", "my role", "", "é\u2028"])
# Not st.text(), whose first use reads all of Unicode for seconds.
TEXT = st.sampled_from(
    ["", "[", "]", '{"a":1}', "admin", '["superadmin"', "é \u2028", "null", '"admin"', "[[[[", "7", "\x00"]
)
ONE = st.none() | st.booleans() | st.integers() | TEXT
ANY_JSON = ONE | st.lists(ONE | st.lists(ONE, max_size=2), max_size=3) | st.dictionaries(TEXT, ONE, max_size=2)
ARRAY = st.lists(ROLE, max_size=3).map(json.dumps)
CELL = ARRAY | ARRAY | ANY_JSON.map(json.dumps) | TEXT | st.none() | st.booleans() | st.integers()
NAME = st.sampled_from([ANN, ANN.upper(), "Ann@Contoso.com", BEN, BEN.title(), CAT, "_ann@contoso.com", "octocat", ""])
COLUMNS = st.dictionaries(st.sampled_from([ROLES, MANUAL, AUTO]), CELL) | st.just(stored("superadmin"))
EXTRA = st.dictionaries(st.sampled_from([SOURCE, "LastSync", "Note", "Count"]), TEXT | st.integers())
TABLE = st.dictionaries(
    st.tuples(st.sampled_from(["User", "User", "Other"]), NAME), st.tuples(COLUMNS, EXTRA), max_size=6
)
CHANGE = st.builds(
    Change,
    user=st.sampled_from([ANN, ANN.title(), BEN, CAT, "octocat"]),
    roles=st.none() | st.sampled_from([("superadmin",), ("editor",), ("readonly", "my role")]),
    by=st.frozensets(st.sampled_from([ANN, "BEN@contoso.com"]), max_size=1),
    force=st.booleans(),
)


@given(TABLE, CHANGE)
def test_change_of_any_table_reaches_its_goal_and_loses_nothing_of_others(
    cells: Mapping[tuple[str, str], tuple[Mapping[str, Any], Mapping[str, Any]]], change: Change
) -> None:
    before = by_keys(row(key, {**columns, **extra}, part) for (part, key), (columns, extra) in cells.items())
    seen = table_of(before.values())
    try:
        steps = steps_of(seen, change)
    except BackendError:
        return  # the tests below have the refusals
    rows = after(before, steps)
    name, now = folded(change.user), table_of(rows.values())
    others = {keys: columns for keys, columns in before.items() if folded(keys[1]) != name}
    assert {keys: columns for keys, columns in rows.items() if folded(keys[1]) != name} == others
    assert is_reached(now, change)
    assert steps_of(now, change) == () if change.roles else not now.user(name).rows
    former, user = seen.user(name), now.user(name)
    if change.roles is not None:
        ((keys, written),) = [(keys, columns) for keys, columns in rows.items() if folded(keys[1]) == name]
        assert keys == ("User", name)
        assert {*user.manual} == {*change.roles}
        assert user.auto == former.auto
        assert {*user.effective} == {*change.roles, *former.auto}
        assert [*json.loads(written[ROLES])] == sorted({*change.roles, *former.auto}, key=lambda x: (x.lower(), x))
        assert written[SOURCE] == ("Both" if former.auto else "Manual")
        kept = {column for old in former.rows for column in old.columns} - {ROLES, MANUAL, AUTO, SOURCE}
        assert kept <= written.keys()
    if change.roles is not None:
        assert table_of(_after_sync(rows, name, former.auto)).user(name).manual == user.manual
    if former.may_be_superadmin and "superadmin" not in (change.roles or ()):
        assert now.superadmins_besides(name)


@pytest.mark.parametrize("roles", [None, ("admin",)])
def test_last_manual_superadmin_stays(roles: tuple[str, ...] | None) -> None:
    change = Change(ANN, roles)
    for others in (
        {},
        {"ben": stored("admin", auto=["superadmin"])},
        {"ben": stored("Superadmin")},
        {"ben": {ROLES: '["superadmin"]'}},
        {"ben": {ROLES: "superadmin", MANUAL: "superadmin"}},
        {"ben": {**stored("superadmin"), ROLES: "[]"}},
        {"_ben": stored("superadmin")},
    ):
        with pytest.raises(ConflictError, match=ANN):
            steps_of(table(ann=stored("superadmin"), **others), change)
    assert steps_of(table(ann=stored("superadmin"), ben=stored("superadmin")), change)


@pytest.mark.parametrize(
    "columns",
    [{ROLES: "superadmin"}, {ROLES: '["superadmin"]'}, {MANUAL: '["superadmin"]'}, {ROLES: '{"superadmin":1}'}],
)
def test_superadmin_by_any_reading_of_a_row_is_protected(columns: dict[str, object]) -> None:
    with pytest.raises(ConflictError, match=ANN):
        steps_of(table(ann=columns), Change(ANN, ("admin",), force=True))


def test_caller_can_change_their_roles_but_not_lose_their_access() -> None:
    both = table(ann=stored("superadmin"), ben=stored("superadmin"), cat=stored("editor"))
    for change in (Change(ANN.upper(), None, frozenset({ANN.title()})), Change(ANN, ("admin",), frozenset({ANN}))):
        with pytest.raises(ConflictError):
            steps_of(both, change)
    assert steps_of(both, Change(CAT, ("admin",), frozenset({CAT})))
    dan = "dan@contoso.com"  # superadmin by a group, which a row would hide
    with pytest.raises(ConflictError):
        steps_of(both, Change(dan, ("readonly",), frozenset({dan.title()}), force=True))
    assert steps_of(both, Change(dan, ("superadmin",), frozenset({dan})))
    assert steps_of(both, Change(dan, ("readonly",), frozenset({ANN})))
    assert steps_of(both, Change(ANN, None, frozenset({BEN})))
    with pytest.raises(ConflictError):
        steps_of(both, Change(CAT, None, frozenset({CAT})))


def test_unreadable_roles_are_replaced_only_with_force() -> None:
    seen = table(ann={ROLES: "admin", MANUAL: '["admin"', "Note": "x"}, ben=stored("superadmin"))
    with pytest.raises(ConflictError, match=MANUAL):
        steps_of(seen, Change(ANN, ("editor",)))
    (step,) = steps_of(seen, Change(ANN, ("editor",), force=True))
    assert isinstance(step, Merge)
    assert step.columns == stored("editor")


def test_removal_of_a_user_who_is_not_listed_is_not_found() -> None:
    with pytest.raises(NotFoundError):
        steps_of(table(ben=stored("superadmin")), Change(ANN, None))


@pytest.mark.parametrize(
    "name",
    [
        *("", "ann", "ann@", "@contoso.com", "a b@contoso.com", "a/b@contoso.com", "_ann@contoso.com", "ann@contoso"),
        *("kim_fabrikam.com#EXT#@contoso.com", "\u212aim@contoso.com", "ann@contoso.com\n", "abcQ~defghi@contoso.com"),
        f"{'a' * 100}@contoso.com",
    ],
)
def test_new_user_needs_a_user_principal_name(name: str) -> None:
    with pytest.raises(InvalidInputError) as raised:
        steps_of(table(), Change(name, ("editor",)))
    assert raised.value.field == "User"
    assert "Q~" not in str(raised.value)


@pytest.mark.parametrize("name", [ANN, "pat.o'neil@contoso.co.uk", "x-1@contoso.onmicrosoft.com", "A.B@CONTOSO.COM"])
def test_new_user_is_added_under_their_name_in_lower_case(name: str) -> None:
    (step,) = steps_of(table(), Change(name, ("editor",)))
    assert isinstance(step, Create)
    assert step.key == name.lower()


def test_roles_must_exist_with_exactly_this_name() -> None:
    custom = ["my-role", "Helpers"]
    for good in (["superadmin"], ["my-role", "editor"], ["Helpers"], ["authenticated"], [" admin ", "admin"]):
        assert check_roles(good, custom) == tuple(dict.fromkeys(role.strip() for role in good))
    for bad in ([], ["Admin"], ["helpers"], ["owner"], ["superadmin", "admin"], ["", "admin"], ["x"] * 51):
        with pytest.raises(InvalidInputError) as raised:
            check_roles(bad, custom)
        assert raised.value.field == "Roles"
    with pytest.raises(InvalidInputError, match="Helpers"):
        check_roles(["helpers"], custom)
