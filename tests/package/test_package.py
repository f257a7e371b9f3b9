"""The built package: small, reproducible, complete, and right on Microsoft's own runtime."""

import io
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.running_code import COMMIT_FILE, VERSION
from deploy.package import __main__ as make_package
from deploy.package.build import MOST_UNPACKED_BYTES, MOST_ZIPPED_BYTES, ImportsError, Package, build, check_imports
from deploy.package.check_imports import SITE_PACKAGES
from deploy.package.site_packages import minor
from deploy.package.source import CHANGED, CONTENT, ROOT, app_files, commit
from deploy.package.wheels import WheelsError
from tests.runtime.runtime import Runtime, RuntimeFailedError, runtime_folder
from tests.runtime.visit import failed_calls, failed_rotation, reset, wrongly_indexed
from tests.support.keep_list import kept
from tests.support.planted import FINDS
from tests.support.sandbox_client import Sandbox
from tests.support.tiers import require

GENERATED = f"{SITE_PACKAGES}/msgraph/generated"
pytestmark = [pytest.mark.timeout(900), pytest.mark.slow("the first one builds the package, from packages of PyPI")]


@pytest.fixture(scope="module")
def package() -> Package:
    """The package of the project as it is now, built once for all runs."""
    try:
        runtime_folder()
        return build()
    except (WheelsError, subprocess.CalledProcessError) as error:
        require("PyPI", f"The packages of PyPI can't be downloaded. {error}")
        raise


@pytest.fixture
def copy(package: Package, tmp_path: Path) -> Path:
    """A copy of the package, in which files may be removed and none changed."""
    return Path(shutil.copytree(package.folder, tmp_path / "copy", copy_function=os.link))


def test_package_is_small(package: Package) -> None:
    assert 0 < sum(package.sizes) <= MOST_UNPACKED_BYTES == 100_000_000
    assert 0 < package.zipped_bytes <= MOST_ZIPPED_BYTES == 25_000_000


