"""Microsoft's own Key Vault secrets tests against the sandbox: `python -m tests.conformance.key_vault`.

Downloads the source distribution of azure-keyvault-secrets from PyPI, which includes the tests, creates a virtual
environment for them, starts its own sandbox and runs them live. Everything is under
`.sandbox/conformance`, and the second run downloads nothing. Arguments are passed on to pytest.
"""

import os
import signal
import subprocess
import sys
import tarfile
import venv
from pathlib import Path
from typing import Final

from tests.support.sandbox_client import Sandbox

_VERSION: Final = "4.12.0"
_HERE: Final = Path(__file__).resolve().parent
_ROOT: Final = _HERE.parent.parent
_CACHE: Final = _ROOT / ".sandbox" / "conformance"
_REQUIREMENTS: Final = _HERE / "requirements.txt"


def main(arguments: list[str]) -> int:
    """Download what is missing, run the tests, and return pytest's exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # otherwise, the sandbox would outlive this process
    _CACHE.mkdir(parents=True, exist_ok=True)
    python = _environment()
    tests = _tests(python)
    with Sandbox(_CACHE) as sandbox:
        sys.stdout.write(f"Microsoft's tests of azure-keyvault-secrets {_VERSION} against {sandbox.url}\n")
        sys.stdout.flush()
        environment = {
            **os.environ,
            **sandbox.env,
            "AZURE_KEYVAULT_URL": sandbox.env["SANDBOX_VAULT_URL"],
            "PYTHONPATH": str(_HERE / "stand_in"),
        }
        settings = ["-c", str(_HERE / "stand_in" / "pytest.ini"), "--rootdir", str(tests)]
        options = ["-q", "-rfEs", "-p", "every_version_live", *settings, *arguments]
        command = [str(python), "-m", "pytest", *options]
        code = subprocess.run(command, cwd=tests, env=environment, check=False).returncode  # noqa: S603 - a fixed command
        calls = sum(call["host"].endswith(".vault.azure.net") for call in sandbox.calls())
        sys.stdout.write(f"{calls} calls reached the sandbox's vault.\n")
    return code


def _environment() -> Path:
    """Create the virtual environment, again if the requirements have changed. Return its Python."""
    folder = _CACHE / "venv"
    python = folder / "bin" / "python"
    wanted = _REQUIREMENTS.read_text(encoding="utf-8")
    made_of = folder / "made-of.txt"
    if made_of.is_file() and made_of.read_text(encoding="utf-8") == wanted:
        return python
    venv.create(folder, with_pip=True, clear=True)
    _pip(python, "install", "--require-hashes", "-r", str(_REQUIREMENTS))
    made_of.write_text(wanted, encoding="utf-8")
    return python


def _tests(python: Path) -> Path:
    """Download and unpack the source distribution. Return the folder of its tests."""
    name = f"azure_keyvault_secrets-{_VERSION}"
    tests = _CACHE / name / "tests"
    if not tests.is_dir():
        package = f"azure-keyvault-secrets=={_VERSION}"
        _pip(python, "download", "--no-deps", "--no-binary", "azure-keyvault-secrets", "-d", str(_CACHE), package)
        with tarfile.open(_CACHE / f"{name}.tar.gz") as archive:
            archive.extractall(_CACHE, filter="data")
    return tests


def _pip(python: Path, *arguments: str) -> None:
    command = [str(python), "-m", "pip", "--disable-pip-version-check", "-q", *arguments]
    subprocess.run(command, check=True)  # noqa: S603 - a fixed command


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
