"""What deploy.sh shows before it changes anything: the mode, and each role with its actions."""

import json

import pytest

from tests.support.bash import steps
from tests.support.markdown import ROOT

ROLES = json.loads((ROOT / "deploy" / "azuredeploy.json").read_text(encoding="utf-8"))["variables"]["roles"]
CIPP = {
    "CIPP_GROUP": "cipp",
    "CIPP_APP": "cippabc12",
    "OFFLOAD_APPS": '["cippabc12-proc"]',
    "STORAGE": "st",
    "VAULT": "kv",
    "VAULT_GROUP": "CIPP",
    "APP": "watch",
    "STATIC_WEB_APP": "swa",
    "PLAN": "",
    "SHAPE": "functions",
    **dict.fromkeys(("ENABLE_CONTROLS", "ENABLE_ROTATION", "BUILT_IN_ROLES", "PYTHON", "LOCK"), ""),
}


def shown(what: str = "show_grants", former: str = "{}", **changes: str) -> str:
    """Return what is shown for these choices."""
    done = steps(f"FORMER='{former}'\n{what}", "find", "template", "show", **{**CIPP, **changes})
    assert done.returncode == 0, done.stderr
    return done.stdout


def actions(*roles: dict[str, list[str]]) -> set[str]:
    """Return all actions of roles."""
    return {action for role in roles for action in role["actions"] + role["dataActions"]}


def listed(text: str) -> set[str]:
    """Return the actions in a text."""
    return {line.strip() for line in text.splitlines() if line.startswith("      Microsoft.")}


@pytest.mark.parametrize("chosen", [("", ""), ("yes", ""), ("", "yes"), ("yes", "yes")])
def test_grants_of_function_apps_are_those_of_the_template(chosen: tuple[str, str]) -> None:
    controls, rotation = chosen
    mode, keys = "controls" if controls else "observe", "rotation" if rotation else "observe"
    of_shape = ROLES["functions"]
    expected = [of_shape["read"], of_shape["app"][mode], ROLES["staticWebApp"][mode], ROLES["vault"][keys]]
    text = shown(ENABLE_CONTROLS=controls, ENABLE_ROTATION=rotation)
    tables = ROLES["tables"]["changes" if controls or rotation else "observe"]
    assert listed(text) == actions(*expected, tables, ROLES["self"])
    assert "on cippabc12 and cippabc12-proc" in text
    assert f"({', '.join(ROLES['vaultPolicy'][keys])})" in text


def test_grants_of_a_container_have_its_plan_and_no_static_web_app() -> None:
    text = shown(SHAPE="container", STATIC_WEB_APP="", PLAN="plan", OFFLOAD_APPS="[]")
    of_shape = ROLES["container"]
    certificates = ROLES["certificates"]["observe"]
    expected = [of_shape["read"], of_shape["app"]["observe"], ROLES["vault"]["observe"], ROLES["plan"], certificates]
    assert listed(text) == actions(*expected, ROLES["tables"]["observe"], ROLES["self"])


def test_grants_name_a_vault_in_another_group_twice() -> None:
    assert shown().count("the vault kv") == 1
    assert shown(VAULT_GROUP="vaults").count("the vault kv") == 2


@pytest.mark.parametrize(
    ("changes", "former"),
    [({"BUILT_IN_ROLES": "yes"}, "{}"), ({}, '{"useBuiltInRoles": {"value": true}}')],
)
def test_grants_are_built_in_roles_when_chosen_now_or_before(changes: dict[str, str], former: str) -> None:
    text = shown(former=former, **changes)
    assert "custom role" not in text
    assert "Key Vault Secrets User, built in, on the vault kv" in text
    assert "Contributor, built in, on the static" not in text
    assert "Contributor, built in, on the static" in shown(former=former, ENABLE_CONTROLS="yes", **changes)


@pytest.mark.parametrize(
    ("controls", "rotation", "text"),
    [
        ("", "", "It only observes."),
        ("yes", "", "It may control CIPP."),
        ("", "yes", "It may renew CIPP's keys."),
        ("yes", "yes", "It may control CIPP and renew its keys."),
    ],
)
def test_mode_is_shown_before_a_deployment(controls: str, rotation: str, text: str) -> None:
    assert shown("show_mode", ENABLE_CONTROLS=controls, ENABLE_ROTATION=rotation).strip() == f"Mode:       {text}"


def test_mode_of_an_update_names_what_a_template_cannot_take_back() -> None:
    assert "after the deployment" in shown("show_mode", former='{"appName": {"value": "watch"}}')


def test_all_is_new_when_the_group_does_not_exist() -> None:
    text = shown("show_changes", GROUP_EXISTS="", GROUP="cipp-backend")
    assert "    Microsoft.Web/sites\n" in text
    assert "Microsoft.Web/sites/extensions" not in text
    assert "Microsoft.Resources/deployments" not in text


SIGN_IN = {
    **dict.fromkeys(
        ("RIGHTS_ONLY", "BREAK_GLASS", "ALLOW_CLI", "NO_ALLOW_CLI", "ALLOW_REPAIR", "ASSIGNMENT_REQUIRED"), ""
    ),
    "ALLOWED_APPLICATIONS": "[]",
    "FEDERATED_SIGN_IN": "false",
}


def sign_in(**changes: str) -> str:
    """Return what is shown about people, programs and registrations."""
    done = steps("show_sign_in", "sign_in", "clients", "show", **{**CIPP, **SIGN_IN, **changes})
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "superadmin of this app: you"),
        ({"BREAK_GLASS": "alex@contosomsp.com"}, "alex@contosomsp.com"),
        ({"ALLOWED_APPLICATIONS": '["one", "two"]'}, "two"),
        ({"ALLOWED_APPLICATIONS": '["04b07795-8ddb-461a-bbee-02f9e1bf7b46"]'}, "the Azure CLI"),
        ({"ALLOW_CLI": "yes"}, "preauthorized: the Azure CLI and Azure PowerShell"),
        ({"NO_ALLOW_CLI": "yes"}, "no longer preauthorized"),
        ({"ALLOW_REPAIR": "yes"}, "owner of CIPP's app registrations, and Application.ReadWrite.OwnedBy"),
        ({"ALLOW_REPAIR": "no"}, "loses"),
        ({"FEDERATED_SIGN_IN": "true"}, "watch-host"),
        ({"ASSIGNMENT_REQUIRED": "yes"}, "only users with an app role"),
        ({"RIGHTS_ONLY": "yes"}, "The sign-in stays as it is."),
    ],
)
def test_grants_in_entra_are_shown_when_chosen(changes: dict[str, str], text: str) -> None:
    assert text in sign_in(**changes)
    assert not changes or text not in sign_in()


def test_plan_shows_grants_in_entra_and_receivers_that_are_lost() -> None:
    script = """
for step in show_changes show_grants show_managers; do eval "$step() { :; }"; done
TENANT=t SUBSCRIPTION=s CIPP_SUBSCRIPTION=s CIPP_ADDRESS=a GROUP=g EMAIL=e FORMER='{}' LOST_RECEIVERS='sms night'
show_plan
"""
    text = steps(script, "show", **{**CIPP, **SIGN_IN, "ALLOW_REPAIR": "yes"}).stdout
    assert "Application.ReadWrite.OwnedBy" in text
    assert ": sms night." in text
