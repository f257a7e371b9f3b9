"""What a caller of `/sandbox/reset` may choose."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields


@dataclass(frozen=True)
class PlannedSecret:
    """A secret that the vault begins with; `managed`: it belongs to a certificate of the vault's own."""

    value: str = field(repr=False)
    managed: bool = False


@dataclass(frozen=True)
class Options:
    """How the sandbox is seeded and how it behaves until the next reset."""

    direct_tenants: int = 3
    propagation_seconds: float = 2.0  # until a new client secret or certificate signs in
    latency_seconds: Mapping[str, float] = field(default_factory=dict)  # by host, or "vault" for every vault
    vault_writes_per_10s: int = 300
    spare_apps: int = 0  # app registrations as CIPP's setup wizard makes them, which no vault names yet
    graph_read_lag_seconds: float = 0.0  # how old the app registrations are that Graph's readers see
    vault_list_lag_seconds: float = 0.0  # how old the vault's lists are
    secrets: Mapping[str, "PlannedSecret"] = field(default_factory=dict)  # by name, beside the seeded ones


_FRACTIONS = ("propagation_seconds", "graph_read_lag_seconds", "vault_list_lag_seconds")
_CENTURY = 3_155_760_000  # seconds


class InvalidOptionsError(Exception):
    """The body of `/sandbox/reset` cannot be understood; the message says why."""


def read_options(body: object) -> Options:
    """Read the options of a reset; what is not named has its default.

    Raises:
        InvalidOptionsError: A field is unknown or has the wrong type.
    """
    if not isinstance(body, dict):
        raise InvalidOptionsError("The body must be an object.")
    if unknown := sorted(map(str, body.keys() - {field.name for field in fields(Options)})):
        raise InvalidOptionsError(f"Unknown fields: {', '.join(unknown)}.")
    for name, value in body.items():
        if name not in ("latency_seconds", "secrets") and not _is_number(value, whole=name not in _FRACTIONS):
            raise InvalidOptionsError(f"{name} must be a number, not below 0.")
        if name in _FRACTIONS and value > _CENTURY:
            raise InvalidOptionsError(f"{name} must be a number of seconds, not above a century.")
    latency = body.get("latency_seconds", {})
    if not isinstance(latency, dict) or not all(_is_number(value) for value in latency.values()):
        raise InvalidOptionsError("latency_seconds must be an object: seconds by host, or by 'vault'.")
    lower = {host.lower(): float(seconds) for host, seconds in latency.items()}
    return Options(**{**body, "latency_seconds": lower, "secrets": _secrets(body.get("secrets", {}))})


def _secrets(value: object) -> dict[str, PlannedSecret]:
    if not isinstance(value, dict) or not all(_is_secret(secret) for secret in value.values()):
        raise InvalidOptionsError("secrets must be an object: by name a value, and optionally managed.")
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
