"""The version and the commit of the running code, and the endpoints that show them."""

from pathlib import Path

import pytest

from backend.running_code import COMMIT, COMMIT_FILE, UNKNOWN, VERSION, commit_in
from tests.support.api import Api

SHA = "3f9b2c7d51e84a06b1d2c3e4f5a6b7c8d9e0f1a2"


@pytest.mark.parametrize("text", [SHA, f"{SHA}-modified"])
def test_commit_is_that_of_the_packages_file(tmp_path: Path, text: str) -> None:
    (tmp_path / COMMIT_FILE).write_text(f"{text}\n", encoding="ascii")
    assert commit_in(str(tmp_path)) == text


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", b"<b>", b"a b", b"f" * 65, b"f" * 10_000])
def test_commit_is_unknown_with_an_unreadable_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / COMMIT_FILE).write_bytes(content)
    assert commit_in(str(tmp_path)) == UNKNOWN


def test_commit_of_a_checkout_is_unknown(tmp_path: Path) -> None:
    assert commit_in(str(tmp_path)) == commit_in(str(tmp_path / "missing")) == COMMIT == UNKNOWN


def test_endpoints_show_the_running_code(api: Api) -> None:
    shown = [
        api.get("PublicPing", role=None).results,
        api.get("ListBackend").results,
        {name.title(): value for name, value in api.get("me").body.items()},
    ]
    assert [(one["Version"], one["Commit"]) for one in shown] == [(VERSION, COMMIT)] * 3
    info = api.get("openapi.json").body["info"]
    assert (info["version"], info["x-commit"]) == (VERSION, COMMIT)
