"""The steps of deploy.sh for sign-in, clients, repairs and removal, by bash and the unmodified Azure CLI.

Run `python -m tests.conformance.deployment_steps`, with names of checks to run only those. Each check runs in both
shapes of CIPP. The template is deployed between the steps, as deploy.sh does. An interrupted run is killed right after
one of its writes, then run again.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sandbox import names
from tests.conformance.azure_cli import cli_python
from tests.conformance.checks import passes
from tests.support.admin import ROLES, ROLES_API, SUBSCRIPTION, Admin
from tests.support.cipp import Cipp
from tests.support.markdown import ROOT
from tests.support.sandbox.deployments import OWN_GROUP, Deployments
from tests.support.sandbox.installed_app import APP, CONTAINER, FUNCTIONS, whole_template
from tests.support.sandbox.person import Person
from tests.support.sandbox_client import Sandbox

_TOOL: Final = ROOT / "tests" / "conformance" / "preloaded_cli.py"
_RUN_SECONDS: Final = 240
_START_SECONDS: Final = 120
_CLI: Final = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
_BY_HAND: Final = "0f4b6d0e-6d0a-4f4e-8c39-57a8c1b2d301"
_OWNED_BY: Final = "18a4783c-866b-4cc7-a460-3d5e5662c884"
_BEGIN: Final = """
set -euo pipefail
shopt -s inherit_errexit
az() {
    local code=0
    "$AZ_PYTHON" -S -E "$AZ_TOOL" "$AZ_SOCKET" "$@" || code=$?
    if [[ " $* " != *" --method get "* ]]; then
        local words=$*
        printf '%s\\n' "${words//$'\\n'/ }" >> "$WRITES"
        if [ "${KILL_AFTER:-}" = "$(wc -l < "$WRITES")" ]; then kill -9 $$; fi
    fi
    return "$code"
}
for step in "$ROOT"/deploy/steps/*.sh; do . "$step"; done
"""
INSTALL: Final = "sign_in_create"
COMPLETE: Final = "sign_in_create; sign_in_complete; clients_allow; repair_apply; sign_in_verify"
Json = Any  # what JSON may hold


class KilledError(Exception):
    """The run was killed after one of its writes, as requested."""


@dataclass
class Installation:
    """One CIPP in the sandbox, and the runs of the steps for this app beside it."""

    sandbox: Sandbox
    environment: dict[str, str]
    folder: Path
    container: bool
    options: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, Json] = field(default_factory=dict)

    def reset(self) -> None:
        """Begin with a new sandbox."""
        shape = {"shape": "container"} if self.container else {}
        self.sandbox.reset(propagation_seconds=0, **shape)
        self.outputs, self.options = {}, {}
        self.admin.call("PUT", OWN_GROUP, "2022-09-01", {"location": "westeurope"})

    @property
    def admin(self) -> Admin:
        """The Owner of the subscription."""
        return Admin(self.sandbox)

    @property
    def person(self) -> Person:
        """The same, in Microsoft Graph."""
        return Person(self.sandbox)

    @property
    def site(self) -> str:
        """The name of CIPP's main app."""
        if not self.container:
            return names.MAIN_SITE
        sites: dict[str, Json] = self.sandbox.state()["sites"]
        return next(name for name, site in sites.items() if "container" in site["kind"])

    def variables(self) -> dict[str, str]:
        """Return what deploy.sh sets before it calls a step."""
        return {
            "YES": "yes",
            "SUBSCRIPTION": names.SUBSCRIPTION_ID,
            "CIPP_SUBSCRIPTION": names.SUBSCRIPTION_ID,
            "TENANT": names.TENANT_ID,
            "GRAPH": "https://graph.microsoft.com",
            "GROUP": OWN_GROUP.rpartition("/")[2],
            "APP": APP,
            "CIPP_GROUP": names.RESOURCE_GROUP,
            "CIPP_APP": self.site,
            "SHAPE": "container" if self.container else "functions",
            "VAULT": names.VAULT,
            "VAULT_GROUP": names.RESOURCE_GROUP,
            "STORAGE": names.STORAGE_ACCOUNT,
            "PLAN_GROUP": names.RESOURCE_GROUP,
            "PRINCIPAL": self.outputs.get("principalId", ""),
            "REDIRECT": self.outputs.get("redirectUri", ""),
            "BREAK_GLASS": names.MEMBER_NAME,
            **self.options,
        }

    def run(self, steps: str, *, kill_after: int = 0, fails: bool = False, **options: str) -> str:
        """Run steps, and return what they print. `kill_after` is the number of the write that is the last one."""
        given = {**self.variables(), **options, "KILL_AFTER": str(kill_after or "")}
        lines = [f"{name}={json.dumps(value)}" for name, value in given.items()]
        self.writes_file.write_text("", encoding="utf-8")
        done = subprocess.run(  # noqa: S603 - the steps of this project
            ["bash", "-c", "\n".join([_BEGIN, *lines, steps])],  # noqa: S607 - bash of this machine
            env={**self.environment, "WRITES": str(self.writes_file), "RETRY_PAUSE": "1", "VERIFY_SECONDS": "5"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_RUN_SECONDS,
            check=False,
        )
        output = done.stdout + done.stderr
        assert names.PLANTED not in output, "a secret was printed"
        if kill_after and done.returncode < 0:
            raise KilledError
        assert (done.returncode != 0) is fails, f"exit code {done.returncode}:\n{output}"
        return output if fails else done.stdout

    @property
    def writes_file(self) -> Path:
        """The file that lists the writes of the last run."""
        return self.folder / "writes"

    @property
    def writes(self) -> list[str]:
        """The writes of the last run."""
        return self.writes_file.read_text(encoding="utf-8").splitlines()

    def deploy(self, **more: object) -> None:
        """Deploy the template with what the steps print for its parameters."""
        lines = self.run(
            "clients_allowed; sign_in_federated; printf '\\n%s\\n' \"$CLIENT_ID\"", CLIENT_ID=self.client_id
        )
        allowed, federated, *_ = lines.splitlines()
        parameters = dict(CONTAINER if self.container else FUNCTIONS)
        if self.container:
            parameters |= {"cippApp": self.site, "cippVault": names.VAULT, "cippPlan": names.CONTAINER_PLAN}
        parameters |= {
            "clientId": self.client_id,
            "allowedApplications": json.loads(allowed),
            "federatedSignIn": json.loads(federated),
            **more,
        }
        self.outputs = Deployments(self.sandbox, group=OWN_GROUP).outputs(whole_template(), **parameters)

    @property
    def registration(self) -> Json:
        """This app's registration, or None."""
        found = self.person.graph("GET", f"/applications(uniqueName='{APP}')")
        return found.json() if found.ok else None

    @property
    def client_id(self) -> str:
        """The client ID of the registration."""
        return str(self.registration["appId"])

    def install(self, **options: str) -> None:
        """Run everything in its order."""
        self.options |= options
        self.run(INSTALL)
        self.deploy()
        self.run(COMPLETE)

    def assigned(self) -> set[tuple[str, str]]:
        """Return who has which app role, each once."""
        listed = self.person.make("GET", f"/servicePrincipals(appId='{self.client_id}')/appRoleAssignedTo")["value"]
        pairs = [(one["principalId"], one["appRoleId"]) for one in listed]
        assert len(pairs) == len(set(pairs))
        return set(pairs)

    def entra(self) -> Json:
        """Return what the steps write in Entra, without what differs between two installations."""
        app = self.registration
        if app is None:
            return None
        text = json.dumps(
            {
                "roles": app["appRoles"],
                "api": app["api"],
                "web": app["web"],
                "uris": app["identifierUris"],
                "assigned": sorted(self.assigned()),
                "owned": self.owned(),
                "federated": self.federated(),
            }
        )
        for value, name in ((app["appId"], "client"), (str(self.outputs.get("principalId")), "principal")):
            text = text.replace(value, name)
        return json.loads(text)

    def federated(self) -> list[tuple[str, str]]:
        """Return name and audience of each federated credential."""
        at = f"/applications(appId='{self.client_id}')/federatedIdentityCredentials"
        return [(one["name"], one["audiences"][0]) for one in self.person.make("GET", at)["value"]]

    def owned(self) -> list[str]:
        """Return the client IDs of CIPP's registrations that this app's identity owns, and its roles in Graph."""
        principal = self.outputs.get("principalId")
        if not principal:
            return []
        owned = self.person.make("GET", f"/servicePrincipals/{principal}/ownedObjects")["value"]
        roles = self.person.make("GET", f"/servicePrincipals/{principal}/appRoleAssignments")["value"]
        return sorted([one["appId"] for one in owned] + [one["appRoleId"] for one in roles])

    def azure(self) -> Json:
        """Return what the deployment changes in Azure outside this app's group, and which groups exist."""
        state, call = self.sandbox.state(), self.admin.call
        listed = call("GET", f"{SUBSCRIPTION}/{ROLES}/roleAssignments", ROLES_API)["value"]
        roles = call("GET", f"{SUBSCRIPTION}/{ROLES}/roleDefinitions", ROLES_API)["value"]
        groups = call("GET", f"{SUBSCRIPTION}/resourceGroups", "2021-04-01")["value"]
        vault = call(
            "GET", f"{names.RESOURCE_GROUP_ID}/providers/Microsoft.KeyVault/vaults/{names.VAULT}", "2023-07-01"
        )
        return {
            "groups": sorted(one["name"] for one in groups),
            "sites": sorted(state["sites"]),
            "registrations": sorted(app["displayName"] for app in state["applications"].values()),
            "assignments": sorted(one["id"] for one in listed),
            "roles": sorted(one["name"] for one in roles if one["properties"]["type"] == "CustomRole"),
            "policies": sorted(one["objectId"] for one in vault["properties"]["accessPolicies"]),
        }


def _repair(at: Installation) -> list[str]:
    return sorted([names.SAM_APP_ID, _OWNED_BY, *([names.SSO_APP_ID] if at.container else [])])


def check_sign_in_is_created_once(at: Installation) -> None:
    at.install()
    app, superadmin = at.registration, "24c70bfc-d927-5313-b17d-c859d74c34a6"
    assert [role["value"] for role in app["appRoles"]] == ["superadmin", "admin", "editor", "readonly"]
    assert [scope["type"] for scope in app["api"]["oauth2PermissionScopes"]] == ["Admin"]
    assert app["identifierUris"] == [f"api://{app['appId']}"]
    assert app["web"]["redirectUris"] == [f"https://{APP}.azurewebsites.net/.auth/login/aad/callback"]
    assert app["web"]["implicitGrantSettings"]["enableIdTokenIssuance"] is True
    assert app["api"]["preAuthorizedApplications"] == []
    assert at.assigned() == {(names.ADMIN_ID, superadmin), (names.MEMBER_ID, superadmin)}
    assert at.owned() == []
    before = at.entra()
    at.run(COMPLETE)
    assert at.writes == []
    assert at.entra() == before


def check_sign_in_completes_after_each_interruption(at: Installation) -> None:
    options = {"ALLOW_CLI": "yes", "ALLOW_REPAIR": "yes", "FEDERATED": "yes", "ASSIGNMENT_REQUIRED": "yes"}
    at.install(**options)
    expected = at.entra()
    at.reset()
    at.options |= options
    assert _runs_until_complete(at, INSTALL) == 4
    at.deploy()
    runs = _runs_until_complete(at, COMPLETE)
    assert runs > (9 if at.container else 8), runs
    assert at.entra() == expected


def _runs_until_complete(at: Installation, steps: str) -> int:
    """Kill each run right after its first write, until one has nothing to write. Return the number of runs."""
    runs = 1
    while _is_killed(at, steps, 1):
        runs += 1
    return runs


def _is_killed(at: Installation, steps: str, number: int) -> bool:
    try:
        at.run(steps, kill_after=number)
    except KilledError:
        return True
    return False


def check_clients_are_allowed_and_taken_back(at: Installation) -> None:
    at.install(ALLOW_CLI="yes")
    resource = f"api://{at.client_id}"
    assert at.person.token(resource)
    assert _CLI in at.run(
        "clients_allowed", CLIENT_ID=at.client_id, ALLOW_CLI=""
    )  # a later run without the option keeps it
    at.deploy(allowedApplications=[*json.loads(at.run("clients_allowed", CLIENT_ID=at.client_id)), _BY_HAND])
    entry = {"appId": _BY_HAND, "delegatedPermissionIds": ["23deac2b-63a0-5de8-8fb6-87bd87e67467"]}
    entries = [*at.registration["api"]["preAuthorizedApplications"], entry]
    at.person.make("PATCH", f"/applications(uniqueName='{APP}')", {"api": {"preAuthorizedApplications": entries}})
    at.options = {"NO_ALLOW_CLI": "yes"}
    at.deploy()
    at.run(COMPLETE)
    assert "AADSTS65001" in at.person.refusal_of_token(resource)
    assert json.loads(at.run("clients_allowed", CLIENT_ID=at.client_id)) == [_BY_HAND]
    assert [one["appId"] for one in at.registration["api"]["preAuthorizedApplications"]] == [_BY_HAND]
    at.run(COMPLETE)
    assert at.writes == []
    assert "exclude" in at.run("clients_allowed", ALLOW_CLI="yes", fails=True)


def check_api_clients_are_read_from_cipp(at: Installation) -> None:
    refused = at.run("clients_allowed", API_CLIENTS="yes", fails=True)
    account = f"{names.RESOURCE_GROUP_ID}/providers/Microsoft.Storage/storageAccounts/{names.STORAGE_ACCOUNT}"
    at.admin.give_role("Storage Table Data Contributor", account, names.ADMIN_ID)
    assert "Storage Table Data Reader" in refused
    cipp = Cipp(at.sandbox)
    cipp.clear()
    assert json.loads(at.run("clients_allowed", API_CLIENTS="yes", fails=False)) == []
    for number, enabled in enumerate((True, False, "true", "False"), 1):
        cipp.client(_BY_HAND[:-1] + str(number), Enabled=enabled)
    at.options = {"API_CLIENTS": "yes"}
    assert json.loads(at.run("clients_allowed")) == [_BY_HAND[:-1] + "1", _BY_HAND[:-1] + "3"]
    at.install()
    at.options = {}
    assert len(json.loads(at.run("clients_allowed", CLIENT_ID=at.client_id))) == 2
    assert json.loads(at.run("clients_allowed", CLIENT_ID=at.client_id, API_CLIENTS="no")) == []
    cipp.clear()


def check_repairs_are_allowed_and_taken_back(at: Installation) -> None:
    at.install(ALLOW_REPAIR="yes")
    assert at.owned() == _repair(at)
    at.run(COMPLETE)
    assert at.writes == []
    assert "PowerShell" not in at.run(COMPLETE, ALLOW_REPAIR="")
    assert at.owned() == _repair(at)
    at.run(COMPLETE, ALLOW_REPAIR="no")
    assert at.owned() == []
    assert "New-AzADAppCredential" in at.run(COMPLETE, ALLOW_REPAIR="")


def check_federated_form_is_chosen_and_taken_back(at: Installation) -> None:
    at.install(FEDERATED="yes")
    assert at.federated() == [("cipp-backend", "api://AzureADTokenExchange")]
    site = at.sandbox.state()["sites"][APP]
    setting = "OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID"
    entra = site["authSettings"]["identityProviders"]["azureActiveDirectory"]
    assert entra["registration"]["clientSecretSettingName"] == setting
    assert site["appSettings"][setting] == site["appSettings"]["AzureWebJobsStorage__clientId"]
    at.options = {"FEDERATED": ""}
    at.deploy()
    at.run(COMPLETE)
    assert at.writes == []
    at.options = {"FEDERATED": "no"}
    at.deploy()
    at.run(COMPLETE)
    assert at.federated() == []
    assert setting not in at.sandbox.state()["sites"][APP]["appSettings"]


def check_sign_in_keeps_what_was_added_by_hand(at: Installation) -> None:
    at.install()
    path = f"/applications(uniqueName='{APP}')"
    role = {**at.registration["appRoles"][0], "id": _BY_HAND, "value": "helpdesk", "displayName": "helpdesk"}
    address = "https://backend.contosomsp.com/.auth/login/aad/callback"
    roles = [one for one in at.registration["appRoles"] if one["value"] != "editor"]
    disabled = [{**one, "isEnabled": one["value"] != "editor"} for one in at.registration["appRoles"]]
    at.person.make("PATCH", path, {"appRoles": disabled})
    at.person.make("PATCH", path, {"appRoles": [*roles, role], "web": {"redirectUris": [address]}})
    at.run(COMPLETE)
    assert [one["value"] for one in at.registration["appRoles"]] == [
        "superadmin",
        "admin",
        "readonly",
        "helpdesk",
        "editor",
    ]
    assert at.registration["web"]["redirectUris"][0] == address
    assert len(at.registration["web"]["redirectUris"]) == 2


def check_registration_of_others_is_refused(at: Installation) -> None:
    at.person.make(
        "PATCH", f"/applications(uniqueName='{APP}')", {"displayName": "Another app"}, Prefer="create-if-missing"
    )
    before = at.registration
    assert "did not create it" in at.run(INSTALL, fails=True)
    at.run("remove_all", CLIENT_ID="")
    assert at.registration == before


def check_verification_fails_without_a_role(at: Installation) -> None:
    at.run(INSTALL)
    at.deploy()
    assert "No app role is assigned" in at.run(f"{INSTALL}; sign_in_verify", fails=True)
    assert "has no user" in at.run(f"{INSTALL}; sign_in_complete", fails=True, BREAK_GLASS="nobody#1@contosomsp.com")
    assert "own account" in at.run(f"{INSTALL}; sign_in_complete", fails=True, BREAK_GLASS=names.ADMIN_NAME)
    at.run(f"{INSTALL}; sign_in_complete; sign_in_verify", BREAK_GLASS=names.GUEST_NAME)
    assert {who for who, _ in at.assigned()} == {names.ADMIN_ID, names.GUEST_ID}
    path = f"/applications(uniqueName='{APP}')"
    scope = {**at.registration["api"]["oauth2PermissionScopes"][0], "type": "User"}
    at.person.make("PATCH", path, {"api": {"oauth2PermissionScopes": [scope]}})
    assert "can consent" in at.run(f"{INSTALL}; sign_in_verify", fails=True)


def check_dry_run_changes_nothing(at: Installation) -> None:
    before = at.sandbox.state()
    shown = at.run(INSTALL + " 2>&1", DRY_RUN="yes")
    assert shown.count("would run") == 3, shown
    assert at.writes == []
    every = {"ALLOW_CLI": "yes", "ALLOW_REPAIR": "yes", "FEDERATED": "yes", "ASSIGNMENT_REQUIRED": "yes"}
    first = "sign_in_create; sign_in_complete; clients_allow; repair_apply"
    shown = at.run(f"{first} 2>&1", kill_after=0, fails=False, DRY_RUN="yes", **every)
    assert at.writes == []
    assert at.sandbox.state()["applications"] == before["applications"]
    at.install(ALLOW_REPAIR="yes")
    at.run("remove_all", DRY_RUN="yes")
    assert at.writes == []


def check_new_principal_is_waited_for(at: Installation) -> None:
    at.run(INSTALL)
    at.deploy()
    early = {"status": 404, "body": {"error": {"code": "Request_ResourceNotFound", "message": "not yet"}}}
    at.sandbox.faults([{"method": "POST", "path": ".*/appRoleAssignedTo", "times": 2, "answer": early}])
    at.run(f"{INSTALL}; sign_in_complete 2>/dev/null")
    assert len(at.assigned()) == 2
    at.sandbox.faults([])


