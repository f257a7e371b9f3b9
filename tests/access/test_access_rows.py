"""How the rows of CIPP's tables of access are read."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.access.roles import BASE, BASE_ROLES
from backend.access.tables import access_rules_of
from tests.access.test_roles import CUSTOMER, ENDPOINT, PARTNER, row


def test_no_custom_role_may_take_a_base_roles_or_the_platforms_name() -> None:
    rows = [row(name) for name in (*BASE, "SuperAdmin", "authenticated", "anonymous", "mine")]
    assert set(access_rules_of(rows, [], [], []).custom_roles) == {"mine"}


def test_groups_count_for_roles_that_exist_and_ids_that_are_ids() -> None:
    groups = [
        {"RowKey": "superadmin", "GroupId": PARTNER.upper()},
        {"RowKey": "Helpers", "GroupId": PARTNER},
        {"RowKey": "gone", "GroupId": PARTNER},
        {"RowKey": "admin", "GroupId": "not a guid"},
        {"RowKey": "admin"},
    ]
    assert access_rules_of([row()], [], groups, []).groups == {PARTNER: {"superadmin", "helpers"}}


@pytest.mark.parametrize("enabled", [True, "True", "true"])
def test_an_api_client_is_read_with_its_addresses(enabled: object) -> None:
    stored = {"RowKey": CUSTOMER.upper(), "AppName": "Scripts", "Role": "Admin", "Enabled": enabled}
    for ranges, inside in (("", True), ("[]", True), ('["Any"]', True), ('"203.0.113.0/24"', True), ("{", False)):
        client = access_rules_of([], [{**stored, "IPRange": ranges}], [], []).clients[CUSTOMER]
        assert (client.name, client.role, client.enabled) == ("Scripts", "admin", True)
        assert client.ranges.hold("203.0.113.9") is inside


@pytest.mark.parametrize("enabled", [False, "False", "", None, 1, "1", "yes"])
def test_an_api_client_that_is_not_enabled_is_not(enabled: object) -> None:
    client = {"RowKey": CUSTOMER, "Role": "admin", "Enabled": enabled}
    assert not access_rules_of([], [client], [], []).clients[CUSTOMER].enabled


def test_the_ranges_of_all_roles_count_together_and_never_for_superadmin() -> None:
    rows = [
        {"RowKey": "admin", "IPRanges": '["203.0.113.9"]'},
        {"RowKey": "helpers", "IPRanges": '"198.51.100.1"'},
        {"RowKey": "superadmin", "IPRanges": '["203.0.113.9"]'},
        {"RowKey": "editor", "IPRanges": "[]"},
        {"RowKey": "readonly", "IPRanges": "{"},
    ]
    rules = access_rules_of([row()], [], [], rows)
    cases = {
        ("admin",): [True, False, False],
        ("admin", "helpers"): [True, True, False],
        ("admin", "editor"): [True, False, False],
        ("editor",): [True, True, True],
        ("readonly",): [False, False, False],
        ("superadmin", "admin"): [True, True, True],
        (): [True, True, True],
    }
    for names, expected in cases.items():
        assert [rules.ranges_of(names).hold(at) for at in ("203.0.113.9", "198.51.100.1", "")] == expected, names


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
STORED = ANY_JSON.map(json.dumps) | st.text(max_size=12) | st.none() | st.integers() | st.booleans() | st.binary()
FIELDS = ("RowKey", "Permissions", "PermissionRules", "AllowedTenants", "BlockedTenants", "BlockedEndpoints")
MORE = ("GroupId", "Role", "Enabled", "IPRange", "IPRanges", "AppName")
ROWS = st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys((*FIELDS, *MORE), STORED)), max_size=3)


@settings(derandomize=True, deadline=None)
@given(rows=ROWS)
def test_row_with_any_content_is_read_without_granting_a_base_role(rows: list[dict[str, Any]]) -> None:
    rules = access_rules_of(rows, rows, rows, rows)
    assert {role.name for role in BASE_ROLES}.isdisjoint(rules.custom_roles)
    for custom in rules.custom_roles.values():
        assert custom.serves(lambda: PARTNER) in (True, False)
        assert custom.blocks(ENDPOINT) in (True, False)
