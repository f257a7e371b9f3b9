"""The tenant's app management policy: whether, and for how long, the SAM app may get new credentials.

Needs the Graph permission Policy.Read.All to read, Policy.ReadWrite.ApplicationConfiguration to write (SAM app).
An app's own policy stands before the tenant's default, restriction by restriction.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from backend.errors import AzureError, ConflictError, NotFoundError
from backend.graph import Graph, Json

OUR_POLICY: Final = "CIPP Exemption Policy"
NO_LIMIT: Final = timedelta.max
_LESS: Final = timedelta(hours=1)  # Graph counts from its own clock, not from ours
_PASSWORD_BLOCKS: Final = ("passwordAddition", "symmetricKeyAddition")
_KEY_BLOCKS: Final = ("trustedCertificateAuthority",)


@dataclass(frozen=True)
class AppPolicy:
    """What the policies say of this app. Lifetimes are already an hour short of the limit."""

    blocks_secrets: bool = False
    blocks_certificates: bool = False
    secret_lifetime: timedelta = NO_LIMIT
    certificate_lifetime: timedelta = NO_LIMIT
    own_policy: Json | None = None


def read_app_policy(graph: Graph, object_id: str, created: datetime | None) -> AppPolicy:
    """Read the policies that apply to the app; one that cannot be read restricts nothing: Graph itself decides."""
    try:
        default = graph.read("read the tenant's app management policy", "policies/defaultAppManagementPolicy")
        own = _own_policy(graph, object_id)
    except (AzureError, NotFoundError):
        return AppPolicy()
    return judged(default, own, created)


def judged(default: Mapping[str, Any], own: Json | None, created: datetime | None) -> AppPolicy:
    """Judge what the default and the app's own policy say together. Pure."""
    passwords = dict(_restrictions(default, "passwordCredentials", created))
    keys = dict(_restrictions(default, "keyCredentials", created))
    if own:
        passwords |= dict(_restrictions(own, "passwordCredentials", created))
        keys |= dict(_restrictions(own, "keyCredentials", created))
    return AppPolicy(
        blocks_secrets=any(_is_on(passwords.get(name)) for name in _PASSWORD_BLOCKS),
        blocks_certificates=any(_is_on(keys.get(name)) for name in _KEY_BLOCKS),
        secret_lifetime=_longest(passwords.get("passwordLifetime")),
        certificate_lifetime=_longest(keys.get("asymmetricKeyLifetime")),
        own_policy=own,
    )


def exempt(graph: Graph, object_id: str, policy: AppPolicy) -> None:
    """Let this app alone manage its credentials, by a policy of our name that applies to nothing else.

    Raises:
        ConflictError: The app has a policy of another name, or ours applies to others, too.
    """
    wanted = {
        "displayName": OUR_POLICY,
        "description": "Allows CIPP app to manage credentials",
        "isEnabled": True,
        "restrictions": {
            "passwordCredentials": [_off(name) for name in _PASSWORD_BLOCKS],
            "keyCredentials": [_off(name) for name in ("asymmetricKeyLifetime", *_KEY_BLOCKS)],
        },
    }
    own = policy.own_policy
    if own is None:
        made = graph.write(f"make the policy '{OUR_POLICY}'", "POST", "policies/appManagementPolicies", wanted)
        link = {"@odata.id": f"https://graph.microsoft.com/v1.0/policies/appManagementPolicies/{made['id']}"}
        graph.write(
            f"apply '{OUR_POLICY}' to the app", "POST", f"applications/{object_id}/appManagementPolicies/$ref", link
        )
        return
    applies_to = graph.read(
        f"read what '{own['displayName']}' applies to", f"policies/appManagementPolicies/{own['id']}/appliesTo"
    )["value"]
    if own["displayName"] != OUR_POLICY or [app["id"] for app in applies_to] != [object_id]:
        raise ConflictError(
            f"The app management policy '{own['displayName']}' is not changed: only one named '{OUR_POLICY}' that "
            "applies to this app alone is."
        )
    graph.write(f"write the policy '{OUR_POLICY}'", "PATCH", f"policies/appManagementPolicies/{own['id']}", wanted)


def command_for(policy: AppPolicy, object_id: str) -> str:
    """Answer the command with which an admin lifts the block."""
    off = ",".join(f'{{"restrictionType":"{name}","state":"disabled"}}' for name in _PASSWORD_BLOCKS)
    body = f'{{"restrictions":{{"passwordCredentials":[{off}]}}}}'
    graph = "https://graph.microsoft.com/v1.0"
    if policy.own_policy:
        return (
            f"az rest --method PATCH --url {graph}/policies/appManagementPolicies/{policy.own_policy['id']} "
            f"--body '{body}'"
        )
    return (
        f"make a policy and apply it to the app: az rest --method POST --url {graph}/policies/appManagementPolicies "
        f'--body \'{{"displayName":"{OUR_POLICY}","isEnabled":true,{body[1:]}\' and az rest --method POST '
        f"--url {graph}/applications/{object_id}/appManagementPolicies/\\$ref "
        f'--body \'{{"@odata.id":"{graph}/policies/appManagementPolicies/<its id>"}}\''
    )


def _own_policy(graph: Graph, object_id: str) -> Json | None:
    for policy in graph.read("read the app management policies", "policies/appManagementPolicies")["value"]:
        applies_to = graph.read(
            f"read what '{policy['displayName']}' applies to",
            f"policies/appManagementPolicies/{policy['id']}/appliesTo",
        )
        if any(app["id"] == object_id for app in applies_to["value"]):
            found: Json = policy
            return found
    return None


def _restrictions(
    policy: Mapping[str, Any], kind: str, created: datetime | None
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the restrictions of a policy that is on, for apps as old as ours, by type."""
    if not policy.get("isEnabled"):
        return
    restrictions = policy.get("applicationRestrictions") or policy.get("restrictions") or {}
    for restriction in restrictions.get(kind) or []:
        since = restriction.get("restrictForAppsCreatedAfterDateTime")
        if not (since and created and created < datetime.fromisoformat(since).astimezone(UTC)):
            yield restriction["restrictionType"], restriction


def _is_on(restriction: Mapping[str, Any] | None) -> bool:
    return restriction is not None and restriction.get("state", "enabled") == "enabled"


def _longest(restriction: Mapping[str, Any] | None) -> timedelta:
    """Answer the longest life that a restriction allows, less an hour. Durations are ISO 8601, days and hours."""
    if restriction is None or not _is_on(restriction):
        return NO_LIMIT
    found = re.fullmatch(
        r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?",
        str(restriction.get("maxLifetime")),
    )
    if found is None:
        return NO_LIMIT
    years, months, days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    whole = timedelta(days=365 * years + 30 * months + days, hours=hours, minutes=minutes, seconds=seconds)
    return whole - _LESS


def _off(name: str) -> Json:
    return {
        "restrictionType": name,
        "state": "disabled",
        "maxLifetime": None,
        "restrictForAppsCreatedAfterDateTime": "0001-01-01T00:00:00Z",
    }
