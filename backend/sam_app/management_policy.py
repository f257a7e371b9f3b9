"""The tenant's app management policy: whether the SAM app may get new credentials, and how long they may live.

Requires the Graph permission Policy.Read.All to read, Policy.ReadWrite.ApplicationConfiguration to write (SAM app).
Each restriction in an app's own policy overrides the same one in the tenant's default.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from backend.configuration.clouds import PUBLIC
from backend.errors import AzureError, AzureRefusedError, ConflictError, NotFoundError, joined
from backend.readings import text_of, time_or_none
from backend.sam_app.graph import Graph, Json

OUR_POLICY: Final = "CIPP Exemption Policy"
NO_LIMIT: Final = timedelta.max
LESS: Final = timedelta(hours=1)  # Graph measures with its own clock, not with this machine's
_POLICIES: Final = "policies/appManagementPolicies"
_PASSWORD_BLOCKS: Final = ("passwordAddition", "symmetricKeyAddition")
_KEY_BLOCKS: Final = ("trustedCertificateAuthority",)


@dataclass(frozen=True)
class AppPolicy:
    """What the policies mean for the SAM app: the rules that block new credentials, and the longest lifetimes.

    Lifetimes are already an hour shorter than the limit. `address` is that of Graph's v1.0, which has the policies.
    """

    blocks_secrets: tuple[str, ...] = ()
    blocks_certificates: tuple[str, ...] = ()
    secret_lifetime: timedelta = NO_LIMIT
    certificate_lifetime: timedelta = NO_LIMIT
    own_policy: Json | None = None
    address: str = f"{PUBLIC.graph}/v1.0"


def read_app_policy(graph: Graph, object_id: str, created: datetime | None) -> AppPolicy:
    """Return what the policies mean for the app. If they can't be read, nothing is restricted: Graph decides."""
    try:
        default = graph.read("read the tenant's app management policy", "policies/defaultAppManagementPolicy")
        own = _own_policy(graph, object_id)
    except (AzureError, NotFoundError):
        return AppPolicy()
    return replace(judged(default, own, created), address=graph.address)


def judged(default: Mapping[str, Any], own: Json | None, created: datetime | None) -> AppPolicy:
    """Return the combined effect of the default and the app's own policy. Pure."""
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


def exempt(graph: Graph, object_id: str, policy: AppPolicy, *, with_secrets: bool = True) -> None:
    """Exempt the SAM app from the blocks, by a policy named `OUR_POLICY` that applies to no other app.

    `with_secrets`: also from the blocks of client secrets. Otherwise only from those of certificates.

    Raises:
        ConflictError: The app has a policy with another name, or the policy also applies to other apps.
    """
    own = policy.own_policy
    if own is not None:
        if own.get("displayName") != OUR_POLICY or _applies_to(graph, own) != [object_id]:
            raise ConflictError(
                f"Couldn't change the app management policy '{own.get('displayName')}': its name must be "
                f"'{OUR_POLICY}', and it must apply to this app registration only."
            )
        _write(graph, own, with_secrets=with_secrets)
        return
    unused = _unused(graph)
    if unused is not None:  # a run was interrupted after creating it and before applying it
        _write(graph, unused, with_secrets=with_secrets)
    made = unused or graph.write(
        f"create the policy '{OUR_POLICY}'",
        "POST",
        _POLICIES,
        {
            "displayName": OUR_POLICY,
            "description": "Allows CIPP app to manage credentials",
            "isEnabled": True,
            "restrictions": _exemption({}, with_secrets=with_secrets),
        },
    )
    link = {"@odata.id": f"{graph.address}/{_POLICIES}/{made['id']}"}
    graph.write(
        f"apply '{OUR_POLICY}' to the app", "POST", f"applications/{object_id}/appManagementPolicies/$ref", link
    )


@contextmanager
def advised(policy: AppPolicy, rules: Sequence[str], object_id: str) -> Iterator[None]:
    """If rules block, name them and the command that lifts them in the advice of a refusal.

    The advice for another cause stays only if Graph names the cause: a missing permission, or too many requests.
    """
    try:
        yield
    except (AzureRefusedError, ConflictError) as error:
        if rules:
            is_other_cause = isinstance(error, AzureRefusedError) and (error.is_missing_right or error.retry_after)
            error.advice = joined(error.advice if is_other_cause else "", _advice_on(policy, rules, object_id))
        raise


