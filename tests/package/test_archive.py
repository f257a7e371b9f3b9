"""The zip file of a folder, and the files that a wheel installs."""

import os
import zipfile
from pathlib import Path

import pytest

from deploy.package.archive import sha256_of, write_zip
from deploy.package.wheels import WheelsError, files_of, installed_path, sources_in


def folder_at(path: Path, names: list[str], when: int, mode: int) -> Path:
    for name in names:
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name, encoding="utf-8")
        file.chmod(mode)
        os.utime(file, (when, when))
    return path


def test_zip_has_the_same_bytes_whenever_and_wherever_it_is_made(tmp_path: Path) -> None:
    names = ["b.py", "a/c.py", "a.py", "a/__pycache__/c.pyc"]
    first, second = tmp_path / "first.zip", tmp_path / "second.zip"
    write_zip(folder_at(tmp_path / "one", names, 1_000_000_000, 0o600), first)
    write_zip(folder_at(tmp_path / "two" / "deeper", names[::-1], 1_700_000_000, 0o755), second)
    assert sha256_of(first) == sha256_of(second)
    with zipfile.ZipFile(first) as archive:
        assert archive.namelist() == sorted(names)
        assert {info.external_attr >> 16 for info in archive.infolist()} == {0o100644}
        assert archive.read("a/c.py") == b"a/c.py"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("msal/__init__.py", "msal/__init__.py"),
        ("msal-1.dist-info/METADATA", "msal-1.dist-info/METADATA"),
        ("msal-1.dist-info/licenses/LICENSE", "msal-1.dist-info/licenses/LICENSE"),
        ("msal-1.dist-info/RECORD", None),
        ("msal-1.data/purelib/msal/x.py", "msal/x.py"),
        ("msal-1.data/platlib/msal/x.so", "msal/x.so"),
        ("msal-1.data/scripts/msal", None),
        ("msal-1.data/headers/x.h", None),
        ("msal/", None),
    ],
)
def test_member_of_a_wheel_is_installed_as_pip_does(name: str, expected: str | None) -> None:
    assert installed_path(name) == expected


@pytest.mark.parametrize("name", ["../x.py", "a/../../x.py", "/etc/x", "a-1.data/purelib/../../x.py"])
def test_member_that_leads_out_of_its_folder_is_refused(name: str) -> None:
    with pytest.raises(WheelsError):
        installed_path(name)


def test_wheel_is_read_by_path_and_by_module(tmp_path: Path) -> None:
    wheel = tmp_path / "a.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in ("a/b.py", "a/c/__init__.py", "a/text.txt", "a-1.dist-info/RECORD"):
            archive.writestr(name, f"# {name}")
    assert [path for path, _ in files_of(wheel, is_wanted=lambda path: path.endswith(".py"))] == [
        "a/b.py",
        "a/c/__init__.py",
    ]
    with sources_in(wheel) as source_of:
        assert (source_of("a.b"), source_of("a.c")) == ("# a/b.py", "# a/c/__init__.py")
        assert source_of("a") is source_of("a.d") is source_of("a.text") is None
