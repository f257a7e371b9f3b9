"""The settings of host.json that this host uses."""

import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sandbox.host import schedule


class HostFileError(Exception):
    """host.json is missing or not valid. The text states why."""


@dataclass(frozen=True)
class HostFile:
    """The settings of host.json that affect the functions."""

    route_prefix: str = "api"
    function_timeout: timedelta | None = timedelta(minutes=30)


def read(root: Path) -> HostFile:
    """Return the settings in host.json of an app.

    Raises:
        HostFileError: The file is missing, is not a JSON object of version 2.0, or has an invalid time.
    """
    path = root / "host.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise HostFileError(f"Couldn't read {path}: {error}.") from error
    if not isinstance(content, dict) or content.get("version") != "2.0":
        raise HostFileError(f'{path} must be a JSON object with "version": "2.0".')
    http = content.get("extensions", {}).get("http", {})
    prefix = str(http.get("routePrefix", HostFile.route_prefix)).strip("/")
    timeout = content.get("functionTimeout")
    if timeout is None:
        return HostFile(prefix)
    if timeout == "-1":
        return HostFile(prefix, None)
    try:
        span = schedule.time_span(str(timeout))
    except schedule.ScheduleError as error:
        raise HostFileError(f"{path}: functionTimeout: {error}") from error
    return HostFile(prefix, span)
