"""`make screenshots`: write the pictures of the documentation, from the sandbox, light and dark."""

import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from playwright.sync_api import sync_playwright

from tests.browser.chromium import MISSING, find_chromium
from tests.browser.conftest import OPTIONS
from tests.browser.console import Consoles
from tests.support.api import AMBIENT
from tests.support.host import PROJECT
from tests.support.sandbox_client import Sandbox

FOLDER: Final = PROJECT / "docs" / "pictures"
# The name of each picture, and its place in the console.
PICTURES: Final = {"overview": "", "keys": "keys"}
SCHEMES: Final = ("light", "dark")
WIDTH, HEIGHT = 1280, 900


def main() -> int:
    """Write each picture. The exit code is 1 if Chromium is missing."""
    chromium = find_chromium()
    if not chromium:
        sys.stderr.write(f"{MISSING}\n")
        return 1
    for name in [name for name in os.environ if name.startswith(AMBIENT)]:
        del os.environ[name]
    FOLDER.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        Sandbox(Path(folder), trusts_others=False) as sandbox,
        sync_playwright() as started,
    ):
        environ: dict[str, str | float | bool] = {**os.environ, **chromium.environ}
        browser = started.chromium.launch(executable_path=chromium.program, args=OPTIONS, env=environ)
        consoles = Consoles(browser, sandbox, lambda: Path(tempfile.mkdtemp(dir=folder)))
        # The browser's clock is this machine's, so the sandbox starts now.
        consoles.host(options={"now": datetime.now(UTC).isoformat(timespec="seconds")})
        for scheme in SCHEMES:
            for name, place in PICTURES.items():
                page = consoles.page_as("superadmin", width=WIDTH, height=HEIGHT, scheme=scheme).open(place)
                page.screenshot(path=FOLDER / f"{name}-{scheme}.png", animations="disabled")
        consoles.stop()
        browser.close()
    for path in sorted(FOLDER.glob("*.png")):
        sys.stdout.write(f"{path.relative_to(PROJECT)}: {path.stat().st_size / 1e3:.0f} kB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
