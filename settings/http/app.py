"""The functions that the Functions host indexes: an HTTP function for each endpoint, and the timers."""

from types import ModuleType
from typing import Final

import azure.functions as func

from settings.audit.log_lines import quiet_libraries, structure_lines
from settings.http.endpoint import Endpoint, EndpointOnLoop, OtherAddresses
from settings.http.exchange import Handler
from settings.http.process import services
from settings.http.routes import Route, Timer, all_routes
from settings.http.timers import run_timer

ALL_METHODS: Final = [method.value for method in func.HttpMethod]


def functions_app(*pages: ModuleType) -> func.FunctionApp:
    """Return the functions of the pages, as the Functions host indexes them.

    Every HTTP function is anonymous to the host, because this app decides access by role. The last function handles
    all other requests, because the host's own responses would reveal which endpoints exist. Each is named by its
    `__name__`. The decorator `function_name` does the same, but takes 1 ms of each cold start.
    """
    structure_lines()
    quiet_libraries()
    app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
    routes = all_routes(pages)
    for route in routes:
        if route.on_loop:
            _add_on_loop(app, route)
        else:
            _add(app, route.name, route.template, route.methods, Endpoint(route, routes, services))
    _add(app, "zzUnknownEndpoint", "{*endpoint}", ALL_METHODS, OtherAddresses(routes, services))
    for timer in (timer for page in pages for timer in page.routes.timers):
        _add_timer(app, timer)
    return app


def _add(app: func.FunctionApp, name: str, route: str, methods: list[str], handler: Handler) -> None:
    def http(req: func.HttpRequest) -> func.HttpResponse:
        return handler(req)

    http.__name__ = http.__qualname__ = name
    app.route(route=route, methods=methods)(http)


def _add_on_loop(app: func.FunctionApp, route: Route) -> None:
    endpoint = EndpointOnLoop(route)

    async def http(req: func.HttpRequest) -> func.HttpResponse:
        return endpoint(req)

    http.__name__ = http.__qualname__ = route.name
    app.route(route=route.template, methods=[route.method])(http)


def _add_timer(app: func.FunctionApp, spec: Timer) -> None:
    def run(timer: func.TimerRequest) -> None:  # noqa: ARG001 - the host names the argument by its binding
        run_timer(spec, services())

    run.__name__ = run.__qualname__ = spec.name
    app.timer_trigger(arg_name="timer", schedule=spec.schedule)(run)
