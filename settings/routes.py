"""The route table: what an endpoint or a timer is, and the call that a page gets.

The functions of the host, the API's description, the README's table and the tests of every route come of it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, get_type_hints

from backend.backend import Backend
from settings.access import Caller, Permission
from settings.body import Body


@dataclass(frozen=True)
class Call:
    """What a page gets of a request: the services, who calls (None: anyone), and the query by lower-case name."""

    backend: Backend
    caller: Caller | None
    query: Mapping[str, str]


@dataclass(frozen=True)
class Route:
    """One endpoint. `needs` is the permission; None lets everyone in who is signed in, or anyone if `public`."""

    name: str
    method: str
    needs: Permission | None
    public: bool
    enveloped: bool
    body: type[Body] | None
    answers: Any
    work: Callable[..., Any]

    @property
    def doc(self) -> str:
        """The endpoint's docstring."""
        return self.work.__doc__ or ""


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

    def get(
        self, name: str, *, needs: Permission | None = None, public: bool = False, enveloped: bool = True
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Declare an endpoint that reads."""
        return self._declare(name, "GET", needs, public=public, enveloped=enveloped)

    def post(
        self, name: str, *, needs: Permission, enveloped: bool = True
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Declare an endpoint that acts; its work takes a `body`."""
        return self._declare(name, "POST", needs, public=False, enveloped=enveloped)

    def timer(self, name: str, schedule: str) -> Callable[[Callable[[Backend], None]], Callable[[Backend], None]]:
        """Declare a function that the clock starts."""

        def declare(work: Callable[[Backend], None]) -> Callable[[Backend], None]:
            self.timers.append(Timer(name, schedule, work))
            return work

        return declare

    def _declare(
        self, name: str, method: str, needs: Permission | None, *, public: bool, enveloped: bool
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        def declare(work: Callable[..., Any]) -> Callable[..., Any]:
            hints = get_type_hints(work)
            self.routes.append(Route(name, method, needs, public, enveloped, hints.get("body"), hints["return"], work))
            return work

        return declare


def all_routes(pages: Iterable[ModuleType]) -> list[Route]:
    """Answer the routes of the pages, in their order."""
    return [route for page in pages for route in page.routes.routes]
