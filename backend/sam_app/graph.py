"""Calls to Microsoft Graph through msgraph-sdk, with one event loop and one client per call.

msgraph-sdk is async, and its clients can't outlive their loop. Its typed Application would load 1,220 modules, so
responses are read as JSON.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, TypeVar

from backend.azure.errors.retry_after import seconds_to_wait
from backend.azure.errors.translation import while_trying_to
from backend.concurrency.deadline import Deadline
from backend.concurrency.loading import LOADING
from backend.configuration.clouds import Cloud
from backend.configuration.timeouts import Limits
from backend.errors import AzureUnreachableError
from backend.values import SecretText

if TYPE_CHECKING:
    import ssl

    import httpx
    from msgraph.graph_request_adapter import GraphRequestAdapter
    from msgraph.graph_service_client import GraphServiceClient

T = TypeVar("T")
Json = dict[str, Any]
READ_RETRIES: Final = 3
FIRST_WAIT_SECONDS: Final = 0.5
BUSY: Final = (429, 503, 504)
MOST_PAGES: Final = 100  # of one list. By default, Graph returns 100 directory objects per page.

# The modules that a request needs. They are loaded only when Graph is called.
NEEDED: Final = (
    "httpx",
    "kiota_abstractions.authentication",
    "kiota_http.middleware.options",
    "msgraph.graph_service_client",
    "msgraph.generated.models.o_data_errors.o_data_error",
    "msgraph_core",
    "backend.sam_app.graph_token",
)


class Graph:
    """Microsoft Graph, called as one app. `token` returns a token for it when one is needed."""

    def __init__(self, cloud: Cloud, limits: Limits, token: Callable[[], SecretText]) -> None:
        self._cloud: Final = cloud
        self._limits: Final = limits
        self._token: Final = token

    @property
    def address(self) -> str:
        """The address of this cloud's v1.0, without a trailing slash."""
        return f"{self._cloud.graph}/v1.0"

    def read(self, action: str, path: str) -> Json:
        """Return the response to a GET of a path of v1.0. The call is retried if Graph is busy."""
        return self._get(action, f"{self.address}/{path}")

    def read_all(self, action: str, path: str) -> list[Json]:
        """Return the entries of a list of v1.0, from all of its pages.

        Raises:
            AzureUnreachableError: A page is not a list, the list has more than `MOST_PAGES` pages, or a link to the
                next page leads to another host or to a page that was already read.
        """
        return [entry for page in self._pages(action, path) for entry in page]

    def _pages(self, action: str, path: str) -> Iterator[list[Json]]:
        link, links = f"{self.address}/{path}", set[str]()
        while link:
            if link in links or len(links) == MOST_PAGES:
                raise AzureUnreachableError(
                    f"Couldn't {action}: Microsoft Graph returned an endless list.", advice="Try again."
                )
            links.add(link)
            page = self._get(action, link)
            entries, link = page.get("value"), page.get("@odata.nextLink") or ""
            if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
                raise AzureUnreachableError(
                    f"Couldn't {action}: Microsoft Graph did not return a list.", advice="Try again."
                )
            # Another host would get the token, and its list would not be the tenant's.
            if link and not (isinstance(link, str) and link.lower().startswith(f"{self._cloud.graph}/")):
                raise AzureUnreachableError(
                    f"Couldn't {action}: the link to the next page leads to another host.",
                    advice="Check CIPP_CLOUD and the proxy of this app.",
                )
            yield entries

    def _get(self, action: str, url: str) -> Json:
        async def send(client: "GraphServiceClient") -> bytes | None:
            return await self._send(client, "GET", url, None)

        return json_of(action, self.call(action, send, retries=READ_RETRIES))

    def ask(self, action: str, path: str, body: Json) -> Json:
        """Return the response to a POST that only queries. It changes nothing, so it is retried if Graph is busy."""

        async def send(client: "GraphServiceClient") -> bytes | None:
            return await self._send(client, "POST", f"{self.address}/{path}", body)

        return json_of(action, self.call(action, send, retries=READ_RETRIES))

    def write(self, action: str, method: str, path: str, body: Json) -> Json:
        """Send a body to a path of v1.0 without retries, and return the response."""

        async def send(client: "GraphServiceClient") -> bytes | None:
            return await self._send(client, method, f"{self.address}/{path}", body)

        return json_of(action, self.call(action, send))

    def call(self, action: str, send: Callable[["GraphServiceClient"], Awaitable[T]], *, retries: int = 0) -> T:
        """Return the result of one request. Only reads may have retries.

        If Graph requests a wait that would pass the deadline, the call fails immediately with the time to wait.
        """
        token = self._token()
        _load()

        async def run() -> T:
            from msgraph.graph_service_client import GraphServiceClient  # noqa: PLC0415 - only a rotation needs it

            seconds = self._limits.azure_deadline_seconds
            deadline = Deadline.after(seconds)
            async with asyncio.timeout(seconds), self._http() as http:
                client = GraphServiceClient(request_adapter=self._adapter(http, token))
                return await _with_retries(lambda: send(client), retries, deadline)

        with while_trying_to(action):
            return asyncio.run(run())

    async def _send(self, client: "GraphServiceClient", method: str, url: str, body: Json | None) -> bytes | None:
        from kiota_abstractions.method import Method  # noqa: PLC0415 - as above
        from kiota_abstractions.request_information import RequestInformation  # noqa: PLC0415 - as above
        from msgraph.generated.models.o_data_errors.o_data_error import ODataError  # noqa: PLC0415 - as above

        request = RequestInformation()
        request.http_method = Method[method]
        request.url = url
        if body is not None:
            request.set_stream_content(json.dumps(body).encode(), "application/json")
        return await client.request_adapter.send_primitive_async(request, "bytes", {"XXX": ODataError})

    @asynccontextmanager
    async def _http(self) -> "AsyncIterator[httpx.AsyncClient]":
        import httpx  # noqa: PLC0415 - as above
        from kiota_http.middleware.options import RedirectHandlerOption, RetryHandlerOption  # noqa: PLC0415 - as above
        from msgraph_core import GraphClientFactory  # noqa: PLC0415 - as above

        limits = self._limits
        timeout = httpx.Timeout(limits.azure_read_timeout_seconds, connect=limits.azure_connect_timeout_seconds)
        retry = RetryHandlerOption(max_retries=0, should_retry=False)  # it would wait longer than the deadline
        http = httpx.AsyncClient(
            timeout=timeout, verify=self._tls_context, event_hooks={"response": [_refuse_redirect]}
        )
        wrapped = [transport for transport in (http._transport, *http._mounts.values()) if transport]  # noqa: SLF001 - kiota's wrapper does not close what it wraps
        redirect = RedirectHandlerOption(should_redirect=False)  # the token and new secrets would go along
        options = {RetryHandlerOption.get_key(): retry, RedirectHandlerOption.get_key(): redirect}
        GraphClientFactory.create_with_default_middleware(client=http, options=options)
        try:
            yield http
        finally:
            for transport in wrapped:
                await transport.aclose()

    @cached_property
    def _tls_context(self) -> "ssl.SSLContext":
        """The TLS context of all calls: reading the trusted certificates takes longer than a call."""
        import httpx  # noqa: PLC0415 - as above

        return httpx.create_ssl_context()

    def _adapter(self, http: "httpx.AsyncClient", token: SecretText) -> "GraphRequestAdapter":
        from kiota_abstractions.authentication import BaseBearerTokenAuthenticationProvider  # noqa: PLC0415 - as above
        from msgraph.graph_request_adapter import GraphRequestAdapter  # noqa: PLC0415 - as above

        from backend.sam_app.graph_token import GraphToken  # noqa: PLC0415 - it imports kiota

        adapter = GraphRequestAdapter(BaseBearerTokenAuthenticationProvider(GraphToken(token, self._cloud)), http)
        adapter.base_url = self.address
        return adapter


