"""The tables of endpoints, timers, kinds of error and roles, from the code's own."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

import function_app
from backend.access.roles import BASE_ROLES
from settings.access.caller import Permission
from settings.http.problems import KINDS
from settings.http.routes import Route, all_routes

ROUTES: Final = all_routes(function_app.PAGES)


def table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [heading, ["---"] * len(heading), *rows]
    return "".join(f"| {' | '.join(map(escaped, line))} |\n" for line in lines)


def escaped(cell: str) -> str:
    """Return the text of a cell, in which a bar is not the cell's end."""
    return cell.replace("|", "\\|")


def code(text: str) -> str:
    """Return a text in backquotes."""
    return f"`{text}`"


def endpoints() -> str:
    """Return the table of endpoints, in the order of the pages."""
    return table(
        ("name", "method", "permission", "takes", "what it does"),
        ((_name(route), route.method, _permission(route), _takes(route), route.doc) for route in ROUTES),
    )


def timers() -> str:
    """Return the table of timers."""
    every = [timer for page in function_app.PAGES for timer in page.routes.timers]
    return table(
        ("timer", "schedule", "what it does"),
        ((code(timer.name), code(timer.schedule), first_line(timer.work.__doc__)) for timer in every),
    )


def errors() -> str:
    """Return the table of the kinds of error. Each links to its heading on the same page."""
    return table(
        ("kind", "status", "title"),
        ((f"[{code(kind.code)}](#{kind.code})", str(kind.status.value), kind.title) for kind in KINDS.values()),
    )


def roles() -> str:
    """Return which base role holds which permission. The role that holds the most comes last."""
    columns = BASE_ROLES[::-1]
    return table(
        ("permission", *(role.name for role in columns)),
        (
            (code(permission.value), *("yes" if role.allows(permission.value) else "no" for role in columns))
            for permission in Permission
            if any(route.needs is permission for route in ROUTES)
        ),
    )


def first_line(doc: str | None) -> str:
    """Return the first line of a docstring."""
    return (doc or "").partition("\n")[0]


def _name(route: Route) -> str:
    return code(route.name) + (f" at {code(route.path)}" if route.path != route.name else "")


def _permission(route: Route) -> str:
    if route.public:
        return "anyone"
    if route.any_role:
        return "any CIPP role"
    return code(route.needs.value) if route.needs else "signed in"


def _takes(route: Route) -> str:
    query = [f"{code(f'?{one.name}=')}{' (required)' if one.required else ''}" for one in route.shown.query]
    fields: tuple[Any, ...] = msgspec.structs.fields(route.body) if route.body else ()
    return ", ".join([*query, *(code(field.encode_name) for field in fields)])
