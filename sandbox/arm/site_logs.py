"""The last lines of a container's log of the platform.

The lines are as people pasted them from real logs: Azure/webapps-deploy#454, microsoft/PubSec-Info-Assistant#900. Azure
returns 204 without lines (REST specification). None of this was run against real Azure.
"""

from datetime import datetime, timedelta
from typing import Final

from starlette.responses import Response

from sandbox.arm.call import Call
from sandbox.arm.gateway import Operation
from sandbox.arm.sites import SITE
from sandbox.cipp.process import Process

_SECOND: Final = timedelta(seconds=1)
_AGAIN: Final = timedelta(minutes=1)  # after which the platform starts a container again
_MOST_EXITS: Final = 60


def _logs(call: Call) -> Response:
    """Return the lines of all processes, also of those before the present one."""
    site, life = call.site(), call.azure.cipp
    process = life.processes.get(site.name)
    if not site.container or process is None:
        return Response(status_code=204)
    shown = [*(one for one in life.ended if one[0].site == site.name), (process, call.now)]
    lines = sorted(line for one, end in shown for line in _lines(one, site.name, end))
    text = "\n".join(line for at, line in lines if at <= call.now)
    return Response(text or None, 200 if text else 204, media_type="application/octet-stream")


def _lines(process: Process, site: str, end: datetime) -> list[tuple[datetime, str]]:
    """Return the lines of one process. One that ends during its start is started again until another one follows."""
    image, began = process.pulled, process.started
    lines = [_line(began, "INFO ", f"Pulling image: {image}")]
    if not process.has_image:
        refusal = f'response={{"message":"manifest for {image} not found: manifest unknown"}}'
        message = f"DockerApiException: Docker API responded with status code=NotFound, {refusal}"
        failed = "Image pull failed: Verify docker image configuration and credentials (if using private repository)"
        lines += [
            _line(began + _SECOND, "ERROR", message),
            _line(began + _SECOND, "WARN ", "Image pull failed. Defaulting to local copy if present."),
            _line(began + _SECOND, "ERROR", failed),
        ]
    else:
        lines.append(_line(began + _SECOND, "INFO ", "Starting container for site"))
    if process.is_broken:
        message = f"Container {site}_0_5c1d2a3b for site {site} has exited, failing site start"
        lines += [
            _line(at, "ERROR", message)
            for number in range(_MOST_EXITS)
            if (at := began + 2 * _SECOND + number * _AGAIN) <= end
        ]
        lines.append(_line(end, "ERROR", message))  # the last one, while it is replaced
    return lines


def _line(at: datetime, level: str, text: str) -> tuple[datetime, str]:
    return at, f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z {level} - {text}"


OPERATIONS: Final = (Operation("POST", f"{SITE}/containerlogs", _logs),)
