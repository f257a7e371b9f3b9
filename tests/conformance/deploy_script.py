"""deploy/deploy.sh from start to end, by the Azure CLI: `python -m tests.conformance.deploy_script`.

For each shape of CIPP it runs the unmodified script with the unmodified Azure CLI against the sandbox, as the Owner of
the subscription, and publishes the package of this project. Microsoft's worker library then runs that package with the
settings that the template wrote. It runs the script again, which must change nothing, and interrupts it after each `az`
call, after which the next run must complete it. Words as arguments choose checks by their names.

In `install`, each call starts the unmodified CLI. In the other checks, the calls use `preloaded_cli`, which saves three
quarters of the time. With `--each-call`, each call of all checks starts the CLI.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from deploy.package.build import build
from sandbox import names
from tests.conformance.azure_cli import cli_python
from tests.conformance.checks import passes
from tests.conformance.published_host import PublishedHost
from tests.support.admin import SUBSCRIPTION, VAULT, VAULT_API, Admin
from tests.support.markdown import ROOT, fences
from tests.support.sandbox_client import Sandbox

APP: Final = f"{names.MAIN_SITE}-watch"
GROUP: Final = "cipp-backend"
SECONDS: Final = 900
PRELOADED: Final = ROOT / "tests" / "conformance" / "preloaded_cli.py"
INSTALL: Final = ("--yes", "--email", "alerts@contosomsp.com", "--break-glass", names.MEMBER_NAME, "--allow-cli")
# The wrapper counts the calls of one run. It kills the run after one of them, or while Azure deploys for one.
WRAPPER: Final = """#!/bin/sh
number=$(($(cat "$AZ_COUNT") + 1))
echo "$number" > "$AZ_COUNT"
line=$(printf '%s' "$*" | tr '\\n' ' ')
printf '%s\\n' "$line" >> "$AZ_COUNT.log"
case "$*" in "${AZ_KILL_DURING:-nothing}"*) set -- "$@" --no-wait; AZ_KILL_AFTER=$number;; esac
if [ -n "$AZ_SOCKET" ]; then
    "$AZ_PYTHON" -S -E "$AZ_TOOL" "$AZ_SOCKET" "$@"
else
    "$AZ_PYTHON" -m azure.cli "$@"
fi
code=$?
if [ "$number" = "$AZ_KILL_AFTER" ]; then kill -9 0; fi
case "$line" in
    version*|*" show "*|*" list "*|*" exists "*|*" what-if "*|*"--method get"*|*"appsettings/list"*) exit $code;;
esac
if [ -n "$AZ_KILL_NEW" ] && ! grep -qxF -e "$line" "$AZ_KILL_NEW"; then
    printf '%s\\n' "$line" >> "$AZ_KILL_NEW"
    kill -9 0
