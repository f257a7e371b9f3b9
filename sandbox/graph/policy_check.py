"""The restrictions of app management policies on new credentials."""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

from sandbox.application import Application
from sandbox.directory import Directory
from sandbox.graph.errors import GraphError

_DURATION: Final = re.compile(r"^P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$")
_DAYS: Final = (365, 30)  # in a year and a month


def check_password(directory: Directory, app: Application, lifetime: timedelta) -> None:
    """Accept a new client secret if the policy of `app` allows it.

    Raises:
        GraphError: The policy forbids client secrets, or such a long lifetime.
    """
    policy = _policy(directory, app)
    for restriction in _restrictions(policy, "passwordCredentials"):
        if restriction.get("restrictionType") == "passwordAddition":
            raise GraphError(
                400,
                "CredentialTypeNotAllowedAsPerAppPolicy",
                f"Credential type not allowed as per assigned policy '{policy['id']}'.",
            )
        longest = _duration(restriction.get("maxLifetime"))
        if restriction.get("restrictionType") == "passwordLifetime" and longest and lifetime > longest:
            raise GraphError(
                400,
                "CredentialInvalidLifetimeAsPerAppPolicy",
                f"Credential lifetime exceeds the max value allowed as per assigned policy '{policy['id']}'.",
            )


def check_key(directory: Directory, app: Application, lifetime: timedelta) -> None:
    """Accept a new certificate if the policy of `app` allows it. The wording of the errors is a guess.

    Raises:
        GraphError: The policy forbids certificates without a trusted authority, or such a long lifetime.
    """
    policy = _policy(directory, app)
    for restriction in _restrictions(policy, "keyCredentials"):
        if restriction.get("restrictionType") == "trustedCertificateAuthority":
            raise GraphError(
                400,
                "CredentialTypeNotAllowedAsPerAppPolicy",
                f"Credential type not allowed as per assigned policy '{policy['id']}'.",
            )
        longest = _duration(restriction.get("maxLifetime"))
        if restriction.get("restrictionType") == "asymmetricKeyLifetime" and longest and lifetime > longest:
            raise GraphError(
                400,
                "CredentialInvalidLifetimeAsPerAppPolicy",
                f"Credential lifetime exceeds the max value allowed as per assigned policy '{policy['id']}'.",
            )


def _policy(directory: Directory, app: Application) -> Mapping[str, Any]:
    """Return the policy of `app`, or the tenant's default policy if it has none."""
    for policy in directory.policies.values():
        if app.id in policy.applies_to:
            return {**policy.body, "id": policy.id, "restrictions": policy.body.get("restrictions")}
    default = directory.default_policies[app.tenant_id]
    return {**default, "restrictions": default["applicationRestrictions"]}


def _restrictions(policy: Mapping[str, Any], kind: str) -> Iterator[Mapping[str, Any]]:
    if not policy.get("isEnabled"):
        return
    for restriction in (policy["restrictions"] or {}).get(kind) or []:
        if restriction.get("state", "enabled") == "enabled":
            yield restriction


def _duration(text: object) -> timedelta | None:
    found = _DURATION.match(str(text))
    if found is None:
        return None
    years, months, days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    whole = timedelta(days=years * _DAYS[0] + months * _DAYS[1] + days)
    return whole + timedelta(hours=hours, minutes=minutes, seconds=seconds)
