"""The handlers that the host calls: for an endpoint, for one that never waits, and for all other paths."""

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote, urlsplit

import azure.functions as func
import msgspec

from backend.concurrency.writes import WRITES
from backend.configuration.mode import NotEnabledError
from backend.errors import (
    AzureRefusedError,
    BackendError,
    ConflictError,
    InvalidInputError,
    NotAllowedError,
    NotFoundError,
    joined,
)
from backend.hosting.shape_errors import AbsentError, ShapeError
from backend.text.pasted_text import Takes, problem_with_text
from backend.text.quoting import quoted
from backend.values import Act, ActionResult
from settings.access.caller import Caller, authorize, identify
from settings.http.body import Body, is_chunked, read_body
from settings.http.exchange import json_response, raw_response, respond_to
from settings.http.pasted_fields import check_query
from settings.http.problems import WrongMethodError
from settings.http.process import Process
from settings.http.raw_response import RawResponse
from settings.http.routes import Call, Route

logger = logging.getLogger("cipp.backend")


class Endpoint:
    """One HTTP endpoint: authenticate, authorize, decode, run, audit and respond, always in this order."""

    def __init__(self, route: Route, routes: Sequence[Route], process: Process) -> None:
        self._route = route
        self._routes = routes
        self._process = process

    def __call__(self, request: func.HttpRequest) -> func.HttpResponse:
        """Respond to a request."""
        return respond_to(request, self._handle)

    def _handle(self, request: func.HttpRequest) -> func.HttpResponse:
        with audited_denials(self._process, self._route.name) as audited:
            caller = None if self._route.public else audited.identify(request)
            if caller:
                _authorize(caller, self._route, request)
            call = self._call(request, caller)
            try:
                result = self._run(call, self._decoded(request, caller)) if self._route.is_audited else self._work(call)
            except AbsentError as error:
                if self._route.body is not None:
                    raise
                return json_response({"Results": error.empty, "NotInThisShape": error.absence})
        if isinstance(result, RawResponse):
            return raw_response(request, result)
        is_accepted = isinstance(result, ActionResult) and result.continues
        status = HTTPStatus.ACCEPTED if is_accepted else HTTPStatus.OK
        return json_response({"Results": result} if self._route.enveloped else result, status)

    def _call(self, request: func.HttpRequest, caller: Caller | None) -> Call:
        route = self._route
        query = {name.lower(): value for name, value in request.params.items()}
        rest = request.route_params.get(route.shown.rest.name, "") if route.shown.rest else ""
        if route.shown.query:
            check_query(request.params)
        return Call(self._process(), caller, query, rest, self._routes, origin_host(request.headers))

    def _decoded(self, request: func.HttpRequest, caller: Caller | None) -> list[Body]:
        """Return a list with the body, which is empty if the endpoint takes none.

        Raises:
            InvalidInputError: The body is not valid. The audit log has an entry of it.
        """
        if self._route.body is None:
            return []
        try:
            content_type = request.headers.get("content-type", "")
            chunked = is_chunked(request.headers)
            return [read_body(request.get_body(), content_type, self._route.body, chunked=chunked)]
        except InvalidInputError as error:
            self._process.audit.rejected(self._route.name, caller, error)
            raise

    def _run(self, call: Call, body: list[Body]) -> Any:  # noqa: ANN401 - any result type
        """Run the endpoint, and record the result or error in the audit log. After a write, cached values are stale."""
        dry_run = any(getattr(one, "dry_run", False) for one in body)
        try:
            return self._run_and_audit(call, body, dry_run=dry_run)
        finally:
            if body and not dry_run:
                WRITES.note()  # so that the next read is fresh

    def _run_and_audit(self, call: Call, body: list[Body], *, dry_run: bool) -> Any:  # noqa: ANN401 - any result type
        try:
            if not dry_run:
                self._must_be_enabled(call, body)
            result = self._work(call, *body)
        except NotAllowedError:
            raise  # `audited_denials` records it
        except ConflictError as error:
            if not dry_run or isinstance(error, ShapeError | NotEnabledError):
                self._audit(call.caller, error, dry_run=dry_run)
                raise
            result = Act(dry_run=True, would_do=[f"Refuse: {error}"])
        except Exception as error:
            if self._route.option and isinstance(error, AzureRefusedError) and error.is_missing_right:
                error.advice = joined(
                    error.advice, "ListBackendRights shows what is missing.", self._route.option.advice
                )
            self._audit(call.caller, error, dry_run=dry_run)
            raise
        self._audit(call.caller, result, dry_run=dry_run)
        return result

    def _must_be_enabled(self, call: Call, body: list[Body]) -> None:
        """Require the option of the deployment. What CIPP's shape lacks, no option grants, so a dry run looks for that.

        Raises:
            NotEnabledError: This installation does not have the option.
            ShapeError: CIPP's shape does not have what the endpoint changes, or is unknown.
        """
        if self._route.option is None or call.services.mode.allows(self._route.option):
            return
        try:
            self._work(call, *(msgspec.structs.replace(one, dry_run=True) for one in body))
        except ShapeError:
            raise
        except BackendError as error:
            logger.info("%s is not enabled. Its dry run failed: %s", self._route.name, error)
        call.services.mode.must_allow(self._route.option, f"run {self._route.name}")

    def _work(self, call: Call, *body: Body) -> Any:  # noqa: ANN401 - any result type
        return self._route.work(call, *body)

    def _audit(self, caller: Caller | None, outcome: object, *, dry_run: bool) -> None:
        audit, name = self._process.audit, self._route.name
        if self._route.body is None:
            audit.viewed(name, caller, outcome)
        else:
            audit.acted(name, caller, outcome, dry_run=dry_run)


