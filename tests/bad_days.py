"""What Azure does on a bad day, and what every endpoint must make of it."""

import re
from typing import Any, Final

from tests.api import Answer

STATUSES: Final = (403, 404, 409, 429, 500, 503)
SILENCES: Final = ("drop-before", "drop-after", "hang")
# Waits that a test need not sit through, and the longest answer that they allow.
IMPATIENT: Final = {
    "AZURE_READ_TIMEOUT_SECONDS": "0.5",
    "AZURE_DEADLINE_SECONDS": "1.5",
    "KEY_ROTATION_PROOF_GAP_SECONDS": "0.05",
}
# 20 s by the settings' defaults (6 s a read, 18 s a call), less what the shorter ones spare.
LONGEST_SECONDS: Final = 20 / 12 + 3
BAD_DAYS: Final[list[dict[str, Any]]] = [
    *({"mode": "refuse", "status": status, "retry_after": 1 if status == 429 else None} for status in STATUSES),
    *({"mode": mode} for mode in SILENCES),
]


def day_of(fault: dict[str, Any]) -> str:
    """Name a bad day."""
    return str(fault.get("status") or fault["mode"])


def check_told(answer: Answer, fault: dict[str, Any]) -> None:
    """Check that an answer tells of the bad day in words that help: never a success, HTML, or a mistake of ours."""
    wanted = {404: {404}, 409: {409, 500}}.get(fault.get("status", 0), {500})
    assert answer.status in wanted, (fault, answer.text)
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Tried to" in answer.results, answer.results
    assert not re.search(r"made a mistake|Traceback|<html|<!DOCTYPE", answer.text, re.IGNORECASE), answer.text
    if answer.status == 500 and "status" in fault:
        assert answer.body["azureStatus"] == fault["status"], answer.text
    if fault.get("status") == 403:
        assert re.search(r"Missing: .*Grant it with: az ", answer.results), answer.results
