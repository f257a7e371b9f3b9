"""The documentation agrees with the code: its tables, its links, and the commands and files that it names."""

import json
import re
from typing import Any, Final

import msgspec
import pytest

import function_app
from backend.access.roles import BASE_ROLES
from backend.configuration.storage_settings import ACCOUNT, ADDRESS, PREFIXES
from backend.configuration.timeouts import Limits
from sandbox.welcome import welcome
from settings.http.problems import KINDS, PAGE
from settings.http.routes import Route, all_routes
from tests.docs.pages import PARTS, MarkerError, filled, stale
from tests.docs.timeouts import default_of
from tests.support.markdown import ROOT, anchors, fences, files, links, names, pages, quoted, read, slug_of, table
from tests.support.variables import variables_read

MAKEFILE: Final = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS: Final = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
ROUTES: Final = {route.name: route for route in all_routes(function_app.PAGES)}
TIMERS: Final = {timer.name: timer for page in function_app.PAGES for timer in page.routes.timers}
PAGES: Final = pages()
MOST_LINES: Final = {"README.md": 150, "CONTRIBUTING.md": 80}
FILE: Final = re.compile(r"[\w.*-]+\.(py|md|toml|txt|json|mjs|js|http|yml|yaml|html|css|cfg)")
# Named in backquotes like files of the project, and not among them, by the reason.
NOT_FILES: Final = {
    "AzureDeploymentTemplate.json": "CIPP's own",
    "AzureDeploymentTemplate_regionoptions.json": "CIPP's own",
    "cipp-deploy.json": "CIPP's own",
    "commit.txt": "`make package` writes it into the package",
    "createUiDefinition.json": "A decision is not to have it",
    "local.settings.json": "You make it. Git ignores it",
    "openapi.json": "An address of the API",
    "parameters.json": "You make it, for the template",
    "registration.json": "You make it, for the app registration",
}
FOLDERS: Final = {name.partition("/")[0] for name in files() if "/" in name}
BASENAMES: Final = {name.rpartition("/")[2] for name in files()}


def test_generated_parts_are_fresh() -> None:
    assert list(stale()) == [], "Run `make docs`."


def test_generated_part_needs_its_markers() -> None:
    for text in ("", "<!-- generated: b -->\n<!-- end -->\n", "<!-- generated: a -->\n<!-- end -->\n" * 2):
        with pytest.raises(MarkerError, match="page"):
            filled("page", text, {"a": str})


def test_generated_part_takes_the_place_of_the_one_before() -> None:
    text = "x\n<!-- generated: a -->\nold\n<!-- end -->\ny\n"
    new = filled("page", text, {"a": lambda: "new\n"})
    assert new == "x\n<!-- generated: a -->\n\nnew\n\n<!-- end -->\ny\n"
    assert filled("page", new, {"a": lambda: "new\n"}) == new


def test_architecture_lists_each_decision_by_its_number() -> None:
    listed = [target for target in links("docs/architecture.md") if target.startswith("decisions/")]
    decisions = sorted(page.removeprefix("docs/") for page in PAGES if page.startswith("docs/decisions/"))
    assert listed == decisions
    assert [int(page.partition("/")[2][:4]) for page in decisions] == [*range(1, len(decisions) + 1)]


@pytest.mark.parametrize("page", [page for page in PAGES if page not in PARTS])
def test_page_without_generated_parts_has_no_marker(page: str) -> None:
    assert "<!-- generated:" not in read(page)


def test_documented_variables_are_those_that_the_code_reads() -> None:
    documented = {name for row in [*table("setting"), *table("variable")] for name in names(row[0])}
    by_identity = {name for name in documented if name.endswith((ADDRESS, ACCOUNT))}
    assert documented - by_identity == variables_read()
    assert by_identity == {f"{prefix}{form}" for prefix in PREFIXES for form in (ADDRESS, ACCOUNT)}


def test_documented_defaults_are_those_of_the_code() -> None:
    documented = {names(row[0])[0]: row[1] for row in table("setting")}
    defaults = msgspec.structs.asdict(Limits())
    assert {name: documented[name.upper()] for name in defaults} == {
        name: default_of(value) for name, value in defaults.items()
    }


