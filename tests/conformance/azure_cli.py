"""The Azure CLI, unmodified, against the sandbox: `python -m tests.conformance.azure_cli`.

Downloads the CLI from PyPI into a virtual environment under `.sandbox/conformance` (about 700 MB, once), starts its own
sandbox, signs in as the managed identity and works on the seeded resources. Nothing leaves this machine except
that one download: the CLI's other calls go to the sandbox, too, which responds with 501. To run only some checks,
pass their names as arguments.
"""

import json
import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from sandbox import names
from tests.conformance.checks import passes
from tests.support.sandbox_client import Sandbox

VERSION: Final = "2.91.0"  # deploy/steps/find.sh accepts none that is older
_ROOT: Final = Path(__file__).resolve().parent.parent.parent
_CACHE: Final = _ROOT / ".sandbox" / "conformance" / "azure-cli"
_TEMPLATE: Final = _ROOT / "tests" / "support" / "sandbox" / "flex_app.json"
_COMMAND_SECONDS: Final = 120
_IN_GROUP: Final = ("--resource-group", names.RESOURCE_GROUP)
Json = Any  # what a command prints


class CliError(Exception):
    """A failed command, with its output."""


@dataclass
class Cli:
    """The CLI, signed in and configured to use one sandbox."""

    python: Path
    environment: dict[str, str]
    sandbox: Sandbox
    commands: int = 0

    def __call__(self, line: str, *more: str) -> Json:
        """Run one command, split at spaces, and return the JSON that it prints."""
        self.commands += 1
        words = [*line.split(), *more, "--output", "json"]
        done = subprocess.run(  # noqa: S603 - a fixed command
            [str(self.python), "-m", "azure.cli", *words],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=_COMMAND_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise CliError(f"az {' '.join(words)}\n{done.stderr.strip()}")
        return json.loads(done.stdout) if done.stdout.strip() else None

    def as_owner(self) -> "Cli":
        """Return the CLI with a sign-in of its own, as the Owner of the subscription."""
        environment = {
            **self.environment,
            "AZURE_CONFIG_DIR": f"{self.environment['AZURE_CONFIG_DIR']}-owner",
            "IDENTITY_ENDPOINT": f"{self.sandbox.url}/sandbox/token/{names.ADMIN_ID}",
        }
        owner = Cli(self.python, environment, self.sandbox)
        owner("login --identity")
        return owner

    def fails(self, line: str, *more: str) -> str:
        """Run a command that must fail, and return its error output."""
        try:
            answer = self(line, *more)
        except CliError as error:
            return str(error)
        raise AssertionError(f"az {line} succeeded and printed {answer}")


def check_account(az: Cli) -> None:
    (signed_in,) = az("login --identity")
    assert signed_in["user"]["assignedIdentityInfo"] == "MSI"
    account = az("account show")
    assert (account["id"], account["tenantId"]) == (names.SUBSCRIPTION_ID, names.TENANT_ID)
    assert [a["name"] for a in az("account list")] == [names.SUBSCRIPTION_NAME]
    assert az("account get-access-token")["tenant"] == names.TENANT_ID
    assert [place["name"] for place in az("account list-locations")] == [names.LOCATION]


def check_groups_and_resources(az: Cli) -> None:
    assert [g["name"] for g in az("group list")] == [names.RESOURCE_GROUP]
    assert az("group show --name CIPP")["properties"]["provisioningState"] == "Succeeded"
    assert az("group exists --name cipp") is True
    assert "AuthorizationFailed" in az.fails("group show --name another")
    assert len(az("resource list")) == 8
    sites = az("resource list --resource-type Microsoft.Web/sites", *_IN_GROUP)
    assert {s["name"] for s in sites} == {names.MAIN_SITE, names.OFFLOAD_SITE, names.BACKEND_SITE}
    shown = az("resource show --resource-type Microsoft.Web/sites", *_IN_GROUP, "--name", names.MAIN_SITE)
    assert shown["properties"]["state"] == "Running"
    assert az("deployment group list", *_IN_GROUP) == []
    assert az("provider show --namespace Microsoft.Web")["registrationState"] == "Registered"


def check_function_apps(az: Cli) -> None:
    everything = {names.MAIN_SITE, names.OFFLOAD_SITE, names.BACKEND_SITE}
    assert {a["name"] for a in az("functionapp list")} == everything
    assert {a["state"] for a in az("functionapp list", *_IN_GROUP)} == {"Running"}
    _apps(az, "functionapp", names.MAIN_SITE)
    # The backend is on Flex Consumption, which the CLI handles differently.
    _apps(az, "functionapp", names.BACKEND_SITE)
    functions = az("functionapp function list", *_IN_GROUP, "--name", names.MAIN_SITE)
    assert f"{names.MAIN_SITE}/CIPPTimer" in [f["name"] for f in functions]
    assert az("functionapp keys list", *_IN_GROUP, "--name", names.MAIN_SITE)["masterKey"]
    assert len(az("functionapp plan list")) == 2


def check_web_apps(az: Cli) -> None:
    assert az("webapp list") == []  # the CLI only omits function apps from this list
    _apps(az, "webapp", names.MAIN_SITE)
    here = (*_IN_GROUP, "--name", names.MAIN_SITE)
    assert az("webapp config show", *here)["http20Enabled"] is True
    assert az("webapp deployment source show", *here)["branch"] == "master"
    (instance,) = az("webapp list-instances", *here)
    assert instance["state"] == "READY"


def _apps(az: Cli, kind: str, name: str) -> None:
    """Test one app with the commands of one kind."""
    here = (*_IN_GROUP, "--name", name)
    shown = az(f"{kind} show", *here)
    # For an app on Flex Consumption, the CLI shows ARM's response, without processing by its client.
    assert shown.get("properties", shown)["defaultHostName"] == f"{name}.azurewebsites.net"
    for verb, state in (("stop", "Stopped"), ("start", "Running"), ("restart", "Running")):
        az(f"{kind} {verb}", *here)
        assert az.sandbox.state()["sites"][name]["state"] == state
    settings = f"{kind} config appsettings"
    before = az.sandbox.state()["sites"][name]["appSettings"]
    assert {s["name"]: s["value"] for s in az(f"{settings} list", *here)} == before
    az(f"{settings} set --settings FIRST=1 SECOND=two", *here)
    assert az.sandbox.state()["sites"][name]["appSettings"] == {**before, "FIRST": "1", "SECOND": "two"}
    az(f"{settings} delete --setting-names FIRST SECOND", *here)
    assert az.sandbox.state()["sites"][name]["appSettings"] == before


def check_static_web_apps(az: Cli) -> None:
    here = (*_IN_GROUP, "--name", names.STATIC_SITE)
    assert [s["name"] for s in az("staticwebapp list")] == [names.STATIC_SITE]
    host = az("staticwebapp show", *here)["defaultHostname"]
    users = {u["displayName"]: u["roles"] for u in az("staticwebapp users list", *here)}
    assert users["sam@contosomsp.com"] == "editor,anonymous,authenticated"
    az("staticwebapp users update --user-details sam@contosomsp.com --role readonly", *here)
    roles_by_user = {
        u["displayName"]: u["roles"] for u in az.sandbox.state()["staticSites"][names.STATIC_SITE]["users"]
    }
    assert roles_by_user["sam@contosomsp.com"] == ["readonly"]
    who = "--authentication-provider AAD --user-details new@contosomsp.com --role editor"
    until = "--invitation-expiration-in-hours 24"
    link = az(f"staticwebapp users invite {who} {until} --domain {host}", *here)["invitationUrl"]
    assert link.startswith(f"https://{host}/.auth/invitations/accept")
    assert [d["domainName"] for d in az("staticwebapp hostname list", *here)] == [names.CUSTOM_DOMAIN]
    assert az(f"staticwebapp hostname show --hostname {names.CUSTOM_DOMAIN}", *here)["status"] == "Ready"
    az("staticwebapp appsettings set --setting-names A=1", *here)
    assert az("staticwebapp appsettings list", *here)["properties"] == {"A": "1"}
    (backend,) = az("staticwebapp backends show", *here)
    assert backend["backendResourceId"].endswith(f"/sites/{names.MAIN_SITE}")


def check_key_vault(az: Cli) -> None:
    assert [v["name"] for v in az("keyvault list")] == [names.VAULT]
    properties = az(f"keyvault show --name {names.VAULT}")["properties"]
    assert properties["vaultUri"] == f"https://{names.VAULT}.vault.azure.net/"
    here = ("--vault-name", names.VAULT)
    assert {"ApplicationSecret", "RefreshToken"} <= {s["name"] for s in az("keyvault secret list", *here)}
    stored = az.sandbox.state()["vaults"][names.VAULT]["secrets"]["RefreshToken"][-1]["value"]
    assert az("keyvault secret show --name RefreshToken", *here)["value"] == stored
    az("keyvault secret set --name Conformance --value first --tags a=b", *here)
    az("keyvault secret set --name Conformance --value second", *here)
    assert az("keyvault secret show --name conformance", *here)["value"] == "second"
    az("keyvault secret delete --name Conformance", *here)
    assert "SecretNotFound" in az.fails("keyvault secret show --name Conformance", *here)
    assert "Conformance" in [s["name"] for s in az("keyvault secret list-deleted", *here)]
    az("keyvault secret recover --name Conformance", *here)
    assert len(az.sandbox.state()["vaults"][names.VAULT]["secrets"]["Conformance"]) == 2


def check_storage_and_roles(az: Cli) -> None:
    account = ("--name", names.STORAGE_ACCOUNT)
    assert [a["name"] for a in az("storage account list")] == [names.STORAGE_ACCOUNT]
    assert az("storage account show", *account)["kind"] == "StorageV2"
    (first, _) = az("storage account keys list", "--account-name", names.STORAGE_ACCOUNT, *_IN_GROUP)
    connection = az("storage account show-connection-string", *account, *_IN_GROUP)["connectionString"]
    assert first["value"] in connection
    assignments = az("role assignment list", *_IN_GROUP)
    ours = [a["roleDefinitionName"] for a in assignments if a["principalId"] == names.BACKEND_PRINCIPAL_ID]
    assert ours == ["Contributor"]
    assert [r["roleName"] for r in az("role definition list --name Contributor")] == ["Contributor"]


def check_deployments(az: Cli) -> None:
    owner = az.as_owner()
    owner("group create --name cipp-backend --location westeurope")
    given = {
        "appName": "cipp-be",
        "cippGroup": names.RESOURCE_GROUP,
        "vault": names.VAULT,
        "packageUri": "https://example.com/x.zip",
    }
    parameters = [f"{name}={value}" for name, value in given.items()]
    here = ("--resource-group", "cipp-backend", "--template-file", str(_TEMPLATE), "--parameters", *parameters)
    assert owner("deployment group validate", *here)["error"] is None
    first = _kinds(owner("deployment group what-if --no-pretty-print", *here))
    assert first == {"Create", "Modify", "Ignore", "Unsupported"}
    assert "DeploymentNotFound" in owner.fails("deployment group show --resource-group cipp-backend --name flex_app")
    for _ in range(2):
        made = owner("deployment group create", *here)["properties"]
        assert made["provisioningState"] == "Succeeded"
        assert made["outputs"]["hostName"]["value"] == "cipp-be.azurewebsites.net"
        assert _kinds(owner("deployment group what-if --no-pretty-print", *here)) == {"NoChange", "Ignore"}
    operations = owner("deployment operation group list --resource-group cipp-backend --name flex_app")
    assert {one["properties"]["provisioningState"] for one in operations} == {"Succeeded"}
    assert "not part of the allowed value(s)" in owner.fails("deployment group create", *here, "memory=1")
    assert "InvalidTemplateDeployment" in az.fails("deployment group create", *_in_cipps_group(here))
    assert "ScopeLocked" in owner.fails("group delete --name cipp-backend --yes")
    owner("lock delete --resource-group cipp-backend --name keep")
    owner("group delete --name cipp-backend --yes")
    az.commands += owner.commands


def _in_cipps_group(here: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(names.RESOURCE_GROUP if word == "cipp-backend" else word for word in here)


def _kinds(result: Json) -> set[str]:
    return {change["changeType"] for change in result["changes"]}


def check_app_registration(az: Cli) -> None:
    owner = az.as_owner()
    graph = "https://graph.microsoft.com/v1.0"
    app = f"{graph}/applications(uniqueName='conformance')"
    body = '{"displayName": "Conformance"}'
    upsert = ("--url", app, "--headers", "Prefer=create-if-missing", "Content-Type=application/json", "--body", body)
    made = owner("rest --method patch", *upsert)
    assert owner("rest --method patch", *upsert) is None
    address = f"api://{made['appId']}"
    assert owner(f"ad app show --id {made['appId']}")["id"] == made["id"]
    scope = "0c7f0f62-4a53-4e0e-a9f6-3f2a1d5b8e27"
    change = {
        "identifierUris": [address],
        "api": {"oauth2PermissionScopes": [{"id": scope, "value": "access", "type": "Admin", "isEnabled": True}]},
    }
    patch = ("--url", app, "--headers", "Content-Type=application/json", "--body")
    owner("rest --method patch", *patch, json.dumps(change))
    assert "AADSTS65001" in owner.fails("account get-access-token", "--resource", address)
    client = [{"appId": "04b07795-8ddb-461a-bbee-02f9e1bf7b46", "delegatedPermissionIds": [scope]}]
    owner("rest --method patch", *patch, json.dumps({"api": {"preAuthorizedApplications": client}}))
    assert owner("account get-access-token", "--resource", address)["accessToken"]
    owner(f"ad sp create --id {made['appId']}")
    assert owner(f"ad app owner list --id {made['appId']}")[0]["id"] == names.ADMIN_ID
    assert owner("ad signed-in-user show")["id"] == names.ADMIN_ID
    owner(f"ad app delete --id {made['appId']}")
    az.commands += owner.commands


CHECKS: Final[tuple[Callable[[Cli], None], ...]] = (
    check_groups_and_resources,
    check_function_apps,
    check_web_apps,
    check_static_web_apps,
    check_key_vault,
    check_storage_and_roles,
    check_deployments,
    check_app_registration,
)


def main(words: list[str]) -> int:
    """Run the checks, print a summary, and return 1 if one failed."""
    _CACHE.mkdir(parents=True, exist_ok=True)
    python = cli_python()
    with tempfile.TemporaryDirectory() as folder, Sandbox(Path(folder)) as sandbox:
        environment = {
            **os.environ,
            **sandbox.env,
            "AZURE_CONFIG_DIR": str(Path(folder) / "azure"),
            "AZURE_CORE_COLLECT_TELEMETRY": "0",
            "AZURE_CORE_NO_COLOR": "1",
        }
        az = Cli(python, environment, sandbox)
        chosen = [c for c in CHECKS if not words or any(w in c.__name__ for w in words)]
        failed = [check for check in (check_account, *chosen) if not _passes(check, az)]
        outcome = f"{len(failed)} failed" if failed else "all passed"
        sys.stdout.write(f"Azure CLI {VERSION}: {az.commands} commands, {outcome}\n")
    return 1 if failed else 0


def _passes(check: Callable[[Cli], None], az: Cli) -> bool:
    first = az.commands
    name = check.__name__.removeprefix("check_").replace("_", " ")
    return passes(name, partial(check, az), lambda: f"{az.commands - first} commands, ")


def cli_python() -> Path:
    """Create the virtual environment unless it exists with this version. Return its Python."""
    python = _CACHE / "bin" / "python"
    made_of = _CACHE / "made-of.txt"
    if made_of.is_file() and made_of.read_text(encoding="utf-8") == VERSION:
        return python
    sys.stdout.write(f"Downloading azure-cli {VERSION} from PyPI. The first download takes a while.\n")
    sys.stdout.flush()
    venv.create(_CACHE, with_pip=True, clear=True)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "-q", "install", f"azure-cli=={VERSION}"]
    subprocess.run(pip, check=True)  # noqa: S603 - a fixed command
    made_of.write_text(VERSION, encoding="utf-8")
    return python


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