def check_removal_leaves_nothing_of_this_app(at: Installation) -> None:
    at.admin.call("DELETE", OWN_GROUP, "2021-04-01")
    before = at.azure()
    _create_group(at)
    at.install(ALLOW_REPAIR="yes", ALLOW_CLI="yes")
    shown = at.run("remove_all", PRINCIPAL="", CLIENT_ID="", ALLOW_REPAIR="")
    assert f"registration '{APP}'" in shown
    assert at.azure() == before
    assert "Nothing" in at.run("remove_all", PRINCIPAL="", CLIENT_ID="", ALLOW_REPAIR="")
    assert at.writes == []


def check_removal_completes_after_each_interruption(at: Installation) -> None:
    at.admin.call("DELETE", OWN_GROUP, "2021-04-01")
    before = at.azure()
    _create_group(at)
    at.install(ALLOW_REPAIR="yes")
    assert _runs_until_complete(at, "PRINCIPAL=; remove_all") > 10
    assert at.azure() == before


def check_removal_keeps_what_others_created(at: Installation) -> None:
    at.install()
    site = f"{OWN_GROUP}/providers/Microsoft.Insights/actionGroups/foreign"
    at.admin.call("PUT", site, "2023-01-01", {"location": "Global", "properties": {"enabled": True}})
    policy = {"tenantId": names.TENANT_ID, "objectId": names.MEMBER_ID, "permissions": {"secrets": ["get"]}}
    vault = f"{names.RESOURCE_GROUP_ID}/providers/Microsoft.KeyVault/vaults/{names.VAULT}"
    at.admin.call("PUT", f"{vault}/accessPolicies/add", "2023-07-01", {"properties": {"accessPolicies": [policy]}})
    shown = at.run("remove_all")
    assert "actionGroups/foreign, which this script did not create" in shown
    left = at.admin.call("GET", f"{OWN_GROUP}/resources", "2021-04-01")["value"]
    assert [one["name"] for one in left] == ["foreign"]
    assert names.MEMBER_ID in at.azure()["policies"]
    assert "cipp" in at.azure()["groups"]


