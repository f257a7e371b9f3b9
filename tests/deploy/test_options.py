"""The options of deploy.sh, and what it refuses before its first call."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.bash import deploy, steps
from tests.support.markdown import ROOT

READ = """
read_options "$@"
printf '%s\\n' "$YES|$GROUP|$ENABLE_CONTROLS|$API_CLIENTS|$BUILT_IN_ROLES|$BREAK_GLASS"
"""


OF_THE_SHELL = dict.fromkeys(
    (
        "GROUP",
        "EMAIL",
        "PRINCIPAL",
        "CLIENT_ID",
        "SP_ID",
        "FORMER_ADDRESS",
        "PACKAGE_PYTHON",
        "ALLOWED_APPLICATIONS",
        "PLAN",
    ),
    "of-the-shell",
)
SET_BEFORE = {"DEPLOYMENT", "FORMER", "NAMED_SUBSCRIPTION", "PYTHON", "SITE_SETTINGS"}
PAUSES = {"DEPLOYMENT_SECONDS", "ERASE_SECONDS", "REMOVE_SECONDS", "RETRY_PAUSE", "RETRY_SECONDS", "VERIFY_SECONDS"}
OF_THE_ENVIRONMENT = {"ACC_CLOUD", "ALERT_WEBHOOK", "CLOCK", "DIST", *PAUSES}  # what the steps take from there


def read(*options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Read options, and print some of the variables."""
    quoted = " ".join(f"'{option}'" for option in options)
    return steps(f"set -- {quoted}\n{READ}", "options", **variables)


def test_options_become_variables() -> None:
    done = read("--yes", "--group", "cipp-be", "--enable-controls", "--break-glass", "alex@contosomsp.com")
    assert (done.returncode, done.stdout) == (0, "yes|cipp-be|yes|||alex@contosomsp.com\n")


def test_options_are_empty_when_none_is_given() -> None:
    assert read().stdout == "|||||\n"


def test_options_take_nothing_from_the_environment() -> None:
    assert read(GROUP="of-the-shell", YES="yes", BREAK_GLASS="alex", API_CLIENTS="no").stdout == "|||||\n"


def test_steps_take_nothing_that_they_find_from_the_environment() -> None:
    names = ("PRINCIPAL", "CLIENT_ID", "SP_ID", "FORMER_ADDRESS", "PACKAGE_PYTHON", "ALLOWED_APPLICATIONS", "PLAN")
    script = "".join(f"echo ${{{name}:-}}\n" for name in names)
    done = steps(f"read_options\n{script}bash -c 'echo $GROUP $EMAIL $PRINCIPAL'", "options", **OF_THE_SHELL)
    assert (done.stderr, done.stdout) == ("", "\n" * (len(names) + 1))


def test_steps_with_defaults_take_only_these_variables_from_the_environment() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "deploy" / "steps").glob("*.sh")))
    defaults = set(re.findall(r"\$\{([A-Z][A-Z_]+):?-", text))
    declared = steps('echo "${FOUND_LATER[*]} ${VALUE_OPTIONS[*]} ${FLAG_OPTIONS[*]%=*}"', "options").stdout.split()
    assert defaults - set(declared) - SET_BEFORE == OF_THE_ENVIRONMENT


