"""`make docs`: write the parts of the documentation that come from the code's own tables."""

import sys

from tests.docs.pages import MarkerError, stale, write


def main() -> int:
    """Write every generated part, and name the pages that changed."""
    try:
        pages = stale()
    except MarkerError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for page, text in pages.items():
        write(page, text)
        sys.stdout.write(f"{page} changed\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