def check_report_has_facts_and_no_names(at: Installation) -> None:
    account = f"{names.RESOURCE_GROUP_ID}/providers/Microsoft.Storage/storageAccounts/{names.STORAGE_ACCOUNT}"
    at.admin.give_role("Storage Table Data Contributor", account, names.ADMIN_ID)
    at.install(ALLOW_CLI="yes")
    shown = at.run("prove", CLIENT_ID=at.client_id)
    assert [line for line in at.writes if "appsettings/list" not in line] == []
    assert "D1   runtime of this app: python 3.12 Running" in shown
    assert "S5   this shell is Azure Cloud Shell: no" in shown
    facts = "\n".join(line.partition(": ")[2] for line in shown.splitlines())
    for name in (names.SUBSCRIPTION_ID, names.TENANT_ID, names.VAULT, names.STORAGE_ACCOUNT, APP, at.client_id, ".net"):
        assert name not in facts, name
    assert ("U2   " in shown) is at.container


def _create_group(at: Installation) -> None:
    at.admin.call("PUT", OWN_GROUP, "2022-09-01", {"location": "westeurope"})


CHECKS: Final[tuple[Callable[[Installation], None], ...]] = (
    check_sign_in_is_created_once,
    check_clients_are_allowed_and_taken_back,
    check_api_clients_are_read_from_cipp,
    check_repairs_are_allowed_and_taken_back,
    check_federated_form_is_chosen_and_taken_back,
    check_sign_in_keeps_what_was_added_by_hand,
    check_registration_of_others_is_refused,
    check_verification_fails_without_a_role,
    check_dry_run_changes_nothing,
    check_new_principal_is_waited_for,
    check_removal_leaves_nothing_of_this_app,
    check_removal_keeps_what_others_created,
    check_report_has_facts_and_no_names,
    check_sign_in_completes_after_each_interruption,
    check_removal_completes_after_each_interruption,
)


