"""The console's files: served to everyone with a strict policy, kept by the browser until a file changes."""

import gzip
import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import azure.functions as func
import pytest

from backend.access.platform_sign_in import OPEN_PATHS
from settings.console import files
from settings.console.names import ADDRESS, TYPES
from tests.examples import ROOT
from tests.openapi.test_docs import Links, policy_of
from tests.support.api import Api, functions
from tests.support.tiers import require

FOLDER = ROOT / "settings" / "console"
NPM = ROOT / "tests" / "console" / "node_modules"
FROM_NPM = {
    "preact-htm.js": "htm/preact/standalone.module.js",
    "htm.LICENSE.txt": "htm/LICENSE",
    "preact.LICENSE.txt": "preact/LICENSE",
}
OUTSIDE = [
    "files.py",
    "__init__.py",
    "js/api.js",
    "vendor/SHA256SUMS",
    "vendor/preact-htm.d.ts",
    "../pages/console.py",
    "..%2fpages%2fconsole.py",
    "%2e%2e/pages/console.py",
    "js/../files.py",
    "js/../js/main.js",
    "..\\files.py",
    "/etc/passwd",
    "//index.html",
    "index.html/",
    "index.html/x",
    "INDEX.HTML",
    "index.html\x00",
    "\ud800",
    "x" * 3_000,
]
MOST_BYTES = 150_000


@pytest.fixture
def api(nowhere: pytest.MonkeyPatch) -> Api:
    """The API without Azure, which the console's files don't need."""
    del nowhere
    return Api()


def addresses(api: Api) -> list[str]:
    """Return the addresses that the page and the script name, under `/api`."""
    page, script = api.get("console/", role=None).text, api.get("console/js/main.js", role=None).text
    named = re.findall(r'"(/api/console/[^"]+)"', page) + re.findall(
        r'^import .* from "([^"]+)";$', script, re.MULTILINE
    )
    return sorted({address.removeprefix("/api/") for address in named})


@pytest.mark.parametrize("name", ["", *TYPES])
def test_file_is_served_without_a_sign_in_and_with_the_policy(api: Api, name: str) -> None:
    response = api.send("GET", f"console/{name}", role=None)
    assert (response.status_code, response.headers["Content-Type"]) == (200, TYPES[name or "index.html"])
    assert response.headers["Content-Security-Policy"] == files.POLICY
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "same-origin"
    assert response.headers["Cache-Control"] == "no-cache"
    assert response.headers["Vary"] == "Accept-Encoding"
    assert "Content-Encoding" not in response.headers


@pytest.mark.parametrize("name", ["console", "console/", "CONSOLE/", "console//"])
def test_console_opens_with_and_without_a_slash(api: Api, name: str) -> None:
    assert api.get(name, role=None).text == api.get("console/index.html", role=None).text


def test_policy_allows_only_this_app_and_no_inline_code(api: Api) -> None:
    policy = policy_of(api.get("console/", role=None))
    assert policy["default-src"] == ["'none'"]
    assert {source for sources in policy.values() for source in sources} == {"'none'", "'self'", "'script'"}
    assert [name for name, sources in policy.items() if "'script'" in sources] == ["require-trusted-types-for"]
    assert {"base-uri", "form-action", "frame-ancestors"} <= policy.keys()


def test_page_links_only_to_served_files_and_has_no_inline_code(api: Api) -> None:
    links = Links()
    links.feed(api.get("console/", role=None).text)
    assert links.inline == []
    named = [link.removeprefix(ADDRESS).partition("?")[0] for link in links.named]
    assert sorted(set(named)) == sorted(set(TYPES) - {"index.html"})


def test_all_addresses_have_the_version_and_may_be_kept(api: Api) -> None:
    assert len(addresses(api)) == len(TYPES) - 1
    for address in addresses(api):
        response = api.get(address, role=None)
        assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable", address
        assert api.get(f"{address}0", role=None).headers["Cache-Control"] == "no-cache"


def test_page_itself_is_never_kept_even_with_the_version(api: Api) -> None:
    version = files.version()
    assert api.get(f"console/?v={version}", role=None).headers["Cache-Control"] == "no-cache"
    assert api.get(f"console/index.html?v={version}", role=None).headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("name", TYPES)
def test_cached_file_is_not_sent_again(api: Api, name: str) -> None:
    whole = api.get(f"console/{name}", role=None)
    for tag in (whole.headers["ETag"], whole.headers["ETag"].removeprefix("W/"), f'"x", {whole.headers["ETag"]}'):
        again = api.get(f"console/{name}", role=None, if_none_match=tag, accept_encoding="gzip")
        assert (again.status, again.text) == (304, "")
        assert again.headers["Content-Security-Policy"] == files.POLICY
    assert api.get(f"console/{name}", role=None, if_none_match='"other"').text == whole.text


