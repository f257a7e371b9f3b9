"""The commands of docs/deploy.md, by the Azure CLI and bash: `python -m tests.conformance.documented_deployment`.

It runs the blocks of the page in their order, in one shell, as the Owner of the sandbox's subscription. `NOT_RUN` has
the blocks that can't run here, by a text in them, with the reason.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from sandbox import names
from tests.conformance.azure_cli import cli_python
from tests.support.markdown import ROOT, fences
from tests.support.sandbox_client import Sandbox

PAGE: Final = "docs/deploy.md"
SECONDS: Final = 1_200
NOT_RUN: Final = {
    "git clone": "the project is here already",
    "git pull": "the same",
    "apt-get": "the programs are here already",
    "deploy/deploy.sh": "tests/conformance/deploy_script.py runs it",
    'az account show --query "{': "it needs a sign-in with a browser before it",
    "AzureWebJobs.WeeklyKeyRotation.Disabled AzureWebJobs": "it undoes what deploy.sh keeps",
    "test-notifications": "the sandbox sends no e-mail",
    "make package": "other tests build the package",
    "config-zip": "the sandbox has no deployment site",
    "../package-before": "the same",
    "curl ": "tests/test_documented_calls.py runs the calls of the API",
    '{"value": "container"}': "the sandbox has function apps here",
    '"<name>"': "a person chooses the name",
}
READ_BACK: Final = "az functionapp identity show"  # this block is for a new shell, after the deployment
AFTER: Final = "properties.outputs.redirectUri"
# What the page leaves to the reader, a sign-in without a browser, and a question that needs a terminal.
INSTEAD: Final = {
    "00000000-0000-0000-0000-000000000000": names.SUBSCRIPTION_ID,
    "alex@contosomsp.com": names.MEMBER_NAME,
    'az group delete --name "$GROUP"': 'az group delete --name "$GROUP" --yes',
    "az login\n": "az login --identity --output none\n",
}


def script() -> str:
    """Return the script of all blocks that run, in their order. It stops at the first command that fails."""
    texts = [fence.text for fence in fences(PAGE) if fence.language == "sh"]
    texts = [text for text in texts if not any(reason in text for reason in NOT_RUN)]
    (read_back,) = [text for text in texts if READ_BACK in text]
    texts.remove(read_back)
    place = next(place for place, text in enumerate(texts) if AFTER in text)
    texts.insert(place + 1, read_back)
    begin = [
        "set -euo pipefail",
        'az() { "$AZ_PYTHON" -m azure.cli "$@"; }',
        "trap 'echo \"FAILED: $BASH_COMMAND\" >&2' ERR",
        "set -o errtrace",
    ]
    whole = "\n".join([*begin, *texts])
    for text, other in INSTEAD.items():
        if text not in whole:
            raise ValueError(f"{PAGE} does not have {text!r}.")
        whole = whole.replace(text, other)
    return whole


def main() -> int:
    """Run the script in a copy of the folder `deploy`. Return 1 if a command failed or something is left."""
    with tempfile.TemporaryDirectory() as folder, Sandbox(Path(folder)) as sandbox:
        sandbox.reset(propagation_seconds=0)
        (Path(folder) / "deploy").symlink_to(ROOT / "deploy")
        environment = {
            **os.environ,
            **sandbox.env,
            "AZ_PYTHON": str(cli_python()),
            "AZURE_CONFIG_DIR": str(Path(folder) / "azure"),
            "AZURE_CORE_COLLECT_TELEMETRY": "0",
            "AZURE_CORE_NO_COLOR": "1",
            "IDENTITY_ENDPOINT": f"{sandbox.url}/sandbox/token/{names.ADMIN_ID}",
            "IDENTITY_HEADER": "x",
        }
        before = sandbox.state()
        (Path(folder) / "page.sh").write_text(script(), encoding="utf-8")
        done = subprocess.run(
            ["bash", "page.sh"],  # noqa: S607 - bash of this machine
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        if done.returncode:
            sys.stdout.write(f"{PAGE}: a command failed.\n")
            return 1
        left = {name for name in sandbox.state()["sites"] if name not in before["sites"]}
        sys.stdout.write(f"{PAGE}: all commands passed. {f'Left: {left}' if left else 'Nothing is left.'}\n")
        return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
