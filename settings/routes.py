"""The route table: what an endpoint or a timer is, and the call that a page gets.

The functions of the host, the API's description, the README's table and the tests of every route come of it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final, get_type_hints

from backend.backend import Backend
from settings.access import Caller, Permission
from settings.body import Body
from settings.raw_answer import RawAnswer


@dataclass(frozen=True)
class Call:
    """What a page gets of a request: the services, who calls (None: anyone), the query by lower-case name.

    `rest` is what the path has after that of the endpoint; `routes` is the whole table.
    """

    backend: Backend
    caller: Caller | None
    query: Mapping[str, str]
    rest: str = ""
    routes: Sequence["Route"] = ()


@dataclass(frozen=True)
class Parameter:
    """What the query, or the rest of the path, may carry. `only` lists every value that is taken, if they are few.

    `example` is "" if no value is valid in every deployment.
    """

    name: str
    says: str
    example: str = ""
    required: bool = False
    only: tuple[str, ...] = ()


@dataclass(frozen=True)
class Shown:
    """What an endpoint's description tells besides its types.

    `example` is a body that may be sent as it stands; `path` is the address under `/api`, the endpoint's name if None;
    `rest` is what may follow it there; `types` are the content types of a raw answer; `others` are the statuses beside
    those that every such endpoint has.
    """

    path: str | None = None
    query: tuple[Parameter, ...] = ()
    rest: Parameter | None = None
    example: Mapping[str, Any] | None = None
    types: tuple[str, ...] = ()
    others: tuple[int, ...] = ()


NOTHING_MORE: Final = Shown()


@dataclass(frozen=True, eq=False)
class Route:
    """One endpoint. `needs` is the permission. None allows every caller with a sign-in, or anyone if `public`.

    `on_loop`: it runs on the worker's event loop, not in one of its threads. Its work gets no call and never waits.
    """

    name: str
    method: str
    needs: Permission | None
    public: bool
    enveloped: bool
    body: type[Body] | None
    answers: Any
    work: Callable[..., Any]
    shown: Shown
    on_loop: bool = False

    @property
    def doc(self) -> str:
        """The endpoint's docstring."""
        return self.work.__doc__ or ""

    @property
    def path(self) -> str:
        """The address under `/api`, without what may follow it."""
        return self.shown.path or self.name

    @property
    def template(self) -> str:
        """The route as the host reads it."""
        return f"{self.path}/{{*{self.shown.rest.name}}}" if self.shown.rest else self.path

    @property
    def raw(self) -> bool:
        """Whether the answer goes out as it is, and not as JSON of ours."""
        return self.answers is RawAnswer

    def is_at(self, path: str) -> bool:
        """Tell whether a path under `/api` is this endpoint's, whatever its case and slashes at the ends."""
        mine, asked = self.path.lower(), path.strip("/").lower()
        return asked == mine or (self.shown.rest is not None and asked.startswith(f"{mine}/"))


@dataclass(frozen=True)
class Timer:
    """One function that the clock starts. The schedule is NCRONTAB in UTC, seconds first."""

    name: str
    schedule: str
    work: Callable[[Backend], None]


class Routes:
    """The endpoints and timers of one page."""

    def __init__(self) -> None:
        self.routes: list[Route] = []
        self.timers: list[Timer] = []

    def get(  # noqa: PLR0913 - all that an endpoint is
        self,
        name: str,
        *,
        needs: Permission | None = None,
        public: bool = False,
        on_loop: bool = False,
        enveloped: bool = True,
        shown: Shown = NOTHING_MORE,
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Declare an endpoint that reads. Only a public one may run on the loop, since access may wait for Azure."""
        return self._declare(name, "GET", needs, shown, public=public, on_loop=public and on_loop, enveloped=enveloped)

    def post(
        self, name: str, *, needs: Permission, enveloped: bool = True, shown: Shown = NOTHING_MORE
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Declare an endpoint that acts; its work takes a `body`."""
        return self._declare(name, "POST", needs, shown, public=False, on_loop=False, enveloped=enveloped)

    def timer(self, name: str, schedule: str) -> Callable[[Callable[[Backend], None]], Callable[[Backend], None]]:
        """Declare a function that the clock starts."""

        def declare(work: Callable[[Backend], None]) -> Callable[[Backend], None]:
            self.timers.append(Timer(name, schedule, work))
            return work

        return declare

    def _declare(  # noqa: PLR0913 - all that an endpoint is
        self,
        name: str,
        method: str,
        needs: Permission | None,
        shown: Shown,
        *,
        public: bool,
        on_loop: bool,
        enveloped: bool,
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        def declare(work: Callable[..., Any]) -> Callable[..., Any]:
            hints = get_type_hints(work)
            body, answers = hints.get("body"), hints["return"]
            self.routes.append(Route(name, method, needs, public, enveloped, body, answers, work, shown, on_loop))
            return work

        return declare


def all_routes(pages: Iterable[ModuleType]) -> list[Route]:
    """Answer the routes of the pages, in their order."""
    return [route for page in pages for route in page.routes.routes]
