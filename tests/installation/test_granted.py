"""Whether permissions, as Resource Manager lists them, include an action."""

from typing import Any, Final

import pytest

from backend.installation.granted import allowed

DELETE: Final = "Microsoft.Web/sites/delete"


@pytest.mark.parametrize(
    ("permission", "expected"),
    [
        ({"actions": ["*"]}, True),
        ({"actions": ["microsoft.web/Sites/*"], "notActions": None}, True),
        ({"actions": ["*"], "notActions": []}, True),
        ({"actions": ["*/read"]}, False),
        ({"actions": ["*"], "notActions": ["Microsoft.Web/sites/Delete"]}, False),
        ({"actions": ["*"], "notActions": "Microsoft.Web/sites/read"}, False),
        ({"actions": ["*"], "notActions": [1]}, False),
        ({"dataActions": ["*"]}, False),
    ],
)
def test_exclusion_that_is_not_readable_counts_as_one(permission: dict[str, Any], expected: bool) -> None:
    assert allowed([permission], DELETE) is expected


def test_action_that_one_role_excludes_can_be_in_another() -> None:
    assert allowed([{"actions": ["*"], "notActions": ["*"]}, {"actions": [DELETE]}], DELETE)


def test_actions_on_data_have_lists_of_their_own() -> None:
    permission = {"actions": [], "dataActions": ["*"], "notDataActions": ["*/delete"]}
    assert allowed([permission], "Microsoft.KeyVault/vaults/secrets/get/action", on_data=True)
    assert not allowed([permission], "Microsoft.KeyVault/vaults/secrets/delete", on_data=True)
