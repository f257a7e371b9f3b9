"""The package's keep-list against the modules that the tests load: `python -m tests.conformance.loaded_modules`.

Runs all tests of `make test` and records which modules of msgraph.generated each process loads, also those that a test
starts or kills. The keep-list must be equal to them. Arguments are passed on to pytest.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.support.keep_list import kept, modules_among

HERE: Final = Path(__file__).resolve().parent
WORKERS: Final = "4"


def main(arguments: list[str]) -> int:
    """Run the tests, print the differences, and return 1 if there are some or a test failed."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.pathsep.join(filter(None, [str(HERE / "loaded"), os.environ.get("PYTHONPATH")]))
        environment = {**os.environ, "PYTHONPATH": path, "LOADED_MODULES": folder}
        command = [sys.executable, "-m", "tests.run", "--workers", WORKERS, *arguments]
        code = subprocess.run(command, env=environment, check=False).returncode  # noqa: S603 - this interpreter
        names = {name for file in Path(folder).iterdir() for name in file.read_text(encoding="utf-8").splitlines()}
    loaded = modules_among(names)
    for name in sorted(loaded - kept()):
        sys.stdout.write(f"FAILED {name} was loaded, and the package lacks it.\n")
    for name in sorted(kept() - loaded):
        sys.stdout.write(f"FAILED {name} is in the package, and no test loads it.\n")
    sys.stdout.write(f"Keep-list: {len(kept())} modules of msgraph.generated, {len(loaded)} loaded by the tests.\n")
    return 1 if loaded != kept() else code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
