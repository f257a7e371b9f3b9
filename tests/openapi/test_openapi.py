"""The OpenAPI document is valid and complete, and matches the route table and the examples."""

import json
import tomllib
from copy import deepcopy
from typing import Any

import msgspec
import pytest
from jsonschema_rs import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

import function_app
from backend.errors import AzureRefusedError, BackendError, InvalidInputError, NotAllowedError
from backend.running_code import COMMIT, VERSION
from backend.values import Value
from settings.http.problems import KINDS, WrongMethodError, problem_of
from settings.http.routes import Call, Route, Shown, all_routes
from settings.openapi.document import document
from settings.openapi.responses import FAILURES, statuses
from settings.openapi.schemas import schemas_of
from tests.examples import REQUESTS, ROOT, ask
from tests.support.api import Api
from tests.support.http_file import text_of
from tests.support.sandbox_client import Sandbox

ROUTES = all_routes(function_app.PAGES)
JSON_ROUTES = [route for route in ROUTES if not route.raw]
POSTS = [route for route in ROUTES if route.body]
Json = Any  # any JSON value


def of(routes: list[Route]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("route", routes, ids=lambda route: route.name)


@pytest.fixture(scope="module")
def described() -> Json:
    return json.loads(msgspec.json.encode(document(ROUTES)))


def operation_of(described: Json, route: Route) -> Json:
    path = f"/{route.path}/{{{route.shown.rest.name}}}" if route.shown.rest else f"/{route.path}"
    return described["paths"][path][route.method.lower()]


def strict(described: Json) -> Json:
    """Return the document with schemas that allow no further fields."""
    stricter = deepcopy(described)
    for schema in stricter["components"]["schemas"].values():
        if "properties" in schema:
            schema["additionalProperties"] = False
    return stricter


def faults(described: Json, schema: Json, value: Json) -> list[str]:
    """Return how a value breaks a schema of the document."""
    whole = {**schema, "components": strict(described)["components"]}
    return [error.message for error in Draft202012Validator(whole).iter_errors(value)]


def test_document_is_valid_openapi(described: Json) -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(described).iter_errors()] == []


def test_document_is_served_with_an_etag_to_permitted_callers(nowhere: object, described: Json) -> None:
    del nowhere
    api = Api()
    response = api.get("openapi.json", role="admin")
    assert (response.status, response.headers["Content-Type"]) == (200, "application/json")
    assert response.body == described
    assert api.get("openapi.json", role="editor").status == 403
    again = api.get("openapi.json", role="admin", if_none_match=f'W/{response.headers["ETag"]}, "x"')
    assert (again.status, again.text, again.headers["ETag"]) == (304, "", response.headers["ETag"])
    assert api.get("openapi.json", role="readonly", if_none_match=response.headers["ETag"]).status == 403


def test_document_has_the_projects_version_and_the_hosts_prefix(described: Json) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    host = json.loads((ROOT / "host.json").read_text(encoding="utf-8"))
    assert described["info"]["version"] == VERSION == project["version"]
    assert described["info"]["x-commit"] == COMMIT
    assert described["servers"] == [{"url": f"/{host['extensions']['http']['routePrefix']}"}]


def test_operations_are_the_routes(described: Json) -> None:
    operations = [one for methods in described["paths"].values() for one in methods.values()]
    assert sorted(one["operationId"] for one in operations) == sorted(route.name for route in ROUTES)
    assert {tag["name"] for tag in described["tags"]} == {tag for one in operations for tag in one["tags"]}


@of(ROUTES)
def test_operation_matches_its_route(described: Json, route: Route) -> None:
    operation = operation_of(described, route)
    assert operation["operationId"] == route.name
    assert operation.get("x-cipp-role") == (route.needs.value if route.needs else None)
    assert operation.get("security") == ([] if route.public else None)
    assert [int(status) for status in operation["responses"]] == statuses(route)
    parameters = [*route.shown.query, *([route.shown.rest] if route.shown.rest else [])]
    assert [one["name"] for one in operation.get("parameters", [])] == [one.name for one in parameters]
    assert ("requestBody" in operation) == (route.body is not None)


@of(POSTS)
def test_body_schema_has_every_field(described: Json, route: Route) -> None:
    assert route.body
    body = operation_of(described, route)["requestBody"]
    schema = described["components"]["schemas"][route.body.__name__]
    fields = msgspec.structs.fields(route.body)
    assert list(schema["properties"]) == [field.encode_name for field in fields]
    assert schema["required"] == [field.encode_name for field in fields if field.required]
    assert body["required"] is True
    assert body["content"]["application/json"]["example"] == route.shown.example


@of(JSON_ROUTES)
def test_examples_match_their_schemas(described: Json, route: Route) -> None:
    response = operation_of(described, route)["responses"]["200"]["content"]["application/json"]
    assert faults(described, response["schema"], response["example"]) == []
    if route.body:
        body = operation_of(described, route)["requestBody"]["content"]["application/json"]
        assert faults(described, body["schema"], body["example"]) == []


@of(POSTS)
def test_example_body_is_a_dry_run(route: Route) -> None:
    assert route.body
    assert route.shown.example
    if "dry_run" in route.body.__struct_fields__:
        assert route.shown.example["DryRun"] is True


@of(JSON_ROUTES)
def test_response_to_the_example_matches_the_schema(azure: Sandbox, described: Json, route: Route) -> None:
    response = ask(azure, route)
    assert response.status == 200, response.text
    schema = operation_of(described, route)["responses"]["200"]["content"]["application/json"]["schema"]
    assert faults(described, schema, response.body) == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_matches_the_problem_schema(described: Json, kind: type[BackendError]) -> None:
    made: dict[type[BackendError], BackendError] = {
        InvalidInputError: InvalidInputError("Bad.", field="Name"),
        NotAllowedError: NotAllowedError("No.", permission="CIPP.Core.Read"),
        WrongMethodError: WrongMethodError("No.", allow="GET"),
        AzureRefusedError: AzureRefusedError("No.", status=503, code="Busy"),
    }
    problem = {**problem_of(made[kind] if kind in made else kind("No.")), "correlationId": "1"}
    assert faults(described, {"$ref": "#/components/schemas/Problem"}, problem) == []


def test_document_has_every_error_status_except_405() -> None:
    assert {kind.status.value for kind in KINDS.values()} - set(FAILURES) == {405}


@pytest.mark.parametrize("status", FAILURES)
def test_example_error_has_its_status(status: int) -> None:
    assert problem_of(FAILURES[status][2])["status"] == status


def test_schemas_have_plain_names_and_no_python_terms(described: Json) -> None:
    text = json.dumps(described)
    assert '"#/components/schemas/backend.' not in text
    for name, schema in described["components"]["schemas"].items():
        assert name.isalnum()
        assert "None" not in schema.get("description", "")


def test_http_file_matches_the_route_table() -> None:
    assert REQUESTS.read_text(encoding="utf-8") == text_of(ROUTES), "run `make examples`"


def test_optional_field_of_a_result_is_not_required() -> None:
    class Sample(Value, frozen=True):
        always: str
        by_default: tuple[str, ...] = ()
        maybe: str | msgspec.UnsetType = msgspec.UNSET

    def work(_call: Call) -> Sample:
        """Return a sample."""
        return Sample(always="")

    route = Route("Some", "GET", None, False, True, None, Sample, work, Shown())  # noqa: FBT003 - positional, as in the route table
    _, named = schemas_of([route])
    assert named["Sample"]["required"] == ["Always", "ByDefault"]
    assert "default" not in named["Sample"]["properties"]["ByDefault"]
