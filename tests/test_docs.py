"""The page of the description: its files and no others, under a policy that lets nothing else in."""

import hashlib
import json
from html.parser import HTMLParser

import azure.functions as func
import pytest

from settings import docs
from tests.api import Answer, Api, functions, principal
from tests.examples import ROOT

VENDORED = ROOT / "settings" / "swagger_ui"
OURS = ROOT / "settings" / "docs_page"
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
    """The API without Azure: the page needs none."""
    del nowhere
    return Api()


class Links(HTMLParser):
    """What a page names and what it holds itself."""

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


def policy_of(answer: Answer) -> dict[str, list[str]]:
    parts = [part.split() for part in answer.headers["Content-Security-Policy"].split(";")]
    return {words[0]: words[1:] for words in parts}


@pytest.mark.parametrize("name", docs.FILES)
def test_a_file_is_served_as_what_it_is_and_under_the_policy(api: Api, name: str) -> None:
    answer = api.send("GET", f"docs/{name}", role="admin")
    folder, content_type = docs.FILES[name]
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, content_type)
    assert answer.get_body() == (ROOT / "settings" / folder / name).read_bytes()
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert answer.headers["Content-Security-Policy"] == docs.POLICY


def test_the_policy_lets_in_this_app_alone_and_nothing_written_into_the_page(api: Api) -> None:
    policy = policy_of(api.get("docs/index.html"))
    assert policy["default-src"] == ["'none'"]
    allowed = {source for sources in policy.values() for source in sources}
    assert allowed == {"'none'", "'self'", "data:"}
    assert [name for name, sources in policy.items() if "data:" in sources] == ["img-src"]
    assert {"base-uri", "form-action", "frame-ancestors"} <= policy.keys()


def test_the_page_names_only_files_that_are_served_beside_it(api: Api) -> None:
    links = Links()
    links.feed(api.get("docs/index.html").text)
    assert sorted(links.named) == sorted(set(docs.FILES) - {"index.html"})
    assert links.inline == []
    assert "://" not in (OURS / "page.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["docs", "docs/", "DOCS", "docs//"])
def test_without_a_file_one_is_led_to_the_page(api: Api, name: str) -> None:
    answer = api.get(name, role="admin")
    assert (answer.status, answer.headers["Location"], answer.text) == (302, "/api/docs/index.html", "")
    assert answer.headers["Cache-Control"] == "no-store"
    prefix = json.loads((ROOT / "host.json").read_text(encoding="utf-8"))["extensions"]["http"]["routePrefix"]
    assert docs.FIRST.startswith(f"/{prefix}/docs/")


@pytest.mark.parametrize("name", OUTSIDE)
def test_what_is_not_listed_is_not_there(api: Api, name: str) -> None:
    asked = func.HttpRequest(
        method="GET",
        url="http://localhost:7071/api/docs/x",
        headers={"x-ms-client-principal": principal("admin")},
        route_params={"file": name},
        body=b"",
    )
    del api
    answer = functions()["docs"].get_user_function()(asked)
    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")


@pytest.mark.parametrize("name", ["docs", "docs/index.html", "docs/nope", "docs/swagger-ui-bundle.js"])
def test_nobody_without_the_permission_sees_a_file_or_learns_which_there_are(api: Api, name: str) -> None:
    assert api.get(name, role=None).status == 401
    assert api.get(name, role="editor").status == 403
    assert api.get(name, role="readonly", if_none_match="*").status == 403


def test_what_a_browser_holds_already_is_not_sent_again(api: Api) -> None:
    whole = api.get("docs/page.js")
    again = api.get("docs/page.js", if_none_match=whole.headers["ETag"])
    assert (again.status, again.text) == (304, "")
    assert again.headers["Content-Security-Policy"] == docs.POLICY
    assert api.get("docs/page.js", if_none_match='"other"').text == whole.text


def test_swagger_ui_is_what_npm_gave_in_the_version_that_the_makefile_names() -> None:
    sums = dict(line.split()[::-1] for line in (VENDORED / "SHA256SUMS").read_text(encoding="utf-8").splitlines())
    held = {path.name for path in VENDORED.iterdir()} - {"SHA256SUMS"}
    assert held == set(sums)
    for name, told in sums.items():
        assert hashlib.sha256((VENDORED / name).read_bytes()).hexdigest() == told
    version = (VENDORED / "VERSION").read_text(encoding="utf-8").strip()
    assert f"SWAGGER_UI_VERSION := {version}\n" in (ROOT / "Makefile").read_text(encoding="utf-8")
    assert {"LICENSE.txt", "NOTICE.txt", "swagger-ui-bundle.js.LICENSE.txt"} <= held


def test_a_deployment_takes_every_file_of_the_page_along() -> None:
    left_out = [
        line for line in (ROOT / ".funcignore").read_text(encoding="utf-8").splitlines() if line and line[0] != "#"
    ]
    for folder in (VENDORED, OURS):
        for path in folder.iterdir():
            assert not any(path.match(pattern) or pattern in path.relative_to(ROOT).parts for pattern in left_out), path
