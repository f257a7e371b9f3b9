"""A visit to every function of a package on Microsoft's runtime, by the calls of a host."""

import json
from collections.abc import Iterator
from typing import Final

import function_app
from sandbox import names
from settings.http.routes import Route, all_routes
from tests.examples import OF_A_CONTAINER, prepared
from tests.runtime.runtime import Runtime
from tests.support.admin import Admin
from tests.support.bodies import body_of
from tests.support.http_file import address_of
from tests.support.rotation.others import Others
from tests.support.rotation.scene import Scene
from tests.support.sandbox_client import Sandbox
from tests.support.sign_in import Person

ROUTES: Final = all_routes(function_app.PAGES)
TIMERS: Final = [timer for page in function_app.PAGES for timer in page.routes.timers]
STRICT: Final = {"requireAuthentication": True, "unauthenticatedClientAction": "Return401"}
UNKNOWN: Final = "zzUnknownEndpoint"
WEEKLY: Final = "WeeklyKeyRotation"


def reset(azure: Sandbox) -> None:
    """Let the sandbox contain everything that the examples name, and verify the callers of this app."""
    azure.reset(propagation_seconds=0, secrets={"Example": {"value": "a former value"}})
    Admin(azure).set_sign_in(platform={"enabled": True}, globalValidation=STRICT)


def wrongly_indexed(runtime: Runtime) -> Iterator[str]:
    """Yield what the runtime indexed otherwise than this app declares it."""
    declared = {route.name: "httpTrigger" for route in ROUTES} | {timer.name: "timerTrigger" for timer in TIMERS}
    indexed = {name: trigger["type"] for name, trigger in runtime.functions.items()}
    for name, kind in (declared | {UNKNOWN: "httpTrigger"}).items():
        if indexed.pop(name, None) != kind:
            yield f"{name} was not indexed with a {kind}."
    yield from (f"{name} was indexed and is not declared." for name in indexed)


START, FINISH = "ExecKeySignInStart", "ExecKeySignInFinish"


def failed_calls(azure: Sandbox, runtime: Runtime) -> Iterator[str]:
    """Call each HTTP function once with its example, as a superadmin. Yield the responses that are not successes."""
    for route in ROUTES:
        body = _body(azure, runtime, route)
        path = address_of(route)
        response = runtime.call(route.name, route.method, path, body if route.body else None, params=params_of(route))
        # The runtime knows CIPP as function apps, so it names what only a container has.
        expected = 409 if route.name in OF_A_CONTAINER and route.body else 200
        if response.status != expected:
            yield f"{route.name} returned {response.status}: {response.text}"
    response = runtime.call(UNKNOWN, "GET", "Nothing", params={"endpoint": "Nothing"})
    if response.status != 404:
        yield f"An unknown endpoint returned {response.status}: {response.text}"


def _body(azure: Sandbox, runtime: Runtime, route: Route) -> dict[str, object]:
    """Return the body of the call, after what it needs was prepared."""
    if route.name in OF_A_CONTAINER:
        return body_of(route, dry_run=True) if route.body else {}
    return _started(azure, runtime, route) if route.name == FINISH else dict(prepared(azure, route))


def _started(azure: Sandbox, runtime: Runtime, route: Route) -> dict[str, object]:
    """Start a sign-in as this caller, let the person sign in, and return the body that completes it."""
    started = runtime.call(START, "POST", START, {"Name": "RefreshToken"})
    results = json.loads(started.text)["Results"]
    Person(azure).enter(results["UserCode"])
    return {**body_of(route, dry_run=True), "State": results["State"]}


def params_of(route: Route) -> dict[str, str]:
    """Return the parameters that the host takes from the path."""
    return {route.shown.rest.name: route.shown.rest.example} if route.shown.rest else {}


def failed_rotation(azure: Sandbox, runtime: Runtime) -> Iterator[str]:
    """Let the weekly timer fire. Yield what it did not rotate, and what can't sign in afterwards."""
    scene = Scene(azure, Others(azure))
    keys = ("RefreshToken", "ApplicationSecret", "SAMCertificate")
    before = {key: len(scene.versions(key)) for key in keys}
    runtime.fire(WEEKLY)
    yield from (f"{WEEKLY} did not rotate {key}." for key in keys if len(scene.versions(key)) <= before[key])
    checks = {
        "RefreshToken": scene.redeems,
        "ApplicationSecret": scene.signs_in,
        "SAMCertificate": scene.certificate_signs_in,
    }
    yield from (f"{key} in {names.VAULT} can't sign in." for key, check in checks.items() if not check())
