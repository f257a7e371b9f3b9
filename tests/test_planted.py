"""The search for planted values finds leaks: a nested pytest run whose tests leak the marker on purpose."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import planted
from tests.support.planted import KEY, MARKER, REPOSITORY, SIGNATURE, ZONE
from tests.support.planted_plugin import SHOWN
from tests.support.rotation.others import Others
from tests.support.sandbox_client import ROOT, Sandbox

WAYS = {
    "log": "logging.getLogger('cipp.test').warning('sent %s', MARKER)",
    "library": "logging.getLogger('urllib3').warning(MARKER)",
    "extra": "import function_app; logging.getLogger('cipp.x').warning('a', extra={'user': MARKER})",
    "traceback": "\n    try:\n        raise KeyError(MARKER)\n    except KeyError:\n        logging.exception('a')",
    "thread": "t = threading.Thread(target=logging.error, args=(MARKER,)); t.start(); t.join()",
    "response": "from tests.support.api import Api; Api().get('PublicPing', x_correlation_id=MARKER)",
    "print": "print(MARKER)",
    "stderr": "sys.stderr.write(MARKER)",
    "file": "(tmp_path / 'deep').mkdir(); (tmp_path / 'deep' / 'host.log').write_text(MARKER)",
    "output": "(tmp_path / 'output.txt').write_text(MARKER)",
    "nothing": "(tmp_path / 'state.json').write_text(MARKER)",
}


@pytest.mark.parametrize("workers", [0, 2])
def test_leaked_marker_fails_its_test(tmp_path: Path, workers: int) -> None:
    head = "import logging, sys, threading\nfrom tests.support.planted import MARKER\n"
    for way, code in WAYS.items():
        (tmp_path / f"test_{way}.py").write_text(f"{head}def test_{way}(tmp_path):\n    {code}\n")
    options = [
        "-p",
        "tests.support.planted_plugin",
        "-p",
        "no:cacheprovider",
        "-c",
        os.devnull,
        "--import-mode=importlib",
        "-rfE",
    ]
    inner = tmp_path / "inner"
    command = [sys.executable, "-m", "pytest", *options, f"--basetemp={inner}", f"-n{workers}", str(tmp_path)]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run(  # noqa: S603 - tests of this file
        command, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False, env=environ
    )
    assert done.returncode == SHOWN
    lines = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    caught = {way for way in WAYS if any(f"test_{way}.py" in line for line in lines)}
    assert caught >= WAYS.keys() - {"file", "output", "nothing"}, done.stdout
    assert any("host.log" in line for line in done.stdout.splitlines()), done.stdout  # at the end of the session
    assert any("output.txt" in line for line in done.stdout.splitlines()), done.stdout
    assert "state.json" not in done.stdout
    for file in tmp_path.rglob("*.log"):  # otherwise the outer session finds it
        file.unlink()
    for file in tmp_path.rglob("output.txt"):
        file.unlink()


def test_marker_in_a_product_table_is_found(azure: Sandbox) -> None:
    others = Others(azure)
    others.row("CippBackendPlanted", "key", "x", Problem=f"a {MARKER}")
    others.row("CustomerSettings", "key", "x", Value=MARKER)  # not a table of the product
    try:
        (found,) = planted.in_tables(others.tables)
        assert found.startswith("row of CippBackendPlanted: ...")
    finally:
        others.tables.delete_table("CippBackendPlanted")
        others.tables.delete_table("CustomerSettings")
    assert planted.in_tables(others.tables) == []


def test_every_planted_value_contains_the_marker() -> None:
    assert all(MARKER in value for value in (SIGNATURE, REPOSITORY, KEY, ZONE))
    assert MARKER.isalnum()  # so that no encoding of an address changes it
