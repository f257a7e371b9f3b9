"""The locks: one for development, the part of it that the app needs, and a hash for every file."""

import re
from pathlib import Path
from typing import Final

import pytest

from tests.support.markdown import ROOT

LOCKS: Final = {
    "requirements.txt": "requirements.in",
    "requirements-dev.txt": "requirements-dev.in",
    "requirements-node.txt": "requirements-node.in",
    "tests/conformance/requirements.txt": "tests/conformance/requirements.in",
    "tests/runtime/requirements.txt": "tests/runtime/requirements.in",
}
PIN: Final = re.compile(r"^([\w.-]+)==(\S+)", re.MULTILINE)
HASH: Final = re.compile(r"--hash=(sha256:[0-9a-f]{64})(?= |$)", re.MULTILINE)


def entries(lock: str) -> dict[str, frozenset[str]]:
    """Return the hashes of each pinned version in a lock."""
    text = "\n".join(line for line in read(lock).splitlines() if not line.startswith("#")).replace("\\\n", "")
    return {line.partition(" --hash")[0].strip(): frozenset(HASH.findall(line)) for line in text.splitlines() if line}


def pins(name: str) -> set[tuple[str, str]]:
    return {(package.lower().replace("_", "-"), version.rstrip(";")) for package, version in PIN.findall(read(name))}


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("lock", LOCKS)
def test_every_entry_of_a_lock_has_a_version_and_hashes(lock: str) -> None:
    assert entries(lock)
    assert [entry for entry, hashes in entries(lock).items() if not hashes or not PIN.match(entry)] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_has_the_versions_that_its_input_pins(lock: str) -> None:
    assert pins(LOCKS[lock]) - pins(lock) == set(), "Run `make lock`."


def test_lock_of_the_app_is_a_part_of_the_one_for_development() -> None:
    whole = entries("requirements-dev.txt")
    assert {entry: whole.get(entry) for entry in entries("requirements.txt")} == entries("requirements.txt")


def test_every_lock_has_an_input_and_a_line_in_the_makefile() -> None:
    found = {str(path.relative_to(ROOT)) for folder in (ROOT, ROOT / "tests") for path in inputs(folder)}
    assert found == set(LOCKS.values())
    assert all(f"-o {lock}\n" in read("Makefile") for lock in LOCKS)


def inputs(folder: Path) -> list[Path]:
    return [*folder.glob("requirements*.in"), *folder.glob("*/requirements*.in")]
