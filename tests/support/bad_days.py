"""Failures of Azure, and the response to them that every endpoint must give."""

import re
from typing import Any, Final

from tests.support import phrases
from tests.support.api import Answer

STATUSES: Final = (403, 404, 409, 429, 500, 503)
SILENCES: Final = ("drop-before", "drop-after", "hang")
# Waits that a test need not have, and the longest response time that they allow.
IMPATIENT: Final = {
    "AZURE_READ_TIMEOUT_SECONDS": "0.5",
    "AZURE_DEADLINE_SECONDS": "1.5",
    "KEY_ROTATION_PROOF_GAP_SECONDS": "0.05",
}
# 20 s with the default settings (6 s a read, 18 s a call), minus what the shorter ones save.
LONGEST_SECONDS: Final = 20 / 12 + 3
BAD_DAYS: Final[list[dict[str, Any]]] = [
    *({"mode": "refuse", "status": status, "retry_after": 1 if status == 429 else None} for status in STATUSES),
    *({"mode": mode} for mode in SILENCES),
]


def day_of(fault: dict[str, Any]) -> str:
    """Return a name for a failure."""
    return str(fault.get("status") or fault["mode"])


def check_told(answer: Answer, fault: dict[str, Any]) -> None:
    """Check that a response explains the failure: it is never a success, HTML, or an internal error."""
    wanted = {404: {404}, 409: {409, 500}}.get(fault.get("status", 0), {500})
    assert answer.status in wanted, (fault, answer.text)
    assert answer.headers["Cache-Control"] == "no-store"
    assert re.search(f"Couldn't|{phrases.HAS_NO_SECRET}", answer.results), answer.results
    assert not re.search(f"{phrases.INTERNAL_ERROR}|Traceback|<html|<!DOCTYPE", answer.text, re.IGNORECASE), answer.text
    if answer.status == 500 and "status" in fault:
        assert answer.body["azureStatus"] == fault["status"], answer.text
    if fault.get("status") == 403:
        assert re.search(r"Missing: .* with: az ", answer.results), answer.results
