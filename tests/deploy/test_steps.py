"""What the steps of deploy.sh share: asking, dry runs and repeated calls, by bash itself."""

import os
import pty
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.support.markdown import ROOT

STEPS: Final = ROOT / "deploy" / "steps"
BASH: Final = shutil.which("bash") or "bash"


def run(script: str, stdin: int = subprocess.DEVNULL, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run lines of bash after `shell.sh`, as deploy.sh does."""
    return subprocess.run(  # noqa: S603 - bash of this machine
        [BASH, "-c", f"set -euo pipefail\n. {STEPS / 'shell.sh'}\n{script}"],
        env={**os.environ, "RETRY_PAUSE": "0", **variables},
        stdin=stdin,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def attempts(folder: Path, code: str, failures: int) -> str:
    """Return a command that fails with an error of this code so many times, then prints a line."""
    return f"""
attempt() {{
    echo x >> {folder}/attempts
    if [ "$(wc -l < {folder}/attempts)" -le {failures} ]; then echo "ERROR: ({code}) Try later." >&2; return 3; fi
    echo done
}}
retried attempt
"""


@pytest.mark.parametrize("path", sorted((ROOT / "deploy").glob("**/*.sh")), ids=lambda path: path.name)
def test_each_script_is_bash(path: Path) -> None:
    done = subprocess.run([BASH, "-n", str(path)], capture_output=True, text=True, check=False)  # noqa: S603
    assert (done.returncode, done.stderr) == (0, "")


def test_fail_ends_the_script_with_its_text() -> None:
    done = run("fail 'No such app.'\necho never")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "deploy.sh: No such app.\n")


def test_confirm_agrees_when_yes_is_set() -> None:
    assert run("confirm 'Deploy?' && echo agreed", YES="yes").stdout == "agreed\n"


def test_confirm_fails_when_nobody_can_be_asked() -> None:
    done = run("confirm 'Deploy?' || echo refused\necho never")
    assert (done.returncode, done.stdout) == (1, "")
    assert "--yes" in done.stderr


@pytest.mark.parametrize(
    ("answer", "agreed"), [("y", True), ("YES", True), ("", False), ("n", False), ("yellow", False)]
)
def test_confirm_agrees_only_when_the_person_says_yes(answer: str, agreed: bool) -> None:
    ours, theirs = pty.openpty()
    os.write(ours, f"{answer}\n".encode())
    done = run("if confirm 'Deploy?'; then echo agreed; fi", stdin=theirs)
    os.close(ours)
    os.close(theirs)
    assert (done.returncode, done.stdout) == (0, "agreed\n" if agreed else "")


def test_change_runs_the_command() -> None:
    assert run("change echo 'two words'").stdout == "two words\n"


def test_change_only_prints_the_command_when_dry_run_is_set() -> None:
    done = run("change echo 'two words'", DRY_RUN="yes")
    assert (done.stdout, done.stderr) == ("", r"would run: echo two\ words" + "\n")


def test_retried_repeats_while_a_role_replicates(tmp_path: Path) -> None:
    done = run(attempts(tmp_path, "PrincipalNotFound", 2))
    assert (done.returncode, done.stdout) == (0, "done\n")
    assert done.stderr.count("Not ready: PrincipalNotFound") == 2


@pytest.mark.parametrize("code", ["AuthorizationFailed", "NotPrincipalNotFound"])
def test_retried_repeats_nothing_after_another_error(tmp_path: Path, code: str) -> None:
    done = run(attempts(tmp_path, code, 1))
    assert (done.returncode, done.stdout, done.stderr) == (3, "", f"ERROR: ({code}) Try later.\n")
    assert (tmp_path / "attempts").read_text(encoding="utf-8") == "x\n"


def test_retried_gives_up_after_its_time(tmp_path: Path) -> None:
    done = run(attempts(tmp_path, "PrincipalNotFound", 1_000), RETRY_SECONDS="0")
    assert (done.returncode, done.stderr) == (3, "ERROR: (PrincipalNotFound) Try later.\n")
