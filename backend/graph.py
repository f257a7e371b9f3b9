"""How Microsoft Graph is called: msgraph-sdk, one loop and one client a call.

msgraph-sdk is async and its clients die with their loop. Its typed Application would load 1,220 modules,
so what is read is read as JSON.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, TypeVar

from backend.clouds import Cloud
from backend.errors import AzureUnreachableError, while_trying_to
from backend.limits import Limits
from backend.loading import LOADING
from backend.values import SecretText

if TYPE_CHECKING:
    import ssl

    import httpx
    from msgraph.graph_request_adapter import GraphRequestAdapter
    from msgraph.graph_service_client import GraphServiceClient

T = TypeVar("T")
Json = dict[str, Any]
READ_RETRIES: Final = 3
MOST_PAGES: Final = 100  # of one list; Graph shows 100 directory objects a page by default

# What a request needs, which only who asks Graph pays for.
NEEDED: Final = (
    "httpx",
    "kiota_abstractions.authentication",
    "kiota_http.middleware.options",
    "msgraph.graph_service_client",
    "msgraph.generated.models.o_data_errors.o_data_error",
    "msgraph_core",
    "backend.graph_token",
)


class Graph:
    """Graph as one app. `token` returns a token for it when one is needed."""

    def __init__(self, cloud: Cloud, limits: Limits, token: Callable[[], SecretText]) -> None:
        self._cloud: Final = cloud
        self._limits: Final = limits
        self._token: Final = token

    @property
    def address(self) -> str:
        """The address of this cloud's v1.0, without a slash at its end."""
        return f"{self._cloud.graph}/v1.0"

    def read(self, action: str, path: str) -> Json:
        """Return what GET of a path of v1.0 shows. A busy Graph is called again."""
        return self._get(action, f"{self.address}/{path}")

    def read_all(self, action: str, path: str) -> list[Json]:
        """Return the entries of a list of v1.0, from all of its pages.

        Raises:
            AzureUnreachableError: A page is not a list, its link to the next one leads to another host or in a
                circle, or there are more than `MOST_PAGES`.
        """
        return [entry for page in self._pages(action, path) for entry in page]

    def _pages(self, action: str, path: str) -> Iterator[list[Json]]:
        link, links = f"{self.address}/{path}", set[str]()
        while link:
            if link in links or len(links) == MOST_PAGES:
                raise AzureUnreachableError(f"Couldn't {action}: Microsoft Graph's list has no end. Try again.")
            links.add(link)
            page = self._get(action, link)
            entries, link = page.get("value"), page.get("@odata.nextLink") or ""
            if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
                raise AzureUnreachableError(f"Couldn't {action}: Microsoft Graph returned no list. Try again.")
            # The token would go along, and what another host lists is not the tenant's.
            if link and not (isinstance(link, str) and link.lower().startswith(f"{self._cloud.graph}/")):
                raise AzureUnreachableError(
                    f"Couldn't {action}: the link to the next page leads to another host. Check CIPP_CLOUD and the "
                    "proxy of this app."
                )
            yield entries

    def _get(self, action: str, url: str) -> Json:
        async def ask(client: "GraphServiceClient") -> bytes | None:
            return await self._send(client, "GET", url, None)

        return json_of(action, self.call(action, ask, retries=READ_RETRIES))

    def ask(self, action: str, path: str, body: Json) -> Json:
        """POST a question to a path of v1.0: it changes nothing, so a busy Graph is asked again."""

        async def ask(client: "GraphServiceClient") -> bytes | None:
            return await self._send(client, "POST", f"{self.address}/{path}", body)

        return json_of(action, self.call(action, ask, retries=READ_RETRIES))

    def write(self, action: str, method: str, path: str, body: Json) -> Json:
        """Send a body to a path of v1.0, once; answer what came back."""

        async def ask(client: "GraphServiceClient") -> bytes | None:
            return await self._send(client, method, f"{self.address}/{path}", body)

        return json_of(action, self.call(action, ask))

    def call(self, action: str, ask: Callable[["GraphServiceClient"], Awaitable[T]], *, retries: int = 0) -> T:
        """Run one request to its end. What is not a read is never repeated."""
        token = self._token()
        _load()

        async def run() -> T:
            from msgraph.graph_service_client import GraphServiceClient  # noqa: PLC0415 - only a rotation needs it

            async with asyncio.timeout(self._limits.azure_deadline_seconds), self._http(retries) as http:
                return await ask(GraphServiceClient(request_adapter=self._adapter(http, token)))

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
    async def _http(self, retries: int) -> "AsyncIterator[httpx.AsyncClient]":
        import httpx  # noqa: PLC0415 - as above
        from kiota_http.middleware.options import RedirectHandlerOption, RetryHandlerOption  # noqa: PLC0415 - as above
        from msgraph_core import GraphClientFactory  # noqa: PLC0415 - as above

        limits = self._limits
        timeout = httpx.Timeout(limits.azure_read_timeout_seconds, connect=limits.azure_connect_timeout_seconds)
        retry = RetryHandlerOption(delay=0.5, max_retries=retries, should_retry=retries > 0)
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
        """Make httpx's TLS context once: reading all trusted certificates takes longer than a call."""
        import httpx  # noqa: PLC0415 - as above

        return httpx.create_ssl_context()

    def _adapter(self, http: "httpx.AsyncClient", token: SecretText) -> "GraphRequestAdapter":
        from kiota_abstractions.authentication import BaseBearerTokenAuthenticationProvider  # noqa: PLC0415 - as above
        from msgraph.graph_request_adapter import GraphRequestAdapter  # noqa: PLC0415 - as above

        from backend.graph_token import GraphToken  # noqa: PLC0415 - it imports kiota

        adapter = GraphRequestAdapter(BaseBearerTokenAuthenticationProvider(GraphToken(token, self._cloud)), http)
        adapter.base_url = self.address
        return adapter


async def _refuse_redirect(response: "httpx.Response") -> None:
    """Refuse a redirect, which kiota takes for an empty response.

    Raises:
        httpx.HTTPStatusError: The response is a redirect.
    """
    import httpx  # noqa: PLC0415 - as above

    if response.is_redirect:
        raise httpx.HTTPStatusError("The response is a redirect.", request=response.request, response=response)


def json_of(action: str, content: bytes | None) -> Json:
    """Read what came back; nothing is `{}`. Pure.

    Raises:
        AzureUnreachableError: It is no JSON object, so it is not Graph's answer.
    """
    try:
        found = json.loads(content or b"{}")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise AzureUnreachableError(f"Tried to {action}, but what came back is no answer of Graph's: try again.")
    return found


def _load() -> None:
    """Load all that a request needs, before an event loop runs."""
    with LOADING:
        for name in NEEDED:
            import_module(name)
