"""The options that a caller of `/sandbox/reset` can choose."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Final

from sandbox.shapes import SHAPES

_EARLIEST: Final = datetime(1980, 1, 1, tzinfo=UTC)  # the seed is older than `now`, and Key Vault's times start in 1970
_LATEST: Final = datetime(2900, 1, 1, tzinfo=UTC)  # leaves centuries for `advance_seconds`
_FASTEST: Final = 1_000
UNKNOWNS: Final = ("U1", "U2", "U3", "U13")
STATES: Final = ("S3", "S4", "S5", "S6", "S7", "S11", "S12", "S13", "S14")


@dataclass(frozen=True)
class PlannedSecret:
    """A secret that the vault starts with. `managed`: it belongs to one of the vault's certificates."""

    value: str = field(repr=False)
    managed: bool = False


@dataclass(frozen=True)
class Options:
    """How the sandbox is seeded and how it behaves, until the next reset."""

    direct_tenants: int = 3
    propagation_seconds: float = 2.0  # until a new client secret or certificate can sign in
    latency_seconds: Mapping[str, float] = field(default_factory=dict)  # by host, or "vault" for every vault
    vault_writes_per_10s: int = 300
    stored_days: int = 40  # how many days ago CIPP stored its keys
    spare_apps: int = 0  # app registrations from CIPP's setup wizard, in no vault yet
    graph_read_lag_seconds: float = 0.0  # how far Graph's reads of app registrations are behind
    page_size: int = 0  # entries per page of any list. 0: the service's own size.
    vault_list_lag_seconds: float = 0.0  # how far the vault's lists are behind
    vault_recovery_seconds: float = 0.0  # until a recovered secret accepts writes. It is visible after half of it.
    role_lag_seconds: float = 0.0  # until a new role can be assigned, and a new assignment counts
    deployment_seconds: float = 0.0  # how long a deployment of a template is active
    secrets: Mapping[str, "PlannedSecret"] = field(default_factory=dict)  # by name, in addition to the seeded ones
    now: datetime | None = None  # the time at which the clock starts. None: this machine's time.
    clock_rate: float = 1.0  # the clock's speed, as a multiple of real time
    shape: str = "functions"  # how CIPP is installed: function apps, or one container
    certificate_only: bool = False  # CIPP signs in with its certificate and has no client secret
    old_cipp: bool = False  # a CIPP that neither reads its keys at 00:30 nor reconciles its certificates
    no_reconcile: bool = False  # a CIPP that reads its keys at 00:30, and does not reconcile its certificates
    cipp_jobs: bool = False  # CIPP's own weekly run, and the hourly check of a container for updates
    timezone: str = ""  # in CIPP's table Config. Empty: as it is, and UTC for a container.
    own_group: bool = False  # this app is in a resource group of its own
    # The remaining options need the shape "container".
    start_seconds: float = 45.0  # from a start until the container responds
    no_instance_health: bool = False  # a CIPP without the table InstanceHealth
    pinned: str = ""  # the tag of the image, or "digest". Empty: "latest".
    update_available: bool = False  # the tag moved after the container started
    broken: str = ""  # a version whose container ends during its start
    sign_in_off: bool = False  # App Service authentication is off
    unknowns: tuple[str, ...] = ()  # points in which Azure is not known, and which behave in the second way
    state: str = ""  # a state of the migration or of the installation, such as "S4"


_FRACTIONS = (
    "start_seconds",
    "propagation_seconds",
    "graph_read_lag_seconds",
    "vault_list_lag_seconds",
    "vault_recovery_seconds",
    "role_lag_seconds",
    "deployment_seconds",
)
_FLAGS = (
    "certificate_only",
    "old_cipp",
    "no_reconcile",
    "cipp_jobs",
    "own_group",
    "no_instance_health",
    "update_available",
    "sign_in_off",
)
_WORDS: Final = {
    "shape": SHAPES,
    "state": ("", *STATES),
    "pinned": None,
    "broken": None,
    "timezone": None,
}  # with the allowed values
_OF_A_CONTAINER: Final = (
    "no_instance_health",
    "pinned",
    "broken",
    "update_available",
    "sign_in_off",
    "state",
    "unknowns",
)
_CENTURY = 3_155_760_000  # seconds


