"""The users of a container CIPP as a list with problems, and the address that they open."""

from typing import Any, Final

import pytest

from backend.access.users.rows import AUTO, MANUAL, ROLES, SOURCE, ListedUser, UserTable, table_of
from backend.hosting.container.users.address import users_address
from backend.hosting.container.users.listing import problems_of

ALEX: Final = "alex@contosomsp.com"
SUFFIX: Final = ".azurewebsites.net"
DEFAULT: Final = f"cippabc12{SUFFIX}"


def table(columns: dict[str, Any], *others: str) -> UserTable:
    """Return a table with one user, with CIPP's own row and rows of other spellings."""
    rows = [{"PartitionKey": "User", "RowKey": key, "odata.etag": "1", **columns} for key in (ALEX, *others)]
    return table_of(rows)


def alex(columns: dict[str, Any], *others: str) -> ListedUser:
    return table(columns, *others).users[ALEX]


@pytest.mark.parametrize(
    ("columns", "custom", "number"),
    [
        ({ROLES: '["editor"]', MANUAL: '["editor"]'}, (), 0),
        ({ROLES: '["helpdesk"]'}, ("helpdesk",), 0),
        ({ROLES: '["helpdesk"]'}, (), 1),
        ({ROLES: '["helpdesk"]'}, None, 0),
        ({ROLES: '["superadmin","editor"]'}, (), 1),
        ({ROLES: '["superadmin","authenticated"]'}, (), 0),
        ({ROLES: '["editor"]', MANUAL: "{}"}, (), 1),
        ({ROLES: '["editor"]', MANUAL: '["admin"]', AUTO: '["editor"]'}, (), 1),
    ],
)
def test_problems_are_those_of_the_rows(columns: dict[str, Any], custom: tuple[str, ...] | None, number: int) -> None:
    assert len(problems_of(alex(columns), custom)) == number


def test_row_of_another_spelling_is_a_problem() -> None:
    (problem,) = problems_of(alex({ROLES: '["editor"]'}, ALEX.upper()), ())
    assert f"User/{ALEX.upper()}" in problem


@pytest.mark.parametrize(
    ("columns", "manual"),
    [
        ({ROLES: '["editor","admin"]', AUTO: '["admin"]'}, ("editor",)),
        ({ROLES: '["editor"]', SOURCE: "Auto"}, ()),
        ({ROLES: '["editor"]', SOURCE: "auto", MANUAL: '["admin"]'}, ("admin",)),
        ({ROLES: '["editor"]', MANUAL: "{}"}, ()),
    ],
)
def test_row_without_manual_roles_has_those_that_the_sync_did_not_write(
    columns: dict[str, Any], manual: tuple[str, ...]
) -> None:
    assert alex(columns).manual == manual


@pytest.mark.parametrize(
    ("hosts", "stored", "expected"),
    [
        ([DEFAULT], "", DEFAULT),
        ([DEFAULT, "cipp.contoso.com"], "", "cipp.contoso.com"),
        ([DEFAULT, "cipp.contoso.com", "b.contoso.com"], "https://B.contoso.com/path", "b.contoso.com"),
        ([DEFAULT, "cipp.contoso.com"], "https://gone.contoso.com", "cipp.contoso.com"),
        ([DEFAULT, "*.contoso.com"], "", DEFAULT),
        ([DEFAULT, "*.contoso.com", "cipp.contoso.com"], "", "cipp.contoso.com"),
    ],
)
def test_address_is_that_which_cipp_has_bound(hosts: list[str], stored: str, expected: str) -> None:
    site = {"properties": {"hostNames": hosts, "defaultHostName": DEFAULT}}
    assert users_address(site, stored, SUFFIX) == f"https://{expected}"
