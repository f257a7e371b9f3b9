"""Call operations of Azure's SDKs and return plain JSON, so that no SDK parses a response in an unexpected format.

The SDKs' models fail as a whole for one unexpected entry, and some turn an unexpected time into a number. So the SDK
builds the request, signs in, retries and follows the pages, and this app reads the JSON.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from backend.concurrency.loading import LOADING
from backend.errors import UnreadableResponseError
from backend.readings import Json, object_of, text_of, text_or_none, time_or_none

logger = logging.getLogger("cipp.azure")
MOST_PAGES: Final = 10_000  # of one list. A vault shows 25 secrets a page
_NO_END: Final = "the list does not end, because its pages form a loop."
_NO_OBJECT: Final = "the response is not a JSON object."
OK: Final = range(200, 300)
Response = Any  # azure-core's pipeline response, which is not imported for a type
Operation = Callable[..., Any]  # of an SDK, with its own arguments
Hook = Callable[[Response], None]


def fetched(operation: Operation, *args: object, hook: Hook | None = None, **options: object) -> Json:
    """Call an operation of an SDK, and return the JSON object of its response. `hook` also gets each response.

    Raises:
        UnreadableResponseError: The response is not a JSON object.
        Exception: What the SDK raises. `while_trying_to` translates it.
    """
    found: list[Json] = []

    def read(response: Response) -> None:
        if hook:
            hook(response)
        if response.http_response.status_code in OK:
            found.append(_object_in(response))
            _leave_to_the_sdk(response, {})

    operation(*args, raw_response_hook=read, **options)
    if not found:
        raise UnreadableResponseError("the response has no content.")
    return found[-1]


def sent(operation: Operation, *args: object, hook: Hook | None = None, **options: object) -> None:
    """Call an operation of an SDK without reading its response, so that its format does not matter.

    Raises:
        Exception: What the SDK raises. `while_trying_to` translates it.
    """

    def leave(response: Response) -> None:
        if hook:
            hook(response)
        if response.http_response.status_code in OK:
            _leave_to_the_sdk(response, {})

    operation(*args, raw_response_hook=leave, **options)


def listed(operation: Operation, *args: object, hook: Hook | None = None, **options: object) -> list[Json]:
    """Call an operation of an SDK that lists, and return the entries of all pages.

    Raises:
        UnreadableResponseError: A page is not a list, or its link leads to another host or into a loop.
        Exception: What the SDK raises. `while_trying_to` translates it.
    """
    return [entry for page in pages(operation, *args, hook=hook, **options) for entry in page]


def pages(operation: Operation, *args: object, hook: Hook | None = None, **options: object) -> Iterator[list[Json]]:
    """Call an operation of an SDK that lists, and yield the entries of each page on demand. Raises as `listed`.

    Entries that are not objects are left out, and the log shows their number.
    """
    reader = _Pages(hook)
    for _ in operation(*args, raw_response_hook=reader, **options).by_page():
        yield reader.taken()


def rows(
    operation: Operation, *args: object, most: int | None = None, keeps_odd: bool = False, **options: object
) -> list[Json]:
    """Call an operation of an SDK that lists rows of a table, and return them, at most `most`.

    A property that does not match its annotated type stays as it is in JSON. A row without its two keys is left out,
    unless `keeps_odd` is on. The SDK would fail for the whole page.

    Raises:
        UnreadableResponseError: A page is not a list of rows.
        Exception: What the SDK raises. `while_trying_to` translates it.
    """
    found: list[Json] = []
    for page in row_pages(operation, *args, keeps_odd=keeps_odd, **options):
        found += page
        if most is not None and len(found) >= most:
            break
    return found[:most]


def row_pages(operation: Operation, *args: object, keeps_odd: bool = False, **options: object) -> Iterator[list[Json]]:
    """Call an operation of an SDK that lists rows, and yield those of each page on demand. Raises as `rows`."""
    reader = _RowPages(keeps_odd=keeps_odd)
    for _ in operation(*args, raw_response_hook=reader, **options).by_page():
        yield reader.taken()


def rows_as_sent(operation: Operation, *args: object, **options: object) -> list[Json]:
    """Return rows as `rows` does, but with their ETags in `odata.etag`, and each value as it is in JSON."""
    reader, found = _RowPages(keeps_odd=False, read=dict), list[Json]()
    for _ in operation(*args, raw_response_hook=reader, **options).by_page():
        found += reader.taken()
    return found


class _RowPages:
    """The reader of pages of rows. The SDK reads them as text, and follows the headers to the next page."""

    def __init__(self, *, keeps_odd: bool, read: "Callable[[Mapping[str, Any]], Json] | None" = None) -> None:
        self._keeps_odd = keeps_odd
        self._read = read or row_of
        self._rows: list[Json] = []
        self._urls: set[str] = set()

    def __call__(self, response: Response) -> None:
        """Read a response. Those of retries are not pages."""
        if response.http_response.status_code not in OK:
            return
        url = str(response.http_request.url)
        if url in self._urls or len(self._urls) == MOST_PAGES:
            raise UnreadableResponseError(_NO_END)
        self._urls.add(url)
        page = _object_in(response)
        readable = entries_in(page, "the storage account")
        read = self._read
        found = [read(object_of(entry)) for entry in page["value"]] if self._keeps_odd else map(read, readable)
        self._rows = [row for row in found if self._keeps_odd or _has_keys(row)]
        response.http_response.text = lambda *_: '{"value": []}'

    def taken(self) -> list[Json]:
        """Return the rows of the last page."""
        found, self._rows = self._rows, []
        return found


def row_of(entry: Mapping[str, Any]) -> Json:
    """Return a row with values of the types in its annotations. A value of another type stays as it is. Pure."""
    read: Json = {}
    for name, value in entry.items():
        if name.startswith("odata.") or name.endswith(TYPE):
            continue
        kind = _ROW_KINDS.get(str(entry.get(f"{name}{TYPE}")))
        known = kind(value) if kind else None
        read[name] = value if known is None else known
    return read


def _has_keys(row: Json) -> bool:
    return all(isinstance(row.get(name), str) for name in ("PartitionKey", "RowKey"))


def _whole_or_none(value: object) -> int | None:
    try:
        return int(text_of(value))
    except ValueError:
        return None


TYPE: Final = "@odata.type"
_ROW_KINDS: Final[Mapping[str, Callable[[object], object]]] = {
    "Edm.DateTime": time_or_none,
    "Edm.Int64": _whole_or_none,
    "Edm.Guid": text_or_none,
}


def at_address(client: Any, url: str) -> Any:  # noqa: ANN401 - a management client, and any JSON
    """Return the JSON at an address of Resource Manager for which the SDK has no operation.

    Raises:
        Exception: What the SDK raises. `while_trying_to` translates it.
    """
    with LOADING:
        from azure.core.rest import HttpRequest  # noqa: PLC0415 - imported where Azure is called

    response = client.send_request(HttpRequest("GET", url))
    response.raise_for_status()
    return response.json()


def listed_by_link(get: Callable[[str], Any], url: str) -> list[Json]:
    """Return the entries of a list without an SDK. `get` returns the JSON at an address. Raises as `listed`."""
    entries, urls, link = list[Json](), set[str](), url
    while link:
        if link in urls or len(urls) == MOST_PAGES:
            raise UnreadableResponseError(_NO_END)
        urls.add(link)
        page = get(link)
        if not isinstance(page, dict):
            raise UnreadableResponseError(_NO_OBJECT)
        entries += entries_in(page, urlsplit(url).hostname or "Azure")
        link = _next(page, url)
    return entries


class _Pages:
    """The reader of the pages of one list."""

    def __init__(self, hook: Hook | None) -> None:
        self._hook = hook
        self._entries: list[Json] = []
        self._urls: set[str] = set()

    def __call__(self, response: Response) -> None:
        """Read a response. Those of retries are not pages."""
        if self._hook:
            self._hook(response)
        if response.http_response.status_code not in OK:
            return
        page, url = _object_in(response), str(response.http_request.url)
        if url in self._urls or len(self._urls) == MOST_PAGES:
            raise UnreadableResponseError(_NO_END)
        self._urls.add(url)
        link = _next(page, url)
        self._entries = entries_in(page, urlsplit(url).hostname or "Azure")
        if link in self._urls:
            raise UnreadableResponseError(_NO_END)
        _leave_to_the_sdk(response, {"value": [], "nextLink": link or None})

    def taken(self) -> list[Json]:
        """Return the entries of the last page."""
        entries, self._entries = self._entries, []
        return entries


def entries_in(page: Mapping[str, Any], where: str) -> list[Json]:
    """Return the entries of a page. Those that are not objects are left out, and the log shows their number.

    Raises:
        UnreadableResponseError: It is not a page of a list. It must not count as an empty list.
    """
    entries = page.get("value")
    if not isinstance(entries, list):
        raise UnreadableResponseError("the response is not a list.")
    readable = [entry for entry in entries if isinstance(entry, dict)]
    if len(readable) < len(entries):
        logger.warning("A list of %s has %d unreadable entries.", where, len(entries) - len(readable))
    return readable


def _object_in(response: Response) -> Json:
    content = response.http_response.json()
    if not isinstance(content, dict):
        raise UnreadableResponseError(_NO_OBJECT)
    return content


def _leave_to_the_sdk(response: Response, content: Json) -> None:
    """Replace the JSON that the SDK reads by content that it can always parse."""
    response.http_response.json = lambda: content


def _next(page: Mapping[str, Any], url: str) -> str:
    """Return the link to the next page, "" on the last one."""
    link = page.get("nextLink")
    if link and not _is_of_the_same_host(link, url):
        raise UnreadableResponseError(
            "the link to the next page leads to another host, so it was not followed.",
            advice="Check CIPP_CLOUD and the proxy of this app.",
        )
    return text_of(link)


def _is_of_the_same_host(link: object, url: str) -> bool:
    """Return whether a link leads to the host that sent it, because that host receives the credential."""
    try:
        parts, own = urlsplit(text_or_none(link) or ""), urlsplit(url)
        same = (parts.scheme, parts.hostname, parts.port or 443) == (own.scheme, own.hostname, own.port or 443)
    except ValueError:
        return False
    return same and parts.username is None
