"""The steps of deploy.sh in bash itself, without the Azure CLI."""

import os
import shutil
import subprocess
from typing import Final

from tests.support.markdown import ROOT

BASH: Final = shutil.which("bash") or "bash"
STEPS: Final = ROOT / "deploy" / "steps"
Done = subprocess.CompletedProcess[str]


def steps(script: str, *names: str, stdin: int = subprocess.DEVNULL, **variables: str) -> Done:
    """Run lines of bash after these steps, as deploy.sh does. `az` ends the lines."""
    sources = "".join(f". {STEPS / name}.sh\n" for name in ("shell", *names))
    no_cli = 'az() { fail "It called az $*"; }\n'
    begin = f"set -euo pipefail\nshopt -s inherit_errexit\nROOT={ROOT}\n{sources}{no_cli}"
    return _run([BASH, "-c", begin + script], stdin, {"RETRY_PAUSE": "0", **variables})


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
