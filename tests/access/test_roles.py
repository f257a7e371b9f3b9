"""What roles allow: base roles, custom roles, and the two together; and how CIPP's rows are read."""

import json
from typing import Any

import pytest

from backend.access.roles import BASE, CallerRoles, CustomRole
from backend.access.tables import AccessRules, access_rules_of
from backend.errors import NotConfiguredError
from tests.support import phrases

READ, WRITE, SUPER = "CIPP.AppSettings.Read", "CIPP.AppSettings.ReadWrite", "CIPP.SuperAdmin.ReadWrite"
PARTNER = "c9a3e1f7-52d8-4b6a-8f14-7e0d2b9c6a35"
CUSTOMER = "11111111-2222-3333-4444-555555555555"
ENDPOINT = "ListBackend"


def row(name: object = "helpers", **fields: object) -> dict[str, Any]:
    """Return a row of CustomRoles. Values other than texts are stored as JSON."""
    whole = {"Permissions": {"CIPPAppSettings": READ}, "AllowedTenants": ["AllTenants"], **fields}
    stored = {field: value if isinstance(value, str) else json.dumps(value) for field, value in whole.items()}
    return {"PartitionKey": "CustomRoles", "RowKey": name, **stored}


def role(**fields: object) -> CustomRole:
    return access_rules_of([row(**fields)], [], [], []).custom_roles["helpers"]


def roles_named(
    *names: str, rules: AccessRules | None = None, base: str = "", unknown: tuple[str, ...] = ()
) -> CallerRoles:
    roles = (rules or access_rules_of([row()], [], [], [])).custom_roles
    return CallerRoles(base=BASE.get(base), custom=tuple(roles[name] for name in names), unknown=unknown)


def refusal(of: CallerRoles, permission: str = READ, endpoint: str = ENDPOINT) -> str | None:
    denial = of.refusal(permission, endpoint, lambda: PARTNER)
    return None if denial is None else denial.detail


@pytest.mark.parametrize(
    ("stored", "permission", "allowed"),
    [
        (READ, READ, True),
        (READ, WRITE, False),
        (WRITE, READ, True),
        (WRITE, WRITE, True),
        (WRITE.lower(), READ.upper(), True),
        ("CIPP.AppSettings.None", READ, False),
        ("CIPP.AppSettings", READ, False),
        ("", READ, False),
        (f"X{READ}", READ, False),
        (f"{READ}er", READ, False),
        ("CIPP.AppSettings.*", READ, False),
        ("*", READ, False),
        ("CIPP.AppSetting?.Read", READ, False),
        ("CIPP?AppSettings?Read", READ, False),
        (SUPER, SUPER, True),
    ],
)
def test_stored_permission_matches_itself_or_its_read(stored: str, permission: str, allowed: bool) -> None:
    assert role(Permissions={"x": stored}).allows(permission) is allowed


@pytest.mark.parametrize("stored", ["", "null", "{", "[]", '"CIPP.AppSettings.Read"', "[" * 50_000, '{"x": 1}', "7"])
def test_unreadable_permissions_grant_nothing(stored: str) -> None:
    assert not role(Permissions=stored).allows(READ)


@pytest.mark.parametrize(
    ("rules", "read", "write"),
    [
        ({"Include": ["CIPP.*"], "Exclude": []}, True, True),
        ({"Include": ["*"], "Exclude": ["CIPP.AppSettings.ReadWrite"]}, True, False),
        ({"Include": ["*"], "Exclude": ["CIPP.AppSettings.*"]}, False, False),
        ({"Include": "*.Read", "Exclude": None}, True, False),
        ({"Include": [WRITE]}, True, True),
        ({"Include": ["*"], "Exclude": [1]}, False, False),
        ({"Include": [1]}, False, False),
        ({"Include": [], "Exclude": []}, True, False),
        (None, True, False),
        ("{", False, False),
        ([], False, False),
    ],
)
def test_wildcard_rules_precede_the_permission_list_and_their_exclusions_apply(
    rules: object, read: bool, write: bool
) -> None:
    found = role(PermissionRules=rules)
    assert (found.allows(READ), found.allows(WRITE)) == (read, write)


