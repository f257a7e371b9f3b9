"""The route table: endpoints, timers, and the call that an endpoint's function gets.

The host's functions, the OpenAPI document, the tables of docs/api.md and the tests of every route are made from it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any, Final, get_type_hints

import msgspec

from backend.configuration.mode import Option
from backend.services import Services
from settings.access.caller import Caller, Permission
from settings.http.body import Body
from settings.http.raw_response import RawResponse


class Call(msgspec.Struct, frozen=True):
    """A call as an endpoint's function gets it. `query` has lower-case names. A public endpoint has no caller.

    `rest` is the part of the path after the endpoint's own. `routes` is the route table. `origin` is the host of the
    page that made the call, in lower case, "" if the browser did not send it.
    """

    services: Services
    caller: Caller | None
    query: Mapping[str, str]
    rest: str = ""
    routes: Sequence["Route"] = ()
    origin: str = ""


class Parameter(msgspec.Struct, frozen=True):
    """A parameter in the query or at the end of the path. `only` lists the allowed values, if there are few.

    `example` is "" if no value is valid in every deployment.
    """

    name: str
    description: str
    example: str = ""
    required: bool = False
    only: tuple[str, ...] = ()


class Shown(msgspec.Struct, frozen=True):
    """What the OpenAPI document shows of an endpoint besides its types.

    - `path`: the path under `/api`, by default the endpoint's name.
    - `rest`: the parameter that may follow the path.
    - `example`: a body that can be sent without harm.
    - `types`: the content types of a raw response.
    - `others`: further statuses, besides those that every such endpoint has.
    - `may_lack`: one of CIPP's shapes lacks what the endpoint shows.
    """

    path: str | None = None
    query: tuple[Parameter, ...] = ()
    rest: Parameter | None = None
    example: Mapping[str, Any] | None = None
    types: tuple[str, ...] = ()
    others: tuple[int, ...] = ()
    may_lack: bool = False


NOTHING_MORE: Final = Shown()


class Route(msgspec.Struct, frozen=True, eq=False):
    """One endpoint. `needs` is the permission. None allows every signed-in caller, or anyone if `public`.

    With `any_role`, it allows every caller with a role of CIPP, also a custom one with few permissions.
    `option` is the option of the deployment that allows the write operation, None if every installation may do it.
    `on_loop` endpoints run on the worker's event loop, not in a thread. Their `work` gets no call and never waits.
    """

    name: str
    method: str
    needs: Permission | None
    public: bool
    enveloped: bool
    body: type[Body] | None
    result: Any
    work: Callable[..., Any]
    shown: Shown
    on_loop: bool = False
    option: Option | None = None
    any_role: bool = False

    @property
    def doc(self) -> str:
        """The endpoint's docstring."""
        return self.work.__doc__ or ""

    @property
    def path(self) -> str:
        """The path under `/api`, without the parameter that may follow."""
        return self.shown.path or self.name

    @property
    def template(self) -> str:
        """The route in the format of the Functions host."""
        return f"{self.path}/{{*{self.shown.rest.name}}}" if self.shown.rest else self.path

    @property
    def raw(self) -> bool:
        """Whether the response is sent without encoding as JSON."""
        return self.result is RawResponse

    @property
    def methods(self) -> list[str]:
        """The methods that the host serves. HEAD is GET without the content, for files that are public."""
        return [self.method, "HEAD"] if self.raw and self.public else [self.method]

    @property
    def is_audited(self) -> bool:
        """Whether calls are in the audit log: those of write operations, and of others that are named `Exec...`."""
        return self.body is not None or self.name.startswith("Exec")

    def is_at(self, path: str) -> bool:
        """Return whether a path under `/api` is this endpoint's. Case, and slashes at the ends, are ignored."""
        own, other = self.path.lower(), path.strip("/").lower()
        return other == own or (self.shown.rest is not None and other.startswith(f"{own}/"))


class Timer(msgspec.Struct, frozen=True):
    """A function that runs on a schedule, which is NCRONTAB in UTC, with seconds first."""

    name: str
    schedule: str
    work: Callable[[Services], None]


class Routes:
    """The endpoints and timers of one page."""

    def __init__(self) -> None:
        self.routes: list[Route] = []
        self.timers: list[Timer] = []

    def get(  # noqa: PLR0913 - the attributes of an endpoint
        self,
        name: str,
        *,
        needs: Permission | None = None,
        any_role: bool = False,
        public: bool = False,
        on_loop: bool = False,
        enveloped: bool = True,
        shown: Shown = NOTHING_MORE,
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Declare a read operation. Only a public one may run on the loop, because access checks may wait for Azure."""
        on_loop = public and on_loop
        return self._declare(
            name, "GET", needs, shown, any_role=any_role, public=public, on_loop=on_loop, enveloped=enveloped
        )

    def post(
        self,
        name: str,
        *,
        needs: Permission,
        option: Option | None,
        enveloped: bool = True,
        shown: Shown = NOTHING_MORE,
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Declare a write operation. Its function takes a `body`."""
        return self._declare(
            name, "POST", needs, shown, public=False, on_loop=False, enveloped=enveloped, option=option
        )

    def timer(self, name: str, schedule: str) -> Callable[[Callable[[Services], None]], Callable[[Services], None]]:
        """Declare a function that runs on a schedule."""

        def declare(work: Callable[[Services], None]) -> Callable[[Services], None]:
            self.timers.append(Timer(name, schedule, work))
            return work

        return declare

    def _declare(  # noqa: PLR0913 - the attributes of an endpoint
        self,
        name: str,
        method: str,
        needs: Permission | None,
        shown: Shown,
        *,
        public: bool,
        on_loop: bool,
        enveloped: bool,
        option: Option | None = None,
        any_role: bool = False,
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        def declare(work: Callable[..., Any]) -> Callable[..., Any]:
            hints = get_type_hints(work)
            body, result = hints.get("body"), hints["return"]
            self.routes.append(
                Route(name, method, needs, public, enveloped, body, result, work, shown, on_loop, option, any_role)
            )
            return work

        return declare


def all_routes(pages: Iterable[ModuleType]) -> list[Route]:
    """Return the routes of the pages, in their order."""
    return [route for page in pages for route in page.routes.routes]