async def _with_retries(send: Callable[[], Awaitable[T]], retries: int, deadline: Deadline) -> T:
    """Return the result of a call, retried while Graph is busy and the deadline allows the wait."""
    from kiota_abstractions.api_error import APIError  # noqa: PLC0415 - as above

    backoff = FIRST_WAIT_SECONDS
    for _ in range(retries):
        try:
            return await send()
        except APIError as error:
            wait = seconds_to_wait(error.response_headers) or backoff
            if error.response_status_code not in BUSY or not deadline.allows(wait):
                raise
        await asyncio.sleep(wait)
        backoff *= 2
    return await send()


async def _refuse_redirect(response: "httpx.Response") -> None:
    """Refuse a redirect, which kiota treats as an empty response.

    Raises:
        httpx.HTTPStatusError: The response is a redirect.
    """
    import httpx  # noqa: PLC0415 - as above

    if response.is_redirect:
        raise httpx.HTTPStatusError("The response is a redirect.", request=response.request, response=response)


def json_of(action: str, content: bytes | None) -> Json:
    """Return the JSON object of a response, `{}` for an empty one. Pure.

    Raises:
        AzureUnreachableError: The response is not a JSON object, so it did not come from Graph.
    """
    try:
        found = json.loads(content or b"{}")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise AzureUnreachableError(
            f"Couldn't {action}: the response was not valid Microsoft Graph JSON.", advice="Try again."
        )
    return found


def _load() -> None:
    """Load all modules that a request needs, before an event loop runs."""
    with LOADING:
        for name in NEEDED:
            import_module(name)