@pytest.mark.parametrize(
    ("allowed", "blocked", "serves"),
    [
        (["AllTenants"], [], True),
        ("AllTenants", "", False),  # no JSON
        ('"AllTenants"', "", True),  # a list of one, as CIPP stores it
        ([{"label": "All", "value": "AllTenants"}], "null", True),
        ({"label": "All", "value": "alltenants"}, [""], True),
        ([PARTNER.upper()], [], True),
        ([CUSTOMER, {"value": "contoso.com", "addedFields": {"customerId": PARTNER}}], [], True),
        ([CUSTOMER], [], False),
        ([], [], False),
        ("", "", False),
        ("{", [], False),
        (["contoso.com"], [], False),
        ([{"type": "Group", "value": PARTNER}], [], False),
        (["AllTenants"], [CUSTOMER], True),
        (["AllTenants"], [PARTNER], False),
        (["AllTenants"], {"value": PARTNER.upper()}, False),
        (["AllTenants"], ["AllTenants"], False),
        ([PARTNER], [PARTNER], False),
        (["AllTenants"], "{", False),
        (["AllTenants"], [{"type": "Group", "value": CUSTOMER}], False),
        (["AllTenants"], ["contoso.com"], False),
        (["AllTenants"], [1], False),
    ],
)
def test_custom_role_applies_when_the_partners_tenant_is_allowed_and_not_blocked(
    allowed: object, blocked: object, serves: bool
) -> None:
    assert role(AllowedTenants=allowed, BlockedTenants=blocked).serves(lambda: PARTNER) is serves


def test_partner_tenant_is_read_only_if_a_role_lists_tenants() -> None:
    def unknown() -> str:
        raise NotConfiguredError("The vault is unreachable.")

    assert role().serves(unknown)
    with pytest.raises(NotConfiguredError):
        role(AllowedTenants=[CUSTOMER]).serves(unknown)


@pytest.mark.parametrize(
    ("stored", "blocks"),
    [
        ([], False),
        ("", False),
        (["ListBackendRights"], False),
        (["listbackend"], True),
        ('"ListBackend"', True),
        ([{"label": "x", "value": "ListBackend"}], True),
        (["ListBackendRights", {"value": "ListBackend"}], True),
        ("{", True),
        ([1], True),
        (["ListBackendRights", None], True),
    ],
)
def test_a_blocked_endpoint_is_blocked_and_an_unreadable_list_blocks_all(stored: object, blocks: bool) -> None:
    assert role(BlockedEndpoints=stored).blocks(ENDPOINT) is blocks


def test_custom_role_alone_grants_and_is_named() -> None:
    assert refusal(roles_named("helpers")) is None
    lacking = refusal(roles_named("helpers"), WRITE)
    assert lacking is not None
    assert "'helpers'" in lacking
    assert WRITE in lacking
    assert "admin, superadmin" in lacking


def test_custom_roles_restrict_editor_and_readonly_and_never_admins() -> None:
    core, rules = "CIPP.Core.Read", access_rules_of([row(Permissions={"x": "CIPP.Scheduler.Read"})], [], [], [])
    for base in ("editor", "readonly"):
        assert refusal(roles_named(base=base), core) is None
        assert not roles_named("helpers", rules=rules, base=base).allows(core)
        assert core in str(refusal(roles_named("helpers", rules=rules, base=base), core))
        assert refusal(roles_named("helpers", base=base), READ) is not None  # the base role itself lacks it
    assert refusal(roles_named("helpers", rules=rules, base="admin"), READ) is None
    assert refusal(roles_named("helpers", rules=rules, base="superadmin"), SUPER) is None


def test_unknown_role_name_restricts_like_a_custom_role() -> None:
    core = "CIPP.Core.Read"
    assert refusal(roles_named(base="editor", unknown=("gone",)), core) is not None
    assert refusal(roles_named(base="admin", unknown=("gone",)), READ) is None
    assert refusal(roles_named("helpers", unknown=("gone",))) is None
    assert refusal(CallerRoles(unknown=("gone",))) is not None


def test_custom_roles_grant_when_one_applies_and_none_blocks_the_endpoint() -> None:
    rules = access_rules_of(
        [
            row("here"),
            row("there", AllowedTenants=[CUSTOMER]),
            row("blocking", BlockedEndpoints=[ENDPOINT]),
            row("other", Permissions={}, BlockedEndpoints=[ENDPOINT]),
        ],
        [],
        [],
        [],
    )
    assert refusal(roles_named("there", rules=rules)) is not None
    assert refusal(roles_named("there", "here", rules=rules)) is None
    assert phrases.BLOCKS_ENDPOINT in str(refusal(roles_named("here", "blocking", rules=rules)))
    assert refusal(roles_named("here", "blocking", rules=rules), endpoint="ListKeyRotations") is None
    assert refusal(roles_named("here", "other", rules=rules)) is None


def test_refusal_names_only_the_custom_roles_that_have_the_permission() -> None:
    rules = access_rules_of(
        [row("yes"), row("blocking", BlockedEndpoints=[ENDPOINT]), row("no", Permissions={})], [], [], []
    )
    message = str(
        CallerRoles(base=BASE["readonly"], all_custom=tuple(rules.custom_roles.values())).refusal(READ, ENDPOINT, str)
    )
    assert ": admin, superadmin, yes." in message
