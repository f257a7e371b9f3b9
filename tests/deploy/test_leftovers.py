"""What deploy.sh shows that this app's identity still has after an option was taken back."""

import json
from shlex import quote

import pytest

from tests.support.bash import steps
from tests.support.markdown import ROOT

BUILT_IN = json.loads((ROOT / "deploy" / "azuredeploy.json").read_text(encoding="utf-8"))["variables"]["builtIn"]
ALWAYS = [BUILT_IN["reader"], BUILT_IN["tables"]]
CONTROLS = [BUILT_IN["contributor"], BUILT_IN["websiteContributor"]]
READS, WRITES = BUILT_IN["secrets"]["observe"], BUILT_IN["secrets"]["rotation"]
CUSTOM = "custom-role"
GIVEN = {
    **dict.fromkeys(("DRY_RUN", "BUILT_IN_ROLES", "ENABLE_CONTROLS", "ENABLE_ROTATION"), ""),
    **dict.fromkeys(("SUBSCRIPTION", "CIPP_SUBSCRIPTION", "GROUP", "CIPP_GROUP", "VAULT_GROUP"), "one"),
    "PRINCIPAL": "identity",
    "VAULT": "kv",
}


def leftovers(
    roles: list[str], policy: str = "", former: str = '{"appName": {"value": "watch"}}', **changes: str
) -> str:
    """Return what is shown if the identity has these roles, and these permissions by an access policy."""
    lines = "".join(f"/assignment/of/{role}\t/definitions/{role.upper()}\n" for role in roles)
    script = f"""
az() {{
    case "$*" in
        *roleAssignments*) printf '\\n%s' {quote(lines)} ;;
        *vaults/kv*) echo {quote(policy)} ;;
        *) fail "$*" ;;
    esac
}}
FORMER={quote(former)}
show_leftovers
"""
    done = steps(script, "find", "rest", "clients", "remove", "template", "leftovers", **{**GIVEN, **changes})
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def named(text: str) -> set[str]:
    """Return the roles whose assignments a text names."""
    return {word.removeprefix("/assignment/of/") for word in text.split() if word.startswith("/assignment/of/")}


@pytest.mark.parametrize(
    ("roles", "changes", "expected"),
    [
        ([CUSTOM], {}, []),
        ([CUSTOM, *ALWAYS, *CONTROLS, WRITES], {}, [*ALWAYS, *CONTROLS, WRITES]),
        ([CUSTOM, *CONTROLS], {"ENABLE_CONTROLS": "yes"}, CONTROLS),
        ([*ALWAYS, READS], {"BUILT_IN_ROLES": "yes"}, []),
        ([*ALWAYS, *CONTROLS, READS, WRITES], {"BUILT_IN_ROLES": "yes"}, [*CONTROLS, WRITES]),
        ([*CONTROLS, WRITES], {"BUILT_IN_ROLES": "yes", "ENABLE_CONTROLS": "yes"}, [WRITES]),
        ([*CONTROLS, READS], {"BUILT_IN_ROLES": "yes", "ENABLE_ROTATION": "yes"}, [*CONTROLS, READS]),
        ([CUSTOM], {"BUILT_IN_ROLES": "yes"}, [CUSTOM]),
    ],
)
def test_leftover_assignments_are_shown_with_their_command(
    roles: list[str], changes: dict[str, str], expected: list[str]
) -> None:
    text = leftovers(roles, **changes)
    assert named(text) == set(expected)
    assert ("az role assignment delete --ids" in text) is bool(expected)
    assert "set-policy" not in text


def test_leftover_roles_follow_the_former_choice_of_built_in_roles() -> None:
    former = '{"useBuiltInRoles": {"value": true}}'
    assert named(leftovers(ALWAYS, former=former)) == set()
    assert named(leftovers(ALWAYS, former=former, BUILT_IN_ROLES="no")) == set(ALWAYS)


@pytest.mark.parametrize(
    ("policy", "rotation", "shows"),
    [
        ("get list", "", False),
        ("Get List Set Recover", "", True),
        ("get list set recover", "yes", False),
        ("", "", False),
    ],
)
def test_leftover_access_policy_is_shown_with_its_command(policy: str, rotation: str, shows: bool) -> None:
    text = leftovers([CUSTOM], policy, ENABLE_ROTATION=rotation)
    command = "az keyvault set-policy --name kv --object-id identity --secret-permissions get list"
    assert (command in text) is shows


@pytest.mark.parametrize(("former", "dry_run"), [("{}", ""), ('{"appName": {"value": "watch"}}', "yes")])
def test_leftovers_are_not_read_in_a_first_deployment_or_a_dry_run(former: str, dry_run: str) -> None:
    assert leftovers([WRITES], "set", former=former, DRY_RUN=dry_run) == ""
