"""The notes of a release are the changelog's section, and a tag that doesn't fit makes none."""

import re
import subprocess
import sys

import pytest

from deploy.release.__main__ import main
from deploy.release.notes import ReleaseError, notes
from tests.support.markdown import ROOT

CHANGELOG = """# Changelog

## [Unreleased]

## [0.2.0] - 2027-01-31

### Access

- A line with [a page](docs/deploy.md#update), [two
  words](docs/words.md) and [the web](https://example.org/a).

## [0.1.0] - 2026-11-30

The first release.
"""
SECTION = """### Access

- A line with a page, two
  words and [the web](https://example.org/a).
"""


def test_notes_are_the_section_of_the_version_without_links_to_files() -> None:
    assert notes("v0.2.0", "0.2.0", CHANGELOG) == SECTION


def test_notes_of_the_oldest_version_go_to_the_end() -> None:
    only = CHANGELOG[: CHANGELOG.index("## [0.2.0]")] + CHANGELOG[CHANGELOG.index("## [0.1.0]") :]
    assert notes("v0.1.0", "0.1.0", only) == "The first release.\n"


def test_notes_may_belong_to_a_pre_release() -> None:
    assert notes("v0.2.0-rc.1", "0.2.0-rc.1", CHANGELOG.replace("[0.2.0]", "[0.2.0-rc.1]")) == SECTION


@pytest.mark.parametrize(
    ("tag", "version", "changelog", "reason"),
    [
        ("0.2.0", "0.2.0", CHANGELOG, "Invalid tag"),
        ("v0.2", "0.2", CHANGELOG, "Invalid tag"),
        ("v0.2.0; true", "0.2.0; true", CHANGELOG, "Invalid tag"),
        ("v0.2.0", "0.3.0", CHANGELOG, "version in pyproject.toml is '0.3.0'"),
        ("v0.1.0", "0.1.0", CHANGELOG, "newest section"),
        ("v0.3.0", "0.3.0", CHANGELOG, "newest section"),
        ("v0.3.0", "0.3.0", "# Changelog\n\n## [Unreleased]\n", "newest section"),
        ("v0.2.0", "0.2.0", CHANGELOG.replace("[Unreleased]\n", "[Unreleased]\n\n- One more.\n"), "[Unreleased]"),
        ("v0.2.0", "0.2.0", CHANGELOG.replace(" - 2027-01-31", ""), "no date"),
        ("v0.2.0", "0.2.0", CHANGELOG.replace("2027-01-31", "2027-02-30"), "no date"),
        ("v0.2.0", "0.2.0", CHANGELOG.replace("2027-01-31", "20270131"), "no date"),
        ("v0.2.0", "0.2.0", "## [0.2.0] - 2027-01-31\n\n## [0.1.0] - 2026-11-30\n\nx\n", "empty"),
    ],
)
def test_tag_is_refused_if_the_files_do_not_fit(tag: str, version: str, changelog: str, reason: str) -> None:
    with pytest.raises(ReleaseError, match=re.escape(reason)):
        notes(tag, version, changelog)


def test_program_stops_while_changes_are_unreleased(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["v9.9.9"]) == 1
    assert main([]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "pyproject.toml" in captured.err


def test_program_needs_the_standard_library_alone() -> None:
    done = subprocess.run(
        [sys.executable, "-S", "-m", "deploy.release", "v9.9.9"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr[:7]) == (1, "The tag")