def _advice_on(policy: AppPolicy, rules: Sequence[str], object_id: str) -> str:
    kinds = {"passwordCredentials": _PASSWORD_BLOCKS, "keyCredentials": _KEY_BLOCKS}
    off = {
        kind: [{"restrictionType": rule, "state": "disabled"} for rule in rules if rule in known]
        for kind, known in kinds.items()
        if set(rules) & set(known)
    }
    graph = policy.address
    reason = f"The tenant's app management policy blocks this ({', '.join(rules)}). "
    if policy.own_policy:
        body = json.dumps({"restrictions": off}, separators=(",", ":"))
        return (
            f"{reason}Lift the block: az rest --method PATCH "
            f"--url {graph}/{_POLICIES}/{policy.own_policy['id']} --body '{body}'"
        )
    body = json.dumps(
        {"displayName": OUR_POLICY, "isEnabled": True, "restrictions": off},
        separators=(",", ":"),
    )
    return (
        f"{reason}Create a policy that lifts the block: az rest --method POST --url {graph}/{_POLICIES} "
        f"--body '{body}' and apply it to the app: az rest --method POST --url {graph}/applications/{object_id}"
        f'/appManagementPolicies/\\$ref --body \'{{"@odata.id":"{graph}/{_POLICIES}/<its id>"}}\''
    )


def _write(graph: Graph, policy: Json, *, with_secrets: bool) -> None:
    """Disable the blocks in a policy, and keep its other rules."""
    body = {"isEnabled": True, "restrictions": _exemption(policy.get("restrictions") or {}, with_secrets=with_secrets)}
    graph.write(f"write the policy '{OUR_POLICY}'", "PATCH", f"{_POLICIES}/{policy['id']}", body)


def _exemption(restrictions: Mapping[str, Any], *, with_secrets: bool) -> Json:
    off = {
        "passwordCredentials": _PASSWORD_BLOCKS if with_secrets else (),
        "keyCredentials": ("asymmetricKeyLifetime", *_KEY_BLOCKS),
    }
    others = {kind: _rules(restrictions, kind) for kind in off}
    return {
        kind: [*(rule for rule in others[kind] if rule.get("restrictionType") not in names), *map(_off, names)]
        for kind, names in off.items()
    }


def _rules(restrictions: object, kind: str) -> list[Json]:
    entries = restrictions.get(kind) if isinstance(restrictions, dict) else None
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _unused(graph: Graph) -> Json | None:
    """Return a policy named `OUR_POLICY` that applies to nothing, or None."""
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
        since = time_or_none(restriction.get("restrictForAppsCreatedAfterDateTime"))
        if not (since and created and created < since):
            yield str(restriction.get("restrictionType")), restriction


def _is_on(restriction: Mapping[str, Any] | None) -> bool:
    return restriction is not None and restriction.get("state", "enabled") == "enabled"


def _longest(restriction: Mapping[str, Any] | None) -> timedelta:
    """Return the longest lifetime that a restriction allows, less an hour. Durations are ISO 8601."""
    if restriction is None or not _is_on(restriction):
        return NO_LIMIT
    # Loaded only when a policy is read. It has no type information.
    from isodate import parse_duration  # type: ignore[import-untyped]  # noqa: PLC0415

    try:
        longest = parse_duration(text_of(restriction.get("maxLifetime")), as_timedelta_if_possible=False)
        whole = timedelta(days=int(365 * longest.years + 30 * longest.months)) + longest.tdelta
    except (ValueError, OverflowError):
        return NO_LIMIT
    return NO_LIMIT if whole < timedelta() else whole - LESS


def _off(name: str) -> Json:
    return {
        "restrictionType": name,
        "state": "disabled",
        "maxLifetime": None,
        "restrictForAppsCreatedAfterDateTime": "0001-01-01T00:00:00Z",
    }
