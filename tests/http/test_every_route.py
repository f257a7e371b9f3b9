"""Rules for every endpoint of the route table."""

from typing import Any

import azure.functions as func
import pytest

import function_app
from backend.access.roles import BASE_ROLES
from sandbox.host import index
from settings.access.caller import Permission
from settings.http.app import ALL_METHODS, functions_app
from settings.http.routes import Route, all_routes
from tests.support.api import Api, functions, principal

ROUTES = all_routes(function_app.PAGES)
GUARDED = [route for route in ROUTES if not route.public]
NEEDY = [route for route in ROUTES if route.needs]
POSTS = [route for route in ROUTES if route.method == "POST"]


def of(routes: list[Route]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("route", routes, ids=lambda route: route.name)


@pytest.fixture
def api(nowhere: pytest.MonkeyPatch) -> Api:
    """The API without Azure, so a refusal here needs no call to Azure."""
    del nowhere
    return Api()


def ask(api: Api, route: Route, role: str | None, raw: bytes = b"") -> tuple[int, dict[str, object]]:
    response = api.call(route.method, route.path, raw, role=role, headers={"content-type": "application/json"})
    return response.status, response.body


def trigger_of(name: str) -> dict[str, Any]:
    trigger = functions()[name].get_trigger()
    assert trigger
    return dict(trigger.get_dict_repr())


@of(GUARDED)
def test_endpoint_refuses_a_call_without_sign_in(api: Api, route: Route) -> None:
    assert ask(api, route, None)[0] == 401


@of(NEEDY)
def test_denial_names_role_and_permission(api: Api, route: Route) -> None:
    assert route.needs
    lacking = [role.name for role in BASE_ROLES if not role.allows(route.needs)]
    for role in lacking:
        status, body = ask(api, route, role)
        assert (status, body["permission"]) == (403, route.needs)
        assert f"'{role}'" in str(body["Results"])
        assert route.needs in str(body["Results"])
    assert {"readonly", "editor"} <= set(lacking)


@of([route for route in ROUTES if route.needs or route.any_role])
def test_caller_without_a_cipp_role_is_denied(api: Api, route: Route) -> None:
    response = api.call(route.method, route.path, headers={"x-ms-client-principal": principal("stranger")})
    assert response.status == 403


@of(POSTS)
def test_invalid_field_is_named_when_the_role_is_allowed(api: Api, route: Route) -> None:
    assert route.needs
    for role in BASE_ROLES:
        if role.allows(route.needs):
            status, body = ask(api, route, role.name, b'{"Nope": 1}')
            assert (status, body["field"]) == (400, "Nope")


@of(POSTS)
@pytest.mark.parametrize("raw", [b"{", b"[]", b'{"Nope": 1}', b'{"DryRun": 1}', b" " * 1_000_001, b"\xff"])
def test_invalid_body_is_refused_without_a_call_to_azure(api: Api, route: Route, raw: bytes) -> None:
    status, body = ask(api, route, "superadmin", raw)
    assert (status, body["type"]) == (400, "docs/api.md#invalid-input")
    assert body["field"]


@of(POSTS)
def test_post_of_another_content_type_is_refused(api: Api, route: Route) -> None:
    response = api.call("POST", route.name, b"{}", headers={"content-type": "text/plain"})
    assert (response.status, response.body["field"]) == (400, "Content-Type")


@of([route for route in POSTS if route.needs is not Permission.APP_SETTINGS_READ])
def test_write_operation_has_dry_run_and_force(route: Route) -> None:
    assert route.name.startswith("Exec")
    assert route.body
    assert {"dry_run", "force"} <= set(route.body.__struct_fields__)


@of(ROUTES)
def test_wrong_method_gets_the_allowed_one_after_the_access_check(api: Api, route: Route) -> None:
    for method in ALL_METHODS:
        if method in route.methods:
            continue
        response = api.call(method, route.path)
        assert (response.status, response.headers["Allow"]) == (405, ", ".join(route.methods))
        if not route.public:
            assert api.call(method, route.path, role=None).status == 401
        if route.needs:
            assert api.call(method, route.path, role="readonly").status == 403


@of(ROUTES)
def test_endpoint_path_is_case_insensitive_and_must_be_complete(api: Api, route: Route) -> None:
    assert api.call("PUT", route.path.upper()).status == 405
    assert api.call("PUT", route.path.lower()).status == 405
    assert api.call("PUT", route.path[:-1]).status == 404
    assert api.call("PUT", f"{route.path}/x").status == (405 if route.shown.rest else 404)


@of(ROUTES)
def test_route_describes_itself_in_one_line(route: Route) -> None:
    assert route.doc
    assert "\n" not in route.doc


@pytest.mark.parametrize("method", ALL_METHODS)
@pytest.mark.parametrize("name", ["Nope", "", "host", "..", "admin/functions", "ListFunctionApps/../me", "x" * 3_000])
def test_unknown_endpoint_is_404_only_for_callers_with_a_role(api: Api, method: str, name: str) -> None:
    assert api.call(method, name, role=None).status == 401
    assert api.call(method, name, headers={"x-ms-client-principal": principal()}).status == 403
    response = api.call(method, name, role="readonly")
    assert response.status == 404
    assert "docs/api.md#endpoints" in response.results


def test_extra_slash_is_an_unknown_endpoint(api: Api) -> None:
    request = func.HttpRequest(
        method="GET",
        url="http://[bad/api//me",
        headers={"x-ms-client-principal": principal("readonly")},
        route_params={"endpoint": "/me/"},
        body=b"",
    )
    del api
    assert functions()["zzunknownendpoint"].get_user_function()(request).status_code == 404


def test_worker_and_host_accept_every_function() -> None:
    refused = index.refusals(functions_app(*function_app.PAGES).get_functions(), {})
    assert (refused.app, refused.functions) == ((), {})


def test_functions_are_anonymous_and_the_last_catches_all() -> None:
    triggers = [trigger_of(name) for name in functions()]
    https = [trigger for trigger in triggers if trigger["type"] == "httpTrigger"]
    assert {str(trigger["authLevel"]).rpartition(".")[2] for trigger in https} == {"ANONYMOUS"}
    assert {trigger["route"] for trigger in https} == {*(route.template for route in ROUTES), "{*endpoint}"}
    assert max(functions()) == "zzunknownendpoint"


def test_weekly_rotation_runs_every_sunday_at_midnight() -> None:
    trigger = trigger_of("weeklykeyrotation")
    assert trigger["schedule"] == "0 0 0 * * 0"
    assert not trigger.get("runOnStartup")


def test_caller_cannot_forge_a_log_line(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    api.call("GET", "Nope\nERROR forged: line")
    api.post("ExecFunctionAppStop", {"Nope\r\nERROR forged: line": "x" * 5_000})
    assert len(caplog.records) == 2
    assert all("\n" not in record.getMessage() and len(record.getMessage()) < 2_000 for record in caplog.records)


@of(ROUTES)
def test_every_response_forbids_content_type_sniffing(api: Api, route: Route) -> None:
    responses = [
        api.call(route.method, route.path, b"{}"),
        api.call(route.method, route.path, role=None),
        api.call("PATCH", route.path),
        api.call("GET", f"{route.path}/nothing"),
    ]
    assert [response.headers.get("X-Content-Type-Options") for response in responses] == ["nosniff"] * len(responses)
