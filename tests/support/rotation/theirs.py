"""What others made in the vault and on the apps: no run may touch it. Everything else was made by the product."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox import names
from tests.support.rotation.pfx import stored_thumbprint

State = Mapping[str, Any]  # what /sandbox/state shows
_KINDS = {
    "passwordCredentials": ("ApplicationSecret", "keyId"),
    "keyCredentials": ("SAMCertificate", "customKeyIdentifier"),
}


@dataclass
class Made:
    """What others made, by what the test did: the state at the reset, and what `Others` made since then.

    No name or tag decides. A certificate is known by its thumbprint, since a list that is written whole gives it
    another id.
    """

    versions: set[str] = field(default_factory=set)
    secrets: set[str] = field(default_factory=set)  # by keyId
    certificates: set[str] = field(default_factory=set)  # by thumbprint
    propagation_seconds: float = 0  # until a credential that others made signs in
    _identity: object = None

    def begin(self, state: State, propagation_seconds: float = 0) -> None:
        """Take all of a state as made by others."""
        self.propagation_seconds = propagation_seconds
        self._identity = _identity(state)
        self.versions = {version["version"] for _, version in versions_of(state)}
        apps = state["applications"].values()
        self.secrets = {one["keyId"] for app in apps for one in app["passwordCredentials"]}
        self.certificates = {one["customKeyIdentifier"] for app in apps for one in app["keyCredentials"]}

    def note_new(self, before: State, after: State) -> None:
        """Take all that is new as made by others: what CIPP's own jobs made while the product did nothing."""
        self.check(before)
        here = {version["version"] for _, version in versions_of(before)}
        self.versions |= {version["version"] for _, version in versions_of(after)} - here
        for kind, known in (("passwordCredentials", self.secrets), ("keyCredentials", self.certificates)):
            _, identifier = _KINDS[kind]
            there, now = (
                {one[identifier] for app in state["applications"].values() for one in app[kind]}
                for state in (before, after)
            )
            known.update(now - there)

    def check(self, state: State) -> None:
        """Refuse a state of another reset, of which nothing is known."""
        assert _identity(state) == self._identity, "begin the test with Others.reset"

    def is_version(self, version: Mapping[str, Any]) -> bool:
        """Return whether others stored a version."""
        return version["version"] in self.versions

    def is_credential(self, credential: Mapping[str, Any]) -> bool:
        """Return whether others made a credential of an app."""
        if "keyId" in credential and credential["keyId"] in self.secrets:
            return True
        return credential["customKeyIdentifier"] in self.certificates


def versions_of(state: State) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every version of the vault with its secret's name, those of deleted secrets too."""
    vault = state["vaults"][names.VAULT]
    for name, versions in (vault["secrets"] | vault["deleted"]).items():
        yield from ((name, version) for version in versions)


def theirs(made: Made, state: State) -> dict[str, Any]:
    """Return all that others made, each by a name of its own."""
    made.check(state)
    found: dict[str, Any] = {
        f"version {version['version']} of {name}": version
        for name, version in versions_of(state)
        if made.is_version(version)
    }
    for app_id, app in state["applications"].items():
        for kind, (_, identifier) in _KINDS.items():
            for credential in app[kind]:
                if made.is_credential(credential):
                    found[f"{credential['displayName']} {credential[identifier]} of {app_id}"] = _known_by(credential)
    return found


def _known_by(credential: Mapping[str, Any]) -> object:
    """Return what stays of a certificate when a list of all is written: its text and its expiry."""
    return (credential.get("secretText"), credential.get("key"), credential["endDateTime"])


def touched(made: Made, before: State, now: State) -> list[str]:
    """Return the credentials of others that changed."""
    here = theirs(made, now)
    return [name for name, was in theirs(made, before).items() if here.get(name) != was]


def orphans(made: Made, state: State) -> Iterator[str]:
    """Yield the credentials that the product made and no version of the vault holds, by its value or its tag."""
    named = {version["tags"].get("credential-id") for _, version in versions_of(state)}
    values = {version["value"] for _, version in versions_of(state)}
    thumbprints = {stored_thumbprint(v["value"]) for name, v in versions_of(state) if name == "SAMCertificate"}
    for kind, (name, identifier) in _KINDS.items():
        for credential in by_the_product(made, state, kind):
            is_stored = credential.get("secretText") in values or credential["customKeyIdentifier"] in thumbprints
            if credential[identifier] not in named and not is_stored:
                yield f"an orphan is left: {credential['displayName']}, for {name}"


def by_the_product(made: Made, state: State, kind: str) -> list[dict[str, Any]]:
    """Return the client secrets or certificates on all apps that the product made."""
    made.check(state)
    return [one for app in state["applications"].values() for one in app[kind] if not made.is_credential(one)]


def too_many_live(made: Made, state: State, *, secrets: int = 6, certificates: int = 3) -> Iterator[str]:
    """Look for more live credentials of the product than may be there after a run that nothing disturbed."""
    for kind, most in (("passwordCredentials", secrets), ("keyCredentials", certificates)):
        live = [one for one in by_the_product(made, state, kind) if one["endDateTime"] > state["now"]]
        if len(live) > most:
            yield f"{len(live)} live {kind} of the product, at most {most} are allowed"


def _identity(state: State) -> object:
    """Return what differs between any two resets: the version with which the vault's ApplicationID began."""
    return state["vaults"][names.VAULT]["secrets"]["ApplicationID"][0]["version"]
