"""Convert the timestamps of rows: Azurite uses this machine's time, responses use the sandbox's."""

import re
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qsl

from sandbox.clock import Clock

# Inside another property's text the quotes are escaped, so this is the row's own Timestamp.
_TIMESTAMP: Final = re.compile(rb'(?<!\\)"Timestamp"\s*:\s*"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z"')
_TEXT: Final = re.compile(r"'(?:[^']|'')*'")
_NAME: Final = re.compile(r"\btimestamp\b", re.IGNORECASE)
_OF_A_BATCH: Final = re.compile(rb"^[A-Z]+ (\S+) HTTP/1\.1\r?$", re.MULTILINE)


def shifted(body: bytes, clock: Clock) -> bytes:
    """Return a response's body with each row's Timestamp as of when it was written. The length stays the same."""

    def in_sandbox_time(found: re.Match[bytes]) -> bytes:
        fraction = found[2] or b""
        real = datetime.fromisoformat(found[1].decode()).replace(
            microsecond=int(fraction[:6].ljust(6, b"0")), tzinfo=UTC
        )
        shown = clock.at(real).replace(tzinfo=None).isoformat(timespec="microseconds").encode()
        moment = shown[:19] + (b"." + (shown[20:] + fraction[6:])[: len(fraction)] if fraction else b"")
        return found[0][: found.start(1) - found.start()] + moment + b'Z"'

    return _TIMESTAMP.sub(in_sandbox_time, body)


def filters_by_timestamp(query: str, body: bytes) -> bool:
    """Return whether a call, or one inside a batch, has a `$filter` that names Timestamp."""
    queries = [query, *(target.partition(b"?")[2].decode("latin-1") for target in _OF_A_BATCH.findall(body))]
    return any(
        name == "$filter" and _NAME.search(_TEXT.sub("", value)) is not None
        for one in queries
        for name, value in parse_qsl(one)
    )