def test_package_is_published_with_checksum_figures_and_warning_if_large(
    package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, errors = io.StringIO(), io.StringIO()
    monkeypatch.setattr(make_package, "DIST", ROOT / ".cache" / tmp_path.name)
    monkeypatch.setattr(make_package, "MOST_ZIPPED_BYTES", package.zipped_bytes - 1)
    monkeypatch.setattr(sys, "stdout", output)
    monkeypatch.setattr(sys, "stderr", errors)
    try:
        assert make_package.main() == 0
        written = sorted(path.name for path in make_package.DIST.iterdir())
        name = f"cipp-backend-{VERSION}-py{minor()}.zip"
        assert written == [name, f"{name}.sha256"]
        assert (make_package.DIST / f"{name}.sha256").read_text() == f"{package.sha256}  {name}\n"
        assert (make_package.DIST / name).read_bytes() == package.zip_file.read_bytes()
    finally:
        shutil.rmtree(make_package.DIST)
    assert "Warning" in errors.getvalue()
    assert f"{len(package.sizes):,} files" in output.getvalue()
    assert (
        f"{sum(package.sizes) / 1e6:.1f} MB unpacked, {package.zipped_bytes / 1e6:.1f} MB zipped" in output.getvalue()
    )


def test_zip_contains_the_folder_that_was_checked(package: Package) -> None:
    with zipfile.ZipFile(package.zip_file) as archive:
        files = {path.relative_to(package.folder).as_posix() for path in package.folder.rglob("*") if path.is_file()}
        assert set(archive.namelist()) == files
        assert all(archive.read(name) == (package.folder / name).read_bytes() for name in files)


def test_package_has_the_app_its_commit_and_the_kept_modules(package: Package) -> None:
    files = dict(app_files())
    assert all((package.folder / name).read_bytes() == content for name, content in files.items())
    assert {path.name for path in package.folder.iterdir()} - {"__pycache__"} == {
        *CONTENT,
        COMMIT_FILE,
        ".python_packages",
    }
    generated = package.folder / GENERATED
    modules = {path.relative_to(generated.parent.parent).with_suffix("") for path in generated.rglob("*.py")}
    assert {".".join(path.parts) for path in modules} == kept()
    assert {path.suffix for path in generated.rglob("*") if path.is_file()} == {".py", ".pyc"}


def test_package_is_compiled_and_names_no_folder_of_this_machine(package: Package) -> None:
    for path in package.folder.rglob("*.py"):
        compiled = path.parent / "__pycache__" / f"{path.stem}.{sys.implementation.cache_tag}.pyc"
        assert compiled.read_bytes()[4:8] == b"\x01\x00\x00\x00", f"{path} is not compiled with an unchecked hash"
    here = str(ROOT).encode()
    assert [path for path in package.folder.rglob("*") if path.is_file() and here in path.read_bytes()] == []


@pytest.mark.full_tier("test_zip_has_the_same_bytes_whenever_and_wherever_it_is_made has the archive's part")
def test_package_has_the_same_bytes_in_another_folder(package: Package, tmp_path: Path) -> None:
    assert build(tmp_path / "elsewhere").sha256 == package.sha256


def test_package_imports_everything_alone(package: Package) -> None:
    assert check_imports(package.folder) > 500


@pytest.mark.parametrize(
    "file",
    [f"{GENERATED}/models/password_credential.py", f"{SITE_PACKAGES}/msal/__init__.py", "backend/values.py"],
)
def test_package_without_a_module_is_refused(copy: Path, file: str) -> None:
    path = copy / file
    path.unlink()
    for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*"):
        compiled.unlink()
    with pytest.raises(ImportsError, match=path.stem.replace("__init__", "msal")):
        check_imports(copy)


@pytest.fixture
def runtime(package: Package, sandbox: Sandbox, tmp_path: Path) -> Iterator[Runtime]:
    """Microsoft's worker library with the package, in Azure's place in the sandbox."""
    reset(sandbox)
    log_path = tmp_path / "runtime.log"
    with log_path.open("w+", encoding="utf-8") as log:
        with Runtime(package.folder, sandbox.env, log) as running:
            yield running
        FINDS.look(log_path.read_text(encoding="utf-8"), "the log of Microsoft's worker")


def test_microsofts_runtime_runs_every_function_and_the_weekly_rotation(sandbox: Sandbox, runtime: Runtime) -> None:
    assert list(wrongly_indexed(runtime)) == []
    shown = runtime.call("PublicPing", "GET", "PublicPing", role=None).results
    assert (shown["Version"], shown["Commit"]) == (VERSION, commit())
    assert list(failed_calls(sandbox, runtime)) == []
    assert list(failed_rotation(sandbox, runtime)) == []


def test_microsofts_runtime_refuses_an_app_that_lacks_a_module(copy: Path, sandbox: Sandbox, tmp_path: Path) -> None:
    shutil.rmtree(copy / SITE_PACKAGES / "msgspec")
    with (tmp_path / "log").open("w") as log, pytest.raises(RuntimeFailedError, match="msgspec"):
        Runtime(copy, sandbox.env, log)


def git(folder: Path, *words: str) -> str:
    """Run Git in a folder, and return what it writes."""
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
    command = ["git", "-C", str(folder), *identity, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - fixed commands
    return done.stdout.strip()


def test_commit_is_gits_and_marks_changes(tmp_path: Path) -> None:
    assert commit(tmp_path) == "unknown"
    git(tmp_path, "init", "--quiet")
    (tmp_path / "host.json").write_text("{}")
    (tmp_path / "README.md").write_text("x")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "first")
    head = git(tmp_path, "rev-parse", "HEAD")
    assert commit(tmp_path) == head
    (tmp_path / "README.md").write_text("y")  # it is not in the package
    assert commit(tmp_path) == head
    (tmp_path / "backend").mkdir()
    assert commit(tmp_path / "backend") == "unknown"  # the Git of another project
    (tmp_path / "backend" / "new.py").write_text("")
    assert commit(tmp_path) == f"{head}{CHANGED}"


def test_files_that_git_ignores_are_not_in_the_package(tmp_path: Path) -> None:
    names = ("function_app.py", "backend/a.py", "backend/new.py", "backend/local.settings.json")
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    assert {name for name, _ in app_files(tmp_path)} == {*names, COMMIT_FILE}
    git(tmp_path, "init", "--quiet")
    (tmp_path / ".gitignore").write_text("local.settings.json\n")
    git(tmp_path, "add", "function_app.py", "backend/a.py")
    git(tmp_path, "commit", "--quiet", "--message", "first")
    assert {name for name, _ in app_files(tmp_path)} == {*names[:3], COMMIT_FILE}
    assert commit(tmp_path).endswith(CHANGED)  # because of the file that is not added
