"""The steps of deploy.sh for sign-in, clients, repairs, removal and the report, as far as they need no Azure CLI.

`python -m tests.conformance.deployment_steps` runs them with it.
"""

import json
import re
import subprocess
from pathlib import Path
from shlex import quote
from typing import Any, Final

import pytest

from tests.support import bash
from tests.support.bash import BASH, STEPS
from tests.support.sandbox.installed_app import TEMPLATE

WHOLE: Final[dict[str, Any]] = json.loads(TEMPLATE.read_text(encoding="utf-8"))
NAMES: Final = {
    "APP": "cippabc12-watch",
    "GROUP": "cipp-backend",
    "CIPP_GROUP": "cipp",
    "CIPP_APP": "cippabc12",
    "CIPP_SUBSCRIPTION": "8b1f6a2e-3c47-4d59-9e0b-5a7c1d2f4e68",
    "SUBSCRIPTION": "8b1f6a2e-3c47-4d59-9e0b-5a7c1d2f4e68",
    "TENANT": "c9a3e1f7-52d8-4b6a-8f14-7e0d2b9c6a35",
    "VAULT": "cippabc12",
    "VAULT_GROUP": "cipp",
    "STORAGE": "cippstgabc12",
    "SHAPE": "functions",
    "GRAPH": "https://graph.microsoft.com/",
    "YES": "yes",
}
CLI: Final = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"


