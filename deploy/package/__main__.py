"""`make package`: write the package into `dist`, with its SHA-256, and print its figures."""

import shutil
import sys
from typing import Final

from deploy.package.build import MOST_UNPACKED_BYTES, MOST_ZIPPED_BYTES, ImportsError, build
from deploy.package.keep_list import KeepListError
from deploy.package.site_packages import CompileError
from deploy.package.source import ROOT
from deploy.package.wheels import WheelsError

DIST: Final = ROOT / "dist"


def main() -> int:
    """Build and publish the package. The exit code is 1 if it can't be built."""
    try:
        package = build()
    except (WheelsError, KeepListError, CompileError, ImportsError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sizes = package.sizes
    figures = f"{len(sizes):,} files, {sum(sizes) / 1e6:.1f} MB unpacked, {package.zipped_bytes / 1e6:.1f} MB zipped"
    if sum(sizes) > MOST_UNPACKED_BYTES or package.zipped_bytes > MOST_ZIPPED_BYTES:
        most = f"{MOST_UNPACKED_BYTES / 1e6:.0f} MB unpacked and {MOST_ZIPPED_BYTES / 1e6:.0f} MB zipped"
        sys.stderr.write(f"Warning: the package is larger than {most}, so a cold start takes longer.\n")
    DIST.mkdir(exist_ok=True)
    to = DIST / package.name
    shutil.copyfile(package.zip_file, to)
    to.with_name(f"{to.name}.sha256").write_text(f"{package.sha256}  {to.name}\n", encoding="ascii")
    sys.stdout.write(f"{to.relative_to(ROOT)}: {figures}\nSHA-256 {package.sha256}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
