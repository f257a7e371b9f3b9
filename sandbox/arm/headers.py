"""The headers of every response, and the counters of the remaining calls."""

import uuid
from datetime import UTC, datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from sandbox import names
from sandbox.moment import moment

_ACROSS_THE_SUBSCRIPTION: Final = 15  # times the limit of one principal, since 2024


class Allowance:
    """Token buckets by principal and kind of call. They are only shown, and never refuse a call."""

    _SIZES: Final = {"reads": (250, 25.0), "writes": (200, 10.0), "deletes": (200, 10.0)}  # size, refill a second

    def __init__(self) -> None:
        self._left: dict[tuple[str, str], tuple[float, datetime]] = {}

    def take(self, principal: str, kind: str, now: datetime) -> int:
        """Count one call and return how many are left."""
        size, refill = self._SIZES[kind]
        left, then = self._left.get((principal, kind), (float(size), now))
        left = min(float(size), left + refill * (now - then).total_seconds())
        left = max(0.0, left - 1)
        self._left[principal, kind] = (left, now)
        return int(left)


def kind_of(method: str) -> str:
    """Return which allowance a method counts against."""
    return {"GET": "reads", "HEAD": "reads", "DELETE": "deletes"}.get(method, "writes")


def finish(response: Response, request: Request, now: datetime, provider: str | None) -> None:
    """Add the headers of every response. Without a `provider`, the gateway itself responds."""
    request_id = str(uuid.uuid4())
    stamp = now.astimezone(UTC)
    headers = response.headers
    if response.body and headers.get("content-type") == "application/json" and provider != "microsoft.web":
        headers["content-type"] = "application/json; charset=utf-8"
    headers.update(
        {
            "cache-control": "no-cache",
            "pragma": "no-cache",
            "expires": "-1",
            "strict-transport-security": "max-age=31536000; includeSubDomains",
            "x-content-type-options": "nosniff",
            "x-ms-request-id": request_id,
            "x-ms-correlation-request-id": request.headers.get("x-ms-correlation-request-id", request_id),
            "x-ms-routing-request-id": f"{names.LOCATION.upper()}:{stamp:%Y%m%dT%H%M%SZ}:{request_id}",
            "x-cache": "CONFIG_NOCACHE",
            "x-msedge-ref": f"Ref A: {uuid.uuid4().hex.upper()} Ref B: AMS231020512031 Ref C: {moment(stamp)}",
        }
    )
    if provider == "microsoft.web":
        headers.update({"x-aspnet-version": "4.0.30319", "x-powered-by": "ASP.NET"})
    if provider == "microsoft.keyvault":
        headers.update({"x-aspnet-version": "4.0.30319", "x-ms-keyvault-service-version": "1.5.1416.0"})


def count(response: Response, kind: str, left: int, *, of_the_resource: bool) -> None:
    """Add the header with the caller's remaining calls."""
    prefix = "x-ms-ratelimit-remaining-subscription-"
    if of_the_resource:
        response.headers[f"{prefix}resource-requests"] = "11999"
        return
    response.headers[f"{prefix}{kind}"] = str(left)
    response.headers[f"{prefix}global-{kind}"] = str(left * _ACROSS_THE_SUBSCRIPTION)


def etag(modified: datetime) -> dict[str, str]:
    """Return App Service's entity tag: the time of the last change as a Windows file time, in hexadecimal."""
    since = modified - datetime(1601, 1, 1, tzinfo=UTC)
    ticks = (since.days * 86_400 + since.seconds) * 10_000_000 + since.microseconds * 10
    return {"etag": f'"{ticks:X}"'}
