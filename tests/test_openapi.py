"""The API's description: valid, whole, and true of the route table and its examples."""

import json
import tomllib
from copy import deepcopy
from typing import Any

import msgspec
import pytest
from jsonschema_rs import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

import function_app
from backend.errors import AzureRefusedError, BackendError, InvalidInputError
from backend.values import Value
from settings.access import NotAllowedError
from settings.openapi_answers import FAILURES, statuses
from settings.openapi_document import VERSION, document
from settings.openapi_schemas import schemas_of
from settings.problems import STATUS_OF, WrongMethodError, problem_of
from settings.routes import Call, Route, Shown, all_routes
from tests.api import Api
from tests.examples import REQUESTS, ROOT, ask
from tests.http_file import text_of
from tests.sandbox_client import Sandbox

ROUTES = all_routes(function_app.PAGES)
JSON_ROUTES = [route for route in ROUTES if not route.raw]
POSTS = [route for route in ROUTES if route.body]
Json = Any  # what JSON may hold


def of(routes: list[Route]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("route", routes, ids=lambda route: route.name)


@pytest.fixture(scope="module")
def described() -> Json:
    return json.loads(msgspec.json.encode(document(ROUTES)))


def operation_of(described: Json, route: Route) -> Json:
    path = f"/{route.path}/{{{route.shown.rest.name}}}" if route.shown.rest else f"/{route.path}"
    return described["paths"][path][route.method.lower()]


def strict(described: Json) -> Json:
    """The same, but no answer may have a field that is not told of."""
    stricter = deepcopy(described)
    for schema in stricter["components"]["schemas"].values():
        if "properties" in schema:
            schema["additionalProperties"] = False
    return stricter


def faults(described: Json, schema: Json, value: Json) -> list[str]:
    """What is wrong with a value by a schema of the description."""
    whole = {**schema, "components": strict(described)["components"]}
    return [error.message for error in Draft202012Validator(whole).iter_errors(value)]


def test_the_description_is_valid_openapi(described: Json) -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(described).iter_errors()] == []


def test_it_is_served_to_those_with_the_permission_and_the_same_each_time(nowhere: object, described: Json) -> None:
    del nowhere
    api = Api()
    answer = api.get("openapi.json", role="admin")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.body == described
    assert api.get("openapi.json", role="editor").status == 403
    again = api.get("openapi.json", role="admin", if_none_match=f'W/{answer.headers["ETag"]}, "x"')
    assert (again.status, again.text, again.headers["ETag"]) == (304, "", answer.headers["ETag"])
    assert api.get("openapi.json", role="readonly", if_none_match=answer.headers["ETag"]).status == 403


def test_its_version_is_the_project_s_and_its_server_the_host_s(described: Json) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    host = json.loads((ROOT / "host.json").read_text(encoding="utf-8"))
    assert described["info"]["version"] == VERSION == project["version"]
    assert described["servers"] == [{"url": f"/{host['extensions']['http']['routePrefix']}"}]


def test_every_route_is_an_operation_and_every_operation_a_route(described: Json) -> None:
    operations = [one for methods in described["paths"].values() for one in methods.values()]
    assert sorted(one["operationId"] for one in operations) == sorted(route.name for route in ROUTES)
    assert {tag["name"] for tag in described["tags"]} == {tag for one in operations for tag in one["tags"]}


@of(ROUTES)
def test_an_operation_is_its_route(described: Json, route: Route) -> None:
    operation = operation_of(described, route)
    assert operation["operationId"] == route.name
    assert operation.get("x-cipp-role") == (route.needs.value if route.needs else None)
    assert operation.get("security") == ([] if route.public else None)
    assert [int(status) for status in operation["responses"]] == statuses(route)
    told = [*route.shown.query, *([route.shown.rest] if route.shown.rest else [])]
    assert [one["name"] for one in operation.get("parameters", [])] == [one.name for one in told]
    assert ("requestBody" in operation) == (route.body is not None)


@of(POSTS)
def test_a_body_is_described_field_by_field(described: Json, route: Route) -> None:
    assert route.body
    body = operation_of(described, route)["requestBody"]
    schema = described["components"]["schemas"][route.body.__name__]
    fields = msgspec.structs.fields(route.body)
    assert list(schema["properties"]) == [field.encode_name for field in fields]
    assert schema["required"] == [field.encode_name for field in fields if field.required]
    assert body["required"] is True
    assert body["content"]["application/json"]["example"] == route.shown.example


@of(JSON_ROUTES)
def test_the_examples_of_an_endpoint_are_of_its_shapes(described: Json, route: Route) -> None:
    answer = operation_of(described, route)["responses"]["200"]["content"]["application/json"]
    assert faults(described, answer["schema"], answer["example"]) == []
    if route.body:
        body = operation_of(described, route)["requestBody"]["content"]["application/json"]
        assert faults(described, body["schema"], body["example"]) == []


@of(POSTS)
def test_an_example_that_is_sent_as_it_stands_changes_nothing(route: Route) -> None:
    assert route.body
    assert route.shown.example
    if "dry_run" in route.body.__struct_fields__:
        assert route.shown.example["DryRun"] is True


@of(JSON_ROUTES)
def test_an_example_is_answered_as_the_description_says(azure: Sandbox, described: Json, route: Route) -> None:
    answer = ask(azure, route)
    assert answer.status == 200, answer.text
    schema = operation_of(described, route)["responses"]["200"]["content"]["application/json"]["schema"]
    assert faults(described, schema, answer.body) == []


@pytest.mark.parametrize("kind", STATUS_OF)
def test_every_error_has_the_shape_that_is_told(described: Json, kind: type[BackendError]) -> None:
    made: dict[type[BackendError], BackendError] = {
        InvalidInputError: InvalidInputError("Bad.", field="Name"),
        NotAllowedError: NotAllowedError("No.", permission="CIPP.Core.Read"),
        WrongMethodError: WrongMethodError("No.", allow="GET"),
        BackendError: AzureRefusedError("No.", status=503, code="Busy"),
    }
    problem = {**problem_of(made[kind] if kind in made else kind("No.")), "correlationId": "1"}
    assert faults(described, {"$ref": "#/components/schemas/Problem"}, problem) == []


def test_every_status_of_an_error_is_told_but_that_of_another_method() -> None:
    assert {status.value for status in STATUS_OF.values()} - set(FAILURES) == {405}


@pytest.mark.parametrize("status", FAILURES)
def test_the_example_of_an_error_is_answered_with_its_status(status: int) -> None:
    assert problem_of(FAILURES[status][2])["status"] == status


def test_no_shape_names_our_folders_or_speaks_python(described: Json) -> None:
    text = json.dumps(described)
    assert '"#/components/schemas/backend.' not in text
    for name, schema in described["components"]["schemas"].items():
        assert name.isalnum()
        assert "None" not in schema.get("description", "")


def test_test_http_is_written_of_the_route_table() -> None:
    assert REQUESTS.read_text(encoding="utf-8") == text_of(ROUTES), "make examples writes it anew"


def test_a_field_that_may_be_left_out_of_an_answer_is_not_required() -> None:
    class Answered(Value, frozen=True):
        always: str
        by_default: tuple[str, ...] = ()
        maybe: str | msgspec.UnsetType = msgspec.UNSET

    def work(_call: Call) -> Answered:
        """Answer."""
        return Answered(always="")

    route = Route("Some", "GET", None, False, True, None, Answered, work, Shown())  # noqa: FBT003 - as the table does
    _, named = schemas_of([route])
    assert named["Answered"]["required"] == ["Always", "ByDefault"]
    assert "default" not in named["Answered"]["properties"]["ByDefault"]
