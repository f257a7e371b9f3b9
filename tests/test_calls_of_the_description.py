"""Calls made of the description, as each role: every status, type and shape that comes back is in it."""

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
from sandbox import names
from settings.access import BASE_ROLES
from settings.openapi_document import document
from settings.routes import Route, all_routes
from tests.api import Api
from tests.bad_days import IMPATIENT
from tests.called import BASE, session_of
from tests.examples import prepared
from tests.sandbox_client import Sandbox

Json = Any  # what JSON may hold
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
# What there is in the sandbox, so that calls do not only ask for what there is not.
THERE: Final[dict[str, list[Json]]] = {
    "Name": [names.MAIN_SITE, names.OFFLOAD_SITE, names.BACKEND_SITE, "RefreshToken", "ApplicationSecret", "Example"],
    "Names": [None, ["RefreshToken"], ["ApplicationSecret", "Nope"], []],
    "Domain": [names.CUSTOM_DOMAIN, "new.contosomsp.com", "contosomsp.com"],
    "UserId": [USER],
    "Provider": ["aad"],
    "Roles": [["editor"], ["superadmin", "editor"], []],
    "UserDetails": ["alex@contosomsp.com"],
    "Timezone": ["Europe/Amsterdam", "Nowhere"],
    "Set": [{"CIPP_EXAMPLE": "1"}, {"WEBSITE_TIME_ZONE": ""}],
    "Hours": [1, 24],
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
    """A call as the description allows it, or against it; often about what there is."""
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
    """Call the endpoint again and again, and hold each answer against the description.

    `most` is how many calls the tests make; a soak makes more, others each time.
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
        answer = case.call(base_url=BASE, session=session)
        case.validate_response(answer, checks=CHECKS)
        assert b"This app made a mistake" not in answer.content
        assert only is None or answer.status_code in only

    holds()


def allowed(route: Route, role: str | None) -> bool:
    return route.public or (role is not None and (route.needs is None or ROLES[role].allows(route.needs)))


PAIRS: Final = [(name, role) for name in ROUTES for role in (*ROLES, None)]


@pytest.mark.parametrize(("name", "role"), [pair for pair in PAIRS if allowed(ROUTES[pair[0]], pair[1])])
def test_what_a_role_may_call_answers_as_described(azure: Sandbox, api: Api, name: str, role: str | None) -> None:
    azure.reset(propagation_seconds=0, secrets={"Example": {"value": "a former value"}})
    check(api, ROUTES[name], role, most=12 if ROUTES[name].body else 6)


@pytest.mark.parametrize(("name", "role"), [pair for pair in PAIRS if not allowed(ROUTES[pair[0]], pair[1])])
def test_what_a_role_may_not_call_is_refused_as_described(
    nowhere: pytest.MonkeyPatch, name: str, role: str | None
) -> None:
    del nowhere
    check(Api(), ROUTES[name], role, only={401} if role is None else {403}, most=4)


def example_of(route: Route, body: Json = None) -> Case:
    """The call that the description shows; with a body, that one."""
    query = {one.name: one.example for one in route.shown.query}
    sent = {"body": body, "media_type": "application/json"} if route.body else {}
    case: Case = OPERATIONS[route.name].Case(query=query, **sent)
    return case


@pytest.mark.parametrize("name", [name for name, route in ROUTES.items() if route.body])
def test_an_example_that_is_no_dry_run_answers_as_described(azure: Sandbox, api: Api, name: str) -> None:
    azure.reset(propagation_seconds=0, secrets={"Example": {"value": "a former value"}})
    body = prepared(azure, ROUTES[name])
    body.pop("DryRun", None)
    case = example_of(ROUTES[name], body)
    answer = case.call(base_url=BASE, session=session_of(api, "superadmin"))
    case.validate_response(answer, checks=CHECKS)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("status", [403, 404, 409, 503])
@pytest.mark.parametrize("name", [name for name, route in ROUTES.items() if route.needs and not route.raw])
def test_what_azure_refuses_answers_as_described(
    azure: Sandbox, nowhere: pytest.MonkeyPatch, name: str, status: int
) -> None:
    for setting, value in IMPATIENT.items():
        nowhere.setenv(setting, value)
    case = example_of(ROUTES[name], ROUTES[name].shown.example)
    azure.faults([{"method": "*", "host": "*", "path": "/", "times": 0, "mode": "refuse", "status": status}])
    answer = case.call(base_url=BASE, session=session_of(Api(), "superadmin"))
    azure.faults([])
    case.validate_response(answer, checks=CHECKS)
    assert b"This app made a mistake" not in answer.content
