"""The steps of deploy.sh in bash itself, without the Azure CLI."""

import os
import pty
import shutil
import subprocess
from typing import Final

from tests.support.markdown import ROOT

BASH: Final = shutil.which("bash") or "bash"
STEPS: Final = ROOT / "deploy" / "steps"
Done = subprocess.CompletedProcess[str]


def steps(script: str, *names: str, typed: str | None = None, **variables: str) -> Done:
    """Run lines of bash after these steps, as deploy.sh does. `az` ends the lines. A person types a line, if given."""
    sources = "".join(f". {STEPS / name}.sh\n" for name in ("shell", *names))
    no_cli = 'az() { fail "It called az $*"; }\n'
    begin = f"set -euo pipefail\nshopt -s inherit_errexit\nROOT={ROOT}\n{sources}{no_cli}"
    command, variables = [BASH, "-c", begin + script], {"RETRY_PAUSE": "0", **variables}
    if typed is None:
        return _run(command, subprocess.DEVNULL, variables)
    ours, theirs = pty.openpty()
    try:
        os.write(ours, f"{typed}\n".encode())
        return _run(command, theirs, variables)
    finally:
        os.close(ours)
        os.close(theirs)


def deploy(*options: str, **variables: str) -> Done:
    """Run deploy.sh itself, on a machine without the Azure CLI."""
    nowhere = {"PATH": "/usr/bin:/bin", "AZURE_CONFIG_DIR": "/nonexistent"}
    return _run([BASH, str(ROOT / "deploy" / "deploy.sh"), *options], subprocess.DEVNULL, {**nowhere, **variables})


def _run(command: list[str], stdin: int, variables: dict[str, str]) -> Done:
    return subprocess.run(  # noqa: S603 - bash of this machine
        command,
        env={**os.environ, **variables},
        stdin=stdin,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
