"""The time limit of a function, after which the Functions host stops the worker."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

HOST_JSON: Final = Path(__file__).parents[2] / "host.json"
SETTING: Final = "AzureFunctionsJobHost__functionTimeout"  # it overrides host.json
DEFAULT_SECONDS: Final = 300.0  # of the Consumption plan, the shortest
_TIME_SPAN: Final = r"(?:(?P<days>\d+)\.)?(?P<hours>\d+):(?P<minutes>\d+)(?::(?P<seconds>\d+)(?:\.\d+)?)?"


def function_seconds(environ: Mapping[str, str], host_json: Path = HOST_JSON) -> float:
    """Return after how many seconds the host stops a function, infinity without a limit."""
    text = environ.get(SETTING, "").strip() or _in_file(host_json)
    if text == "-1":
        return float("inf")
    found = re.fullmatch(_TIME_SPAN, text)
    if found is None:
        return DEFAULT_SECONDS
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)


def _in_file(path: Path) -> str:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return str(content.get("functionTimeout") or "") if isinstance(content, dict) else ""
