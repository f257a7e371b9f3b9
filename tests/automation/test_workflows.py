"""GitHub's workflows: valid, pinned, with the least permissions, and without the text of an event in a shell."""

import hashlib
import json
import os
import re
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import jsonschema_rs
import pytest
import yaml

from tests.support.markdown import ROOT, files

GITHUB: Final = ROOT / ".github"
WORKFLOWS: Final = sorted((GITHUB / "workflows").iterdir())
DEVCONTAINER: Final = ROOT / ".devcontainer" / "devcontainer.json"
PINNED: Final = re.compile(r"([\w./-]+)@([0-9a-f]{40}) # v\d+\.\d+\.\d+")
# The permissions beyond reading the repository, by workflow and job, each with its reason.
WRITES: Final = {
    ("release.yml", "publish"): {
        "contents": "write",  # the release
        "id-token": "write",  # the signature of the attestation
        "attestations": "write",  # where it is stored
    }
}
# What a workflow may use of GitHub's contexts outside a shell. A title or a branch of a pull request is not among them.
EXPRESSIONS: Final = {
    "github.event_name == 'pull_request'",
    "github.ref",
    "github.token",
    "github.workflow",
    "matrix.python",
    "matrix.target",
}
PYTHONS: Final = ["3.11", "3.12", "3.13"]
MAKEFILE: Final = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS: Final = set(re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.MULTILINE))


def load(path: Path) -> dict[Any, Any]:
    loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def jobs() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path in WORKFLOWS:
        for name, job in load(path)["jobs"].items():
            yield path.name, name, job


def steps() -> Iterator[tuple[str, dict[str, Any]]]:
    for file, _, job in jobs():
        for step in job.get("steps", []):
            yield file, step


def schema(name: str) -> dict[str, Any]:
    """Return a schema that check-jsonschema ships. Its program is not needed, only its files."""
    spec = find_spec("check_jsonschema")
    assert spec, "Run `make setup`."
    assert spec.origin
    path = Path(spec.origin).parent / "builtin_schemas" / "vendor" / f"{name}.json"
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def errors(document: object, name: str) -> list[str]:
    # YAML 1.1 reads the key `on` as true
    text = json.dumps(document).replace('{"true":', '{"on":').replace(', "true":', ', "on":')
    return [error.message for error in jsonschema_rs.validator_for(schema(name)).iter_errors(json.loads(text))]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflow_is_valid_by_the_schema(path: Path) -> None:
    assert errors(load(path), "github-workflows") == []


def test_schema_finds_a_misspelled_key() -> None:
    workflow = load(WORKFLOWS[0])
    workflow["jobs"]["test"]["timeout-minute"] = 1
    assert errors(workflow, "github-workflows")
    assert errors(load(GITHUB / "dependabot.yml") | {"version": 3}, "dependabot")


def test_dependabot_is_valid_and_covers_every_lock() -> None:
    dependabot = load(GITHUB / "dependabot.yml")
    assert errors(dependabot, "dependabot") == []
    updates = dependabot["updates"]
    covered = {one["package-ecosystem"]: one.get("directories", [one.get("directory")]) for one in updates}
    assert set(covered) == {"pip", "npm", "github-actions"}
    tracked = files()
    assert folders(tracked, "package-lock.json") == sorted(covered["npm"])
    assert folders(tracked, r"requirements[\w-]*\.in") == sorted(covered["pip"])


def folders(tracked: Sequence[str], name: str) -> list[str]:
    return sorted({f"/{path.rpartition('/')[0]}" for path in tracked if re.fullmatch(name, path.rpartition("/")[2])})


def test_every_action_is_pinned_by_commit_with_its_version() -> None:
    versions: dict[str, set[str]] = {}
    for path in WORKFLOWS:
        uses = re.findall(r"uses: (.+)", path.read_text(encoding="utf-8"))
        for use in uses:
            if not use.startswith("./"):
                assert PINNED.fullmatch(use), f"{path.name}: {use}"
                versions.setdefault(use.partition("@")[0], set()).add(use)
    assert versions
    assert {action: pins for action, pins in versions.items() if len(pins) > 1} == {}
    assert {action.partition("/")[0] for action in versions} == {"actions"}  # GitHub's own


def test_every_called_workflow_of_this_repository_exists() -> None:
    called = [job["uses"] for _, _, job in jobs() if "uses" in job]
    assert called
    assert all((ROOT / name).is_file() for name in called)


def test_every_job_has_the_least_permissions() -> None:
    for path in WORKFLOWS:
        assert load(path)["permissions"] == {}, path.name
    for file, name, job in jobs():
        assert job["permissions"] == WRITES.get((file, name), {"contents": "read"}), f"{file}: {name}"


def test_every_job_has_a_timeout_and_every_workflow_a_group() -> None:
    for path in WORKFLOWS:
        assert load(path)["concurrency"]["group"], path.name
    for file, name, job in jobs():
        assert "uses" in job or 0 < job["timeout-minutes"] <= 360, f"{file}: {name}"


