"""Which package deploy.sh publishes, and which it refuses. `az` reads only what the test gives."""

import hashlib
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.support.bash import steps

COMMIT = "a" * 40
OTHER = "b" * 40
EMPTY = dict.fromkeys(("PACKAGE", "PYTHON", "DRY_RUN", "APP"), "")


def package(
    folder: Path, name: str = "cipp-backend-0.1.0-py3.12.zip", *, commit: str = COMMIT, minor: str = "12"
) -> Path:
    """Write a package with its SHA-256, as make does."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    with zipfile.ZipFile(path, "w") as target:
        target.writestr("host.json", "{}")
        target.writestr("commit.txt", f"{commit}\n")
        target.writestr(f"__pycache__/function_app.cpython-3{minor}.pyc", "")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_name(f"{name}.sha256").write_text(f"{digest}  {name}\n", encoding="ascii")
    return path


def choose(dist: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Choose a package, and print it."""
    script = 'package_choose >/dev/null\necho "$PACKAGE $PACKAGE_COMMIT $PACKAGE_PYTHON"'
    return steps(script, "publish", **{**EMPTY, "DIST": str(dist), "DRY_RUN": "yes", **variables})


def test_package_is_the_newest_of_dist(tmp_path: Path) -> None:
    package(tmp_path, "cipp-backend-0.1.0-py3.12.zip")
    newest = package(tmp_path, "cipp-backend-0.2.0-py3.12.zip", commit=OTHER)
    assert choose(tmp_path).stdout == f"{newest} {OTHER} 3.12\n"


def test_package_is_one_for_the_python_of_the_app(tmp_path: Path) -> None:
    older = package(tmp_path, "cipp-backend-0.1.0-py3.11.zip", minor="11")
    package(tmp_path, "cipp-backend-0.2.0-py3.12.zip")
    assert choose(tmp_path, PYTHON="3.11").stdout == f"{older} {COMMIT} 3.11\n"


@pytest.mark.parametrize(
    ("minor", "python", "text"),
    [("12", "3.11", "is for Python 3.12, and"), ("14", "", "is for Python 3.14. This app supports 3.11 to 3.13")],
)
def test_package_for_another_python_is_refused(tmp_path: Path, minor: str, python: str, text: str) -> None:
    given = package(tmp_path, minor=minor)  # by its content: the name is that of another version
    done = choose(tmp_path, PACKAGE=str(given), PYTHON=python)
    assert (done.returncode, done.stdout) == (1, "")
    assert text in done.stderr


