"""What holds for every endpoint, by the route table itself."""

from pathlib import Path
from typing import Any

import azure.functions as func
import pytest

import function_app
from sandbox.host import index
from settings.access import BASE_ROLES, Permission
from settings.http import ALL_METHODS, functions_app
from settings.routes import Route, all_routes
from tests.api import Api, functions, principal

ROUTES = all_routes(function_app.PAGES)
GUARDED = [route for route in ROUTES if not route.public]
NEEDY = [route for route in ROUTES if route.needs]
POSTS = [route for route in ROUTES if route.method == "POST"]
README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def of(routes: list[Route]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("route", routes, ids=lambda route: route.name)


@pytest.fixture
def api(nowhere: pytest.MonkeyPatch) -> Api:
    """The API without Azure: what is refused here is refused before Azure is asked."""
    del nowhere
    return Api()


def ask(api: Api, route: Route, role: str | None, raw: bytes = b"") -> tuple[int, dict[str, object]]:
    answer = api.call(route.method, route.path, raw, role=role, headers={"content-type": "application/json"})
    return answer.status, answer.body


def trigger_of(name: str) -> dict[str, Any]:
    trigger = functions()[name].get_trigger()
    assert trigger
    return dict(trigger.get_dict_repr())


@of(GUARDED)
def test_nobody_is_not_let_in(api: Api, route: Route) -> None:
    assert ask(api, route, None)[0] == 401


@of(NEEDY)
def test_a_role_without_the_right_is_refused_and_told_the_permission_and_who_has_it(api: Api, route: Route) -> None:
    assert route.needs
    lacking = [role.name for role in BASE_ROLES if not role.allows(route.needs)]
    for role in lacking:
        status, body = ask(api, route, role)
        assert (status, body["permission"]) == (403, route.needs)
        assert f"'{role}'" in str(body["Results"])
        assert route.needs in str(body["Results"])
    assert {"readonly", "editor"} <= set(lacking)


@of(NEEDY)
def test_a_caller_without_any_role_of_cipps_is_refused(api: Api, route: Route) -> None:
    answer = api.call(route.method, route.path, headers={"x-ms-client-principal": principal("somebody")})
    assert answer.status == 403


@of(POSTS)
def test_a_role_with_the_right_gets_as_far_as_its_body_whose_wrong_field_is_named(api: Api, route: Route) -> None:
    assert route.needs
    for role in BASE_ROLES:
        if role.allows(route.needs):
            status, body = ask(api, route, role.name, b'{"Nope": 1}')
            assert (status, body["field"]) == (400, "Nope")


@of(POSTS)
@pytest.mark.parametrize("raw", [b"{", b"[]", b'{"Nope": 1}', b'{"DryRun": 1}', b" " * 1_000_001, b"\xff"])
def test_a_bad_body_is_refused_before_azure_is_asked(api: Api, route: Route, raw: bytes) -> None:
    status, body = ask(api, route, "superadmin", raw)
    assert (status, body["title"]) == (400, "Bad Request")
    assert body["field"]


@of(POSTS)
def test_a_post_of_another_type_is_refused(api: Api, route: Route) -> None:
    answer = api.call("POST", route.name, b"{}", headers={"content-type": "text/plain"})
    assert (answer.status, answer.body["field"]) == (400, "Content-Type")


@of([route for route in POSTS if route.needs is not Permission.APP_SETTINGS_READ])
def test_what_acts_can_be_tried_without_acting(route: Route) -> None:
    assert route.name.startswith("Exec")
    assert route.body
    assert {"dry_run", "force"} <= set(route.body.__struct_fields__)


@of(ROUTES)
def test_a_wrong_method_is_told_the_right_one_after_access(api: Api, route: Route) -> None:
    for method in ALL_METHODS:
        if method == route.method:
            continue
        answer = api.call(method, route.path)
        assert (answer.status, answer.headers["Allow"]) == (405, route.method)
        if not route.public:
            assert api.call(method, route.path, role=None).status == 401
        if route.needs:
            assert api.call(method, route.path, role="readonly").status == 403


@of(ROUTES)
def test_an_endpoint_is_found_whatever_the_case_and_never_by_half(api: Api, route: Route) -> None:
    assert api.call("PUT", route.path.upper()).status == 405
    assert api.call("PUT", route.path.lower()).status == 405
    assert api.call("PUT", route.path[:-1]).status == 404
    assert api.call("PUT", f"{route.path}/x").status == (405 if route.shown.rest else 404)


@of(ROUTES)
def test_every_route_says_in_one_line_what_it_does_and_the_readme_names_it(route: Route) -> None:
    assert route.doc
    assert "\n" not in route.doc
    assert f"`{route.name}`" in README


@pytest.mark.parametrize("method", ALL_METHODS)
@pytest.mark.parametrize("name", ["Nope", "", "host", "..", "admin/functions", "ListFunctionApps/../me", "x" * 3_000])
def test_an_unknown_endpoint_is_told_only_to_those_with_a_role(api: Api, method: str, name: str) -> None:
    assert api.call(method, name, role=None).status == 401
    assert api.call(method, name, headers={"x-ms-client-principal": principal()}).status == 403
    answer = api.call(method, name, role="readonly")
    assert answer.status == 404
    assert "README" in answer.results


def test_a_slash_too_many_is_an_unknown_endpoint(api: Api) -> None:
    asked = func.HttpRequest(
        method="GET",
        url="http://[bad/api//me",
        headers={"x-ms-client-principal": principal("readonly")},
        route_params={"endpoint": "/me/"},
        body=b"",
    )
    del api
    assert functions()["zzunknownendpoint"].get_user_function()(asked).status_code == 404


def test_the_worker_and_the_host_accept_every_function() -> None:
    refused = index.refusals(functions_app(*function_app.PAGES).get_functions(), {})
    assert (refused.app, refused.functions) == ((), {})


def test_every_function_is_anonymous_to_the_host_and_the_last_catches_all() -> None:
    triggers = [trigger_of(name) for name in functions()]
    https = [trigger for trigger in triggers if trigger["type"] == "httpTrigger"]
    assert {str(trigger["authLevel"]).rpartition(".")[2] for trigger in https} == {"ANONYMOUS"}
    assert {trigger["route"] for trigger in https} == {*(route.template for route in ROUTES), "{*endpoint}"}
    assert max(functions()) == "zzunknownendpoint"


def test_the_weekly_rotation_is_every_sunday_at_midnight() -> None:
    trigger = trigger_of("weeklykeyrotation")
    assert trigger["schedule"] == "0 0 0 * * 0"
    assert not trigger.get("runOnStartup")


def test_a_caller_cannot_write_a_line_of_the_log(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    api.call("GET", "Nope\nERROR forged: line")
    api.post("ExecFunctionAppStop", {"Nope\r\nERROR forged: line": "x" * 5_000})
    assert len(caplog.records) == 2
    assert all("\n" not in record.getMessage() and len(record.getMessage()) < 2_000 for record in caplog.records)


@of(ROUTES)
def test_every_response_forbids_a_guess_at_its_type(api: Api, route: Route) -> None:
    answers = [
        api.call(route.method, route.path, b"{}"),
        api.call(route.method, route.path, role=None),
        api.call("PATCH", route.path),
        api.call("GET", f"{route.path}/nothing"),
    ]
    assert [answer.headers.get("X-Content-Type-Options") for answer in answers] == ["nosniff"] * len(answers)