def test_options_can_take_a_former_choice_back() -> None:
    assert read("--no-api-clients", "--custom-roles").stdout == "|||no|no|\n"
    assert steps('read_options --no-lock --lock\necho "$LOCK"', "options").stdout == "yes\n"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--group",), "--group needs a value."),
        (("--group", "--yes"), "--group needs a value."),
        (("--grup", "x"), "Unknown option: --grup."),
        (("x",), "Unknown option: x."),
        (("",), "Unknown option"),
        (("--remove", "--prove"), "Only one of"),
        (("--observe", "--enable-rotation"), "--observe contradicts"),
        (("--allow-cli", "--no-allow-cli"), "--allow-cli contradicts"),
        (("--rights-only", "--allow-cli"), "leave out ALLOW_CLI"),
        (("--package-only", "--enable-rotation"), "leave out ENABLE_ROTATION"),
        (("--package-only", "--break-glass", "alex"), "leave out BREAK_GLASS"),
        (("--subscription", "production"), "must be the ID of a subscription"),
        (("--group", "a/b"), "isn't the name of a resource group"),
        (("--app", "x?y"), "isn't a valid name"),
        (("--vault", "$(id)"), "isn't a valid name"),
        (("--email", "alerts"), "isn't an address"),
        (("--cipp-address", "http://cipp"), "must begin with https://"),
        (("--package", "/nothing.zip"), "No such package"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_deploy_refuses_options_before_its_first_call(options: tuple[str, ...], text: str) -> None:
    done = deploy(*options)
    assert (done.returncode, done.stdout) == (1, "")
    assert text in done.stderr


def test_help_names_each_option() -> None:
    done = deploy("--help")
    assert done.returncode == 0
    text = (ROOT / "deploy" / "steps" / "options.sh").read_text(encoding="utf-8")
    declared = set(re.findall(r"\[(--[a-z-]+)\]=", text))
    assert len(declared) > 30
    assert set(re.findall(r"--[a-z][a-z-]+", done.stdout)) - {"--help"} == declared


def test_deploy_requires_the_azure_cli_and_its_sign_in(tmp_path: Path) -> None:
    done = deploy("--dry-run")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no az" in done.stderr
    program = tmp_path / "az"
    program.write_text("#!/bin/sh\n[ $1 = version ] && echo 2.91.0\n", encoding="utf-8")
    program.chmod(0o755)
    done = deploy("--dry-run", PATH=f"{tmp_path}:/usr/bin:/bin")
    assert (done.returncode, done.stdout) == (1, "")
    assert "az login" in done.stderr


PRESENT = {"CIPP_KV_NAME": "old", "KEY_ROTATION_WARN_DAYS": "21", "CIPP_STORAGE": 'a"b'}
FORMER = {
    "subnetId": {"value": "/x"},
    "enableRotation": {"value": True},
    "gone": {"value": 1},
    "packageUri": {"value": "https://storage/old.zip"},
    "settings": {"value": None},
}
CHOSEN = {
    **dict.fromkeys(("ENABLE_CONTROLS", "BUILT_IN_ROLES", "LOCK", "PLAN", "PYTHON"), ""),
    "SHAPE": "functions",
    "OFFLOAD_APPS": '["cippabc12-proc"]',
    "ENABLE_ROTATION": "yes",
    "PACKAGE_PYTHON": "3.12",
    "APP": "x",
    "LOCATION": "westeurope",
    "CIPP_SUBSCRIPTION": "s",
    "CIPP_GROUP": "cipp",
    "CIPP_APP": "cippabc12",
    "VAULT": "cippabc12",
    "VAULT_GROUP": "cipp",
    "STORAGE": "st",
    "STATIC_WEB_APP": "swa",
    "CIPP_ADDRESS": "https://c",
    "EMAIL": "a@b.co",
    "CLIENT_ID": "id",
    "TENANT": "t",
}


def parameters(**changes: str) -> dict[str, object]:
    """Return the values of the template's parameters for these choices."""
    values = {**CHOSEN, "GIVEN_FORMER": json.dumps(FORMER), "GIVEN_SETTINGS": json.dumps(PRESENT), **changes}
    script = "FORMER=$GIVEN_FORMER SITE_SETTINGS=$GIVEN_SETTINGS\ntemplate_parameters"
    done = steps(script, "template", **values)
    assert done.returncode == 0, done.stderr
    return {name: one["value"] for name, one in json.loads(done.stdout).items()}


def test_parameters_are_those_of_the_template() -> None:
    template = json.loads((ROOT / "deploy" / "azuredeploy.json").read_text(encoding="utf-8"))
    found = parameters()
    assert found.keys() <= template["parameters"].keys()
    assert found["cippOffloadApps"] == ["cippabc12-proc"]
    assert (found["pythonVersion"], found["appName"], found["enableRotation"]) == ("3.12", "x", True)
    assert found["tenantId"] == "t"


def test_parameters_keep_what_was_chosen_before() -> None:
    assert parameters()["subnetId"] == "/x"
    assert parameters(ENABLE_ROTATION="")["enableRotation"] is False


def test_parameters_name_no_package_of_an_earlier_deployment() -> None:
    assert "packageUri" not in parameters()


def test_parameters_keep_settings_that_the_template_does_not_set() -> None:
    assert parameters()["settings"] == {"KEY_ROTATION_WARN_DAYS": "21", "CIPP_STORAGE": 'a"b'}


def test_parameters_keep_the_python_version_of_the_app() -> None:
    assert parameters(PYTHON="3.11")["pythonVersion"] == "3.11"


def test_parameters_name_no_lock_or_roles_unless_chosen() -> None:
    assert not {"lockGroup", "useBuiltInRoles", "alertWebhook"} & parameters().keys()
    chosen = parameters(LOCK="no", BUILT_IN_ROLES="yes", ALERT_WEBHOOK="https://hook")
    assert (chosen["lockGroup"], chosen["useBuiltInRoles"], chosen["alertWebhook"]) == (False, True, "https://hook")


def test_no_step_writes_a_secret_to_a_file() -> None:
    for path in sorted((ROOT / "deploy" / "steps").glob("*.sh")):
        text = Path(path).read_text(encoding="utf-8")
        assert "mktemp" not in text
        assert not re.search(r">>?\s*\"?\$(?!\{)[A-Z_]*(SETTINGS|WEBHOOK)", text)
        assert not re.search(
            r"<<<\s*\"?\$\{?[A-Za-z_]*(SETTINGS|settings|WEBHOOK|present)", text
        )  # a file before bash 5.1


def receivers(**of_kind: list[list[str]] | None) -> str:
    """Return which receivers of the alerts are lost, by what Azure has."""
    script = 'az() { echo "$GIVEN"; }\nlost_receivers\necho "$LOST_RECEIVERS"'
    given = {"GIVEN": json.dumps(of_kind), "PYTHON": "3.12", "SUBSCRIPTION": "s", "GROUP": "g", "APP": "watch"}
    done = steps(script, "find", "template", FORMER_EMAIL="alerts@contosomsp.com", **given)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_receivers_of_the_template_are_not_lost() -> None:
    assert receivers(email=[["mail", "Alerts@contosomsp.com"]], webhook=[], sms=None) == ""


def test_receivers_that_a_person_added_are_named() -> None:
    added = receivers(
        email=[["mail", "alerts@contosomsp.com"], ["Ann", "ann@x.co"]], sms=[["night"]], webhook=[["chat"]]
    )
    assert added == "email Ann, sms night, webhook chat"
