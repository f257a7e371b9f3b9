"""The front door: the functions that the host indexes, and the way from a request to an answer.

Only this file knows azure.functions' requests and responses.
"""

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from types import ModuleType
from typing import Any, Final
from urllib.parse import quote, unquote

import azure.functions as func
import msgspec

from backend import correlation
from backend.act import Act
from backend.backend import Backend
from backend.errors import BackendError, ConflictError, InvalidInputError, NotFoundError
from backend.quoting import WITHHELD, is_like_a_name, quoted
from backend.redaction import HIDDEN_ADDRESS, public_url
from settings.access import Caller, NotAllowedError, caller_of
from settings.body import Body, is_chunked, read_body
from settings.log import quiet_libraries, structure_lines, tell_mistake, trace_of
from settings.origins import refuse_other_origins
from settings.problems import WrongMethodError, problem_of
from settings.raw_answer import ALWAYS, RawAnswer, as_asked
from settings.record import record, record_denial, record_reading, record_refused
from settings.routes import Call, Route, Timer, all_routes
from settings.timer_runs import run_timer

logger = logging.getLogger("cipp.backend")
JSON: Final = "application/json"
PROBLEM: Final = "application/problem+json"
CORRELATION: Final = "x-correlation-id"
_IN_AN_ADDRESS: Final = "!#$%&'()*+,/:;=?@[]~"  # what an address may hold as it is
ALL_METHODS: Final = [method.value for method in func.HttpMethod]


class Services:
    """The services of this process. The environment is read at the first call, not at import.

    Concurrent first calls get the same ones: the locks and seats of a process must not exist twice.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: Backend | None = None

    def __call__(self) -> Backend:
        """Return the services."""
        with self._lock:
            if self._made is None:
                self._made = Backend(os.environ)
            return self._made

    def cache_clear(self) -> None:
        """Make new ones at the next call."""
        with self._lock:
            self._made = None


backend: Final = Services()


def functions_app(*pages: ModuleType) -> func.FunctionApp:
    """Make of the pages what the Functions host indexes.

    Every HTTP function is anonymous to the host: access is decided here, by role. The last function catches
    every other request, since the host itself would tell strangers which endpoints there are.
    """
    structure_lines()
    quiet_libraries()
    app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
    routes = all_routes(pages)
    for route in routes:
        if route.on_loop:
            _add_on_loop(app, route)
        else:
            _add(app, route.name, route.template, [route.method], _handler(route, routes))
    _add(app, "zzUnknownEndpoint", "{*endpoint}", ALL_METHODS, _refuser(routes))
    for timer in (timer for page in pages for timer in page.routes.timers):
        _add_timer(app, timer)
    return app


def _add(
    app: func.FunctionApp,
    name: str,
    route: str,
    methods: list[str],
    handler: Callable[[func.HttpRequest], func.HttpResponse],
) -> None:
    def http(req: func.HttpRequest) -> func.HttpResponse:
        return handler(req)

    http.__name__ = http.__qualname__ = name
    app.function_name(name)(app.route(route=route, methods=methods)(http))


def _add_on_loop(app: func.FunctionApp, route: Route) -> None:
    """Add a function that the worker runs on its event loop, so that it responds while every thread waits.

    What waits here stops the whole worker, so it uses no service and no lock of this app.
    """

    def handle(_req: func.HttpRequest) -> func.HttpResponse:
        result = route.work()
        return _respond(200, {"Results": result} if route.enveloped else result)

    async def http(req: func.HttpRequest) -> func.HttpResponse:
        return _answered(handle, req)

    http.__name__ = http.__qualname__ = route.name
    app.function_name(route.name)(app.route(route=route.template, methods=[route.method])(http))


def _add_timer(app: func.FunctionApp, timer: Timer) -> None:
    def run(timer: func.TimerRequest) -> None:  # noqa: ARG001 - the host names the argument by its binding
        run_timer(declared, backend())

    declared = timer
    run.__name__ = run.__qualname__ = timer.name
    app.function_name(timer.name)(app.timer_trigger(arg_name="timer", schedule=timer.schedule)(run))


def _handler(route: Route, routes: Sequence[Route]) -> Callable[[func.HttpRequest], func.HttpResponse]:
    def handle(req: func.HttpRequest) -> func.HttpResponse:
        with _denials_recorded(route.name):
            caller = None if route.public else _admitted(req, route)
            query = {name.lower(): value for name, value in req.params.items()}
            rest = req.route_params.get(route.shown.rest.name, "") if route.shown.rest else ""
            call = Call(backend(), caller, query, rest, routes)
            acts = route.body or route.name.startswith("Exec")
            result = _recorded(route, call, req) if acts else route.work(call)  # `me` itself turns clients away
        if isinstance(result, RawAnswer):
            return _raw(as_asked(result, req.headers))
        return _respond(200, {"Results": result} if route.enveloped else result)

    return lambda req: _answered(handle, req)


def _recorded(route: Route, call: Call, req: func.HttpRequest) -> Any:  # noqa: ANN401 - any result type
    """Do what was asked; what came of it, good or bad, is a line in CIPP's Logbook."""
    told = partial(record_reading, call.backend, route.name, call.caller)
    arguments: list[Body] = []
    if route.body is not None:
        try:
            content_type = req.headers.get("content-type", "")
            body = read_body(req.get_body(), content_type, route.body, chunked=is_chunked(req.headers))
        except InvalidInputError as error:
            record_refused(call.backend, route.name, call.caller, error)
            raise
        told = partial(record, call.backend, route.name, call.caller, body)
        arguments.append(body)
    try:
        result = _done(route, call, *arguments)
    except NotAllowedError:
        raise  # a denial, which has its own entry
    except Exception as error:
        told(error)
        raise
    told(result)
    return result


