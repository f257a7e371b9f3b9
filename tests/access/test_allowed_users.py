"""How the rows of CIPP's table of users are read, and which of CIPP's settings move the table."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.access.allowed_users import folded, listed_in
from backend.access.roles_in_cipp import allows_others, setting_that_moves

NAME = "alex@contoso.com"
MOVES_TABLE, MOVES_STORAGE = "App__Auth__UserTableName", "App__Auth__UserStorageConnection"
OTHERS = "App__Auth__AllowAllTenantUsers"


def row(roles: object, key: str = NAME, **fields: object) -> dict[str, Any]:
    return {"PartitionKey": "User", "RowKey": key, "Roles": roles, **fields}


@pytest.mark.parametrize(
    ("stored", "roles"),
    [
        ('["editor","my-role"]', ("editor", "my-role")),
        ('["editor","editor"]', ("editor",)),
        ("[]", ()),
        (None, ()),
        ("null", ()),
        ('["anonymous","authenticated"]', ()),
        ("admin", ("admin",)),
        ("editor,admin", ("editor,admin",)),
        ("", ("",)),
        ('"admin"', ('"admin"',)),
        ('{"admin":1}', ('{"admin":1}',)),
        ('["admin",5]', ('["admin",5]',)),
        ('["admin"', ('["admin"',)),
        ("\ufeff" + '["admin"]', ("\ufeff" + '["admin"]',)),
        ('["admin\u200b"]', ("admin\u200b",)),
        ('[" admin","Admin"]', (" admin", "Admin")),
        ("[" * 5_000, ("#unreadable",)),
        (["admin"], ("#unreadable",)),
        (True, ("#unreadable",)),
        (7, ("#unreadable",)),
    ],
)
def test_column_roles_is_read_as_cipp_reads_it(stored: object, roles: tuple[str, ...]) -> None:
    assert listed_in([row(stored)]) == {NAME: roles}


def test_row_without_the_column_lists_a_user_without_roles() -> None:
    stored = {"PartitionKey": "User", "RowKey": NAME, "ManualRoles": '["superadmin"]', "AutoRoles": '["admin"]'}
    assert listed_in([stored]) == {NAME: ()}


def test_rows_of_one_user_count_together() -> None:
    rows = [row('["editor"]', "Alex@Contoso.com"), row('["admin","editor"]'), row('["mine"]', PartitionKey="Other")]
    assert listed_in(rows) == {NAME: ("editor", "admin", "mine")}


def test_internal_rows_are_left_out() -> None:
    assert listed_in([row('["superadmin"]', "_alex@contoso.com"), row('["superadmin"]', "_")]) == {}


@pytest.mark.parametrize(
    "key", ["alex@contoso.com\u200b", " alex@contoso.com", "\u212aim@contoso.com", "ale\u0445@contoso.com", "alex"]
)
def test_name_with_another_character_is_another_user(key: str) -> None:
    listed = listed_in([row('["superadmin"]', key)])
    assert folded("ALEX@contoso.com") not in listed
    assert folded("Kim@contoso.com") not in listed


def test_name_with_an_apostrophe_or_a_guests_mark_is_kept() -> None:
    keys = ["pat.o'neil@contoso.com", "kim_fabrikam.com#EXT#@contoso.com"]
    assert set(listed_in([row("[]", key) for key in keys])) == {key.lower() for key in keys}


@given(st.text())
def test_folding_changes_only_letters_a_to_z(name: str) -> None:
    assert folded(name).encode("utf-8", "surrogatepass") == name.encode("utf-8", "surrogatepass").lower()


@given(st.text() | st.lists(st.text() | st.none() | st.integers()).map(json.dumps) | st.none() | st.integers())
def test_any_value_of_the_column_is_read(stored: object) -> None:
    (roles,) = listed_in([row(stored)]).values()
    assert all(isinstance(role, str) for role in roles)


@pytest.mark.parametrize(
    ("settings", "setting"),
    [
        ({}, ""),
        ({MOVES_TABLE: "allowedUsers"}, ""),
        ({MOVES_TABLE: "ALLOWEDUSERS"}, ""),
        ({MOVES_TABLE: "others"}, MOVES_TABLE),
        ({MOVES_TABLE: ""}, MOVES_TABLE),
        ({MOVES_TABLE.upper(): "others"}, MOVES_TABLE),
        ({"App:Auth:UserTableName": "others"}, MOVES_TABLE),
        ({MOVES_TABLE: "allowedUsers", MOVES_TABLE.lower(): "others"}, MOVES_TABLE),
        ({MOVES_STORAGE: "x"}, MOVES_STORAGE),
        ({MOVES_STORAGE.lower(): ""}, MOVES_STORAGE),
        ({OTHERS: "false", "App__Auth__DevRoles": "x"}, ""),
    ],
)
def test_setting_that_moves_the_table_is_found(settings: dict[str, str], setting: str) -> None:
    assert setting_that_moves(settings) == setting


@pytest.mark.parametrize(
    ("settings", "is_so"),
    [
        ({}, True),
        ({OTHERS: "true"}, True),
        ({OTHERS: " True "}, True),
        ({OTHERS: "false"}, False),
        ({OTHERS.lower(): "False"}, False),
        ({OTHERS: ""}, False),
        ({OTHERS: "1"}, False),
        ({OTHERS: "true", OTHERS.upper(): "false"}, False),
    ],
)
def test_users_outside_the_table_are_allowed_only_by_true(settings: dict[str, str], is_so: bool) -> None:
    assert allows_others(settings) is is_so
