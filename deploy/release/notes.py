"""The notes of a release: the changelog's newest section, if the tag and the version fit. Pure."""

import re
from datetime import date
from typing import Final

_UNRELEASED: Final = "Unreleased"
_HEADING: Final = re.compile(r"^## \[([^]\n]+)\](?: - (\S+))?[ \t]*$", re.MULTILINE)
_TAG: Final = re.compile(r"v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?")
_FILE_LINK: Final = re.compile(r"\[([^\]]*)\]\((?!https?://)[^)\s]*\)")


class ReleaseError(Exception):
    """The files don't describe the release that the tag names."""


def notes(tag: str, version: str, changelog: str) -> str:
    """Return the text of the changelog's section for a tag, without its heading.

    Links to files of the project lead to no page in the notes of a release, so only their text stays.

    Raises:
        ReleaseError: The tag, the version and the newest section don't agree, or the section is empty.
    """
    if not _TAG.fullmatch(tag):
        raise ReleaseError(f"Invalid tag '{tag}'. It must be the letter v and a version, such as v0.2.0.")
    if tag != f"v{version}":
        raise ReleaseError(
            f"The tag is '{tag}', and the version in pyproject.toml is '{version}'. Change the version, then tag."
        )
    headings = list(_HEADING.finditer(changelog))
    ends = [heading.start() for heading in headings[1:]] + [len(changelog)]
    sections = [(heading, changelog[heading.end() : end].strip()) for heading, end in zip(headings, ends, strict=True)]
    pending = [text for heading, text in sections if heading[1] == _UNRELEASED]
    if any(pending):
        raise ReleaseError(f"The changelog has lines below [{_UNRELEASED}]. Move them below [{version}].")
    released = [(heading, text) for heading, text in sections if heading[1] != _UNRELEASED]
    if not released or released[0][0][1] != version:
        raise ReleaseError(f"The newest section of the changelog is not [{version}]. Add it below [{_UNRELEASED}].")
    heading, text = released[0]
    if not _is_date(heading[2]):
        raise ReleaseError(f"The section [{version}] has no date. Write '## [{version}] - 2027-01-31'.")
    if not text:
        raise ReleaseError(f"The section [{version}] of the changelog is empty. Describe what users notice.")
    return _FILE_LINK.sub(r"\1", text) + "\n"


def _is_date(text: str | None) -> bool:
    try:
        return text is not None and date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
