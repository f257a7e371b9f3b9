"""The tenant's app management policy: whether, and for how long, the SAM app may get new credentials.

Needs the Graph permission Policy.Read.All to read, Policy.ReadWrite.ApplicationConfiguration to write (SAM app).
An app's own policy stands before the tenant's default, restriction by restriction.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from backend.clouds import PUBLIC
from backend.errors import AzureError, AzureRefusedError, ConflictError, NotFoundError
from backend.graph import Graph, Json

OUR_POLICY: Final = "CIPP Exemption Policy"
NO_LIMIT: Final = timedelta.max
LESS: Final = timedelta(hours=1)  # Graph counts from its own clock, not from ours
_POLICIES: Final = "policies/appManagementPolicies"
_PASSWORD_BLOCKS: Final = ("passwordAddition", "symmetricKeyAddition")
_KEY_BLOCKS: Final = ("trustedCertificateAuthority",)


@dataclass(frozen=True)
class AppPolicy:
    """What the policies mean for this app: the rules that forbid it new credentials, and how long those may live.

    Lifetimes are already an hour short of the limit. `address` is the one of Graph's v1.0, where the policies are.
    """

    blocks_secrets: tuple[str, ...] = ()
    blocks_certificates: tuple[str, ...] = ()
    secret_lifetime: timedelta = NO_LIMIT
    certificate_lifetime: timedelta = NO_LIMIT
    own_policy: Json | None = None
    address: str = f"{PUBLIC.graph}/v1.0"


def read_app_policy(graph: Graph, object_id: str, created: datetime | None) -> AppPolicy:
    """Return what the policies mean for the app. One that can't be read restricts nothing: Graph itself decides."""
    try:
        default = graph.read("read the tenant's app management policy", "policies/defaultAppManagementPolicy")
        own = _own_policy(graph, object_id)
    except (AzureError, NotFoundError):
        return AppPolicy()
    return replace(judged(default, own, created), address=graph.address)


def judged(default: Mapping[str, Any], own: Json | None, created: datetime | None) -> AppPolicy:
    """Judge what the default and the app's own policy say together. Pure."""
    passwords = dict(_restrictions(default, "passwordCredentials", created))
    keys = dict(_restrictions(default, "keyCredentials", created))
    if own:
        passwords |= dict(_restrictions(own, "passwordCredentials", created))
        keys |= dict(_restrictions(own, "keyCredentials", created))
    return AppPolicy(
        blocks_secrets=tuple(name for name in _PASSWORD_BLOCKS if _is_on(passwords.get(name))),
        blocks_certificates=tuple(name for name in _KEY_BLOCKS if _is_on(keys.get(name))),
        secret_lifetime=_longest(passwords.get("passwordLifetime")),
        certificate_lifetime=_longest(keys.get("asymmetricKeyLifetime")),
        own_policy=own,
    )


def exempt(graph: Graph, object_id: str, policy: AppPolicy) -> None:
    """Let this app alone manage its credentials, by a policy of our name that applies to nothing else.

    Raises:
        ConflictError: The app has a policy of another name, or ours applies to others, too.
    """
    own = policy.own_policy
    if own is not None:
        if own.get("displayName") != OUR_POLICY or _applies_to(graph, own) != [object_id]:
            raise ConflictError(
                f"The app management policy '{own.get('displayName')}' is not changed: only one named "
                f"'{OUR_POLICY}' that applies to this app alone is."
            )
        _write(graph, own)
        return
    unused = _unused(graph)
    if unused is not None:  # a run was cut between making it and applying it
        _write(graph, unused)
    made = unused or graph.write(
        f"make the policy '{OUR_POLICY}'",
        "POST",
        _POLICIES,
        {
            "displayName": OUR_POLICY,
            "description": "Allows CIPP app to manage credentials",
            "isEnabled": True,
            "restrictions": _exemption({}),
        },
    )
    link = {"@odata.id": f"{graph.address}/{_POLICIES}/{made['id']}"}
    graph.write(
        f"apply '{OUR_POLICY}' to the app", "POST", f"applications/{object_id}/appManagementPolicies/$ref", link
    )


@contextmanager
def advised(policy: AppPolicy, rules: Sequence[str], object_id: str) -> Iterator[None]:
    """Add to a refusal the rules that block, if any, and the command with which an admin lifts them."""
    try:
        yield
    except (AzureRefusedError, ConflictError) as error:
        if rules:
            error.advice = _advice_on(policy, rules, object_id)
        raise


