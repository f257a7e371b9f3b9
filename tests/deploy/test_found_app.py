"""How deploy.sh reads the account and this app as it is, and what it refuses to change."""

import json
import re
import subprocess
from shlex import quote

import pytest

from tests.conformance.azure_cli import VERSION
from tests.support.bash import steps
from tests.support.markdown import ROOT

_TEXT = (ROOT / "deploy" / "deploy.sh").read_text(encoding="utf-8")
PREPARE = _TEXT[_TEXT.index("prepare() {") : _TEXT.index("ask_email() {")]
SUBSCRIPTION = "8b1f6a2e-3c47-4d59-9e0b-5a7c1d2f4e68"


def account(active: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Find the account whose chosen subscription is in the tenant `partner`, and whose active tenant is another."""
    script = f"""
az() {{
    case "$*" in
        "version "*) echo 2.91.0 ;;
        "cloud show "*) printf '%s\\n' https://graph/ https://arm/ ;;
        *--subscription*) printf '%s\\n' {SUBSCRIPTION} partner ;;
        *"[id, tenantId]"*) printf '%s\\n' {SUBSCRIPTION} {active} ;;
        *) echo {active} ;;
    esac
}}
find_account
echo "$TENANT $GRAPH"
"""
    return steps(script, "find", **{"SUBSCRIPTION": "", **variables})


def test_account_is_refused_when_another_tenant_is_active() -> None:
    done = account("customer", SUBSCRIPTION=SUBSCRIPTION)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"az account set --subscription {SUBSCRIPTION}" in done.stderr


@pytest.mark.parametrize("chosen", ["", SUBSCRIPTION])
def test_account_is_the_active_one_or_in_its_tenant(chosen: str) -> None:
    done = account("partner", SUBSCRIPTION=chosen)
    assert (done.stderr, done.stdout) == ("", "partner https://graph/v1.0\n")


def test_azure_cli_of_windows_is_refused() -> None:
    done = steps("az() { printf '2.91.0\\r\\ntenant\\r\\n'; }\nfind_account\necho never", "find", SUBSCRIPTION="")
    assert (done.returncode, done.stdout) == (1, "")
    assert "WSL" in done.stderr


@pytest.mark.parametrize(
    ("version", "refused"),
    [("2.60.0", True), ("2.90.9", True), ("1.100.0", True), ("2.91.0", False), ("2.100.1b2", False), ("3.0", False)],
)
def test_older_azure_cli_is_refused(version: str, refused: bool) -> None:
    done = steps(f"az() {{ echo {version}; }}\ncheck_programs\necho passed", "find")
    assert done.stdout == ("" if refused else "passed\n")
    assert (version in done.stderr and "az upgrade" in done.stderr) is refused


def test_oldest_azure_cli_is_the_one_that_conformance_runs() -> None:
    script = (ROOT / "deploy/steps/find.sh").read_text(encoding="utf-8")
    (oldest,) = re.findall(r"^OLDEST_CLI=(.+)$", script, re.MULTILINE)
    assert f"{oldest}.0" == VERSION
    assert f"Azure CLI {oldest} or later" in (ROOT / "docs/deploy.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("shown", ["echo", "echo beta", "echo '{}'", "return 2"])
def test_azure_cli_of_unknown_version_is_used(shown: str) -> None:
    done = steps(f"az() {{ {shown}; }}\ncheck_programs\necho passed", "find")
    assert (done.returncode, done.stdout) == (0, "passed\n")
    assert "2.91" in done.stderr


SETTINGS = {
    "CIPP_FUNCTION_APP": "cippabc12",
    "CIPP_KV_NAME": "kv",
    "ENABLE_CONTROLS": "true",
    "ENABLE_ROTATION": "true",
}
CIPP = {
    **dict.fromkeys(("SAME_GROUP", "RIGHTS_ONLY", "OBSERVE", "ENABLE_CONTROLS", "ENABLE_ROTATION"), ""),
    **dict.fromkeys(("PACKAGE_ONLY", "REMOVE", "PROVE"), ""),
    "SUBSCRIPTION": SUBSCRIPTION,
    "CIPP_SUBSCRIPTION": SUBSCRIPTION,
    "GROUP": "cipp-backend",
    "APP": "watch",
    "CIPP_GROUP": "cipp",
    "CIPP_APP": "cippabc12",
    "VAULT": "kv",
    "ARM": "https://arm",
}
SHOW = 'echo "$PYTHON $BACKEND_HOST $STATE $ENABLE_CONTROLS $ENABLE_ROTATION $APP"'


BOTH = {"enableControls": {"value": True}, "enableRotation": {"value": True}}


def found(
    site: str = "", listed: str = "", former: object = BOTH, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Find this app. `site` is what Azure returns about it, `listed` the group in which the list has an app."""
    script = f"""
az() {{
    case "$*" in
        *appsettings*) echo {quote(json.dumps(SETTINGS))} ;;
        *) [ -n "$GIVEN_SITE" ] || {{ echo 'Not Found({{"error": {{"code": "ResourceNotFound"}}}})' >&2; return 1; }}
            printf '%s\\n' $GIVEN_SITE ;;
    esac
}}
[ -z "$GIVEN_LIST" ] || RESOURCES=("$SITES"$'\\twatch\\t'"$GIVEN_LIST"$'\\twesteurope\\tfunctionapp')
FORMER=$GIVEN_FORMER
find_app
{SHOW}
"""
    given = {"GIVEN_SITE": site, "GIVEN_LIST": listed, "GIVEN_FORMER": json.dumps(former)}
    return steps(script, "rest", "find", "find_app", **{**CIPP, **given, **variables})