def steps(script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run lines of bash after the steps, with the names that deploy.sh sets."""
    return bash.steps(
        script, "rest", "sign_in", "clients", "repair", "remove", "prove", typed=None, **{**NAMES, **variables}
    )


def printed(script: str, **variables: str) -> str:
    done = steps(script, **variables)
    assert done.returncode == 0, done.stderr
    return done.stdout


def responding(output: str = "", error: str = "") -> str:
    """Return an `az` that prints this output, or fails with this error."""
    return f"""
az() {{
    [ -z {quote(error)} ] || {{ echo {quote(error)} >&2; return 1; }}
    printf '%s\\n' {quote(output)}
}}
"""


NOT_FOUND: Final = "ERROR: Not Found(code: Request_ResourceNotFound)"
DENIED: Final = "ERROR: Forbidden(code: Authorization_RequestDenied)"


@pytest.mark.parametrize("path", sorted(STEPS.glob("*.sh")), ids=lambda path: path.name)
def test_step_is_valid_bash_and_has_only_functions(path: Path) -> None:
    subprocess.run([BASH, "-n", str(path)], check=True)  # noqa: S603 - bash of this machine
    outside = [
        line for line in path.read_text(encoding="utf-8").splitlines() if re.match(r"(az|say|fail|write)\b", line)
    ]
    assert [line for line in outside if not line.endswith((") {", "}"))] == []


# A second run finds what the first has created by these, so they never change.
ROLE_IDS: Final = {
    "superadmin": "24c70bfc-d927-5313-b17d-c859d74c34a6",
    "admin": "5bb1854a-d5fd-5e1e-ae42-e62fae474618",
    "editor": "de667dde-cd82-59a7-b5d3-fe0561244fbc",
    "readonly": "54724633-f74c-5da8-9654-5af2ff245f7f",
}
SCOPE_ID: Final = "23deac2b-63a0-5de8-8fb6-87bd87e67467"


def test_registration_has_four_roles_and_a_scope_for_admins() -> None:
    body = json.loads(printed("registration_body"))
    assert {role["value"]: role["id"] for role in body["appRoles"]} == ROLE_IDS
    assert {tuple(role["allowedMemberTypes"]) for role in body["appRoles"]} == {("User",)}
    (scope,) = body["api"]["oauth2PermissionScopes"]
    assert (scope["id"], scope["type"]) == (SCOPE_ID, "Admin")
    assert (scope["value"], scope["isEnabled"]) == ("user_impersonation", True)
    assert body["signInAudience"] == "AzureADMyOrg"


@pytest.mark.parametrize(
    "base", ["https://graph.microsoft.com", "https://graph.microsoft.com/", "https://graph.microsoft.com/v1.0"]
)
def test_address_in_graph_is_the_same_for_each_base(base: str) -> None:
    assert printed("graph me", GRAPH=base) == "https://graph.microsoft.com/v1.0/me"


def test_name_of_a_guest_is_encoded_in_an_address() -> None:
    assert printed("url_text 'kim_fabrikam.com#EXT#@contoso.com?/'") == "kim_fabrikam.com%23EXT%23%40contoso.com%3F%2F"


@pytest.mark.parametrize(
    ("before", "after"), [("[]", ["x"]), ("null", ["x"]), ("", ["x"]), ('["a", "b"]', ["a", "b", "x"])]
)
def test_entry_is_added_to_a_list(before: str, after: list[str]) -> None:
    assert json.loads(printed(f"with_entry '{before}' '\"x\"'")) == after


def test_object_that_cannot_be_read_is_never_taken_for_missing() -> None:
    script = "if found it https://x/y id; then echo found; else echo absent; fi"
    assert printed(responding("id-1") + script) == "found\n"
    assert printed(responding(error=NOT_FOUND) + script) == "absent\n"
    for error in (DENIED, "ERROR: PrincipalNotFound", "timed out"):
        denied = steps(responding(error=error) + script)
        assert (denied.returncode, denied.stdout) == (1, "")
        assert error in denied.stderr


def test_rows_are_read_from_all_pages() -> None:
    az = """
az() { if [[ "$*" = *page-2* ]]; then printf '\\nc\\td\\n'; else printf 'https://x/page-2\\na\\tb\\n'; fi; }
"""
    assert printed(az + "rows https://x/page-1 'value[].[a, b]'") == "a\tb\nc\td\n"
    assert printed(responding("") + "rows https://x/page-1 'value[].[a, b]'") == ""
    assert steps(responding(error=DENIED) + "rows https://x 'value[].[a]'; echo went on").stdout == ""


def test_creation_accepts_what_exists_and_removal_what_is_gone() -> None:
    exists = "ERROR: Bad Request(added object references already exist)"
    assert printed(responding(error=exists) + "write post https://x '{}'; echo done") == "done\n"
    assert printed(responding(error=NOT_FOUND) + "erase https://x; echo done") == "done\n"
    assert steps(responding(error=DENIED) + "write post https://x '{}'; echo done").stdout == ""
    assert steps(responding(error=DENIED) + "erase https://x; echo done").stdout == ""


def test_removal_waits_for_a_lock_that_still_counts(tmp_path: Path) -> None:
    az = f"""
az() {{
    echo x >> {tmp_path}/calls
    [ "$(wc -l < {tmp_path}/calls)" -gt 2 ] || {{ echo 'ERROR: Conflict({{"code":"ScopeLocked"}})' >&2; return 1; }}
}}
"""
    assert printed(az + "erase https://x 2>/dev/null; echo done") == "done\n"
    assert steps(responding(error="ERROR: (ScopeLocked)") + "erase https://x", ERASE_SECONDS="0").returncode == 1


def test_dry_run_calls_nothing_and_shows_each_write() -> None:
    az = "az() { echo called; exit 9; }\n"
    done = steps(az + "write post https://x '{}'; erase https://y", DRY_RUN="yes")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.count("would run: az rest") == 2


def allowed(deployed: str, **options: str) -> list[str]:
    result: list[str] = json.loads(printed(responding(deployed) + "clients_allowed", **options))
    return result


def test_allowed_clients_stay_until_an_option_takes_them_back() -> None:
    by_hand, own = "0f4b6d0e-6d0a-4f4e-8c39-57a8c1b2d301", "6d1f0a3e-2b58-4c97-9e14-7a5c3d8f6b20"
    deployed = f"{own}\n{by_hand.upper()}"
    assert allowed("") == []
    assert allowed(deployed, CLIENT_ID=own) == [by_hand]
    both = allowed(deployed, CLIENT_ID=own, ALLOW_CLI="yes")
    assert (len(both), both[0]) == (3, by_hand)
    assert CLI in both
    again = "\n".join(both)
    assert allowed(again, CLIENT_ID=own, ALLOW_CLI="yes") == both
    assert allowed(again, CLIENT_ID=own) == both
    assert allowed(again, CLIENT_ID=own, NO_ALLOW_CLI="yes") == [by_hand]
    assert allowed("00000000-0000-0000-0000-000000000000\nnot an ID") == []


def test_unreadable_sign_in_never_empties_the_allowed_clients() -> None:
    assert steps(responding(error=DENIED) + "clients_allowed").returncode == 1
    assert json.loads(printed(responding(error="ERROR: (ResourceNotFound)") + "clients_allowed")) == []


def test_contradicting_client_options_are_refused() -> None:
    assert steps(responding("") + "clients_allowed", ALLOW_CLI="yes", NO_ALLOW_CLI="yes").returncode == 1


@pytest.mark.parametrize(
    ("deployed", "chosen", "federated"),
    [
        ("", "", "false"),
        ("OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID", "", "true"),
        ("OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID", "no", "false"),
        ("AUTH_SECRET", "", "false"),
        ("", "yes", "true"),
    ],
)
def test_federated_sign_in_is_as_chosen_or_as_before(deployed: str, chosen: str, federated: str) -> None:
    assert printed(responding(deployed) + "sign_in_federated", FEDERATED=chosen) == federated


def own_types() -> dict[str, tuple[str, str]]:
    """Return the name and the API version of each type that the template creates in this app's group."""
    found = {}
    for resource in WHOLE["resources"]:
        kind = resource["type"]
        if kind.count("/") == 1 and not kind.startswith(("Microsoft.Authorization", "Microsoft.Resources")):
            found[kind] = (resource["name"], resource["apiVersion"])
    return found


def test_removal_recognizes_each_resource_of_the_template_and_no_other() -> None:
    app = NAMES["APP"]
    known = {"plan": "-plan", "identity": "-host", "insights": "-insights", "storage": ""}
    for kind, (name, version) in own_types().items():
        variable = re.fullmatch(r"\[variables\('(\w+)'\)\]", name)
        ending = re.search(r"format\('\{0\}(-\w+)?'", name)
        real = app + (known[variable[1]] if variable else (ending and ending[1]) or "")
        if "alerts')[copyIndex()]" in name:
            real = f"{app}-no-timer"
        if kind.endswith("storageAccounts"):
            real = "cippbabcdefghijklm"
        script = f"storage=cippbabcdefghijklm sites=1; is_own_resource {kind.lower()}"
        assert printed(f"{script} {real} && echo own") == "own\n", (kind, real)
        for other in ("theirs", f"{real}x" if "scheduled" not in kind else "cippabc12-other", "cippbabcdefghijklz"):
            assert steps(f"{script} {other}").returncode == 1, (kind, other)
        assert printed(f"resource_api {kind.lower()}") == version


@pytest.mark.parametrize(
    ("storage", "sites", "group", "own"),
    [("", "0", "cipp-backend", True), ("", "1", "cipp-backend", False), ("", "0", "cipp", False)],
)
def test_unnamed_storage_is_own_only_in_an_empty_group(storage: str, sites: str, group: str, own: bool) -> None:
    script = f"storage={storage} sites={sites}; is_own_resource microsoft.storage/storageaccounts cippbabcdefghijklm"
    assert (steps(script, GROUP=group).returncode == 0) is own


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (
            'ERROR: Forbidden({"error":{"code":"AuthorizationFailed","message":"The client \'secret\'"}})',
            "AuthorizationFailed",
        ),
        ("ERROR: Not Found(secret)", "Not Found"),
        ("ERROR: AADSTS65001: secret", "AADSTS65001"),
        ("secret", "no response"),
    ],
)
def test_report_has_the_code_of_an_error_and_not_its_text(error: str, code: str) -> None:
    line = printed(responding(error=error) + "observe D1 'a fact' https://x id")
    assert (code in line, "secret" in line, "not seen" in line) == (True, False, True)


