"""One look at the sandbox: what the vault serves, what signs in, and what CIPP's apps hold."""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import pkcs12

from sandbox import names
from tests.rotation.others import Others
from tests.rotation.scene import CERTIFICATE, SECRET, TOKEN

EARLIER = 5  # versions of a client secret that a run tries when the served one is dead


@dataclass(frozen=True)
class World:
    """What was so at one moment. `alive` are the keys that the vault serves and that sign in."""

    state: Mapping[str, Any]
    alive: frozenset[str]
    held: Mapping[str, str] = field(default_factory=dict)  # by app, the client secret that it read when it started

    @cached_property
    def live_secrets(self) -> set[str]:
        """The client secrets with which anyone could sign in."""
        return live_secrets(self.state)

    def versions(self, name: str) -> list[dict[str, Any]]:
        """The versions of a secret that is not deleted, oldest first."""
        return versions_of(self.state, name)

    @property
    def earlier_lives(self) -> bool:
        """Tell whether a run finds an earlier client secret that signs in."""
        earlier = [version for version in self.versions(SECRET)[:-1] if version["enabled"]]
        return any(version["value"] in self.live_secrets for version in earlier[-EARLIER:])

    @property
    def can_ask(self) -> bool:
        """Tell whether a run finds anything to sign in with as the app."""
        return SECRET in self.alive or CERTIFICATE in self.alive or self.earlier_lives


def look(others: Others, keys: Iterable[str], held: Mapping[str, str]) -> World:
    """Look, and sign in with each key that the vault serves."""
    state = others.azure.state()
    return World(state, frozenset(key for key in keys if signs_in(others, state, key)), dict(held))


def signs_in(others: Others, state: Mapping[str, Any], key: str) -> bool:
    """Tell whether the vault serves a key that signs in; a token is shown with whatever client secret lives."""
    versions, secrets = versions_of(state, key), live_secrets(state)
    if not versions or not versions[-1]["enabled"]:
        return False
    value = str(versions[-1]["value"])
    if key == SECRET:
        return value in secrets and bool(others.sign_in(value).ok)
    if key == CERTIFICATE:
        return _thumbprint(value) in live_certificates(state)
    if not secrets:
        return False  # nobody can redeem it
    tenant = names.TENANT_ID if key == TOKEN else key
    form = {"grant_type": "refresh_token", "refresh_token": value, "client_secret": next(iter(secrets))}
    return bool(others.token(tenant, **form).ok)


def versions_of(state: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    return list(state["vaults"][names.VAULT]["secrets"].get(name, []))


def live_secrets(state: Mapping[str, Any]) -> set[str]:
    app = state["applications"][names.SAM_APP_ID]
    return {str(one["secretText"]) for one in app["passwordCredentials"] if one["endDateTime"] > state["now"]}


def live_certificates(state: Mapping[str, Any]) -> set[str]:
    app = state["applications"][names.SAM_APP_ID]
    return {str(one["customKeyIdentifier"]) for one in app["keyCredentials"] if one["endDateTime"] > state["now"]}


@cache  # reading a key checks it, which takes longer than all the rest
def _thumbprint(value: str) -> str:
    try:
        _, certificate, _ = pkcs12.load_key_and_certificates(base64.b64decode(value), None)
    except ValueError:
        return ""
    return certificate.fingerprint(hashes.SHA1()).hex().upper() if certificate else ""  # noqa: S303 - Graph's name for it
