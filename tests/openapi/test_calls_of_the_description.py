"""Calls generated from the OpenAPI document, as each role. Every status, type and shape of a response is in it."""

import json
from typing import Any, Final

import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks
from schemathesis.specs.openapi.schemas import OpenApiSchema

import function_app
from backend.access.roles import BASE_ROLES
from sandbox import names
from settings.http.routes import Route, all_routes
from settings.openapi.document import document
from tests.examples import prepared
from tests.support.api import Api
from tests.support.bad_days import IMPATIENT
from tests.support.called import BASE, session_of
from tests.support.sandbox_client import Sandbox
from tests.support.tiers import chosen

Json = Any  # any JSON value
Case = schemathesis.Case[Any]
ROUTES: Final = {route.name: route for route in all_routes(function_app.PAGES)}
ROLES: Final = {role.name: role for role in BASE_ROLES}
CHECKS: Final = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
]
USER: Final = "9f40b7c2d1e64a58b3a6c5d7e8f90122"
# Names in the sandbox, so that generated calls also concern existing resources.
THERE: Final[dict[str, list[Json]]] = {
    "Name": [names.MAIN_SITE, names.OFFLOAD_SITE, names.BACKEND_SITE, "RefreshToken", "ApplicationSecret", "Example"],
    "Names": [None, ["RefreshToken"], ["ApplicationSecret", "Nope"], []],
    "Domain": [names.CUSTOM_DOMAIN, "new.contosomsp.com", "contosomsp.com"],
    "UserId": [USER],
    "Provider": ["aad"],
    "Roles": [["editor"], ["superadmin", "editor"], []],
    "UserDetails": ["alex@contosomsp.com"],
    "Update": ["10.8.5", "unknown"],
    "Channel": ["latest", "dev"],
    "Timezone": ["Europe/Amsterdam", "Nowhere"],
    "Set": [{"CIPP_EXAMPLE": "1"}, {"WEBSITE_TIME_ZONE": ""}],
    "Hours": [1, 24],
    "Method": ["device", "code"],
}


def _schema() -> OpenApiSchema:
    described = json.loads(msgspec.json.encode(document(list(ROUTES.values()))))
    for name, shape in described["components"]["schemas"].items():
        if "properties" in shape and name != "Problem":
            shape["additionalProperties"] = False
    return schemathesis.openapi.from_dict(described)


load_all_checks()
SCHEMA: Final = _schema()
OPERATIONS: Final = {
    found.ok().definition.raw["operationId"]: found.ok()
    for found in SCHEMA.get_all_operations()
    if isinstance(found, Ok)
}
PROFILE: Final = settings.get_profile(settings.get_current_profile_name())


@st.composite
def calls(draw: st.DrawFn, route: Route) -> Case:
    """Draw a call that the document allows, or one that breaks it, often with existing names."""
    operation = OPERATIONS[route.name]
    against = bool(route.body or route.shown.query) and draw(st.integers(0, 3)) == 0
    case: Case = draw(operation.as_strategy(GenerationMode.NEGATIVE if against else GenerationMode.POSITIVE))
    if not against and isinstance(case.body, dict) and route.body:
        fields = {field.encode_name for field in msgspec.structs.fields(route.body)} & THERE.keys()
        there = draw(
            st.fixed_dictionaries({}, optional={name: st.sampled_from(THERE[name]) for name in sorted(fields)})
        )
        case.body = {**case.body, **there}
    if not against and route.shown.query and draw(st.booleans()):
        case.query = {"Name": draw(st.sampled_from(THERE["Name"]))}
    return case


def check(api: Api, route: Route, role: str | None, *, only: set[int] | None = None, most: int) -> None:
    """Call the endpoint repeatedly, and compare each response with the document.

    `most` is the number of calls. A soak makes more calls, and different ones each time.
    """
    session = session_of(api, role)

    @settings(
        max_examples=most * PROFILE.max_examples // 100,
        derandomize=PROFILE.derandomize,
        database=None,
        deadline=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
    )
    @given(case=calls(route))
    def holds(case: Case) -> None:
        response = case.call(base_url=BASE, session=session)
        case.validate_response(response, checks=CHECKS)
        assert b"internal error" not in response.content.lower()
        assert only is None or response.status_code in only

    holds()


def allowed(route: Route, role: str | None) -> bool:
    return route.public or (role is not None and (route.needs is None or ROLES[role].allows(route.needs)))


PAIRS: Final = [(name, role) for name in ROUTES for role in (*ROLES, None)]


@pytest.mark.larger_in_full_tier
@pytest.mark.parametrize(("name", "role"), [pair for pair in PAIRS if allowed(ROUTES[pair[0]], pair[1])])
def test_response_is_as_described_when_the_role_is_allowed(
    azure: Sandbox, api: Api, name: str, role: str | None
) -> None:
    azure.reset(propagation_seconds=0, secrets={"Example": {"value": "a former value"}})
    check(api, ROUTES[name], role, most=chosen(reduced=3, full=12 if ROUTES[name].body else 6))


@pytest.mark.larger_in_full_tier
@pytest.mark.parametrize(("name", "role"), [pair for pair in PAIRS if not allowed(ROUTES[pair[0]], pair[1])])
def test_denial_is_as_described(nowhere: pytest.MonkeyPatch, name: str, role: str | None) -> None:
    del nowhere
    check(Api(), ROUTES[name], role, only={401} if role is None else {403}, most=chosen(reduced=1, full=4))


def example_of(route: Route, body: Json = None) -> Case:
    """Return the document's example call, with another body if one is given."""
    query = {one.name: one.example for one in route.shown.query}
    sent = {"body": body, "media_type": "application/json"} if route.body else {}
    case: Case = OPERATIONS[route.name].Case(query=query, **sent)
    return case


@pytest.mark.parametrize("name", [name for name, route in ROUTES.items() if route.body])
def test_response_to_the_example_is_as_described_without_a_dry_run(azure: Sandbox, api: Api, name: str) -> None:
    azure.reset(propagation_seconds=0, secrets={"Example": {"value": "a former value"}})
    body = prepared(azure, ROUTES[name])
    body.pop("DryRun", None)
    case = example_of(ROUTES[name], body)
    response = case.call(base_url=BASE, session=session_of(api, "superadmin"))
    case.validate_response(response, checks=CHECKS)
    assert response.status_code == 200, response.text


@pytest.mark.parametrize("status", [403, 404, 409, 503])
@pytest.mark.parametrize("name", [name for name, route in ROUTES.items() if route.needs and not route.raw])
def test_response_is_as_described_when_azure_refuses(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, name: str, status: int
) -> None:
    for setting, value in IMPATIENT.items():
        nowhere.setenv(setting, value)
    case = example_of(ROUTES[name], ROUTES[name].shown.example)
    azure.faults([{"method": "*", "host": "*", "path": "/", "times": 0, "mode": "refuse", "status": status}])
    response = case.call(base_url=BASE, session=session_of(Api(), "superadmin"))
    azure.faults([])
    case.validate_response(response, checks=CHECKS)
    assert b"internal error" not in response.content.lower()
