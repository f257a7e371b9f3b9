"""The table of timeouts and other limits. Names, defaults and ranges are those of `Limits`. The words are here."""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import inspect

from backend.configuration.timeouts import Limits
from tests.docs.tables import code, table

MEANINGS: Final[Mapping[str, str]] = {
    "discovery_timeout_seconds": "How long the links wait for Azure. After that they are returned without it",
    "discovery_lifetime_seconds": "How long what Azure returned is used. Then it is looked up again in the background",
    "azure_connect_timeout_seconds": "Time to connect to Azure",
    "azure_read_timeout_seconds": "Time between two bytes of a response from Azure",
    "azure_deadline_seconds": "Time for one call to Azure with all its retries",
    "restart_timeout_seconds": "How long a restart waits for what Azure can show",
    "restart_poll_seconds": "Time between two checks of an app that restarts",
    "cipp_start_timeout_seconds": (
        "How long the health of CIPP's container is followed after a start. The response then states its phase"
    ),
    "cipp_start_poll_seconds": "Time between two of these checks",
    "registry_timeout_seconds": "Time for all calls to the registry of CIPP's image, and for one to CIPP's own site",
    "version_timeout_seconds": (
        "Time after which a version of CIPP's container that is not ready may be rolled back. "
        "A failed pull, or a container that ended, is rolled back before"
    ),
    "key_rotation_proof_count": "Number of sign-ins in a row that verify a new client secret or certificate",
    "key_rotation_proof_gap_seconds": "Time between two of these sign-ins",
    "key_rotation_proof_timeout_seconds": "After this time, a new credential that can't sign in is given up",
    "key_rotation_secret_lifetime_days": (
        "Lifetime of a new client secret. It is shorter if the tenant's policy requires it"
    ),
    "key_rotation_secret_max_age_days": (
        "Age at which the client secret is rotated. The age is counted in starts of weeks: 28 is every fourth Sunday"
    ),
    "key_rotation_overlap_days": ("An old client secret or certificate created by this app stays at least this long"),
    "key_rotation_manage_policy": (
        "`true` allows this app to create or change the app management policy `CIPP Exemption Policy`, "
        "for CIPP's SAM app alone"
    ),
    "key_rotation_restart_cipp": (
        "`true` restarts CIPP's apps, one after another, after a new client secret from this app. "
        "In certificate-only mode, it does so after a new certificate. "
        "On a container, `true` restarts only if the restart certainly does not update CIPP, "
        "and `update` also if it may. For function apps, both are the same. "
        "Nothing restarts from 00:00 to 00:30 in CIPP's time zone. "
        "An app is restarted at most once for a version of the client secret. "
        "The request is recorded first. If that fails, the app is not restarted. "
        "A restart that timed out is not repeated: the report names the app to restart with `ExecFunctionAppRestart`. "
        "A run by a caller without `CIPP.SuperAdmin.ReadWrite` restarts no app, and reports it. "
        "For the client secret of such a run, no timer restarts CIPP before the next weekly run"
    ),
    "key_rotation_pulse_hours": "Each key has a sign-in check once in this many hours. 0 turns the check off",
    "key_rotation_warn_days": "A key that expires sooner than this is an alert",
    "key_rotation_time_limit_seconds": (
        "Time limit of a rotation run. A run by HTTP also stops within 200 s. "
        "A timer's run also stops one minute before the `functionTimeout` of `host.json`"
    ),
}


def timeouts() -> str:
    """Return the table, in the order of the code."""
    kind = inspect.type_info(Limits)
    if not isinstance(kind, inspect.StructType):
        raise TypeError("Limits must be a struct.")
    return table(
        ("setting", "default", "values", "meaning"),
        (
            (code(field.name.upper()), default_of(field.default), values_of(field.type), MEANINGS[field.name])
            for field in kind.fields
        ),
    )


def default_of(value: Any) -> str:  # noqa: ANN401 - a flag or a number
    """Return a default as the documentation shows it."""
    return code(str(value).lower()) if isinstance(value, bool) else f"{value:g}"


def values_of(kind: inspect.Type) -> str:
    """Return what the setting may be."""
    if isinstance(kind, inspect.Metadata):
        kind = kind.type
    if isinstance(kind, inspect.BoolType):
        return "`true`, `false`"
    if isinstance(kind, inspect.UnionType):
        return ", ".join(values_of(one) for one in kind.types)
    if isinstance(kind, inspect.LiteralType):
        return ", ".join(code(str(value)) for value in kind.values)
    if not isinstance(kind, (inspect.IntType, inspect.FloatType)):
        raise TypeError(f"The documentation has no words for {kind}.")
    whole = "whole number, " if isinstance(kind, inspect.IntType) else ""
    least = f"above {kind.gt:g}" if kind.gt is not None else f"{kind.ge:g}"
    return f"{whole}{least} to {kind.le:,g}".replace("above 0 to", "above 0, at most")
