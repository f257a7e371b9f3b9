"""How deploy.sh reads the account and this app as it is, and what it refuses to change."""

import json
import subprocess
from shlex import quote

import pytest

from tests.support.bash import steps

SUBSCRIPTION = "8b1f6a2e-3c47-4d59-9e0b-5a7c1d2f4e68"


def account(active: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Find the account whose chosen subscription is in the tenant `partner`, and whose active tenant is another."""
    script = f"""
az() {{
    case "$*" in
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


SETTINGS = {
    "CIPP_FUNCTION_APP": "cippabc12",
    "CIPP_KV_NAME": "kv",
    "ENABLE_CONTROLS": "true",
    "ENABLE_ROTATION": "true",
}
CIPP = {
    **dict.fromkeys(("SAME_GROUP", "RIGHTS_ONLY", "OBSERVE", "ENABLE_CONTROLS", "ENABLE_ROTATION"), ""),
    "SUBSCRIPTION": SUBSCRIPTION,
    "CIPP_SUBSCRIPTION": SUBSCRIPTION,
    "GROUP": "cipp-backend",
    "APP": "watch",
    "CIPP_GROUP": "cipp",
    "CIPP_APP": "cippabc12",
    "VAULT": "kv",
    "ARM": "https://arm",
}
SHOW = 'echo "$PYTHON $BACKEND_HOST $STATE $ENABLE_CONTROLS $ENABLE_ROTATION"'


def found(site: str = "", listed: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
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
find_app
{SHOW}
"""
    given = {"GIVEN_SITE": site, "GIVEN_LIST": listed}
    return steps(script, "rest", "find", "find_app", **{**CIPP, **given, **variables})


@pytest.mark.parametrize("listed", ["", "cipp-backend", "CIPP-Backend", "other"])
def test_app_is_found_whatever_the_list_of_resources_has(listed: str) -> None:
    done = found("host 3.12 Running", listed)
    assert (done.stderr, done.stdout) == ("", "3.12 host Running yes yes\n")


@pytest.mark.parametrize("listed", ["", "cipp-backend"])
def test_app_is_new_when_azure_does_not_find_it(listed: str) -> None:
    done = found(listed=listed)
    assert (done.stderr, done.stdout) == ("", "    \n")


def test_app_of_another_group_is_refused() -> None:
    done = found(listed="other")
    assert (done.returncode, done.stdout) == (1, "")
    assert "other" in done.stderr