def test_changelog_has_each_topic_and_entry_of_a_release_once() -> None:
    for release in re.split(r"^## ", read("CHANGELOG.md"), flags=re.MULTILINE)[1:]:
        topics = re.findall(r"^### .*", release, re.MULTILINE)
        entries = re.findall(r"^- (?:.+\n)(?:  .+\n)*", release, re.MULTILINE)
        assert [one for one in {*topics, *entries} if [*topics, *entries].count(one) > 1] == []
        assert not re.search(r"[^\n]\n### ", release)


def test_option_and_table_of_the_deployment_have_one_row() -> None:
    options = [name for row in table("option", "docs/deploy.md") for name in re.findall(r"`(--[^`]+)`", row[0])]
    tables = re.findall(r"`(CippBackend\w+)`(?=.*Delete them)", read("docs/deploy.md"))
    for named in (options, tables):
        assert named
        assert [name for name in named if named.count(name) > 1] == []


def test_every_setting_is_documented_once() -> None:
    documented = [name for row in table("setting") for name in names(row[0])]
    assert sorted(documented) == sorted(set(documented))


def test_endpoint_table_is_the_route_table() -> None:
    assert [names(row[0])[0] for row in table("name")] == list(ROUTES)


@pytest.mark.parametrize("route", ROUTES.values(), ids=lambda route: str(route.name))
def test_endpoint_row_describes_its_route(route: Route) -> None:
    (row,) = [row for row in table("name") if names(row[0])[0] == route.name]
    assert names(row[0])[1:] == ([route.path] if route.path != route.name else [])
    assert row[1] == route.method
    assert row[2] == permission_of(route)
    query = [f"?{one.name}=" for one in route.shown.query]
    assert names(row[3]) == [*query, *body_fields(route)]
    assert row[4]


def permission_of(route: Route) -> str:
    if route.public:
        return "anyone"
    if route.any_role:
        return "any CIPP role"
    return f"`{route.needs.value}`" if route.needs else "signed in"


def body_fields(route: Route) -> list[str]:
    fields: tuple[Any, ...] = msgspec.structs.fields(route.body) if route.body else ()
    return [field.encode_name for field in fields]


def test_timer_table_is_that_of_the_code() -> None:
    documented = {names(row[0])[0]: names(row[1])[0] for row in table("timer")}
    assert documented == {name: timer.schedule for name, timer in TIMERS.items()}


def test_roles_table_is_that_of_the_code() -> None:
    strongest_last = BASE_ROLES[::-1]
    heading = re.search(r"^\| permission \|.*$", read("docs/access.md"), re.MULTILINE)
    assert heading
    assert [cell.strip() for cell in heading[0].strip("|").split("|")][1:] == [role.name for role in strongest_last]
    documented = {names(row[0])[0]: row[1:] for row in table("permission")}
    needed = {route.needs.value for route in ROUTES.values() if route.needs}
    assert documented == {
        permission: ["yes" if role.allows(permission) else "no" for role in strongest_last] for permission in needed
    }


def test_every_kind_of_error_has_a_row_and_a_heading() -> None:
    documented = {names(row[0])[0]: row[1:] for row in table("kind")}
    assert documented == {kind.code: [str(kind.status.value), kind.title] for kind in KINDS.values()}
    assert {kind.code for kind in KINDS.values()} <= anchors(PAGE)


def test_commands_table_is_that_of_the_makefile() -> None:
    targets = re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.MULTILINE)
    assert [names(row[0])[0] for row in table("command")] == [
        f"make {target}" for target in targets if target != "help"
    ]


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("docs/runbooks/")])
def test_runbook_uses_the_names_of_the_deployment(page: str) -> None:
    assert shell_names(page).items() <= shell_names("docs/deploy.md").items()


def shell_names(page: str) -> dict[str, str]:
    """Return the example names that the shell blocks of a page set for CIPP's resources and this app."""
    text = "\n".join(fence.text for fence in fences(page) if fence.language == "sh")
    return dict(re.findall(r"^((?:CIPP_)?(?:GROUP|APP)|VAULT)=([\w-]+)", text, re.MULTILINE))


