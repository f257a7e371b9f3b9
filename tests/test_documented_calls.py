"""The calls that the documentation shows. curl runs against the sandbox, PowerShell agrees with the description."""

import json
from subprocess import CalledProcessError
from typing import Any, Final

import msgspec
import pytest
from jsonschema_rs import Draft202012Validator

import function_app
from settings.http.routes import Route, all_routes
from settings.openapi.document import document
from tests.examples import PREPARE
from tests.support.api import Answer, Api
from tests.support.documented_calls import (
    API,
    LOCAL,
    DocumentedCall,
    Example,
    curl_call,
    curl_examples,
    powershell_call,
    powershell_examples,
)
from tests.support.rotation.others import Others
from tests.support.sandbox_client import Sandbox

Json = Any  # what JSON may hold
ROUTES: Final = all_routes(function_app.PAGES)
CURL: Final = curl_examples()
POWERSHELL: Final = powershell_examples()
METHODS: Final = ("get", "post")


@pytest.fixture(scope="module")
def described() -> Json:
    return json.loads(msgspec.json.encode(document(ROUTES)))


def route_of(call: DocumentedCall) -> Route | None:
    return next((route for route in ROUTES if route.is_at(call.path)), None)


def run(azure: Sandbox, call: DocumentedCall) -> Answer:
    """Make a call on a new sandbox, in which all is that the call speaks of."""
    azure.reset(propagation_seconds=0, secrets={"Example": {"value": "a former value"}})
    body, route = call.body, route_of(call)
    if route and route.name in PREPARE:
        body = {**body, **PREPARE[route.name](Others(azure))}
    address = "?".join(filter(None, [call.path, "&".join(f"{name}={value}" for name, value in call.query.items())]))
    return Api().call(
        call.method,
        address,
        b"" if body is None else json.dumps(body).encode(),
        role="superadmin" if call.signed_in else None,
        headers=call.headers,
    )


def problems(described: Json, call: DocumentedCall) -> list[str]:
    """Return how a call differs from what the description accepts."""
    operation = described["paths"].get(f"/{call.path}", {}).get(call.method.lower())
    if operation is None:
        return [f"{call.method} {call.path} does not exist"]
    known = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"}
    required = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "query" and one["required"]}
    found = [f"the query {name} does not exist" for name in call.query.keys() - known]
    found += [f"the query {name} is missing" for name in required - call.query.keys()]
    if operation.get("security") != [] and not call.signed_in:
        found.append("it carries no sign-in: -Authentication Bearer -Token $token")
    return [*found, *body_problems(described, operation, call)]


def body_problems(described: Json, operation: Json, call: DocumentedCall) -> list[str]:
    if "requestBody" not in operation:
        return [] if call.body is None else ["it has a body, and the endpoint takes none"]
    if call.body is None:
        return ["it has no body"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    fields = described["components"]["schemas"][schema["$ref"].rpartition("/")[2]]["properties"]
    found = [f"the field {name} does not exist" for name in call.body.keys() - fields.keys()]
    if call.headers.get("content-type") != "application/json":
        found.append("it has no -ContentType 'application/json'")
    whole = Draft202012Validator({**schema, "components": described["components"]})
    return [*found, *(error.message for error in whole.iter_errors(call.body))]


@pytest.mark.parametrize("example", CURL, ids=lambda example: str(example.place))
def test_curl_example_runs_against_the_sandbox(azure: Sandbox, example: Example) -> None:
    call = curl_call(example.place, example.text)
    answer = run(azure, call)
    if call.status is None:
        assert 200 <= answer.status < 300, answer.text
    else:
        assert answer.status == call.status, answer.text


@pytest.mark.parametrize("example", POWERSHELL, ids=lambda example: str(example.place))
def test_powershell_example_agrees_with_the_description(described: Json, example: Example) -> None:
    assert problems(described, powershell_call(example.place, example.text)) == []


def test_documentation_has_examples_in_both_languages() -> None:
    assert CURL
    assert POWERSHELL


CURL_POST: Final = (
    """curl -X POST -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \\\n"""
    """    -d '{"DryRun": true}' "$API/ExecKeyRotation"   # 409"""
)


def test_curl_example_is_read_as_a_shell_reads_it() -> None:
    call = curl_call("here", CURL_POST)
    assert (call.method, call.path, call.body, call.signed_in) == ("POST", "ExecKeyRotation", {"DryRun": True}, True)
    assert (call.headers, call.status) == ({"content-type": "application/json"}, 409)


def test_curl_example_may_bring_its_own_caller() -> None:
    header = """x-ms-client-principal: $(printf '{"userDetails":"me"}' | base64 | tr -d '\\n')"""
    call = curl_call("here", f'curl -i -H "{header}" "{LOCAL}/ListKeyVaultSecretVersions?Name=x"')
    assert (call.method, call.query, call.signed_in) == ("GET", {"Name": "x"}, False)
    assert call.headers == {"x-ms-client-principal": "eyJ1c2VyRGV0YWlscyI6Im1lIn0="}


@pytest.mark.parametrize("address", ["https://$HOST/api/me", "https://example.com/api/me", f"{API}.example/api/me"])
def test_curl_example_with_another_address_is_refused(address: str) -> None:
    with pytest.raises((AssertionError, CalledProcessError)):
        curl_call("here", f'curl "{address}"')


POST: Final = """-Method Post -Uri "$api/ExecKeyRotation" -Authentication Bearer -Token $token"""
JSON: Final = "-ContentType 'application/json'"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (f"""{POST} {JSON} -Body '{{"DryRun": true}}' | Format-List""", None),
        (f"""{POST} {JSON} -Body '{{"DryRun": true}}').Results""", None),
        (f"""{POST} {JSON} -Body '{{"DryRun": "yes"}}'""", "yes"),
        (f"""{POST} {JSON} -Body '{{"Dry": true}}'""", "the field Dry does not exist"),
        (f"""{POST} -Body '{{"DryRun": true}}'""", "application/json"),
        (f"{POST} {JSON}", "no body"),
        (POST.replace("Post", "Get"), "GET ExecKeyRotation does not exist"),
        (POST.replace("ExecKeyRotation", "ExecNothing"), "POST ExecNothing does not exist"),
        ('-Uri "$api/ListKeyRotations"', "no sign-in"),
        ('-Uri "$api/PublicPing"', None),
        ('-Uri "$api/ListKeyRotations?Run=x" -Authentication Bearer -Token $token', "the query Run does not exist"),
        ('-Uri "$api/ListKeyVaultSecretVersions" -Authentication Bearer -Token $token', "the query Name is missing"),
    ],
)
def test_powershell_example_is_checked_in_every_part(described: Json, arguments: str, problem: str | None) -> None:
    found = problems(described, powershell_call("here", f" {arguments}"))
    assert (problem is None) == (found == [])
    assert problem is None or problem in " ".join(found)


@pytest.mark.parametrize("arguments", ['-Uri "$host/me"', "-Uri $api/me", f"{POST} -Body $body", f"{POST} -Bdy '{{}}'"])
def test_powershell_example_that_cannot_be_read_is_refused(arguments: str) -> None:
    with pytest.raises(AssertionError):
        powershell_call("here", f" {arguments}")
