"""Route templates in ASP.NET's format: {id}, {id:int}, {id?}, {*rest}, case-insensitive literals."""

import re
from dataclasses import dataclass
from urllib.parse import unquote

PARAMETER = re.compile(r"\{(?P<star>\*{0,2})(?P<name>[A-Za-z_]\w*)(?P<constraints>(?::[^{}:?]+)*)(?P<optional>\??)\}")
CONSTRAINTS = {
    "int": r"[+-]?\d{1,10}",
    "long": r"[+-]?\d{1,19}",
    "guid": r"\{?[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\}?",
    "bool": r"true|false",
    "alpha": r"[a-z]*",
    "float": r"[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?",
    "double": r"[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?",
    "decimal": r"[+-]?\d+(?:\.\d+)?",
    "required": r".+",
}


class RouteTemplateError(ValueError):
    """A route template is not valid or not supported by this host. The text states why."""


@dataclass(frozen=True)
class RouteTemplate:
    """A parsed route template."""

    text: str
    pattern: re.Pattern[str]
    constraints: tuple[tuple[str, re.Pattern[str]], ...]

    def match(self, path: str) -> dict[str, str] | None:
        """Match a path that is still percent-encoded. A missing optional value has no key in the result."""
        found = self.pattern.fullmatch("/".join(map(_decode, path.strip("/").split("/"))))
        if found is None:
            return None
        values = {name: value for name, value in found.groupdict().items() if value}
        if any(name in values and not rule.fullmatch(values[name]) for name, rule in self.constraints):
            return None
        return values


def parse(text: str) -> RouteTemplate:
    """Parse a template without leading and trailing slashes.

    Raises:
        RouteTemplateError: The template is not valid, or this host doesn't support it.
    """
    segments = text.split("/")
    if text and "" in segments:
        raise RouteTemplateError("it has two slashes in a row.")
    for segment in segments[:-1]:
        if any(part["star"] or part["optional"] for part in PARAMETER.finditer(segment)):
            raise RouteTemplateError(f'only the last segment can be optional or match the rest, not "{segment}".')
    pattern = "".join(_segment(segment, "/" if at else "") for at, segment in enumerate(segments))
    constraints = tuple(
        (part["name"], _constraint(word))
        for part in PARAMETER.finditer(text)
        for word in part["constraints"].split(":")
        if word
    )
    try:
        return RouteTemplate(text, re.compile(pattern, re.IGNORECASE), constraints)
    except re.error as error:
        raise RouteTemplateError(f"{error}.") from error


def _segment(segment: str, slash: str) -> str:
    whole = PARAMETER.fullmatch(segment)
    if whole and (whole["star"] or whole["optional"]):
        return f"(?:{slash}(?P<{whole['name']}>{'.*' if whole['star'] else '[^/]+'}))?"
    pattern = slash
    end = 0
    for part in PARAMETER.finditer(segment):
        if part["star"] or part["optional"]:
            raise RouteTemplateError(f'"{part[0]}" must be a separate segment.')
        pattern += f"{_literal(segment[end : part.start()])}(?P<{part['name']}>[^/]+)"
        end = part.end()
    return pattern + _literal(segment[end:])


def _literal(text: str) -> str:
    if set(text) & set("{}?*"):
        raise RouteTemplateError(f'"{text}" is neither a literal nor a parameter.')
    return re.escape(text)


def _constraint(word: str) -> re.Pattern[str]:
    if word.lower() not in CONSTRAINTS:
        raise RouteTemplateError(f'this host does not support the constraint "{word}".')
    return re.compile(CONSTRAINTS[word.lower()], re.IGNORECASE)


def _decode(segment: str) -> str:
    # ASP.NET doesn't decode an encoded slash.
    return "%2F".join(unquote(part) for part in re.split("%2f", segment, flags=re.IGNORECASE))