def _done(route: Route, call: Call, *body: Body) -> Any:  # noqa: ANN401 - any result type
    """Do what was asked; of an act that would be refused for a conflict a dry run says so, and is no error itself."""
    try:
        return route.work(call, *body)
    except ConflictError as error:
        if not any(getattr(asked, "dry_run", False) for asked in body):
            raise
        return Act(dry_run=True, would_do=[f"Refuse: {error}"])


def _refuser(routes: Sequence[Route]) -> Callable[[func.HttpRequest], func.HttpResponse]:
    def refuse(req: func.HttpRequest) -> func.HttpResponse:
        name = req.route_params.get("endpoint", "").strip("/")
        route = next((route for route in routes if route.is_at(name)), None)
        if route is None or route.method == req.method:  # the host found no such path: a slash too many
            with _denials_recorded("An unknown endpoint"):
                _signed_in(req).must_have_a_role()
            raise NotFoundError(f"The endpoint {quoted(name)} does not exist. The README lists all endpoints.")
        if not route.public:
            with _denials_recorded(route.name):
                _admitted(req, route)
        raise WrongMethodError(f"{route.name} is called by {route.method}, not by {req.method}.", allow=route.method)

    return lambda req: _answered(refuse, req)


@contextmanager
def _denials_recorded(endpoint: str) -> Iterator[None]:
    """Let who is denied leave a line in CIPP's Logbook; who is nobody leaves none."""
    try:
        yield
    except NotAllowedError as error:
        record_denial(backend(), endpoint, error.caller, error)
        raise


def _answered(handle: Callable[[func.HttpRequest], func.HttpResponse], req: func.HttpRequest) -> func.HttpResponse:
    """Answer in any case, and tell the log: an error of ours becomes a problem, a mistake of ours a 500."""
    began = time.monotonic()
    with correlation.under(req.headers.get(CORRELATION)) as correlation_id:
        beside = {"method": req.method, "path": _path(req), **trace_of(req.headers)}
        said = ""
        try:
            answer = handle(req)
        except BackendError as error:
            problem = {**problem_of(error), "correlationId": correlation_id}
            headers = {"Allow": error.allow} if isinstance(error, WrongMethodError) else None
            answer = _respond(problem["status"], problem, PROBLEM, headers)
            said = f" {_in_one_line(str(error))}"
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets an answer
            mistake = tell_mistake(f"{req.method} {beside['path']}", error, beside)
            answer = _respond(500, {**problem_of(mistake), "correlationId": correlation_id}, PROBLEM)
            said = " A mistake of this app."
        status, milliseconds = answer.status_code, round((time.monotonic() - began) * 1000)
        beside |= {"status": status, "milliseconds": milliseconds}
        logger.info("%s %s: %s%s", req.method, beside["path"], status, said, extra=beside)
        return answer


def _respond(
    status: int,
    value: Any,  # noqa: ANN401 - any result type
    mimetype: str = JSON,
    headers: Mapping[str, str] | None = None,
) -> func.HttpResponse:
    try:
        body = msgspec.json.encode(value)
    except UnicodeEncodeError:  # half a surrogate pair, out of an address or a setting: only escapes can carry it
        body = json.dumps(msgspec.to_builtins(value)).encode()
    # An answer may hold what is given once, and what is true now may not be so in a minute.
    all_headers = {**ALWAYS, "Cache-Control": "no-store", CORRELATION: correlation.current(), **(headers or {})}
    return func.HttpResponse(body, status_code=status, mimetype=mimetype, headers=all_headers, charset="utf-8")


def _raw(answer: RawAnswer) -> func.HttpResponse:
    told = {
        **ALWAYS,
        "Content-Type": answer.content_type,
        "Cache-Control": "no-store",
        CORRELATION: correlation.current(),
        **answer.headers,
    }
    return func.HttpResponse(answer.content, status_code=answer.status, headers=told)


def _in_one_line(text: str) -> str:
    """Answer a text so that a caller cannot write a line of the log with it."""
    return " ".join(text.split())[:1000]


def _path(req: func.HttpRequest) -> str:
    """Return the address without its query and user, and without parts of the path that do not read like names."""
    address = public_url(quote(str(req.url), safe=_IN_AN_ADDRESS)) or HIDDEN_ADDRESS
    scheme, slashes, rest = address.partition("://")
    host, *parts = rest.split("/")
    readable = [part if is_like_a_name(unquote(part)) else WITHHELD for part in parts]
    return _in_one_line(f"{scheme}{slashes}{'/'.join([host, *readable])}")


def _signed_in(req: func.HttpRequest) -> Caller:
    return caller_of(req.headers, os.environ, backend(), str(req.url))


def _admitted(req: func.HttpRequest, route: Route) -> Caller:
    """Let in who may: signed in, from our own origin, with the permission."""
    caller = _signed_in(req)
    if req.method == "POST":
        try:
            refuse_other_origins(req.headers)
        except NotAllowedError as error:
            error.caller = caller
            raise
    if route.needs:
        caller.must_have(route.needs, route.name)
    return caller
