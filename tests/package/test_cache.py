"""What the builder keeps: made once, never half, and only from files whose hash is in the lock."""

import threading
import time
import zipfile
from pathlib import Path

import pytest

from deploy.package.archive import sha256_of
from deploy.package.cache import made_once
from deploy.package.site_packages import CompileError, compile_all
from deploy.package.wheels import WheelsError, download


def test_folder_is_made_once_for_a_key_and_replaces_the_one_before(tmp_path: Path) -> None:
    made: list[str] = []

    def make(folder: Path) -> None:
        made.append(folder.name)
        (folder / "file").write_text("x", encoding="utf-8")

    first = made_once(tmp_path, "kind", "a" * 64, make)
    other = made_once(tmp_path, "another", "a" * 64, make)
    assert made_once(tmp_path, "kind", "a" * 64, make) == first
    assert len(made) == 2
    second = made_once(tmp_path, "kind", "b" * 64, make)
    assert (first.exists(), second.is_dir(), other.is_dir()) == (False, True, True)


def test_folder_that_was_interrupted_is_made_again(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("x", encoding="utf-8")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made_once(tmp_path, "kind", "a" * 64, fail)
    folder = made_once(tmp_path, "kind", "a" * 64, lambda folder: (folder / "whole").touch())
    assert [path.name for path in folder.iterdir()] == ["whole"]


def test_concurrent_builders_make_a_folder_once(tmp_path: Path) -> None:
    made: list[Path] = []

    def make(folder: Path) -> None:
        time.sleep(0.1)
        made.append(folder)

    threads = [threading.Thread(target=made_once, args=(tmp_path, "kind", "a" * 64, make)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1


def wheel_in(folder: Path) -> Path:
    """Write a wheel that pip finds by its name."""
    folder.mkdir()
    wheel = folder / "demo-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("demo.py", "")
        archive.writestr("demo-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n")
        archive.writestr("demo-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("demo-1.0.dist-info/RECORD", "")
    return wheel


@pytest.mark.parametrize("is_locked", [True, False])
def test_wheel_with_another_hash_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_locked: bool
) -> None:
    wheel, lock = wheel_in(tmp_path / "index"), tmp_path / "requirements.txt"
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    digest = sha256_of(wheel) if is_locked else "0" * 64
    lock.write_text(f"demo==1.0 --hash=sha256:{digest}\n", encoding="utf-8")
    if is_locked:
        assert [path.name for path in download(lock, tmp_path / "wheels")] == [wheel.name]
    else:
        with pytest.raises(WheelsError):
            download(lock, tmp_path / "wheels")


@pytest.mark.parametrize("line", ["demo==1.0", "demo"])
def test_lock_without_hashes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel_in(tmp_path / "index").parent))
    (tmp_path / "requirements.txt").write_text(f"{line}\n", encoding="utf-8")
    with pytest.raises(WheelsError):
        download(tmp_path / "requirements.txt", tmp_path / "wheels")


def test_file_without_valid_syntax_stops_the_build(tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text("x = 1\n", encoding="utf-8")
    compile_all(tmp_path, ["good.py"])
    assert next((tmp_path / "__pycache__").iterdir()).name.startswith("good.")
    (tmp_path / "bad.py").write_text("x =\n", encoding="utf-8")
    with pytest.raises(CompileError, match=r"bad\.py"):
        compile_all(tmp_path, ["bad.py", "good.py"])