fi
exit $code
"""
NOT_COMPARED: Final = ("now", "cipp", "deployments")
Json = Any  # any JSON value


@dataclass
class Run:
    """One run of the script."""

    code: int
    output: str
    calls: list[str]
    seconds: float

    def succeeded(self) -> "Run":
        """Return this run, which must have succeeded."""
        assert self.code == 0, self.output
        return self

    def refused(self, text: str) -> "Run":
        """Return this run, which must have ended with this text."""
        assert self.code == 1, self.output
        assert text in self.output, self.output
        return self


@dataclass
class Script:
    """The script, its Azure CLI and the sandbox."""

    sandbox: Sandbox
    host: PublishedHost
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    loaded: dict[str, str] = field(default_factory=dict)  # the variables with which a call uses the loaded CLI

    def run(self, *options: str, kill_after: int | str = 0, **variables: str) -> Run:
        """Run it, and kill it with all its processes after one of its calls."""
        count, log = self.folder / "count", self.folder / "count.log"
        count.write_text("0", encoding="utf-8")
        log.write_text("", encoding="utf-8")
        began = time.monotonic()
        done = subprocess.run(  # noqa: S603 - the project's own script
            ["bash", str(ROOT / "deploy" / "deploy.sh"), *options],  # noqa: S607 - bash of this machine
            env={**self.environment, **self.loaded, "AZ_KILL_AFTER": str(kill_after), **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            start_new_session=True,
            check=False,
        )
        assert self.host.failure is None, f"The host of the app ended: {self.host.failure}"
        calls = log.read_text(encoding="utf-8").splitlines()
        assert names.PLANTED not in done.stdout, "It printed a secret."
        return Run(done.returncode, done.stdout, calls, time.monotonic() - began)

    def reset(self, shape: str, **options: float) -> None:
        """Start over, signed in."""
        self.host.forget()
        self.host.group = GROUP
        self.sandbox.reset(propagation_seconds=0, shape=shape, **options)
        shutil.rmtree(self.folder / "dist" / "published", ignore_errors=True)

    def state(self) -> Json:
        """Return what is stored, without times and records of what was done."""
        state = {name: value for name, value in self.sandbox.state().items() if name not in NOT_COMPARED}
        return json.loads(json.dumps({**state, **_granted(self.sandbox), **_sign_in(self.sandbox)}))


def _granted(sandbox: Sandbox) -> dict[str, Json]:
    """Return which resources and groups exist, and who may do what on them."""
    admin = Admin(sandbox)
    authorization = "providers/Microsoft.Authorization"
    assigned = admin.call("GET", f"{SUBSCRIPTION}/{authorization}/roleAssignments", "2022-04-01")["value"]
    groups = [one["name"] for one in admin.call("GET", f"{SUBSCRIPTION}/resourceGroups", "2022-09-01")["value"]]
    roles = {}
    for group in groups:
        at = f"{SUBSCRIPTION}/resourceGroups/{group}/{authorization}/roleDefinitions"
        for role in admin.call("GET", at, "2022-04-01")["value"]:
            if role["properties"]["type"] == "CustomRole":
                roles[role["id"]] = role["properties"]["permissions"]
    return {
        "assignments": {one["id"]: one["properties"]["roleDefinitionId"] for one in assigned},
        "groups": groups,
        "policies": admin.call("GET", VAULT, VAULT_API)["properties"].get("accessPolicies"),
        "every resource": [one["id"] for one in admin.call("GET", f"{SUBSCRIPTION}/resources", "2022-09-01")["value"]],
        "roles": roles,
    }


def _sign_in(sandbox: Sandbox) -> dict[str, Json]:
    """Return the registration of the app, and who has a role in it."""
    web = sandbox.web()
    token = sandbox.fetch("GET", f"/sandbox/token/{names.ADMIN_ID}?resource=https://graph.microsoft.com")
    web.headers["Authorization"] = f"Bearer {token['access_token']}"
    graph = "https://graph.microsoft.com/v1.0"
    app = web.get(f"{graph}/applications(uniqueName='{APP}')").json()
    if "appId" not in app:
        return {}
    principal = web.get(f"{graph}/servicePrincipals(appId='{app['appId']}')").json()
    people = web.get(f"{graph}/servicePrincipals/{principal['id']}/appRoleAssignedTo").json()["value"]
    return {
        "registration": {name: app.get(name) for name in ("api", "appRoles", "identifierUris", "web")},
        "people": sorted([one["principalId"], one["appRoleId"]] for one in people),
    }


def check_install(script: Script, shape: str) -> None:
    script.reset(shape)
    before = script.state()
    dry = script.run(*INSTALL, "--dry-run").succeeded()
    assert script.state() == before, "A dry run changed something."
    assert "custom role vault" in dry.output
    assert "Microsoft.KeyVault/vaults/secrets/getSecret/action" in dry.output
    first = script.run(*INSTALL).succeeded()
    assert f"https://{APP}.azurewebsites.net" in first.output
    assert "Rights:" in first.output
    _check_names(first.output)
    after = script.state()
    assert after["sites"][APP]["appSettings"]["ENABLE_ROTATION"] == "false"
    second = script.run("--yes").succeeded()
    same(after, script.state())
    assert "runs already" in second.output
    figures = [f"{len(run.calls)} calls in {run.seconds:.0f} s" for run in (first, second)]
    sys.stdout.write(f"       first {figures[0]}, second {figures[1]}\n")


def check_interrupted(script: Script, shape: str) -> None:
    """Kill it again and again, each time from where the last one stopped.

    With function apps, it is killed after its first call, then after its second, and so on. With a container, it is
    killed after each write that no run before has made, which takes a third of the time. That is enough: a call that
    only reads changes nothing, so a run that is killed after it leaves what the last write before it has left. The
    copies of packages that the script keeps beside Azure are the same in both shapes.
    """
    script.reset(shape)
    known = script.folder / "killed"
    known.write_text("", encoding="utf-8")
    writes = {"AZ_KILL_NEW": str(known)} if shape == "container" else {}
    number = 1
    while (run := script.run(*INSTALL, kill_after=0 if writes else number, **writes)).code != 0:
        assert run.code == -9, run.output
        number += 1
        assert number < 80, run.output
    assert number > 10, known.read_text(encoding="utf-8")
    interrupted = script.state()
    again = script.run("--yes").succeeded()
    assert "runs already" in again.output
    same(interrupted, script.state())
    sys.stdout.write(f"       killed {number - 1} times\n")


def _check_names(output: str) -> None:
    """The lines for a shell are those of docs/deploy.md, and name this installation."""
    printed = dict(re.findall(r"^    ([A-Z_]+)=(.*)$", output, re.MULTILINE))
    page = "\n".join(fence.text for fence in fences("docs/deploy.md"))
    assert all(re.search(rf"^{name}=", page, re.MULTILINE) for name in printed), printed
    shown = {"APP": APP, "GROUP": GROUP, "BACKEND_HOST": f"{APP}.azurewebsites.net", "VAULT": names.VAULT}
    assert printed | shown == printed
    assert {"CLIENT_ID", "PRINCIPAL", "SITE", "SCOPE", "GRAPH"} <= printed.keys()


def check_cut_off(script: Script, shape: str) -> None:
    """Killed while Azure deploys the template. The next run waits for the end of that, and the removal too."""
    script.reset(shape, deployment_seconds=15)
    before = script.state()
    assert script.run(*INSTALL, AZ_KILL_DURING="deployment group create").code == -9
    run = script.run(*INSTALL).succeeded()
    assert "Azure is still deploying" in run.output
    assert f"https://{APP}.azurewebsites.net" in run.output
    assert script.run("--yes", "--rights-only", AZ_KILL_DURING="deployment group create").code == -9
    run = script.run("--remove", "--yes").succeeded()
    assert "Azure is still deploying" in run.output
    same(before, script.state())


def check_kept_choices(script: Script, shape: str) -> None:
    """What was chosen before, and what an admin changed in the app, stays without its option."""
    script.reset(shape)
    script.run(
        *INSTALL, "--enable-controls", "--enable-rotation", CLOCK="3 12 40", ALERT_WEBHOOK="https://hook.test/x"
    ).succeeded()
    _set(script, KEY_ROTATION_WARN_DAYS="21")
    before = script.state()
    script.run("--yes", CLOCK="3 12 40").succeeded()
    same(before, script.state())
    script.run("--yes", CLOCK="6 23 45").refused("The weekly rotation starts within 30 minutes.")
    _set(script, ENABLE_ROTATION="false")
    stopped = script.run("--yes", CLOCK="3 12 40").succeeded()
    assert "It stays off" in stopped.output
    settings = script.state()["sites"][APP]["appSettings"]
    assert (settings["ENABLE_ROTATION"], settings["KEY_ROTATION_WARN_DAYS"]) == ("false", "21")
    observing = script.run("--yes", "--observe").succeeded()
    assert script.state()["sites"][APP]["appSettings"]["ENABLE_CONTROLS"] == "false"
    assert f"az keyvault set-policy --name {names.VAULT}" in observing.output
    _set(script, ENABLE_ROTATION="true")
    script.run("--yes", CLOCK="3 12 40").refused("add --enable-rotation.")


def check_package_only(script: Script, shape: str) -> None:
    """A package that doesn't respond is replaced by the former one. Without the former one, nothing begins."""
    script.reset(shape)
    # With a commit of its own: a package of a checkout with changes has no way back.
    released = _other_package(script.folder / "dist" / "released", "1" * 40)
    script.run(*INSTALL, "--package", str(released)).succeeded()
    former = script.state()["sites"][APP]["package"]["sha256"]
    broken = _other_package(script.folder / "dist" / "other", "0" * 40)
    script.host.broken = {_sha256(broken)}
    run = script.run("--yes", "--package-only", "--package", str(broken), VERIFY_SECONDS="5")
    run.refused("runs again. The new one failed")
    assert script.state()["sites"][APP]["package"]["sha256"] == former
    assert not any(call.startswith("deployment group create") for call in run.calls)
    for kept in [*(script.folder / "dist").glob("*.zip"), *(script.folder / "dist" / "published").rglob("*.zip")]:
        kept.rename(kept.with_suffix(".away"))
    run = script.run("--yes", "--package-only", "--package", str(broken)).refused("there would be no way back")
    assert script.state()["sites"][APP]["package"]["sha256"] == former
    for away in (script.folder / "dist").rglob("*.away"):
        away.rename(away.with_suffix(".zip"))


