"""The built package on Microsoft's own runtime: `python -m tests.runtime`.

Builds the package, installs azure-functions-runtime from PyPI and starts a sandbox. Only the package, the runtime and
the standard library are on the path. Each HTTP function is called once, the weekly timer fires once, and the figures of
a cold start are printed. `--prepare` only builds and installs.
"""

import sys
import tempfile
from pathlib import Path

from deploy.package.build import build
from tests.runtime.figures import cold_start
from tests.runtime.runtime import Runtime, RuntimeFailedError, runtime_folder
from tests.runtime.visit import failed_calls, failed_rotation, reset, wrongly_indexed
from tests.support.sandbox_client import Sandbox


def main(arguments: list[str]) -> int:
    """Visit every function, and return 1 if something failed."""
    package = build()
    runtime_folder()
    if "--prepare" in arguments:
        return 0
    with tempfile.TemporaryDirectory() as folder, Sandbox(Path(folder)) as azure:
        reset(azure)
        log_path = Path(folder) / "runtime.log"
        failed: list[str] = []
        with log_path.open("w+", encoding="utf-8") as log:
            try:
                with Runtime(package.folder, azure.env, log) as runtime:
                    failed += [*wrongly_indexed(runtime), *failed_calls(azure, runtime)]
                    failed += failed_rotation(azure, runtime)
                    indexed = len(runtime.functions)
            except RuntimeFailedError as error:
                failed, indexed = [str(error)], 0
            reset(azure)
            figures = cold_start(package.folder, azure.env, log) if not failed else None
        if failed:
            sys.stdout.write("".join(f"FAILED {one}\n" for one in failed) + log_path.read_text(encoding="utf-8"))
            return 1
    sys.stdout.write(
        f"Microsoft's runtime: {indexed} functions indexed, none refused. Each was called, and a week rotated.\n"
    )
    sys.stdout.write(f"{figures}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
