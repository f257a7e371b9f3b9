"""The local host's sign-in: a cookie session as App Service has it, and its rule for a POST with the cookie."""

import base64
import json
from collections.abc import Iterator

import pytest

from tests.support.host import Answer, Host

BROWSER = ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) Chrome/140")
LOGIN = "/.auth/login/aad"


@pytest.fixture(scope="module")
def nobodys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A host that adds no caller to requests."""
    running = Host(tmp_path_factory.mktemp("host"), "good", "--as", "nobody", WEEKLY="0 0 0 * * 0")
    yield running
    running.end()


def cookie_of(answer: Answer) -> tuple[str, str]:
    return "Cookie", answer.headers["set-cookie"].partition(";")[0]


def roles_seen(answer: Answer) -> list[str] | None:
    header = answer.json()["headers"].get("x-ms-client-principal")
    return None if header is None else list(json.loads(base64.b64decode(header))["userRoles"])


@pytest.mark.parametrize(
    ("wanted", "location"),
    [
        ("/api/console/", "/api/console/"),
        ("https://evil.example/", "/.auth/login/done"),
        ("//evil.example/", "/.auth/login/done"),
        ("/\\evil.example/", "/.auth/login/done"),
        ("", "/.auth/login/done"),
    ],
)
def test_sign_in_returns_only_to_a_path_of_this_host(nobodys: Host, wanted: str, location: str) -> None:
    answer = nobodys.request("GET", f"{LOGIN}?post_login_redirect_uri={wanted}")
    assert (answer.status, answer.headers["location"]) == (302, location)
    attributes = answer.headers["set-cookie"].lower()
    assert "httponly" in attributes
    assert "samesite=lax" in attributes


def test_session_is_the_caller_until_the_sign_out(nobodys: Host) -> None:
    cookie = cookie_of(nobodys.request("GET", LOGIN))
    forged = ("x-ms-client-principal", base64.b64encode(b'{"userRoles":["forged"]}').decode())
    assert roles_seen(nobodys.request("GET", "/api/echo/1/x")) is None
    assert "superadmin" in (roles_seen(nobodys.request("GET", "/api/echo/1/x", headers=(cookie,))) or [])
    assert "superadmin" in (roles_seen(nobodys.request("GET", "/api/echo/1/x", headers=(cookie, forged))) or [])
    assert nobodys.request("GET", "/.auth/me", headers=(cookie,)).json()[0]["user_id"] == "superadmin@localhost"

    out = nobodys.request("GET", "/.auth/logout?post_logout_redirect_uri=/api/console/", headers=(cookie,))
    assert (out.status, out.headers["location"]) == (302, "/api/console/")
    assert roles_seen(nobodys.request("GET", "/api/echo/1/x", headers=(cookie,))) is None
    assert nobodys.request("GET", "/.auth/me", headers=(cookie,)).status == 401


def test_invented_cookie_has_no_session(nobodys: Host) -> None:
    for value in ("AppServiceAuthSession=", "AppServiceAuthSession=x", "x=y"):
        assert roles_seen(nobodys.request("GET", "/api/echo/1/x", headers=(("Cookie", value),))) is None


def test_sign_in_has_the_role_of_the_host(host: Host) -> None:
    assert roles_seen(host.request("GET", "/api/echo/1/x")) is not None
    assert host.request("GET", "/.auth/nothing").status == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ((), 403),
        ((("Origin", "null"),), 403),
        ((("Origin", "https://evil.example"),), 403),
        ((("Referer", "https://evil.example/localhost"),), 403),
        ((("Origin", "{own}"),), 200),
        ((("Referer", "{own}/api/docs/index.html"),), 200),
        ((("Origin", "null"), ("Referer", "{own}/api/console/")), 200),
    ],
)
def test_post_with_the_cookie_needs_an_origin_or_referrer_of_this_host(
    nobodys: Host, headers: tuple[tuple[str, str], ...], status: int
) -> None:
    own = f"http://localhost:{nobodys.port}"
    sent = tuple((name, value.format(own=own)) for name, value in headers)
    cookie = cookie_of(nobodys.request("GET", LOGIN))
    assert nobodys.request("POST", "/api/echo/1/x", {}, (cookie, BROWSER, *sent)).status == status
    # App Service only looks at browsers, and only at requests with the cookie.
    assert nobodys.request("POST", "/api/echo/1/x", {}, (cookie, *sent)).status == 200
    assert nobodys.request("POST", "/api/echo/1/x", {}, (BROWSER, *sent)).status == 200
    assert nobodys.request("GET", "/api/echo/1/x", None, (cookie, BROWSER)).status == 200
