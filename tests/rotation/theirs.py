"""What is not ours in the vault and on the apps: no run may touch it."""

from collections.abc import Iterator, Mapping
from typing import Any

from sandbox import names

OURS = "CIPP Backend"
State = Mapping[str, Any]  # what /sandbox/state shows
_KINDS = {
    "passwordCredentials": ("ApplicationSecret", "keyId"),
    "keyCredentials": ("SAMCertificate", "customKeyIdentifier"),
}


def theirs(state: State) -> dict[str, Any]:
    """All that others made, each by a name of its own."""
    vault = state["vaults"][names.VAULT]
    made = {
        f"version {version['version']} of {name}": version
        for name, versions in (vault["secrets"] | vault["deleted"]).items()
        for version in versions
        if version["tags"].get("rotated-by") != OURS
    }
    for app_id, app in state["applications"].items():
        for kind in _KINDS:
            for credential in app[kind]:
                if not is_ours(credential):
                    made[f"credential {credential[_KINDS[kind][1]]} of {app_id}"] = _known_by(credential)
    return made


def _known_by(credential: Mapping[str, Any]) -> object:
    """A certificate may come back under another name, since a list of all is written; its text and its end stay."""
    return (credential.get("secretText"), credential.get("key"), credential["endDateTime"])


def touched(before: State, now: State) -> list[str]:
    """What others had made before and is no more what it was."""
    here = theirs(now)
    return [name for name, made in theirs(before).items() if here.get(name) != made]


def orphans(state: State, app_id: str = names.SAM_APP_ID) -> Iterator[str]:
    """The credentials of ours that no version of the vault names."""
    secrets = state["vaults"][names.VAULT]["secrets"] | state["vaults"][names.VAULT]["deleted"]
    for kind, (name, identifier) in _KINDS.items():
        versions = [version for versions in secrets.values() for version in versions]
        named = {version["tags"].get("credential-id") for version in versions}
        values = {version["value"] for version in versions}
        for credential in state["applications"][app_id][kind]:
            is_held = credential[identifier] in named or credential.get("secretText") in values
            if is_ours(credential) and not is_held:
                yield f"{credential['displayName']}, for {name}"


def is_ours(credential: Mapping[str, Any]) -> bool:
    """Tell whether a credential bears our name."""
    return str(credential["displayName"]).startswith(OURS)
