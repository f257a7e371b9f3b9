"""How deploy.sh reads the account and this app as it is, and what it refuses to change."""

import subprocess

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