@pytest.mark.parametrize("listed", ["", "cipp-backend", "CIPP-Backend", "other"])
def test_app_is_found_whatever_the_list_of_resources_has(listed: str) -> None:
    done = found("host 3.12 Running watch", listed)
    assert (done.stderr, done.stdout) == ("", "3.12 host Running yes yes watch\n")


def test_app_is_spelled_as_azure_spells_it() -> None:
    assert found("host 3.12 Running Watch", APP="WATCH").stdout.endswith(" Watch\n")


@pytest.mark.parametrize("listed", ["", "cipp-backend"])
def test_app_is_new_when_azure_does_not_find_it(listed: str) -> None:
    done = found(listed=listed)
    assert (done.stderr, done.stdout) == ("", "     watch\n")


def test_app_of_another_group_is_refused() -> None:
    done = found(listed="other")
    assert (done.returncode, done.stdout) == (1, "")
    assert "other" in done.stderr


@pytest.mark.parametrize(
    ("former", "option"),
    [
        ({"enableControls": {"value": True}, "enableRotation": {"value": False}}, "--enable-rotation"),
        ({"enableRotation": {"value": True}}, "--enable-controls"),
    ],
)
def test_setting_alone_does_not_become_a_permission(former: object, option: str) -> None:
    done = found("host 3.12 Running watch", former=former)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"add {option}." in done.stderr


@pytest.mark.parametrize("chosen", ["ENABLE_ROTATION", "OBSERVE", "PACKAGE_ONLY", "REMOVE", "PROVE"])
def test_setting_counts_when_a_person_chooses_or_nothing_is_granted(chosen: str) -> None:
    done = found("host 3.12 Running watch", former={"enableControls": {"value": True}}, **{chosen: "yes"})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "3.12 host Running   watch\n" if chosen == "OBSERVE" else "3.12 host Running yes yes watch\n"
    )


def changed(present: dict[str, str], **chosen: str) -> subprocess.CompletedProcess[str]:
    """Compare settings of the app directly before a deployment with SETTINGS, which were read at the beginning."""
    script = (
        f"az() {{ echo {quote(json.dumps(present))}; }}\nSITE_SETTINGS={quote(json.dumps(SETTINGS))} SITE=/site\n"
        "refuse_changed_settings\necho goes on"
    )
    modes = {"ENABLE_CONTROLS": "yes", "ENABLE_ROTATION": "yes", "PYTHON": "3.12"}
    return steps(script, "template", "find", "find_app", **{**CIPP, **modes, **chosen})


@pytest.mark.parametrize(
    ("present", "name"),
    [
        ({**SETTINGS, "ENABLE_ROTATION": "false"}, "ENABLE_ROTATION"),
        ({**SETTINGS, "ENABLE_CONTROLS": "false"}, "ENABLE_CONTROLS"),
        ({**SETTINGS, "AzureWebJobs.WeeklyKeyRotation.Disabled": "1"}, "AzureWebJobs.WeeklyKeyRotation.Disabled"),
        ({**SETTINGS, "PYTHON_THREADPOOL_THREAD_COUNT": "8"}, "PYTHON_THREADPOOL_THREAD_COUNT"),
        ({name: value for name, value in SETTINGS.items() if name != "ENABLE_ROTATION"}, "ENABLE_ROTATION"),
    ],
)
def test_deployment_is_refused_when_a_setting_changed_meanwhile(present: dict[str, str], name: str) -> None:
    done = changed(present)
    assert (done.returncode, done.stdout) == (1, "")
    assert f" {name}. " in done.stderr


