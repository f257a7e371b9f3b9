"""The documentation page: only its files are served, with a policy that blocks everything else."""

import hashlib
import json
from html.parser import HTMLParser

import azure.functions as func
import pytest

from settings.pages import docs
from tests.examples import ROOT
from tests.support.api import Answer, Api, functions, principal
from tests.support.tiers import require

VENDORED = ROOT / "settings" / "openapi" / "swagger_ui"
OWN = ROOT / "settings" / "openapi" / "docs_page"
NPM = ROOT / "tests" / "swagger_ui"
OTHER_NAMES = {"LICENSE.txt": "LICENSE", "NOTICE.txt": "NOTICE"}  # by the name in the project
OUTSIDE = [
    "nope.html",
    "VERSION",
    "LICENSE.txt",
    "../docs.py",
    "..%2fdocs.py",
    "..\\docs.py",
    "/etc/passwd",
    "index.html/",
    "index.html/x",
    "INDEX.HTML",
    "index.html\x00",
    "\ud800",
    "x" * 3_000,
]


@pytest.fixture
def api(nowhere: pytest.MonkeyPatch) -> Api:
    """The API without Azure, which the page doesn't need."""
    del nowhere
    return Api()


class Links(HTMLParser):
    """The links and the inline code of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.named: list[str] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("src", "href") and value:
                self.named.append(value)
            if name == "style" or name.startswith("on") or (tag == "script" and not dict(attrs).get("src")):
                self.inline.append(f"{tag} {name}")


def policy_of(response: Answer) -> dict[str, list[str]]:
    parts = [part.split() for part in response.headers["Content-Security-Policy"].split(";")]
    return {words[0]: words[1:] for words in parts}


@pytest.mark.parametrize("name", docs.FILES)
def test_file_is_served_with_its_type_and_the_policy(api: Api, name: str) -> None:
    response = api.send("GET", f"docs/{name}", role="admin")
    folder, content_type = docs.FILES[name]
    assert (response.status_code, response.headers["Content-Type"]) == (200, content_type)
    assert response.get_body() == (ROOT / "settings" / "openapi" / folder / name).read_bytes()
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "private, no-cache"
    assert response.headers["Content-Security-Policy"] == docs.POLICY


def test_policy_allows_only_this_app_and_no_inline_code(api: Api) -> None:
    policy = policy_of(api.get("docs/index.html"))
    assert policy["default-src"] == ["'none'"]
    allowed = {source for sources in policy.values() for source in sources}
    assert allowed == {"'none'", "'self'", "data:"}
    assert [name for name, sources in policy.items() if "data:" in sources] == ["img-src"]
    assert {"base-uri", "form-action", "frame-ancestors"} <= policy.keys()


def test_page_links_only_to_files_that_are_served(api: Api) -> None:
    links = Links()
    links.feed(api.get("docs/index.html").text)
    assert sorted(links.named) == sorted(set(docs.FILES) - {"index.html"})
    assert links.inline == []
    assert "://" not in (OWN / "page.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["docs", "docs/", "DOCS", "docs//"])
def test_docs_without_a_file_redirects_to_the_page(api: Api, name: str) -> None:
    response = api.get(name, role="admin")
    assert (response.status, response.headers["Location"], response.text) == (302, "/api/docs/index.html", "")
    assert response.headers["Cache-Control"] == "no-store"
    prefix = json.loads((ROOT / "host.json").read_text(encoding="utf-8"))["extensions"]["http"]["routePrefix"]
    assert docs.FIRST.startswith(f"/{prefix}/docs/")


@pytest.mark.parametrize("name", OUTSIDE)
def test_unlisted_file_is_not_found(api: Api, name: str) -> None:
    request = func.HttpRequest(
        method="GET",
        url="http://localhost:7071/api/docs/x",
        headers={"x-ms-client-principal": principal("admin")},
        route_params={"file": name},
        body=b"",
    )
    del api
    response = functions()["docs"].get_user_function()(request)
    assert (response.status_code, response.mimetype) == (404, "application/problem+json")


@pytest.mark.parametrize("name", ["docs", "docs/index.html", "docs/nope", "docs/swagger-ui-bundle.js"])
def test_files_are_denied_without_the_permission(api: Api, name: str) -> None:
    assert api.get(name, role=None).status == 401
    assert api.get(name, role="editor").status == 403
    assert api.get(name, role="readonly", if_none_match="*").status == 403


def test_cached_file_is_not_sent_again(api: Api) -> None:
    whole = api.get("docs/page.js")
    again = api.get("docs/page.js", if_none_match=whole.headers["ETag"])
    assert (again.status, again.text) == (304, "")
    assert again.headers["Content-Security-Policy"] == docs.POLICY
    assert api.get("docs/page.js", if_none_match='"other"').text == whole.text


def test_swagger_ui_matches_its_checksums_and_the_version_from_npm() -> None:
    sums = dict(line.split()[::-1] for line in (VENDORED / "SHA256SUMS").read_text(encoding="utf-8").splitlines())
    files = {path.name for path in VENDORED.iterdir()} - {"SHA256SUMS"}
    assert files == set(sums)
    for name, checksum in sums.items():
        assert hashlib.sha256((VENDORED / name).read_bytes()).hexdigest() == checksum
    version = (VENDORED / "VERSION").read_text(encoding="utf-8").strip()
    wanted = json.loads((NPM / "package.json").read_text(encoding="utf-8"))["dependencies"]
    assert wanted == {"swagger-ui-dist": version}
    assert {"LICENSE.txt", "NOTICE.txt", "swagger-ui-bundle.js.LICENSE.txt"} <= files


def test_swagger_ui_is_what_npm_installed() -> None:
    installed = NPM / "node_modules" / "swagger-ui-dist"
    require("npm", "" if installed.is_dir() else "Swagger UI is missing. Run `make test` to install it from npm.")
    for path in VENDORED.iterdir():
        if path.name not in ("VERSION", "SHA256SUMS"):
            assert path.read_bytes() == (installed / OTHER_NAMES.get(path.name, path.name)).read_bytes(), path.name


def test_deployment_includes_every_file_of_the_page() -> None:
    left_out = [
        line for line in (ROOT / ".funcignore").read_text(encoding="utf-8").splitlines() if line and line[0] != "#"
    ]
    for folder in (VENDORED, OWN):
        for path in folder.iterdir():
            assert not any(path.match(pattern) or pattern in path.relative_to(ROOT).parts for pattern in left_out), path
