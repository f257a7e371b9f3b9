"""`make docs`: write the parts of the documentation that come from the code's own tables."""

import sys

from tests.docs.pages import ROOT, MarkerError, stale, write
from tests.docs.template import TEMPLATE, is_stale, with_roles


def main() -> int:
    """Write every generated part and the template's roles, and name the files that changed."""
    try:
        pages = stale()
    except MarkerError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for page, text in pages.items():
        write(page, text)
        sys.stdout.write(f"{page} changed\n")
    if is_stale(ROOT):
        write(TEMPLATE, with_roles((ROOT / TEMPLATE).read_text(encoding="utf-8")))
        sys.stdout.write(f"{TEMPLATE} changed\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