def _advice_on(policy: AppPolicy, rules: Sequence[str], object_id: str) -> str:
    kinds = {"passwordCredentials": _PASSWORD_BLOCKS, "keyCredentials": _KEY_BLOCKS}
    off = {
        kind: [{"restrictionType": rule, "state": "disabled"} for rule in rules if rule in known]
        for kind, known in kinds.items()
        if set(rules) & set(known)
    }
    graph = policy.address
    said = f"The tenant's app management policy forbids it ({', '.join(rules)}). "
    if policy.own_policy:
        body = json.dumps({"restrictions": off}, separators=(",", ":"))
        return (
            f"{said}Lift it: az rest --method PATCH --url {graph}/{_POLICIES}/{policy.own_policy['id']} --body '{body}'"
        )
    body = json.dumps(
        {"displayName": OUR_POLICY, "isEnabled": True, "restrictions": off},
        separators=(",", ":"),
    )
    return (
        f"{said}Make a policy that lifts it: az rest --method POST --url {graph}/{_POLICIES} --body '{body}' "
        f"and apply it to the app: az rest --method POST --url {graph}/applications/{object_id}"
        f'/appManagementPolicies/\\$ref --body \'{{"@odata.id":"{graph}/{_POLICIES}/<its id>"}}\''
    )


def _write(graph: Graph, policy: Json) -> None:
    """Switch the blocks off in a policy, and leave its other rules as they are."""
    body = {"isEnabled": True, "restrictions": _exemption(policy.get("restrictions") or {})}
    graph.write(f"write the policy '{OUR_POLICY}'", "PATCH", f"{_POLICIES}/{policy['id']}", body)


def _exemption(restrictions: Mapping[str, Any]) -> Json:
    off = {"passwordCredentials": _PASSWORD_BLOCKS, "keyCredentials": ("asymmetricKeyLifetime", *_KEY_BLOCKS)}
    others = {kind: _rules(restrictions, kind) for kind in off}
    return {
        kind: [*(rule for rule in others[kind] if rule.get("restrictionType") not in names), *map(_off, names)]
        for kind, names in off.items()
    }


def _rules(restrictions: object, kind: str) -> list[Json]:
    entries = restrictions.get(kind) if isinstance(restrictions, dict) else None
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _unused(graph: Graph) -> Json | None:
    """Find a policy of our name that applies to nothing."""
    for policy in graph.read_all("read the app management policies", _POLICIES):
        if policy.get("displayName") == OUR_POLICY and not _applies_to(graph, policy):
            return policy
    return None


def _applies_to(graph: Graph, policy: Json) -> list[str]:
    """Return the object ids of the apps that a policy applies to."""
    path = f"{_POLICIES}/{policy['id']}/appliesTo"
    apps = graph.read_all(f"read what the policy '{policy.get('displayName')}' applies to", path)
    return [str(app.get("id")) for app in apps]


def _own_policy(graph: Graph, object_id: str) -> Json | None:
    for policy in graph.read_all("read the app management policies", _POLICIES):
        if object_id in _applies_to(graph, policy):
            return policy
    return None


def _restrictions(
    policy: Mapping[str, Any], kind: str, created: datetime | None
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the restrictions of an enabled policy that apply to an app created then, by type."""
    if not policy.get("isEnabled"):
        return
    restrictions = policy.get("applicationRestrictions") or policy.get("restrictions") or {}
    for restriction in _rules(restrictions, kind):
        since = _time(restriction.get("restrictForAppsCreatedAfterDateTime"))
        if not (since and created and created < since):
            yield str(restriction.get("restrictionType")), restriction


def _time(value: object) -> datetime | None:
    """Return a time of Graph's, or None if it shows none that can be read: then the restriction applies."""
    try:
        return datetime.fromisoformat(str(value)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _is_on(restriction: Mapping[str, Any] | None) -> bool:
    return restriction is not None and restriction.get("state", "enabled") == "enabled"


def _longest(restriction: Mapping[str, Any] | None) -> timedelta:
    """Return the longest life that a restriction allows, less an hour. Durations are ISO 8601, days and hours."""
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
    return whole - LESS


def _off(name: str) -> Json:
    return {
        "restrictionType": name,
        "state": "disabled",
        "maxLifetime": None,
        "restrictForAppsCreatedAfterDateTime": "0001-01-01T00:00:00Z",
    }