@pytest.mark.parametrize(
    "present",
    [
        SETTINGS,
        {**SETTINGS, "ENABLE_ROTATION": "false"},  # as chosen
        {**SETTINGS, "PYTHON_THREADPOOL_THREAD_COUNT": "32"},  # a default of the template
        {**SETTINGS, "CIPP_FUNCTION_APP": "migrated"},
    ],
)
def test_deployment_goes_on_after_its_own_first_attempt(present: dict[str, str]) -> None:
    assert changed(present, ENABLE_ROTATION="").stdout == "goes on\n"


def test_deployment_is_refused_when_a_setting_was_set_to_its_default_meanwhile() -> None:
    script = """
az() { echo '{"PYTHON_THREADPOOL_THREAD_COUNT": "32"}'; }
SITE=/site SITE_SETTINGS='{"PYTHON_THREADPOOL_THREAD_COUNT": "8"}'
refuse_changed_settings
"""
    done = steps(script, "template", "find", "find_app", **CIPP, PYTHON="3.12")
    assert (done.returncode, "PYTHON_THREADPOOL_THREAD_COUNT" in done.stderr) == (1, True)


def test_deployment_goes_on_when_the_app_is_new() -> None:
    assert changed({}, PYTHON="").stdout == "goes on\n"


def test_template_is_not_deployed_after_a_refusal() -> None:
    script = """
refuse_changed_settings() { fail changed; }
template_parameters() { echo "parameters read" >&2; }
found=$(retried change template_create)
echo never
"""
    done = steps(script, "template", SUBSCRIPTION=SUBSCRIPTION, GROUP="cipp-backend", PYTHON="3.12")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "deploy.sh: changed\n")


@pytest.mark.parametrize(("response", "exists"), [("true", "yes"), ("True", "yes"), ("false", "")])
def test_group_exists_by_what_azure_returns(response: str, exists: str) -> None:
    script = f'az() {{ echo {response}; }}\nfind_group\necho "$GROUP_EXISTS"'
    assert steps(script, "find_app", **CIPP, PYTHON="").stdout == f"{exists}\n"


def test_group_that_cannot_be_looked_up_ends_the_script() -> None:
    done = steps("az() { return 1; }\nfind_group\necho never", "find_app", **CIPP, PYTHON="")
    assert (done.returncode, done.stdout) == (1, "")


@pytest.mark.parametrize(
    ("python", "former", "refuses"), [("3.12", "{}", True), ("3.12", json.dumps(BOTH), False), ("", "{}", False)]
)
def test_app_without_its_deployment_is_not_deployed_again(python: str, former: str, refuses: bool) -> None:
    script = f"FORMER={quote(former)}\nrefuse_near_rotation() {{ fail near; }}\n{PREPARE}\nprepare"
    done = steps(script, "find", "find_app", **CIPP, PYTHON=python)
    assert ("no deployment named cipp-backend" in done.stderr) is refuses
    assert ("near" in done.stderr) is not refuses


@pytest.mark.parametrize("subscription", [SUBSCRIPTION, SUBSCRIPTION.upper()])
def test_group_of_cipp_is_refused_however_its_subscription_is_spelled(subscription: str) -> None:
    done = found(GROUP="CIPP", CIPP_SUBSCRIPTION=subscription)
    assert done.returncode == 1
    assert "--same-group" in done.stderr


@pytest.mark.parametrize(
    ("listed", "changes", "refuses"),
    [
        ("shop", {}, True),
        ("", {}, False),
        ("shop", {"LOCK": "no"}, False),
        ("shop", {"GROUP": "cipp"}, False),
        ("shop", {"GROUP_EXISTS": ""}, False),
        ("shop", {"GIVEN_FORMER": '{"appName": {}}'}, False),
    ],
)
def test_lock_is_not_put_on_resources_of_others(listed: str, changes: dict[str, str], refuses: bool) -> None:
    script = f"az() {{ printf '\\n%s' {quote(listed)}; }}\nFORMER=$GIVEN_FORMER\nrefuse_lock_on_others"
    given = {"GROUP_EXISTS": "yes", "LOCK": "", "GIVEN_FORMER": "{}"}
    done = steps(script, "rest", "find", "find_app", "remove", **{**CIPP, **given, **changes})
    assert (done.returncode == 1) is refuses
    assert ("--no-lock" in done.stderr and "shop" in done.stderr) is refuses
