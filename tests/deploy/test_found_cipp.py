"""How deploy.sh finds CIPP among the resources of a subscription."""

import subprocess
from pathlib import Path

from tests.support.bash import steps
from tests.support.markdown import ROOT

KINDS = {
    "site": "Microsoft.Web/sites",
    "swa": "Microsoft.Web/staticSites",
    "vault": "Microsoft.KeyVault/vaults",
    "storage": "Microsoft.Storage/storageAccounts",
}
CIPP = (
    "site cippabc12 CIPP functionapp",
    "site cippabc12-proc CIPP functionapp",
    "site cippabc12-procure CIPP functionapp",
    "site cippabc12-backend CIPP functionapp,linux",
    "site website CIPP app",
    "vault cippabc12 CIPP -",
    "vault website CIPP -",
    "storage cippstgabc12 CIPP StorageV2",
    "swa cipp-swa-abc12 CIPP -",
)
SECOND = ("site cippxyz89 Other functionapp", "vault CIPPXYZ89 Other -")
OPTIONS = ("APP", "CIPP_APP", "CIPP_GROUP", "VAULT", "VAULT_GROUP", "STORAGE", "STATIC_WEB_APP", "LOCATION")
GIVEN = dict.fromkeys(
    ("FORMER_SHAPE", "FORMER_CIPP_APP", "FORMER_CIPP_GROUP", "FORMER_ADDRESS", "FORMER_STATIC_WEB_APP"), ""
)
SHOW = 'echo "$CIPP_APP $CIPP_GROUP $SHAPE $VAULT $VAULT_GROUP $STORAGE $STATIC_WEB_APP $APP $LOCATION $OFFLOAD_APPS"'


def find(*resources: str, typed: str | None = None, **options: str) -> subprocess.CompletedProcess[str]:
    """Find CIPP among resources: kind of resource, name, group, kind."""
    lines = []
    for resource in resources:
        what, name, group, kind = resource.split()
        lines.append(f"$'{KINDS[what]}\\t{name}\\t{group}\\twesteurope\\t{kind}'")
    values = {**dict.fromkeys(OPTIONS, ""), **GIVEN, "CIPP_ADDRESS": "https://c", "CIPP_SUBSCRIPTION": "s", "ARM": "a"}
    begin = f"RESOURCES=({' '.join(lines)})\nfind_cipp\n"
    return steps(begin + SHOW, "find", typed=typed, **{**values, **options})


def test_cipp_is_found_with_its_parts() -> None:
    done = find(*CIPP)
    expected = "cippabc12 CIPP functions cippabc12 CIPP cippstgabc12 cipp-swa-abc12 cippabc12-watch westeurope"
    assert (done.stderr, done.stdout) == ("", f'{expected} ["cippabc12-proc"]\n')


def test_several_cipps_need_an_option_without_a_terminal() -> None:
    done = find(*CIPP, *SECOND)
    assert (done.returncode, done.stdout) == (1, "")
    assert "1. cippabc12  CIPP" in done.stderr
    assert "2. cippxyz89  Other" in done.stderr
    assert "Which of these is CIPP?" in done.stderr


def test_several_cipps_let_a_person_choose() -> None:
    done = find(*CIPP, *SECOND, typed="1")
    assert done.stdout.startswith("cippabc12 CIPP functions")


def test_option_chooses_among_several_cipps() -> None:
    assert find(*CIPP, *SECOND, CIPP_APP="cippabc12").stdout.startswith("cippabc12 CIPP")
    assert find(*CIPP, *SECOND, CIPP_GROUP="cipp").stdout.startswith("cippabc12 CIPP")


def test_app_without_its_vault_is_not_cipp() -> None:
    done = find("site shop Shop functionapp", "vault other Shop -")
    assert done.returncode == 1
    assert "Found no CIPP" in done.stderr


def test_renamed_cipp_is_found_by_its_option() -> None:
    resources = ("site cippxyz89 CIPP functionapp", "vault cippabc12 CIPP -", *CIPP[-2:])
    assert find(*resources, CIPP_APP="cippxyz89").stdout.startswith("cippxyz89 CIPP functions cippabc12 CIPP")


