"""The README tells the truth: its tables are the code's own, and its commands exist."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

import function_app
from backend.limits import Limits
from backend.storage_settings import ACCOUNT, ADDRESS, PREFIXES
from sandbox.welcome import welcome
from settings.access import BASE_ROLES
from settings.routes import Route, all_routes

ROOT: Final = Path(__file__).parent.parent
README: Final = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE: Final = (ROOT / "Makefile").read_text(encoding="utf-8")
ROUTES: Final = {route.name: route for route in all_routes(function_app.PAGES)}
TIMERS: Final = {timer.name: timer for page in function_app.PAGES for timer in page.routes.timers}
# How a variable of the environment is named here; the storage's variable is the platform's own.
VARIABLE: Final = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+(__\w+)?|AzureWebJobsStorage")


def table(first: str) -> list[list[str]]:
    """The rows of the table whose first column has that heading, without the two of the heading."""
    rows: list[list[str]] = []
    for line in README[README.index(f"\n| {first} |") + 1 :].splitlines():
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split(" |")])
    return rows[2:]


def names(cell: str) -> list[str]:
    """What a cell has in backquotes."""
    return re.findall(r"`([^`]+)`", cell)


def text_constants(path: Path) -> Iterator[str]:
    """Every text in a Python file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def variables_read() -> set[str]:
    """The variables that the code reads: texts that look like one, in the files that read the environment."""
    found = {name.upper() for name in Limits.__struct_fields__}
    for folder in ("backend", "settings"):
        for path in (ROOT / folder).rglob("*.py"):
            if "environ" in path.read_text(encoding="utf-8"):
                found |= {text for text in text_constants(path) if VARIABLE.fullmatch(text)}
    return found


def test_the_variables_of_the_readme_are_those_that_the_code_reads() -> None:
    told = {name for row in [*table("setting"), *table("variable")] for name in names(row[0])}
    by_identity = {name for name in told if name.endswith((ADDRESS, ACCOUNT))}
    assert told - by_identity == variables_read()
    assert by_identity == {f"{prefix}{form}" for prefix in PREFIXES for form in (ADDRESS, ACCOUNT)}


def test_the_defaults_of_the_readme_are_the_code_s() -> None:
    told = {names(row[0])[0]: row[1] for row in table("setting")}
    defaults = msgspec.structs.asdict(Limits())
    assert {name: told[name.upper()] for name in defaults} == {
        name: f"`{str(value).lower()}`" if isinstance(value, bool) else f"{value:g}" for name, value in defaults.items()
    }


def test_the_endpoint_table_is_the_route_table() -> None:
    assert {names(row[0])[0] for row in table("name")} == set(ROUTES)


@pytest.mark.parametrize("row", table("name"), ids=lambda row: str(row[0]))
def test_an_endpoint_s_row_is_its_route(row: list[str]) -> None:
    route = ROUTES[names(row[0])[0]]
    assert names(row[0])[1:] == ([route.path] if route.path != route.name else [])
    assert re.findall(r"`\?(\w+)=`", row[4]) == [one.name for one in route.shown.query]
    assert row[1] == route.method
    assert row[2] == permission_told(route)
    assert sorted(names(row[3])) == sorted(body_fields(route))
    assert row[4]


def permission_told(route: Route) -> str:
    if route.public:
        return "anyone"
    return f"`{route.needs.value}`" if route.needs else "signed in"


def body_fields(route: Route) -> list[str]:
    fields: tuple[Any, ...] = msgspec.structs.fields(route.body) if route.body else ()
    return [field.encode_name for field in fields]


def test_the_timer_table_is_the_code_s() -> None:
    told = {names(row[0])[0]: names(row[1])[0] for row in table("timer")}
    assert told == {name: timer.schedule for name, timer in TIMERS.items()}


def test_the_roles_table_is_the_code_s() -> None:
    strongest_last = BASE_ROLES[::-1]
    heading = re.search(r"^\| permission \|.*$", README, re.MULTILINE)
    assert heading
    assert [cell.strip() for cell in heading[0].strip("|").split("|")][1:] == [role.name for role in strongest_last]
    told = {names(row[0])[0]: row[1:] for row in table("permission")}
    needed = {route.needs.value for route in ROUTES.values() if route.needs}
    assert told == {
        permission: ["yes" if role.allows(permission) else "no" for role in strongest_last] for permission in needed
    }


def test_the_commands_table_is_the_makefile_s() -> None:
    targets = re.findall(r"^([a-z]+):.*## ", MAKEFILE, re.MULTILINE)
    assert [names(row[0])[0] for row in table("command")] == [
        f"make {target}" for target in targets if target != "help"
    ]


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_every_make_target_and_file_that_a_page_names_exists(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE)) <= targets
    linked = [link for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]
    assert [link for link in linked if not (ROOT / link).exists()] == []


@pytest.mark.parametrize("text", [README, welcome(1, "superadmin", "logs"), welcome(1, "nobody", "logs")])
def test_every_post_that_is_shown_has_a_body(text: str) -> None:
    commands = re.findall(r"curl [^\n]*-X POST(?:[^\n]*\\\n)*[^\n]*", text)
    assert commands
    assert [command for command in commands if not re.search(r" (-d|--data) \S", command)] == []


def test_every_post_of_the_http_file_has_a_body() -> None:
    requests = (ROOT / "test.http").read_text(encoding="utf-8").split("###")
    posts = [request for request in requests if "POST {{base}}/" in request]
    assert len(posts) == len([route for route in ROUTES.values() if route.method == "POST"])
    assert all(re.search(r"\n\n\{.*\}\s", post) for post in posts)
