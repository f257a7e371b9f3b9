"""Every endpoint in both shapes: it does its work, or names the shape that lacks it and what to use instead."""

import json
from typing import Any

import pytest

import function_app
from settings.http.routes import Route, all_routes
from tests.examples import OF_A_CONTAINER, PREPARE
from tests.support.api import Answer, Api
from tests.support.bodies import body_of
from tests.support.http_file import address_of
from tests.support.own_tables import forget_starts
from tests.support.rotation.others import Others
from tests.support.sandbox_client import Sandbox

Json = Any  # what JSON may hold
DONE = (200, 202)
# What an example needs besides a new sandbox, if that is not the container itself.
NEEDED = {
    name: prepare for name, prepare in PREPARE.items() if name not in {*OF_A_CONTAINER, "ExecFunctionAppDeploymentSync"}
}
# Of the shape that has it, an example sent as it is would need more than a new sandbox.
CONFLICTS = {"functions": {"ExecFunctionAppDeploymentSync"}, "container": set[str]()}
ROUTES = [route for route in all_routes(function_app.PAGES) if not route.raw]


OFFLOAD, MAIN = "cippabc12-proc", "cippabc12"
OF_A_SECRET = ("ExecKeyVaultSecretRestore", "ExecKeyVaultSecretRecover")
# What a new container needs for an example: the domain or the user that the example of the removal names.
FIRST = {
    "ExecBackendDomainSecure": "ExecBackendDomainAdd",
    "ExecBackendDomainRemove": "ExecBackendDomainAdd",
    "ExecBackendUserRemove": "ExecBackendUserSet",
}


def renewed(azure: Sandbox, shape: str) -> None:
    """Start over, without what this app stored: a container may be started three times in half an hour."""
    azure.reset(propagation_seconds=0, shape=shape, **({"start_seconds": 0.1} if shape == "container" else {}))
    forget_starts(azure)


def respond(api: Api, azure: Sandbox, route: Route, shape: str) -> Answer:
    others = Others(azure)
    if route.name in OF_A_SECRET:
        others.store("Example", "first")
    needed = NEEDED[route.name](others) if route.name in NEEDED else {}
    if not route.body:
        return api.get(adapted(address_of(route), shape))
    body = {**body_of(route, dry_run=False), **needed}
    if shape == "container" and route.name in FIRST:
        roles = {"Roles": ["editor"]} if "User" in body else {}
        assert api.post(FIRST[route.name], {**body, **roles}).status in DONE
    return api.post(route.path, json.loads(adapted(json.dumps(body), shape)))


def adapted(text: str, shape: str) -> str:
    """Return a request for what the shape has: a container has no offload app."""
    return text.replace(OFFLOAD, MAIN) if shape == "container" else text


def is_named(answer: Answer) -> bool:
    """Return whether the response names the shape, and what to use instead."""
    absence = answer.body.get("NotInThisShape") or {}
    return bool(absence.get("Reason") and absence.get("Instead"))


@pytest.mark.every_case("the shapes are what it compares")
@pytest.mark.slow("it sends the example of every endpoint")
@pytest.mark.parametrize("shape", ["functions", "container"])
def test_every_endpoint_works_or_names_the_shape_that_lacks_it(azure: Sandbox, shape: str) -> None:
    api, odd = Api(), {}
    renewed(azure, shape)
    for route in ROUTES:
        if route.body:
            renewed(azure, shape)
        answer = respond(api, azure, route, shape)
        works = answer.status in DONE or (answer.status == 409 and (is_named(answer) or route.name in CONFLICTS[shape]))
        if not works:
            odd[route.name] = answer.status, answer.text[:200]
    assert odd == {}


@pytest.mark.parametrize("route", [route for route in ROUTES if route.shown.may_lack], ids=lambda route: route.name)
def test_read_that_a_shape_may_lack_is_lacked_by_one_shape(azure: Sandbox, route: Route) -> None:
    lacking = []
    for shape in ("functions", "container"):
        azure.reset(propagation_seconds=0, shape=shape)
        answer = Api().get(address_of(route))
        assert answer.status == 200
        lacking += [shape] if is_named(answer) else []
    assert len(lacking) == 1
