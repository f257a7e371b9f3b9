"""How CIPP's frontend shows a response: the alerts on its pages, and their severity."""

import re
from collections.abc import Iterator
from typing import Any

RED = re.compile("error|failed|exception|not found|invalid_grant", re.IGNORECASE)
UNSHOWN = ("metadata", "Metadata", "severity")
SEVERITIES = ("success", "info", "warning", "error")


def shown_of(body: Any, *, failed: bool = False) -> list[tuple[str, str]]:  # noqa: ANN401 - what JSON may hold
    """Return the alerts, each a text and its severity. If the call failed, all of them are errors."""
    results = (body.get("Results") or body) if isinstance(body, dict) else body
    return [(text, "error" if failed else severity) for text, severity in _alerts(results)]


def _alerts(value: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - as above
    if isinstance(value, str):
        yield value, "error" if RED.search(value) else "success"
    elif isinstance(value, list):
        for item in value:
            yield from _alerts(item)
    elif isinstance(value, dict) and "resultText" in value:
        state = value.get("state")
        yield value["resultText"], state if state in SEVERITIES else "error"
    elif isinstance(value, dict):
        for name, item in value.items():
            if name not in UNSHOWN:
                yield from _alerts(item)