def test_report_has_no_name_and_no_id() -> None:
    text = " ".join(
        ["CIPPABC12-watch", "cippstgabc12", NAMES["TENANT"], "6d1f0a3e-2b58-4c97-9e14-7a5c3d8f6b20", "python"]
    )
    shown = printed(responding(text) + "observe D1 'a fact' https://x id")
    assert shown == "D1   a fact: <name> <name> <name> <id> python\n"


def test_repair_by_hand_names_the_vault_and_no_secret() -> None:
    none = responding("")
    shown = printed(f"{none}repair_apply", SHAPE="container", PRINCIPAL="x")
    assert "Set-AzKeyVaultSecret -VaultName 'cippabc12'" in shown
    assert "SSOAppSecret" in shown
    assert "SSOAppSecret" not in printed(f"{none}repair_apply", PRINCIPAL="x")
    assert printed(f"{responding(chr(10) + 'id')}repair_apply", PRINCIPAL="x") == ""


REMAINS: Final = """
remove_look() { own=$GIVEN_OWN roles=$GIVEN_ROLES assignments=$GIVEN_ASSIGNMENTS app=$GIVEN_APP group=own; }
remove_show() { :; }
remove_what_was_found() { echo removed; }
remove_all
"""


@pytest.mark.parametrize(
    ("given", "address", "removes"),
    [
        ({"GIVEN_ROLES": "role"}, "", False),
        ({"GIVEN_ASSIGNMENTS": "assignment"}, "", False),
        ({"GIVEN_APP": "client"}, "https://watch/.auth", False),
        ({"GIVEN_APP": "client"}, "", True),  # an installation that was interrupted before the template
        ({"GIVEN_ROLES": "role", "GIVEN_OWN": "resource"}, "", True),
        ({"GIVEN_ROLES": "role", "FORMER": '{"appName": {}}'}, "", True),
        ({"GIVEN_ROLES": "role", "NAMED_SUBSCRIPTION": NAMES["SUBSCRIPTION"]}, "", True),
    ],
)
def test_removal_is_refused_when_the_app_is_elsewhere(given: dict[str, str], address: str, removes: bool) -> None:
    nothing = dict.fromkeys(("GIVEN_OWN", "GIVEN_ROLES", "GIVEN_ASSIGNMENTS", "GIVEN_APP"), "")
    done = steps(responding(address) + REMAINS, **{**nothing, **given})
    assert ("removed" in done.stdout.splitlines()) is removes, done.stderr
    assert ("--subscription" in done.stderr) is not removes


ROLE_READS: Final = """
assigned_roles() {{
    echo x >> {folder}/reads
    [ "$(wc -l < {folder}/reads)" -lt {first} ] || printf '%s\\tone\\n%s\\ttwo\\n' $SUPERADMIN_ROLE $SUPERADMIN_ROLE
}}
sign_in_verify
"""


def verified(folder: Path, first: int, **variables: str) -> subprocess.CompletedProcess[str]:
    """Verify the sign-in. Its roles appear with this read."""
    script = responding("") + ROLE_READS.format(folder=folder, first=first)
    return bash.steps(script, "rest", "sign_in", "verify", **{**NAMES, **variables})


def test_verification_waits_for_roles_that_are_still_replicating(tmp_path: Path) -> None:
    done = verified(tmp_path, 3)
    assert (done.stderr, done.stdout) == ("", "Superadmins: 2\n")


def test_verification_fails_when_no_role_appears(tmp_path: Path) -> None:
    done = verified(tmp_path, 99, VERIFY_SECONDS="0")
    assert (done.returncode, done.stdout) == (1, "")
    assert "No app role" in done.stderr