def test_storage_account_of_this_app_is_not_taken_for_cipps() -> None:
    assert " cippstgabc12 " in find(*CIPP, "storage cippbabcdefghij123 CIPP StorageV2").stdout


def test_several_storage_accounts_need_an_option() -> None:
    done = find(*CIPP, "storage backups CIPP StorageV2")
    assert done.returncode == 1
    assert "--storage" in done.stderr
    assert " backups " in find(*CIPP, "storage backups CIPP StorageV2", STORAGE="backups").stdout


def shown(parameters: str, state: str = "Succeeded") -> str:
    """Return what the query of a former deployment prints."""
    return f'{{"state": "{state}", "parameters": {parameters}, "principal": null}}'


def former(given: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Read the parameters of a former deployment, as the Azure CLI shows them by the query of this script."""
    empty = dict.fromkeys((*OPTIONS, "CIPP_SUBSCRIPTION", "RIGHTS_ONLY", "GROUP"), "")
    script = (
        f"az() {{ echo '{shown(given)}'; }}\nfind_former\n" + 'echo "$APP $CIPP_APP $VAULT $STORAGE $FORMER_CIPP_APP"'
    )
    return steps(script, "find", **{**empty, "SUBSCRIPTION": "s", **variables})


FORMER = (
    '{"appName": {"value": "watch"}, "cippApp": {"value": "cippabc12"}, "cippVault": {"value": "vault"}, '
    '"cippStorage": {"value": "st"}, "settings": {"type": "SecureObject"}}'
)


REMOVABLE = FORMER[:-1] + (
    ', "cippResourceGroup": {"value": "cipp"}, "cippShape": {"value": "container"}, "cippPlan": {"value": "plan"}, '
    '"cippPlanResourceGroup": {"value": "plans"}}'
)
_TEXT = (ROOT / "deploy" / "deploy.sh").read_text(encoding="utf-8")
FIND_ALL = _TEXT[_TEXT.index("find_all() {") : _TEXT.index("# Everything")]


def test_former_deployment_gives_what_no_option_names() -> None:
    assert former(FORMER).stdout == "watch cippabc12 vault st cippabc12\n"
    assert former(FORMER, APP="WATCH", VAULT="Vault").stdout == "watch cippabc12 vault st cippabc12\n"


def test_cipp_keeps_the_spelling_of_the_former_deployment() -> None:
    spelled = {"FORMER_CIPP_APP": "CippAbc12", "FORMER_CIPP_GROUP": "Cipp"}
    assert find(*CIPP, **spelled).stdout.startswith("CippAbc12 Cipp functions")


def test_former_deployment_leaves_the_app_of_cipp_open_after_a_migration() -> None:
    assert former(FORMER, RIGHTS_ONLY="yes").stdout == "watch  vault st cippabc12\n"
    assert former(FORMER, RIGHTS_ONLY="yes", CIPP_APP="new").stdout == "watch new vault st cippabc12\n"


def test_former_deployment_is_never_mixed_with_another_cipp() -> None:
    for name in ("APP", "CIPP_APP", "VAULT", "STORAGE"):
        done = former(FORMER, **{name: "other"})
        assert (done.returncode, done.stdout) == (1, "")
        assert f"{name} is " in done.stderr


def test_former_deployment_may_be_missing() -> None:
    script = "az() { echo '(ResourceGroupNotFound) no' >&2; return 3; }\nfind_former\necho \"$GROUP $FORMER\""
    empty = dict.fromkeys(("APP", "CIPP_SUBSCRIPTION", "CIPP_APP", "RIGHTS_ONLY", "GROUP"), "")
    assert steps(script, "find", **empty, SUBSCRIPTION="s").stdout == "cipp-backend {}\n"


def test_former_deployment_that_cannot_be_read_ends_the_script() -> None:
    script = "az() { echo '(AuthorizationFailed) no' >&2; return 1; }\nfind_former\necho never"
    empty = dict.fromkeys(("APP", "CIPP_SUBSCRIPTION", "CIPP_APP", "RIGHTS_ONLY", "GROUP"), "")
    done = steps(script, "find", **empty, SUBSCRIPTION="s")
    assert (done.returncode, done.stdout) == (1, "")
    assert "AuthorizationFailed" in done.stderr


def test_active_deployment_is_waited_for(tmp_path: Path) -> None:
    script = f"""
az() {{
    echo x >> {tmp_path}/looks
    case $(wc -l < {tmp_path}/looks) in
        1) echo '{shown("{}", "Accepted")}' ;;
        2) echo '{shown("{}", "Running")}' ;;
        *) echo '{shown(FORMER)}' ;;
    esac
}}
read_former
echo "$FORMER"
"""
    done = steps(script, "find", SUBSCRIPTION="s", GROUP="g")
    message, read = done.stdout.splitlines()
    assert "cipp-backend in g" in message
    assert read == FORMER
    (tmp_path / "looks").unlink()
    given_up = steps(script, "find", SUBSCRIPTION="s", GROUP="g", DEPLOYMENT_SECONDS="0")
    assert given_up.returncode == 1
    assert "cipp-backend in g" in given_up.stderr


def everything(given: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Find all as deploy.sh does, in a subscription without CIPP. `given` is the former deployment."""
    script = f"""
az() {{
    case "$*" in
        "version "*) echo 2.91.0 ;;
        "deployment group show"*) echo '{shown(given)}' ;;
        "account show"*) printf '%s\\n' {"0" * 36} tenant ;;
        "cloud show"*) printf '%s\\n' https://graph/ https://arm ;;
        "rest "*) echo "Not Found(ResourceGroupNotFound)" >&2; return 1 ;;
        "resource list"*) ;;
        *) fail "$*" ;;
    esac
}}
{FIND_ALL}
read_options {" ".join(options)}
find_all
echo "$CIPP_APP $CIPP_GROUP $SHAPE $VAULT $VAULT_GROUP $PLAN $PLAN_GROUP $APP"
"""
    return steps(script, "rest", "options", "find", "find_app")