@pytest.mark.parametrize(
    ("accepted", "is_compressed"),
    [
        ("gzip", True),
        ("gzip, deflate, br, zstd", True),
        ("br;q=1.0, GZIP;q=0.8", True),
        ("gzip;q=0.001", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("br", False),
        ("", False),
        ("identity, x-gzip-2", False),
    ],
)
def test_file_is_compressed_only_for_callers_that_accept_it(api: Api, accepted: str, is_compressed: bool) -> None:
    response = api.send("GET", "console/js/main.js", role=None, headers={"accept-encoding": accepted})
    assert (response.headers.get("Content-Encoding") == "gzip") is is_compressed
    content = gzip.decompress(response.get_body()) if is_compressed else response.get_body()
    assert content.decode() == api.get("console/js/main.js", role=None).text


def test_all_files_together_are_small_on_the_wire(api: Api) -> None:
    sizes = {
        name: len(api.send("GET", f"console/{name}", role=None, headers={"accept-encoding": "gzip"}).get_body())
        for name in TYPES
    }
    assert sum(sizes.values()) < MOST_BYTES, sizes


def test_version_changes_with_any_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "console"
    shutil.copytree(FOLDER, folder)
    monkeypatch.setattr(files, "FOLDER", folder)
    versions = {files.version(), files.version.__wrapped__()}
    assert len(versions) == 1
    for name in ("console.css", "js/api.js", "vendor/preact-htm.js", "icon.svg", "index.html", "script.py"):
        (folder / name).write_bytes((folder / name).read_bytes() + b"\n")
        versions.add(files.version.__wrapped__())
    assert len(versions) == 7


@pytest.mark.parametrize("name", OUTSIDE)
def test_unlisted_file_is_not_found(api: Api, name: str) -> None:
    del api
    request = func.HttpRequest(
        method="GET", url="http://localhost:7071/api/console/x", headers={}, route_params={"file": name}, body=b""
    )
    response = functions()["console"].get_user_function()(request)
    assert (response.status_code, response.mimetype) == (404, "application/problem+json")


def test_head_is_served_and_a_write_is_refused(api: Api) -> None:
    assert api.send("HEAD", "console/", role=None).status_code == 200
    assert api.send("POST", "console/", role=None).status_code == 405


def test_open_paths_are_exactly_those_of_the_served_files() -> None:
    served = {"/api/publicping", "/api/console", "/api/console/", *(f"{ADDRESS}{name}" for name in TYPES)}
    assert served == OPEN_PATHS
    template = json.loads((ROOT / "deploy" / "azuredeploy.json").read_text(encoding="utf-8"))
    excluded = [
        resource["properties"]["globalValidation"]["excludedPaths"]
        for resource in template["resources"]
        if "authsettingsV2" in resource["name"]
    ]
    assert [[path.lower() for path in paths] for paths in excluded] == [[path.lower() for path in excluded[0]]]
    assert {path.lower() for path in excluded[0]} == OPEN_PATHS
    by_hand = re.findall(r'"excludedPaths": (\[[^\]]*\])', (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8"))
    assert [sorted(json.loads(one)) for one in by_hand] == [sorted(excluded[0])]


def test_library_matches_its_checksums_and_what_npm_installed() -> None:
    sums = dict(
        line.split()[::-1] for line in (FOLDER / "vendor" / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    )
    assert set(sums) == set(FROM_NPM)
    for name, checksum in sums.items():
        assert hashlib.sha256((FOLDER / "vendor" / name).read_bytes()).hexdigest() == checksum
    require("npm", "" if NPM.is_dir() else "The console's library is missing. Run `make test` to install it from npm.")
    for name, source in FROM_NPM.items():
        assert (FOLDER / "vendor" / name).read_bytes() == (NPM / source).read_bytes(), name


def test_types_of_all_modules_are_checked() -> None:
    compiler = NPM / "typescript" / "bin" / "tsc"
    require("npm", "" if compiler.is_file() else "tsc is missing. Run `make check` to install it from npm.")
    done = subprocess.run(  # noqa: S603 - the project's compiler
        ["node", str(compiler), "-p", str(NPM.parent), "--listFilesOnly"],  # noqa: S607 - the Node on the path
        capture_output=True,
        text=True,
        check=False,
    )
    listed = {line.rpartition("/settings/console/")[2] for line in done.stdout.splitlines()}
    assert {path.relative_to(FOLDER).as_posix() for path in (FOLDER / "js").rglob("*.js")} <= listed


def test_deployment_includes_every_file_of_the_console() -> None:
    left_out = [
        line for line in (ROOT / ".funcignore").read_text(encoding="utf-8").splitlines() if line and line[0] != "#"
    ]
    for path in FOLDER.rglob("*"):
        if "__pycache__" not in path.parts:
            relative = path.relative_to(ROOT)
            assert not any(path.match(pattern) or pattern in relative.parts for pattern in left_out), path
