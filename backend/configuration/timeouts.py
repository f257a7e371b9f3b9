"""The timeouts and other limits of the app. Each is a setting."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

import msgspec

from backend.errors import NotConfiguredError

Seconds = Annotated[float, msgspec.Meta(ge=0, le=86_400)]
Timeout = Annotated[float, msgspec.Meta(gt=0, le=86_400)]  # in seconds. A socket does not accept 0
Count = Annotated[int, msgspec.Meta(ge=1, le=10_000)]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits. The name of a setting is the field's name in capitals."""

    discovery_timeout_seconds: Seconds = 2.5  # links respond within 3 s, even without Azure
    discovery_lifetime_seconds: Seconds = 300  # then discovery runs again, while the old result is used
    azure_connect_timeout_seconds: Timeout = 3
    azure_read_timeout_seconds: Timeout = 6
    azure_deadline_seconds: Timeout = 18  # one call with all its retries. With 0, no call could correct the setting
    restart_timeout_seconds: Timeout = 20
    restart_poll_seconds: Seconds = 1
    cipp_start_timeout_seconds: Annotated[float, msgspec.Meta(ge=0, le=180)] = 180  # HTTP ends after 230 s
    cipp_start_poll_seconds: Seconds = 5
    registry_timeout_seconds: Timeout = 8
    version_timeout_seconds: Timeout = 600  # no time of a start is published, and ten minutes can be normal
    key_rotation_proof_count: Count = 3  # Entra's replicas can differ, so one success is not enough
    key_rotation_proof_gap_seconds: Seconds = 5
    key_rotation_proof_timeout_seconds: Seconds = 120
    key_rotation_secret_lifetime_days: Count = 180
    key_rotation_secret_max_age_days: Count = 7  # counted in starts of weeks: 28 is every fourth Sunday
    key_rotation_overlap_days: Count = 30  # an old key stays at least that long, because CIPP might have it in memory
    key_rotation_manage_policy: bool = False
    key_rotation_restart_cipp: bool | Literal["update"] = False  # "update": a restart may update a container, too
    key_rotation_pulse_hours: Annotated[int, msgspec.Meta(ge=0, le=8_760)] = 24
    key_rotation_warn_days: Count = 14
    key_rotation_time_limit_seconds: Seconds = 3_600  # the limits of the host and the load balancer are shorter

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Self:
        """Read the limits from the app's settings.

        Raises:
            NotConfiguredError: A setting is not a number, or out of its range.
        """
        given = {name: environ[name.upper()] for name in cls.__struct_fields__ if environ.get(name.upper())}
        try:
            return msgspec.convert(given, cls, strict=False)
        except ValueError as error:  # a ValidationError, or a text that is not valid Unicode
            rule, _, place = str(error).partition(" - at `$.")
            if rule.startswith("Invalid enum value"):  # which repeats the value
                rule = "Expected true, false or update"
            setting = place.rstrip("`").upper() or f"among {', '.join(name.upper() for name in given)}"
            raise NotConfiguredError(f"Invalid setting {setting}: {rule.replace('`', '')}.") from error