def origin_host(headers: Mapping[str, str]) -> str:
    """Return the host of the page that made a call, in lower case, "" if its address is missing or not valid. Pure."""
    try:
        return urlsplit(headers.get("origin", "")).hostname or ""
    except ValueError:
        return ""


class EndpointOnLoop:
    """An endpoint that the worker runs on its event loop, so that it responds while all threads are busy.

    Waiting here would block the whole worker, so the endpoint uses no service and no lock.
    """

    def __init__(self, route: Route) -> None:
        self._route = route

    def __call__(self, request: func.HttpRequest) -> func.HttpResponse:
        """Respond to a request."""
        return respond_to(request, self._handle)

    def _handle(self, _request: func.HttpRequest) -> func.HttpResponse:
        result = self._route.work()
        return json_response({"Results": result} if self._route.enveloped else result)


class OtherAddresses:
    """All paths without an endpoint, and endpoints called with a wrong method. Only callers with access learn which."""

    def __init__(self, routes: Sequence[Route], process: Process) -> None:
        self._routes = routes
        self._process = process

    def __call__(self, request: func.HttpRequest) -> func.HttpResponse:
        """Respond to a request."""
        return respond_to(request, self._handle)

    def _handle(self, request: func.HttpRequest) -> func.HttpResponse:
        name = request.route_params.get("endpoint", "").strip("/")
        route = next((route for route in self._routes if route.is_at(name)), None)
        if route is None or route.method == request.method:  # the host's route didn't match, because of an extra slash
            with audited_denials(self._process, "An unknown endpoint") as audited:
                audited.identify(request).must_have_a_role()
            problem = problem_with_text(unquote(name), Takes.NAME)
            detail = f"The endpoint {quoted(name)} does not exist.{f' Its name {problem}.' if problem else ''}"
            raise NotFoundError(detail, advice="Use an endpoint that docs/api.md#endpoints lists.")
        if not route.public:
            with audited_denials(self._process, route.name) as audited:
                _authorize(audited.identify(request), route, request)
        raise WrongMethodError(
            f"{route.name} must be called with {route.method}, not {request.method}.", allow=", ".join(route.methods)
        )


def _authorize(caller: Caller, route: Route, request: func.HttpRequest) -> None:
    """Require that the caller may call an endpoint. Raises the errors of `settings.access.caller.authorize`."""
    if route.any_role:
        caller.must_have_a_role(route.name)
    authorize(caller, route.needs, route.name, method=request.method, headers=request.headers)


class AuditedCall:
    """A call and its caller, if identified, for the audit entry of a denial."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.caller: Caller | None = None

    def identify(self, request: func.HttpRequest) -> Caller:
        """Return the caller. Raises the errors of `settings.access.caller.identify`."""
        self.caller = identify(request.headers, os.environ, self._process(), str(request.url))
        return self.caller


@contextmanager
def audited_denials(process: Process, endpoint: str) -> Iterator[AuditedCall]:
    """Record denials in the audit log. A caller without a sign-in gets no entry."""
    audited = AuditedCall(process)
    try:
        yield audited
    except NotAllowedError as error:
        process.audit.denied(endpoint, audited.caller, error)
        raise
