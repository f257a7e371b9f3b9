"""The `$filter` of the lists of groups and resources."""

import re
from collections.abc import Mapping
from typing import Final

from sandbox.arm.errors import refused
from sandbox.arm.resource import Resource

_TERM: Final = re.compile(
    r"\s*(?P<field>resourceType|name|resourceGroup|location|tagName|tagValue)\s+(?P<sign>eq|ne)\s+"
    r"'(?P<value>(?:[^']|'')*)'\s*",
    re.IGNORECASE,
)


def _terms(text: str) -> list[tuple[str, bool, str]]:
    terms = []
    for part in re.split(r"\s+and\s+", text, flags=re.IGNORECASE):
        match = _TERM.fullmatch(part)
        if match is None:
            raise refused(400, "InvalidFilterInQueryString", f"Invalid $filter '{text}' specified in the query string.")
        value = match["value"].replace("''", "'").lower()
        terms.append((match["field"].lower(), match["sign"].lower() == "eq", value))
    return terms


def matches(text: str, resource: Resource) -> bool:
    """Return whether a resource matches the filter.

    Raises:
        ArmError: 400. ARM doesn't accept the filter, or the sandbox doesn't implement it.
    """
    fields = {
        "resourcetype": [resource.type],
        "name": [resource.name],
        "resourcegroup": [resource.group],
        "location": [resource.region],
        "tagname": list(resource.tags),
        "tagvalue": list(resource.tags.values()),
    }
    return all((value in [v.lower() for v in fields[field]]) is equal for field, equal, value in _terms(text) if text)


def matches_tag(text: str, tags: Mapping[str, str]) -> bool:
    """Return whether a group matches the filter. ARM filters groups only by tag."""
    fields = {"tagname": list(tags), "tagvalue": list(tags.values())}
    return not text or all(
        (value in [v.lower() for v in fields.get(field, [])]) is equal for field, equal, value in _terms(text)
    )
