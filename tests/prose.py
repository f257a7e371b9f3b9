"""`make check`, its last step: fail if a page of the documentation breaks the rules of docs/style.md.

    python -m tests.prose [--lengths]

With `--lengths` print each page's median and longest sentence.

No package of PyPI or npm holds the binary of Vale: those of that name download it. So this reads the pages itself.
"""

import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.support.prose import problems, sentences

ROOT: Final = Path(__file__).parent.parent


def pages() -> list[Path]:
    """Return the Markdown pages of the project."""
    within = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / ".github").rglob("*.md")]
    return sorted(within)


def main(arguments: Sequence[str]) -> int:
    """Print the problems, and return 1 if there are any."""
    found = []
    for page in pages():
        text, name = page.read_text(encoding="utf-8"), page.relative_to(ROOT)
        found += problems(name, text)
        if "--lengths" in arguments:
            lengths = [one.length for one in sentences(text)]
            sys.stdout.write(f"{name}: median {statistics.median(lengths):g}, longest {max(lengths)} words\n")
    sys.stdout.write("".join(f"{one}\n" for one in found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