def check_rights_only(script: Script, shape: str) -> None:
    """The rights come back, as a migration of CIPP takes them. The sign-in and the package stay."""
    script.reset(shape)
    of_cipp = script.state()["assignments"]  # a container has a role on itself
    script.run(*INSTALL, "--enable-controls").succeeded()
    before = script.state()
    admin = Admin(script.sandbox)
    for one in before["assignments"].keys() - of_cipp.keys():
        if one.startswith(f"{names.RESOURCE_GROUP_ID}/providers/Microsoft.Web/"):
            admin.call("DELETE", one, "2022-04-01")
    assert _differences(before, script.state())
    run = script.run("--yes", "--rights-only").succeeded()
    assert not any("config-zip" in call or "graph.microsoft.com" in call for call in run.calls)
    same(before, script.state())


def check_removed(script: Script, shape: str) -> None:
    """Removed, everything is as it was before. The app may be gone already, or its installation not complete."""
    script.reset(shape)
    before = script.state()
    complete = script.run(*INSTALL).succeeded()
    script.run("--prove").succeeded()
    admin, group = Admin(script.sandbox), f"{SUBSCRIPTION}/resourceGroups/{GROUP}/providers"
    admin.call("DELETE", f"{group}/Microsoft.Authorization/locks/cipp-backend", "2020-05-01")
    admin.call("DELETE", f"{group}/Microsoft.Web/sites/{APP}", "2024-04-01")
    script.run("--remove", "--yes").succeeded()
    same(before, script.state())
    for number in (len(complete.calls) // 3, len(complete.calls) // 2):
        assert script.run(*INSTALL, kill_after=number).code == -9
        script.run("--remove", "--yes").succeeded()
        same(before, script.state())


def check_other_choices(script: Script, shape: str) -> None:
    """The options that no other check uses, in CIPP's own group. The removal leaves that group as it was."""
    script.reset(shape)
    script.host.group = names.RESOURCE_GROUP
    before, here = script.state(), ("--yes", "--same-group", "--group", names.RESOURCE_GROUP)
    sign_in = ("--federated", "--allow-repair", "--assignment-required")
    modes = ("--built-in-roles", "--enable-controls", "--enable-rotation")
    script.run(*INSTALL, *here, *sign_in, *modes, CLOCK="3 12 40").succeeded()
    after = script.state()
    assert not after["roles"]
    assert _differences(before, after)
    script.run(*here, CLOCK="3 12 40").succeeded()
    same(after, script.state())
    shown = script.run("--remove", *here, CLOCK="3 12 40").succeeded()
    assert f"the resource group '{names.RESOURCE_GROUP}'" not in shown.output
    same(before, script.state())


def check_refusals(script: Script, shape: str) -> None:
    script.reset(shape)
    before = script.state()
    script.run(*INSTALL, "--group", "cipp").refused("CIPP's own resource group")
    script.run(*INSTALL, "--app", names.BACKEND_SITE).refused("is in the resource group cipp")
    script.run(*INSTALL, "--cipp-app", "nothing").refused("Found no CIPP")
    (other,) = (script.folder / "dist").glob("*.zip")
    damaged = script.folder / other.name
    damaged.write_bytes(other.read_bytes() + b"x")
    shutil.copyfile(f"{other}.sha256", f"{damaged}.sha256")
    script.run(*INSTALL, "--package", str(damaged)).refused("doesn't match its .sha256")
    assert script.state() == before


@contextmanager
def preloaded_cli(script: Script) -> Iterator[dict[str, str]]:
    """Load the Azure CLI once for many runs. Yield the variables with which the wrapper uses it."""
    path = script.folder / "az.socket"
    server = subprocess.Popen([script.environment["AZ_PYTHON"], str(PRELOADED), str(path)], env=script.environment)  # noqa: S603 - a fixed command
    try:
        while not path.exists():
            assert server.poll() is None, "The Azure CLI did not start."
            time.sleep(0.1)
        yield {"AZ_TOOL": str(PRELOADED), "AZ_SOCKET": str(path)}
    finally:
        server.kill()
        server.wait()
        path.unlink(missing_ok=True)


def _set(script: Script, **settings: str) -> None:
    """Change settings of the app as an admin does."""
    pairs = [f"{name}={value}" for name, value in settings.items()]
    here = ("--resource-group", GROUP, "--name", APP, "--output", "none", "--settings", *pairs)
    command = ["az", "functionapp", "config", "appsettings", "set", *here]
    environment = {**script.environment, **script.loaded}
    subprocess.run(command, env=environment, check=True)  # noqa: S603 - the wrapper of this program


def same(one: Json, other: Json) -> None:
    """Fail with the differences of two states, if there are any."""
    found = _differences(one, other)
    assert not found, "\n".join(found)


def _differences(one: Json, other: Json, at: str = "") -> list[str]:
    """Return where two states differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        return [
            found
            for name in sorted({*one, *other})
            for found in _differences(one.get(name), other.get(name), f"{at}/{name}")
        ]
    return [] if one == other else [f"{at}: {one!r} became {other!r}"]


def _other_package(folder: Path, commit: str) -> Path:
    """Write a package with another commit, as a later release is."""
    import zipfile  # noqa: PLC0415 - only here

    package = build()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / package.name
    with zipfile.ZipFile(package.zip_file) as source, zipfile.ZipFile(path, "w") as target:
        for entry in source.infolist():
            target.writestr(entry, commit.encode() if entry.filename == "commit.txt" else source.read(entry))
    path.with_name(f"{path.name}.sha256").write_text(f"{_sha256(path)}  {path.name}\n", encoding="ascii")
    return path


def _sha256(path: Path) -> str:
    from deploy.package.archive import sha256_of  # noqa: PLC0415 - only here

    return sha256_of(path)


CHECKS: Final[tuple[Callable[[Script, str], None], ...]] = (
    check_install,
    check_refusals,
    check_cut_off,
    check_kept_choices,
    check_package_only,
    check_rights_only,
    check_other_choices,
    check_removed,
    check_interrupted,
)


def environment_of(sandbox: Sandbox, folder: Path) -> dict[str, str]:
    """Return the variables of a shell of the Owner, in which `az` is the unmodified Azure CLI."""
    wrapper = folder / "bin" / "az"
    wrapper.parent.mkdir()
    wrapper.write_text(WRAPPER, encoding="utf-8")
    wrapper.chmod(0o755)
    own: Mapping[str, str] = {**os.environ, **sandbox.env}
    return {
        **own,
        "PATH": f"{wrapper.parent}{os.pathsep}{os.environ['PATH']}",
        "AZ_PYTHON": str(cli_python()),
        "AZ_COUNT": str(folder / "count"),
        "AZURE_CONFIG_DIR": str(folder / "azure"),
        "AZURE_CORE_COLLECT_TELEMETRY": "0",
        "AZURE_CORE_NO_COLOR": "1",
        "IDENTITY_ENDPOINT": f"{sandbox.url}/sandbox/token/{names.ADMIN_ID}",
        "IDENTITY_HEADER": "x",
        "AZ_SOCKET": "",
        "DIST": str(folder / "dist"),
        "RETRY_PAUSE": "1",
    }


def main(words: list[str]) -> int:
    """Run the checks in both shapes, and return 1 if one failed."""
    starts_each = "--each-call" in words
    words = [word for word in words if word != "--each-call"]
    every = [(shape, check) for shape in ("functions", "container") for check in CHECKS]
    chosen = [one for one in every if not words or any(word in _name(*one) for word in words)]
    package = build()
    failed = 0
    with tempfile.TemporaryDirectory() as at, Sandbox(Path(at)) as sandbox:
        folder = Path(at)
        dist = folder / "dist"
        dist.mkdir()
        shutil.copyfile(package.zip_file, dist / package.name)
        (dist / f"{package.name}.sha256").write_text(f"{package.sha256}  {package.name}\n", encoding="ascii")
        with PublishedHost(sandbox, APP, GROUP, dist, folder) as host:
            script = Script(sandbox, host, folder, environment_of(sandbox, folder))
            login = [script.environment["AZ_PYTHON"], "-m", "azure.cli", "login", "--identity", "--output", "none"]
            subprocess.run(login, env=script.environment, check=True)  # noqa: S603 - a fixed command
            with preloaded_cli(script) as loaded:
                for shape, check in chosen:
                    script.loaded = {} if starts_each or check is check_install else loaded
                    failed += not passes(_name(shape, check), partial(check, script, shape))
    return 1 if failed else 0


def _name(shape: str, check: Callable[[Script, str], None]) -> str:
    return f"{check.__name__.removeprefix('check_')}, {shape}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