class InvalidOptionsError(Exception):
    """The body of `/sandbox/reset` is not valid. The message states why."""


def read_options(body: object) -> Options:
    """Read the options of a reset. Options that are not named have their defaults.

    Raises:
        InvalidOptionsError: A field is unknown or has the wrong type.
    """
    if not isinstance(body, dict):
        raise InvalidOptionsError("The body must be an object.")
    if unknown := sorted(map(str, body.keys() - {field.name for field in fields(Options)})):
        raise InvalidOptionsError(f"Unknown fields: {', '.join(unknown)}.")
    others = {"latency_seconds", "secrets", "unknowns", "now", "clock_rate", *_FLAGS, *_WORDS}
    for name, value in body.items():
        if name not in others and not _is_number(value, whole=name not in _FRACTIONS):
            raise InvalidOptionsError(f"{name} must be a number of at least 0.")
        if name in _FRACTIONS and value > _CENTURY:
            raise InvalidOptionsError(f"{name} must be a number of seconds, at most a century.")
    latency = body.get("latency_seconds", {})
    if not isinstance(latency, dict) or not all(_is_number(value) for value in latency.values()):
        raise InvalidOptionsError("latency_seconds must be an object: seconds by host, or by 'vault'.")
    lower = {host.lower(): float(seconds) for host, seconds in latency.items()}
    read = {"latency_seconds": lower, "secrets": _secrets(body.get("secrets", {}))}
    if body.get("now") is not None:
        read["now"] = _moment(body["now"])
    if "clock_rate" in body:
        read["clock_rate"] = _rate(body["clock_rate"])
    _check_cipp(body)
    read["unknowns"] = _unknowns(body.get("unknowns", []))
    return Options(**{**body, **read})


def _check_cipp(body: Mapping[str, object]) -> None:
    """Check the options that choose how CIPP is installed."""
    for name in _FLAGS:
        if not isinstance(body.get(name, False), bool):
            raise InvalidOptionsError(f"{name} must be true or false.")
    for name, allowed in _WORDS.items():
        value = body.get(name, "" if allowed is None else allowed[0])
        if not isinstance(value, str) or (allowed is not None and value not in allowed):
            raise InvalidOptionsError(
                f"{name} must be {'text' if allowed is None else 'one of ' + str(list(allowed))}."
            )
    if body.get("shape", SHAPES[0]) != "container" and (named := [n for n in _OF_A_CONTAINER if body.get(n)]):
        raise InvalidOptionsError(f"{', '.join(named)}: the shape must be container.")


def _unknowns(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(one in UNKNOWNS for one in value):
        raise InvalidOptionsError(f"unknowns must be a list of {', '.join(UNKNOWNS)}.")
    return tuple(value)


def _moment(value: object) -> datetime:
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InvalidOptionsError("now must be an ISO 8601 time with a zone, such as 2027-01-02T23:30:00Z.")
    if not _EARLIEST <= moment < _LATEST:
        raise InvalidOptionsError(f"now must be in or after {_EARLIEST.year}, and before {_LATEST.year}.")
    return moment.astimezone(UTC)


def _rate(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _FASTEST:
        raise InvalidOptionsError(f"clock_rate must be a number above 0, at most {_FASTEST}.")
    return float(value)


def _secrets(value: object) -> dict[str, PlannedSecret]:
    if not isinstance(value, dict) or not all(_is_secret(secret) for secret in value.values()):
        raise InvalidOptionsError("secrets must be an object of names. Each has a value, and optionally managed.")
    return {name: PlannedSecret(**secret) for name, secret in value.items()}


def _is_secret(secret: object) -> bool:
    return (
        isinstance(secret, dict)
        and isinstance(secret.get("value"), str)
        and isinstance(secret.get("managed", False), bool)
        and secret.keys() <= {"value", "managed"}
    )


def _is_number(value: object, *, whole: bool = False) -> bool:
    kinds = int if whole else (int, float)
    return isinstance(value, kinds) and not isinstance(value, bool) and value >= 0
