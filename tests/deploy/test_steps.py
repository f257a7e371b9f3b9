"""What the steps of deploy.sh share: consent, dry runs and repeated calls."""

import subprocess
from pathlib import Path

import pytest

from tests.support.bash import BASH, steps
from tests.support.markdown import ROOT


def attempts(folder: Path, code: str, failures: int) -> str:
    """Return lines that fail with an error of this code so many times, then print a line."""
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
    done = subprocess.run([BASH, "-n", str(path)], capture_output=True, text=True, check=False)  # noqa: S603 - bash
    assert (done.returncode, done.stderr) == (0, "")


def test_fail_ends_the_script_with_its_text() -> None:
    done = steps("fail 'No such app.'\necho never")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "deploy.sh: No such app.\n")


def test_confirm_agrees_when_yes_is_set() -> None:
    assert steps("confirm 'Deploy?' && echo agreed", YES="yes").stdout == "agreed\n"


def test_confirm_fails_without_a_terminal() -> None:
    done = steps("confirm 'Deploy?' || echo refused\necho never")
    assert (done.returncode, done.stdout) == (1, "")
    assert "--yes" in done.stderr


@pytest.mark.parametrize(
    ("typed", "agreed"), [("y", True), ("YES", True), ("", False), ("n", False), ("yellow", False)]
)
def test_confirm_agrees_only_when_the_person_types_yes(typed: str, agreed: bool) -> None:
    done = steps("if confirm 'Deploy?'; then echo agreed; fi", typed=typed)
    assert (done.returncode, done.stdout) == (0, "agreed\n" if agreed else "")


def test_change_runs_the_command() -> None:
    assert steps("change echo 'two words'").stdout == "two words\n"


def test_change_only_prints_the_command_when_dry_run_is_set() -> None:
    done = steps("change echo 'two words'", DRY_RUN="yes")
    assert (done.stdout, done.stderr) == ("", "would run: echo two\\ words\n")


def test_retried_repeats_while_a_role_replicates(tmp_path: Path) -> None:
    done = steps(attempts(tmp_path, "PrincipalNotFound", 2))
    assert (done.returncode, done.stdout) == (0, "done\n")
    assert done.stderr.count("Not ready: PrincipalNotFound") == 2


def test_template_is_not_deployed_over_that_of_another_run(tmp_path: Path) -> None:
    script = f"""
template_parameters() {{ echo '{{}}'; }}
az() {{ echo x >> {tmp_path}/attempts; echo '{{"code":"DeploymentActive","message":""}}' >&2; return 1; }}
template_deploy
echo never
"""
    given = {"SUBSCRIPTION": "s", "GROUP": "g", "GROUP_EXISTS": "yes", "PYTHON": "", "NOW": ""}
    done = steps(script, "find", "rotation", "find_app", "template", **given)
    assert done.returncode == 1
    assert "never" not in done.stdout
    assert done.stderr.count("DeploymentActive") == 2
    assert (tmp_path / "attempts").read_text(encoding="utf-8") == "x\n"


@pytest.mark.parametrize("code", ["AuthorizationFailed", "NotPrincipalNotFound"])
def test_retried_repeats_nothing_after_another_error(tmp_path: Path, code: str) -> None:
    done = steps(attempts(tmp_path, code, 1))
    assert (done.returncode, done.stdout, done.stderr) == (3, "", f"ERROR: ({code}) Try later.\n")
    assert (tmp_path / "attempts").read_text(encoding="utf-8") == "x\n"


def test_retried_gives_up_after_its_time(tmp_path: Path) -> None:
    done = steps(attempts(tmp_path, "PrincipalNotFound", 1_000), RETRY_SECONDS="0")
    assert (done.returncode, done.stderr) == (3, "ERROR: (PrincipalNotFound) Try later.\n")


def test_retried_repeats_after_a_first_attempt_that_took_longer(tmp_path: Path) -> None:
    slow = attempts(tmp_path, "PrincipalNotFound", 1).replace("then echo", "then sleep 1.2; echo")
    assert steps(slow, RETRY_SECONDS="1").stdout == "done\n"
