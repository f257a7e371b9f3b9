"""How long we wait, and for what: every time-out of the app, each a setting."""

from collections.abc import Mapping
from typing import Annotated, Self

import msgspec

from backend.errors import NotConfiguredError

Seconds = Annotated[float, msgspec.Meta(ge=0, le=86_400)]
Timeout = Annotated[float, msgspec.Meta(gt=0, le=86_400)]  # in seconds; a socket takes no 0
Count = Annotated[int, msgspec.Meta(ge=1, le=10_000)]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """A setting's name is the field's name in capitals."""

    discovery_timeout_seconds: Seconds = 2.5  # links answer within 3 s, Azure or not
    discovery_lifetime_seconds: Seconds = 300  # then found again, while the old answer is served
    azure_connect_timeout_seconds: Timeout = 3
    azure_read_timeout_seconds: Timeout = 6
    azure_deadline_seconds: Seconds = 18  # one call with all its retries
    restart_timeout_seconds: Timeout = 20
    restart_poll_seconds: Seconds = 1
    key_rotation_proof_count: Count = 3  # Entra's replicas disagree, so one success proves little
    key_rotation_proof_gap_seconds: Seconds = 5
    key_rotation_proof_timeout_seconds: Seconds = 120
    key_rotation_secret_lifetime_days: Count = 180
    key_rotation_secret_max_age_days: Count = 7  # counted in weeks' starts: 28 is every fourth Sunday
    key_rotation_overlap_days: Count = 30  # an old key stays at least so long, since CIPP may hold it
    key_rotation_manage_policy: bool = False
    key_rotation_restart_cipp: bool = False
    key_rotation_pulse_hours: Annotated[int, msgspec.Meta(ge=0, le=8_760)] = 24
    key_rotation_warn_days: Count = 14
    key_rotation_time_limit_seconds: Seconds = 3_600  # the host's and the load balancer's are shorter

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Self:
        """Read the limits from the app's settings.

        Raises:
            NotConfiguredError: A setting is no number, or out of its range.
        """
        given = {name: environ[name.upper()] for name in cls.__struct_fields__ if environ.get(name.upper())}
        try:
            return msgspec.convert(given, cls, strict=False)
        except ValueError as error:  # a ValidationError, or a text that is no Unicode
            rule, _, place = str(error).partition(" - at `$.")
            setting = place.rstrip("`").upper() or f"among {', '.join(name.upper() for name in given)}"
            raise NotConfiguredError(f"The setting {setting} cannot be used: {rule.replace('`', '')}.") from error