def test_removal_takes_cipp_from_the_former_deployment() -> None:
    done = everything(REMOVABLE, "--remove")
    assert (done.stderr, done.stdout) == ("", "cippabc12 cipp container vault cipp plan plans watch\n")


def test_removal_looks_for_cipp_without_a_former_deployment() -> None:
    assert "Found no CIPP" in everything("{}", "--remove").stderr
    assert "Found no CIPP" in everything(REMOVABLE, "--yes").stderr


def test_resources_of_one_subscription_are_listed_once() -> None:
    script = "az() { echo listed >&2; }\nfind_resources"
    assert steps(script, "find", SUBSCRIPTION="abc", CIPP_SUBSCRIPTION="ABC").stderr == "listed\n"
    assert steps(script, "find", SUBSCRIPTION="abc", CIPP_SUBSCRIPTION="other").stderr == "listed\n" * 2


SAME = {"FORMER_CIPP_APP": "cippabc12", "FORMER_SHAPE": "functions"}


def test_static_web_app_of_the_former_deployment_stays() -> None:
    resources = (*CIPP, "swa other CIPP -")
    assert find(*resources).returncode == 1
    assert " other " in find(*resources, **SAME, FORMER_STATIC_WEB_APP="other").stdout
    assert find(*resources, FORMER_STATIC_WEB_APP="other", FORMER_SHAPE="container").returncode == 1


def address(**changes: str) -> str:
    """Return the address of CIPP that is tested."""
    script = 'az() { echo host; [[ "$*" != */sites/* ]] || echo /plan; }\nfind_address\necho $CIPP_ADDRESS'
    values = {**GIVEN, "CIPP_SUBSCRIPTION": "s", "CIPP_GROUP": "g", "CIPP_APP": "cippabc12", "SHAPE": "functions"}
    given = {**values, "STATIC_WEB_APP": "swa", "CIPP_ADDRESS": "", "ARM": "a", **changes}
    done = steps(script, "find", **given)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_empty_address_of_the_former_deployment_stays_empty() -> None:
    assert address(**SAME) == ""
    assert address(**{**SAME, "FORMER_SHAPE": "container", "SHAPE": "container"}) == ""
    assert address(**SAME, CIPP_ADDRESS="https://c") == "https://c"


def test_address_of_a_new_or_migrated_cipp_is_found() -> None:
    assert address() == "https://host/api/PublicPing"
    assert address(**SAME, SHAPE="container") == "https://host/api/setup/health"