def test_package_is_refused_when_its_sha256_differs_or_is_missing(tmp_path: Path) -> None:
    given = package(tmp_path)
    given.write_bytes(given.read_bytes() + b"x")
    assert "doesn't match its .sha256" in choose(tmp_path).stderr
    given.with_name(f"{given.name}.sha256").unlink()
    done = choose(tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert ".sha256 is missing" in done.stderr


def test_package_is_refused_when_its_sha256_is_of_another_file(tmp_path: Path) -> None:
    given, other = package(tmp_path), package(tmp_path, "other.zip", commit=OTHER)
    given.with_name(f"{given.name}.sha256").write_text(other.with_name("other.zip.sha256").read_text(encoding="ascii"))
    assert "doesn't match its .sha256" in choose(tmp_path).stderr


def test_damaged_copy_of_the_former_package_is_passed_over(tmp_path: Path) -> None:
    kept = package(tmp_path / "published" / COMMIT)
    kept.write_bytes(kept.read_bytes() + b"x")
    good = package(tmp_path)
    assert former(tmp_path, COMMIT).stdout == f"{good}\n"


def test_copy_that_was_cut_off_leaves_the_earlier_one(tmp_path: Path) -> None:
    kept = package(tmp_path / "kept")
    whole = kept.read_bytes()
    script = """
cp() { local to=${!#}; [ ! -d "$to" ] || to=$to/${1##*/}; echo half > "$to"; [[ "$1" != *.zip ]]; }
package_keep "$NEW" "$KEPT"
"""
    done = steps(script, "publish", **EMPTY, NEW=str(package(tmp_path / "new")), KEPT=str(kept.parent))
    assert done.returncode == 1
    assert kept.read_bytes() == whole


def test_file_without_the_parts_of_a_package_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cipp-backend-0.1.0-py3.12.zip"
    with zipfile.ZipFile(path, "w") as target:
        target.writestr("host.json", "{}")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_name(f"{path.name}.sha256").write_text(f"{digest}  {path.name}\n", encoding="ascii")
    done = choose(tmp_path)
    assert done.returncode == 1
    assert "is not a package of this app" in done.stderr


def test_package_is_not_built_in_a_dry_run(tmp_path: Path) -> None:
    done = choose(tmp_path)
    assert done.returncode == 1
    assert "make package PYTHON=python3.12" in done.stderr


def former(dist: Path, running: str) -> subprocess.CompletedProcess[str]:
    """Look for the package that runs now."""
    script = f'running_commit() {{ printf %s "{running}"; }}\npackage_former\necho "$FORMER_PACKAGE"'
    return steps(script, "publish", **{**EMPTY, "DIST": str(dist)})


def test_former_package_is_found_by_its_commit(tmp_path: Path) -> None:
    package(tmp_path, commit=OTHER)
    kept = package(tmp_path / "published" / COMMIT)
    assert former(tmp_path, COMMIT).stdout == f"{kept}\n"


@pytest.mark.parametrize("running", [COMMIT, ""])
def test_nothing_begins_when_the_former_package_is_missing(tmp_path: Path, running: str) -> None:
    package(tmp_path, commit=OTHER)
    done = former(tmp_path, running)
    assert (done.returncode, done.stdout) == (1, "")


def test_nothing_begins_when_the_former_package_is_damaged(tmp_path: Path) -> None:
    kept = package(tmp_path / "published" / COMMIT)
    with zipfile.ZipFile(kept, "a") as target:
        target.writestr("more", "x")
    done = former(tmp_path, COMMIT)
    assert done.returncode == 1
    assert "doesn't match its .sha256" in done.stderr


UPDATE = """
running=$GIVEN_RUNNING
running_commit() {{ cat {folder}/running; }}
publish_file() {{ echo "publish $1"; package_facts "$1" | cut -d' ' -f1 > {folder}/running; }}
verify() {{ [ "$PACKAGE_COMMIT" != "$GIVEN_BROKEN" ]; }}
echo "$GIVEN_RUNNING" > {folder}/running
package_only
"""


def update(folder: Path, new: Path, broken: str = "") -> subprocess.CompletedProcess[str]:
    """Publish a package in place of the one with COMMIT."""
    given = {"GIVEN_RUNNING": COMMIT, "GIVEN_BROKEN": broken, "PACKAGE": str(new), "YES": "yes", "NOW": "yes"}
    return steps(UPDATE.format(folder=folder), "rotation", "publish", **{**EMPTY, **given, "DIST": str(folder)})


def test_update_publishes_and_keeps_both_packages(tmp_path: Path) -> None:
    package(tmp_path)
    new = package(tmp_path / "new", commit=OTHER)
    done = update(tmp_path, new)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("publish /") == 1
    assert {path.parent.name for path in (tmp_path / "published").rglob("*.zip")} == {COMMIT, OTHER}


def test_update_restores_the_former_package_when_the_new_one_fails(tmp_path: Path) -> None:
    package(tmp_path)
    new = package(tmp_path / "new", commit=OTHER)
    done = update(tmp_path, new, broken=OTHER)
    assert done.returncode == 1
    assert "runs again. The new one failed" in done.stderr
    assert (tmp_path / "running").read_text(encoding="ascii").strip() == COMMIT


def compare(dist: Path, version: str, commit: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Choose a package while this version and commit run."""
    script = f"az() {{ printf '%s\\n' '{version}' '{commit}'; }}\npackage_choose"
    given = {**EMPTY, "DIST": str(dist), "PYTHON": "3.12", "BACKEND_HOST": "watch", **variables}
    return steps(script, "publish", **given)


def test_package_is_compared_with_what_runs(tmp_path: Path) -> None:
    package(tmp_path, "cipp-backend-0.10.0-py3.12.zip")
    done = compare(tmp_path, "0.9.0", OTHER)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{OTHER}, version 0.9.0" in done.stdout
    assert "OLDER" not in done.stdout


def test_older_package_is_refused_unless_a_person_names_it(tmp_path: Path) -> None:
    older = package(tmp_path, "cipp-backend-0.9.0-py3.12.zip")
    done = compare(tmp_path, "0.10.0", OTHER)
    assert done.returncode == 1
    assert "--package" in done.stderr
    named = compare(tmp_path, "0.10.0", OTHER, PACKAGE=str(older))
    assert (named.returncode, named.stderr) == (0, "")
    assert "OLDER" in named.stdout


@pytest.mark.parametrize(("first", "runs", "refused"), [(True, False, True), (False, True, False)])
def test_package_of_the_same_version_is_older_by_git(tmp_path: Path, first: bool, runs: bool, refused: bool) -> None:
    root = tmp_path / "root"
    git = ("git", "-C", str(root), "-c", "user.name=x", "-c", "user.email=x@x")
    subprocess.run(["git", "init", "-q", str(root)], check=True)  # noqa: S603, S607 - git of this machine
    commits = []
    for text in ("one", "two"):
        subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", text], check=True)  # noqa: S603 - as above
        head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)  # noqa: S603
        commits.append(head.stdout.strip())
    package(tmp_path, commit=commits[not first])
    script = f"ROOT={root}\naz() {{ printf '%s\\n' 0.1.0 {commits[not runs]}; }}\npackage_choose"
    done = steps(script, "publish", **{**EMPTY, "DIST": str(tmp_path), "PYTHON": "3.12", "BACKEND_HOST": "watch"})
    assert (done.returncode == 1) is refused, done.stderr


def test_package_is_chosen_when_nothing_responds(tmp_path: Path) -> None:
    package(tmp_path)
    script = "az() { return 1; }\npackage_choose"
    done = steps(script, "publish", **{**EMPTY, "DIST": str(tmp_path), "PYTHON": "3.12", "BACKEND_HOST": "watch"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "unknown" in done.stdout


def test_nothing_begins_when_the_running_package_was_built_with_changes(tmp_path: Path) -> None:
    package(tmp_path, commit=f"{COMMIT}-modified")
    done = former(tmp_path, f"{COMMIT}-modified")
    assert (done.returncode, done.stdout) == (1, "")
    assert "--package-only" in done.stderr


@pytest.mark.parametrize(
    ("running", "restores"),
    [("c" * 40, False), (COMMIT, True), (OTHER, True), ("", True)],
    ids=lambda value: str(value)[:1],
)
def test_former_package_replaces_no_package_of_others(tmp_path: Path, running: str, restores: bool) -> None:
    package(tmp_path)
    new = package(tmp_path / "new", commit=OTHER)
    meanwhile = (
        f'verify() {{ printf %s "{running}" > {tmp_path}/running; [ "$PACKAGE_COMMIT" = {COMMIT} ]; }}\npackage_only\n'
    )
    script = UPDATE.format(folder=tmp_path).replace("package_only\n", meanwhile)
    given = {"GIVEN_RUNNING": COMMIT, "GIVEN_BROKEN": OTHER, "PACKAGE": str(new), "YES": "yes", "NOW": "yes"}
    done = steps(script, "rotation", "publish", **{**EMPTY, **given, "DIST": str(tmp_path)})
    assert done.returncode == 1
    assert done.stdout.count("publish /") == 1 + restores
    assert restores or running in done.stderr
