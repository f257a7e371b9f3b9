"""One look at the sandbox: what the vault serves, what signs in, and what CIPP's apps have in memory."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sandbox import names
from tests.support.rotation.others import Others
from tests.support.rotation.pfx import stored_thumbprint
from tests.support.rotation.scene import CERTIFICATE, SECRET, TOKEN, certificate_sign_in, moment

# What is stored may be refused for so long although it is good: Azure learns of it little by little.
YOUNG = timedelta(minutes=10)
EARLIER = 5  # versions of a client secret that a run tries if the served one can't sign in


@dataclass(frozen=True)
class World:
    """The state at one time. `alive` has the keys whose current version can sign in.

    `live_secrets` are the client secrets with which anyone can sign in.
    """

    state: Mapping[str, Any]
    alive: frozenset[str]
    live_secrets: frozenset[str]

    @property
    def memory(self) -> dict[tuple[str, str, str], bool]:
        """Return whether each key that a process of CIPP has in memory signs in, by app, name and version."""
        return {
            (process["name"], name, version): name not in process["fails"]
            for process in self.state["cipp"]
            for name, version in process["holds"].items()
        }

    def versions(self, name: str) -> list[dict[str, Any]]:
        """Return the versions of a secret that is not deleted, oldest first."""
        return versions_of(self.state, name)

    @property
    def earlier_lives(self) -> bool:
        """Return whether a run finds an earlier client secret that can sign in."""
        earlier = [version for version in self.versions(SECRET)[:-1] if version["enabled"]]
        return any(version["value"] in self.live_secrets for version in earlier[-EARLIER:])

    @property
    def deleted(self) -> set[str]:
        """Return the names of the secrets that are deleted."""
        return set(self.state["vaults"][names.VAULT]["deleted"])

    def is_young(self, key: str) -> bool:
        """Return whether the vault serves a version that was stored too lately for a refusal to mean anything."""
        versions = self.versions(key)
        if not versions or not versions[-1]["enabled"]:
            return False
        return moment(self.state["now"]) - moment(versions[-1]["created"]) < YOUNG

    @property
    def can_ask(self) -> bool:
        """Return whether a run finds a credential that can sign in as the app."""
        return SECRET in self.alive or CERTIFICATE in self.alive or self.earlier_lives


def look(others: Others, keys: Iterable[str]) -> World:
    """Look, and sign in with each key that the vault serves."""
    state = others.azure.state()
    secrets = live_secrets(others, state)
    alive = frozenset(key for key in keys if signs_in(others, state, key, secrets))
    return World(state, alive, frozenset(secrets))


def signs_in(others: Others, state: Mapping[str, Any], key: str, secrets: list[str]) -> bool:
    """Return whether the vault serves a key that signs in; a token is shown with a client secret that lives."""
    versions = versions_of(state, key)
    if not versions or not versions[-1]["enabled"]:
        return False
    value = str(versions[-1]["value"])
    if key == SECRET:
        return value in secrets and bool(others.sign_in(value).ok)
    if key == CERTIFICATE:
        if stored_thumbprint(value) not in certificates_on_app(state):
            return False
        return not others.made.propagation_seconds or certificate_sign_in(others, value).ok
    if not secrets:
        return False  # it can't be redeemed
    tenant = names.TENANT_ID if key == TOKEN else key
    form = {"grant_type": "refresh_token", "refresh_token": value, "client_secret": secrets[0]}
    return bool(others.token(tenant, **form).ok)


def versions_of(state: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    return list(state["vaults"][names.VAULT]["secrets"].get(name, []))


def live_secrets(others: Others, state: Mapping[str, Any]) -> list[str]:
    """Return the client secrets that sign in. Without a propagation delay, only their dates count."""
    app = state["applications"][names.SAM_APP_ID]
    on_app = [str(one["secretText"]) for one in app["passwordCredentials"] if one["endDateTime"] > state["now"]]
    return [text for text in on_app if not others.made.propagation_seconds or others.sign_in(text).ok]


def certificates_on_app(state: Mapping[str, Any]) -> set[str]:
    """Return the certificates that the app has and that have not ended."""
    app = state["applications"][names.SAM_APP_ID]
    return {str(one["customKeyIdentifier"]) for one in app["keyCredentials"] if one["endDateTime"] > state["now"]}