def test_every_alert_leads_to_a_runbook_that_names_it() -> None:
    template = json.loads((ROOT / "deploy/azuredeploy.json").read_text(encoding="utf-8"))
    rows = {row[0]: re.findall(r"\((runbooks/[\w-]+\.md)", row[2]) for row in table("alert", "docs/deploy.md")}
    assert list(rows) == [alert["name"] for alert in template["variables"]["alerts"]]
    assert [
        alert for alert, books in rows.items() if not any(f"`{alert}`" in read(f"docs/{book}") for book in books)
    ] == []


@pytest.mark.parametrize("page", MOST_LINES)
def test_page_is_short(page: str) -> None:
    assert len(read(page).splitlines()) <= MOST_LINES[page]


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file_and_a_heading(page: str) -> None:
    assert [link for link in links(page) if not leads_somewhere(page, link)] == []


def leads_somewhere(page: str, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (ROOT / page).parent.joinpath(path).resolve() if path else ROOT / page
    if not target.exists() or not target.is_relative_to(ROOT.resolve()):
        return False
    return not anchor or anchor in anchors(str(target.relative_to(ROOT.resolve())))


@pytest.mark.parametrize("page", PAGES)
def test_every_make_target_that_a_page_names_exists(page: str) -> None:
    commands = [*quoted(page), *(line for fence in fences(page) for line in fence.text.splitlines())]
    named = {match[1] for text in commands if (match := re.match(r"\s*make ([a-z-]+)", text))}
    assert named - TARGETS == set()


@pytest.mark.parametrize("page", [page for page in PAGES if page != "CHANGELOG.md"])  # it names what is gone, too
def test_every_file_that_a_page_names_exists(page: str) -> None:
    assert [text for text in quoted(page) if is_path(text) and not is_file(page, text)] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_module_that_a_page_runs_exists(page: str) -> None:
    text = "\n".join([*quoted(page), *(fence.text for fence in fences(page))])
    modules = {module.replace(".", "/") for module in re.findall(r"python -m ((?:tests|sandbox)[\w.]*)", text)}
    assert [one for one in modules if not {f"{one}.py", f"{one}/__main__.py"} & set(files())] == []


def is_path(text: str) -> bool:
    """Return whether a text in backquotes reads like a file or folder of the project."""
    if text in NOT_FILES or not re.fullmatch(r"[\w./*-]+", text):
        return False
    first, _, rest = text.partition("/")
    return bool(first in FOLDERS and rest) or bool(FILE.fullmatch(text.rpartition("/")[2]))


def is_file(page: str, text: str) -> bool:
    """Return whether a path exists: from the root, from the page, or from any folder if it is only a name or an end."""
    path = text.rstrip("/")
    if any((base / path).exists() for base in (ROOT, (ROOT / page).parent)):
        return True
    if "*" in path:
        return any(ROOT.glob(path))
    return path in BASENAMES or any(name.endswith(f"/{path}") for name in files())


@pytest.mark.parametrize(
    ("heading", "slug"),
    [
        ("Not found", "not-found"),
        ("`not-found`", "not-found"),
        ("The app's own key: 2 steps, `make run`", "the-apps-own-key-2-steps-make-run"),
        ("[A link](x.md) & _more_", "a-link--more"),
        ("snake_case stays", "snake_case-stays"),
    ],
)
def test_anchor_is_the_one_that_github_makes(heading: str, slug: str) -> None:
    assert slug_of(heading) == slug


@pytest.mark.parametrize(
    "text", [*map(read, PAGES), welcome(1, "superadmin", "logs"), welcome(1, "nobody", "logs")], ids=[*PAGES, "1", "2"]
)
def test_every_post_that_is_shown_has_a_body(text: str) -> None:
    commands = re.findall(r"curl [^\n]*-X POST(?:[^\n]*\\\n)*[^\n]*", text)
    assert [command for command in commands if not re.search(r" (-d|--data) \S", command)] == []


@pytest.mark.parametrize("role", ["superadmin", "nobody"])
def test_welcome_shows_a_post(role: str) -> None:
    assert "-X POST" in welcome(1, role, "logs")


def test_every_post_of_the_http_file_has_a_body() -> None:
    requests = (ROOT / "test.http").read_text(encoding="utf-8").split("###")
    posts = [request for request in requests if "POST {{base}}/" in request]
    assert len(posts) == len([route for route in ROUTES.values() if route.method == "POST"])
    assert all(re.search(r"\n\n\{.*\}\s", post) for post in posts)
