"""The console in a browser, on its own host, with a CIPP in the sandbox."""

import re
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from playwright.sync_api import Browser, Page, expect

import function_app
from settings.http.routes import all_routes
from tests.browser.watch import Watch
from tests.support.api import principal
from tests.support.host import PROJECT, Host
from tests.support.project_host import configured_host
from tests.support.sandbox_client import Sandbox

AXE: Final = PROJECT / "tests" / "console" / "node_modules" / "axe-core" / "axe.min.js"
AXE_MISSING: Final = "axe-core is missing. Run `make test` to install it from npm."
NO_OPTIONS: Final[Mapping[str, object]] = MappingProxyType({})
NO_ENVIRON: Final[Mapping[str, str]] = MappingProxyType({})
NOBODY: Final = ("--as", "nobody")
# A view may come before its endpoint. Then the API responds with 404.
LACKING: Final = () if any(route.name == "ListBackendLog" for route in all_routes(function_app.PAGES)) else (404,)
# A part that waits for its first data is busy. The screen is useful when no part is.
BUSY: Final = '[aria-busy="true"]'
SCREEN_MILLISECONDS: Final = 20_000
_RUN_AXE: Final = "() => axe.run(document, {resultTypes: ['violations', 'incomplete']})"


@dataclass
class ConsolePage:
    """A page of one role in one shape. `page` is Playwright's, for all that has no method here."""

    page: Page
    address: str
    watch: Watch
    sandbox: Sandbox

    def open(self, place: str = "") -> Page:
        """Open a place, such as `keys/RefreshToken`, and wait until the screen is useful."""
        self.page.goto(f"{self.address}#/{place}")
        return self.settled()

    def settled(self) -> Page:
        """Wait until no part is busy."""
        expect(self.page.get_by_role("banner").first).to_be_visible(timeout=SCREEN_MILLISECONDS)
        expect(self.page.locator(BUSY)).to_have_count(0, timeout=SCREEN_MILLISECONDS)
        return self.page

    def views(self) -> list[str]:
        """Return the places that the navigation links to, without those of single things."""
        links = self.page.locator("nav a[href^='#/']").evaluate_all("all => all.map(a => a.getAttribute('href'))")
        return list(dict.fromkeys(re.sub("^#/", "", str(link)) for link in links))

    def axe(self) -> list[str]:
        """Return axe-core's violations, of any severity, each with its rule and the elements."""
        if not self.page.evaluate("() => 'axe' in window"):
            self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found: dict[str, Any] = self.page.evaluate(_RUN_AXE)
        return [_sentence(violation) for violation in found["violations"]]

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than the window."""
        return int(self.page.evaluate("() => document.documentElement.scrollWidth - innerWidth"))

    def must_be_clean(self) -> None:
        """Require that the browser reported nothing, and that no request went elsewhere."""
        assert self.watch.messages == []
        assert self.watch.strangers() == set()


def _sentence(violation: dict[str, Any]) -> str:
    nodes = "; ".join(
        f"{node['target']} {node['html'][:160]} {node['failureSummary']}" for node in violation["nodes"][:5]
    )
    return f"{violation['id']} ({violation['impact']}): {nodes}"


@dataclass
class Consoles:
    """The hosts of the console, one at a time: another shape, or `fresh`, is another CIPP in the sandbox."""

    browser: Browser
    sandbox: Sandbox
    new_folder: Callable[[], Path]
    _shape: str = ""
    _environ: Mapping[str, str] = field(default_factory=lambda: NO_ENVIRON)
    _host: Host | None = None
    _running: ExitStack = field(default_factory=ExitStack)
    _pages: list[ConsolePage] = field(default_factory=list)

    def host(
        self,
        shape: str = "functions",
        *,
        fresh: bool = False,
        options: Mapping[str, object] = NO_OPTIONS,
        environ: Mapping[str, str] = NO_ENVIRON,
    ) -> Host:
        """Return the host of a shape, which adds no caller to requests. `options` are those of the sandbox's reset."""
        if self._host is None or (self._shape, self._environ) != (shape, environ) or fresh or options:
            self.stop()
            reset = {"shape": shape, **options}
            self._host = self._running.enter_context(
                configured_host(self.sandbox, self.new_folder(), environ, arguments=NOBODY, reset=reset)
            )
            self._shape, self._environ = shape, environ
        return self._host

    def page_as(  # noqa: PLR0913 - what differs between persons and their screens
        self,
        role: str | None,
        shape: str = "functions",
        *,
        width: int = 1440,
        height: int = 1000,
        scheme: str = "light",
        allows: tuple[int, ...] = (),
        options: Mapping[str, object] = NO_OPTIONS,
        environ: Mapping[str, str] = NO_ENVIRON,
    ) -> ConsolePage:
        """Return a new page of a person with a role, None if signed out.

        `allows` are the error statuses of the API that the test expects, and `environ` has settings of the app.
        """
        host = self.host(shape, options=options, environ=environ)
        headers = {"x-ms-client-principal": principal(role)} if role else {}
        context = self.browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
            reduced_motion="reduce",
            extra_http_headers=headers,
        )
        page, watch = context.new_page(), Watch(allowed_statuses=allows)
        watch.start(page)
        opened = ConsolePage(page, f"http://localhost:{host.port}/api/console/", watch, self.sandbox)
        self._pages.append(opened)
        return opened

    def end_of_test(self) -> None:
        """Close the pages, and require that each one was clean."""
        pages, self._pages = self._pages, []
        for one in pages:
            one.page.context.close()
        for one in pages:
            one.must_be_clean()

    def stop(self) -> None:
        """Stop the host."""
        self._running.close()
        self._host = None