@contextmanager
def loaded_cli(folder: Path, sandbox: Sandbox) -> Iterator[dict[str, str]]:
    """Yield the variables of a shell whose `az` is the loaded CLI, signed in as the Owner of the subscription."""
    python, path = cli_python(), folder / "az.socket"
    environment = {
        **os.environ,
        **sandbox.env,
        "AZ_PYTHON": str(python),
        "AZ_TOOL": str(_TOOL),
        "AZ_SOCKET": str(path),
        "ROOT": str(ROOT),
        "AZURE_CONFIG_DIR": str(folder / "azure"),
        "AZURE_CORE_COLLECT_TELEMETRY": "0",
        "AZURE_CORE_NO_COLOR": "1",
        "IDENTITY_ENDPOINT": f"{sandbox.url}/sandbox/token/{names.ADMIN_ID}",
        "IDENTITY_HEADER": "x",
    }
    server = subprocess.Popen([str(python), str(_TOOL), str(path)], env=environment)  # noqa: S603 - a fixed command
    try:
        end = time.monotonic() + _START_SECONDS
        while not path.exists():
            if server.poll() is not None or time.monotonic() > end:
                raise RuntimeError("The Azure CLI did not start.")
            time.sleep(0.05)
        sign_in = [str(python), "-S", "-E", str(_TOOL), str(path), "login", "--identity", "--output", "none"]
        subprocess.run(sign_in, check=True, timeout=_START_SECONDS)  # noqa: S603 - a fixed command
        yield environment
    finally:
        server.terminate()
        server.wait(timeout=10)


def main(words: list[str]) -> int:
    """Run the checks in both shapes, and return 1 if one failed."""
    failed = 0
    chosen = [check for check in CHECKS if not words or any(word in check.__name__ for word in words)]
    with (
        tempfile.TemporaryDirectory() as name,
        Sandbox(Path(name)) as sandbox,
        loaded_cli(Path(name), sandbox) as environment,
    ):
        for check in chosen:
            for container in (False, True):
                failed += not _passes(check, Installation(sandbox, environment, Path(name), container))
    sys.stdout.write(f"The steps of deploy.sh: {f'{failed} failed' if failed else 'all passed'}\n")
    return 1 if failed else 0


def _passes(check: Callable[[Installation], None], at: Installation) -> bool:
    def begun() -> None:
        at.reset()
        check(at)

    what = check.__name__.removeprefix("check_").replace("_", " ")
    return passes(f"{what}, {'container' if at.container else 'functions'}", begun)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
