"""What a browser reports about a page: messages, violations of its policy, and requests."""

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Page

# How Chromium reports a response that the test expects.
_STATUS: Final = re.compile(r"Failed to load resource: the server responded with a status of (\d{3})")
_VIOLATION: Final = "addEventListener('securitypolicyviolation', e => report(`${e.violatedDirective} ${e.blockedURI}`))"


@dataclass
class Watch:
    """The messages and requests of the browser on a page. `allowed_statuses` are errors that a test expects."""

    messages: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    allowed_statuses: tuple[int, ...] = ()

    def start(self, page: Page) -> None:
        """Watch a page that is not open yet."""
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.messages.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        # Not every violation is written to the console.
        page.expose_function("report", lambda text: self.messages.append(text))  # noqa: PLW0108 - playwright marks it
        page.add_init_script(_VIOLATION)

    def strangers(self) -> set[str]:
        """Return the addresses of requests that went elsewhere."""
        return {url for url in self.requests if not url.startswith("data:") and urlsplit(url).hostname != "localhost"}

    def paths(self) -> list[str]:
        """Return the paths of the requests, in their order."""
        return [urlsplit(url).path for url in self.requests if not url.startswith("data:")]

    def _note(self, message: ConsoleMessage) -> None:
        status = _STATUS.match(message.text)
        if not status or int(status[1]) not in self.allowed_statuses:
            self.messages.append(message.text)
