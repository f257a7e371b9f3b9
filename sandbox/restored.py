"""Restore what `GET /sandbox/state` shows: the secrets of vaults and the credentials of app registrations."""

import base64
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sandbox.application import Application, KeyCredential, PasswordCredential
from sandbox.azure import Azure
from sandbox.directory import RefreshToken, is_refresh_token
from sandbox.key_vault.secret import Secret, SecretVersion
from sandbox.key_vault.state import Vault

_KINDS = {"vaults", "applications"}


class InvalidStateError(Exception):
    """The body of a `POST /sandbox/state` is not valid. The message states why."""


def restore(azure: Azure, body: object) -> None:
    """Replace the contents of the vaults and applications in the body. The others and the clock stay as they are.

    CIPP reads its keys again.

    A state doesn't show everything. A credential's creation time becomes its start. If the seed knows a secret as a
    refresh token, its versions are tokens of the same account, each issued when it was stored.

    Raises:
        InvalidStateError: It is not such a state, or it names something that does not exist. Nothing was changed.
    """
    if not isinstance(body, dict) or body.keys() != _KINDS:
        raise InvalidStateError(
            'The body must be {"vaults": {...}, "applications": {...}}, in the format of `GET /sandbox/state`.'
        )
    try:
        secrets = {name: _secrets(azure.vaults[name], state) for name, state in body["vaults"].items()}
        registered = azure.directory.applications
        apps = [_application(registered[app_id], state) for app_id, state in body["applications"].items()]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InvalidStateError(
            f"The state doesn't have the format of this sandbox, or is from another one: {error!r}."
        ) from error
    for name, those in secrets.items():
        vault = azure.vaults[name]
        tokens = _seeded_tokens(azure, vault)
        vault.replace_all(those)
        for secret in those:
            if secret.name in tokens:
                _accept(azure, tokens[secret.name], secret)
    for app in apps:
        azure.directory.change(app, azure.clock.now())
    azure.cipp.read_again(azure)


def _secrets(vault: Vault, state: Mapping[str, Any]) -> list[Secret]:
    if state.get("deleted"):
        raise ValueError(f"{vault.name} has deleted secrets, and the state does not include the deletion times")
    return [Secret(name, tuple(map(_version, versions))) for name, versions in state["secrets"].items() if versions]


def _version(state: Mapping[str, Any]) -> SecretVersion:
    return SecretVersion(
        version=state["version"],
        value=state["value"],
        created=_time(state["created"]),
        updated=_time(state["updated"]),
        enabled=state["enabled"],
        expires=_time(state["expires"]) if state["expires"] else None,
        content_type=state["contentType"],
        tags=state["tags"] or None,
    )


def _seeded_tokens(azure: Azure, vault: Vault) -> dict[str, RefreshToken]:
    """Return what the refresh tokens of the vault were issued for, by the secret's name."""
    served = {secret.name: azure.directory.refresh_token(secret.latest.value) for secret in vault.secrets()}
    return {name: token for name, token in served.items() if token}


def _accept(azure: Azure, like: RefreshToken, secret: Secret) -> None:
    for version in secret.versions:
        if is_refresh_token(version.value):
            azure.directory.accept_refresh_token(version.value, replace(like, issued=version.created))


def _application(now: Application, state: Mapping[str, Any]) -> Application:
    return replace(
        now,
        passwords=tuple(map(_password, state["passwordCredentials"])),
        keys=tuple(map(_key, state["keyCredentials"])),
    )


def _password(state: Mapping[str, Any]) -> PasswordCredential:
    start = _time(state["startDateTime"])
    return PasswordCredential(
        secret_text=state["secretText"],
        start=start,
        end=_time(state["endDateTime"]),
        created=start,
        display_name=state["displayName"],
        key_id=state["keyId"],
    )


def _key(state: Mapping[str, Any]) -> KeyCredential:
    start = _time(state["startDateTime"])
    return KeyCredential(
        certificate=base64.b64decode(state["key"], validate=True),
        start=start,
        end=_time(state["endDateTime"]),
        created=start,
        display_name=state["displayName"],
        key_id=state["keyId"],
        type=state["type"],
        usage=state["usage"],
        custom_key_identifier=state["customKeyIdentifier"],
    )


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return time.astimezone(UTC)