def test_no_checkout_keeps_the_token() -> None:
    checkouts = [step for _, step in steps() if str(step.get("uses", "")).startswith("actions/checkout@")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_no_event_runs_with_secrets_on_code_of_others() -> None:
    for path in WORKFLOWS:
        events = load(path)[True]
        assert set(events) <= {"push", "pull_request", "workflow_call", "schedule", "workflow_dispatch"}, path.name
        assert "secrets." not in path.read_text(encoding="utf-8"), path.name
    assert load(GITHUB / "workflows" / "release.yml")[True] == {"push": {"tags": ["v*"]}}


def test_no_shell_contains_an_expression() -> None:
    shells = [step["run"] for _, step in steps() if "run" in step]
    assert shells
    assert [shell for shell in shells if "${{" in shell] == []
    for path in WORKFLOWS:
        used = {one.strip() for one in re.findall(r"\$\{\{(.+?)\}\}", path.read_text(encoding="utf-8"))}
        assert used <= EXPRESSIONS, path.name


def test_no_shell_expands_a_variable_without_quotes() -> None:
    for _, step in steps():
        outside = re.sub(r'"[^"]*"', "", step.get("run", ""))
        assert "$" not in outside, step["run"]


def test_every_shell_is_valid_for_bash_and_every_program_exists() -> None:
    for _, step in steps():
        if "run" in step:
            parsed = subprocess.run(["bash", "-n"], input=step["run"], capture_output=True, text=True, check=False)  # noqa: S607 - the bash on the path
            assert (parsed.returncode, parsed.stderr) == (0, ""), step["run"]
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    modules = {name for _, step in steps() for name in re.findall(r"python -m ([\w.]+)", step.get("run", ""))}
    assert modules == {"deploy.release"}


def test_release_refuses_a_package_that_is_not_its_checksum(tmp_path: Path) -> None:
    publish = load(GITHUB / "workflows" / "release.yml")["jobs"]["publish"]["steps"]
    script = next(step["run"] for step in publish if "sha256sum" in step.get("run", ""))
    (tmp_path / "dist").mkdir()
    (tmp_path / "deploy" / "steps").mkdir(parents=True)
    for file in ("azuredeploy.json", "deploy.sh", "steps/shell.sh", "package.py"):
        (tmp_path / "deploy" / file).write_text("{}", encoding="utf-8")
    package = tmp_path / "dist" / "a.zip"
    package.write_bytes(b"package")
    checksum = hashlib.sha256(b"package").hexdigest()
    (tmp_path / "dist" / "a.zip.sha256").write_text(f"{checksum}  a.zip\n", encoding="ascii")
    assert run(script, tmp_path) == 0
    assert {path.name for path in (tmp_path / "dist").iterdir()} == {
        "a.zip",
        "a.zip.sha256",
        "azuredeploy.json",
        "azuredeploy.json.sha256",
        "deploy.tar.gz",
        "deploy.tar.gz.sha256",
    }
    with tarfile.open(tmp_path / "dist" / "deploy.tar.gz") as script_and_template:
        names = {one.name for one in script_and_template.getmembers() if one.isfile()}
    assert names == {"deploy/deploy.sh", "deploy/steps/shell.sh", "deploy/azuredeploy.json"}
    package.write_bytes(b"another")
    assert run(script, tmp_path) != 0


def run(script: str, folder: Path) -> int:
    """Run a step as GitHub does, and return its exit code."""
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode  # noqa: S603 - a workflow of this project


def make_targets() -> set[str]:
    """Return each target of `make` that a workflow or the devcontainer names."""
    run = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    shells = [step["run"] for _, step in steps() if "run" in step]
    shells += [json.loads(DEVCONTAINER.read_text(encoding="utf-8"))["postCreateCommand"], run]
    named = {word for shell in shells for line in re.findall(r"\bmake ([a-z -]+)", shell) for word in line.split()}
    matrices = [job["strategy"]["matrix"] for _, _, job in jobs() if "strategy" in job]
    return named | {target for matrix in matrices for target in matrix.get("target", [])}


def test_every_named_target_of_make_exists() -> None:
    named = make_targets()
    assert {"setup", "check", "test", "package", "conformance", "bench"} <= named
    assert named <= TARGETS


def test_nightly_run_makes_the_whole_soak() -> None:
    (parts,) = re.findall(r"^soak: (.+?) ##", MAKEFILE, re.MULTILINE)
    assert set(parts.split()) <= make_targets()


def test_every_supported_python_is_tested_and_packaged() -> None:
    found = {(file, name): job["strategy"]["matrix"].get("python") for file, name, job in jobs() if "strategy" in job}
    assert found["ci.yml", "test"] == found["release.yml", "package"] == PYTHONS
    (supported,) = re.findall(r'requires-python = "(.+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert supported == f">={PYTHONS[0]},<3.{int(PYTHONS[-1].partition('.')[2]) + 1}"


def test_release_waits_for_the_tests_and_the_notes() -> None:
    release = load(GITHUB / "workflows" / "release.yml")["jobs"]
    assert set(release["publish"]["needs"]) == {"notes", "test", "package"}
    assert release["test"]["uses"] == "./.github/workflows/ci.yml"
    assert release["package"]["needs"] == "notes"


def test_release_attests_the_files_that_it_publishes() -> None:
    publish = load(GITHUB / "workflows" / "release.yml")["jobs"]["publish"]["steps"]
    (attested,) = [step["with"]["subject-path"].split() for step in publish if "attest" in str(step.get("uses"))]
    assert attested == ["dist/*.zip", "dist/azuredeploy.json", "dist/deploy.tar.gz"]
    check, create = (step["run"] for step in publish if "run" in step)
    assert "sha256sum --check ./*.sha256" in check
    assert "cp ../deploy/azuredeploy.json ." in check
    assert "--verify-tag" in create
    assert create.endswith("dist/*")


def test_development_container_has_a_supported_python_and_no_feature() -> None:
    container = json.loads(DEVCONTAINER.read_text(encoding="utf-8"))
    found = re.fullmatch(r"mcr\.microsoft\.com/devcontainers/python:(3\.\d+)-\w+", container["image"])
    assert found
    assert found[1] in PYTHONS
    assert set(container) <= {"name", "image", "postCreateCommand", "forwardPorts", "remoteUser"}  # features download
