"""The key vault's secrets: list, set, restore and recover them. Values are never returned."""

from datetime import datetime
from typing import Final

from backend.configuration.mode import Option
from backend.credentials.changes import ChangeOrder, NewValue, SecretAct, SecretVersion
from backend.errors import InvalidInputError
from backend.key_vault.secrets import Secret
from backend.values import SecretText
from settings.access.caller import Permission
from settings.audit.audit_log import who_of
from settings.http.body import Body
from settings.http.routes import Call, Parameter, Routes, Shown

routes = Routes()
SECRET: Final = Parameter("Name", "The name of a secret in the vault.", "RefreshToken", required=True)


class NewSecret(Body, frozen=True):
    """A secret to set. `expires` is ISO 8601 with a time zone."""

    name: str
    value: str
    expires: datetime | None = None
    content_type: str | None = None
    dry_run: bool = False
    force: bool = False


class OldVersion(Body, frozen=True):
    """A version to make current again."""

    name: str
    version: str
    dry_run: bool = False
    force: bool = False


class DeletedSecret(Body, frozen=True):
    """A deleted secret to recover."""

    name: str
    dry_run: bool = False
    force: bool = False


@routes.get("ListKeyVaultSecrets", needs=Permission.APP_SETTINGS_READ)
def secrets(call: Call) -> list[Secret]:
    """List the secrets of CIPP's vault, with version, dates and who rotated them. Values are never shown."""
    return call.services.key_vault.secrets()


@routes.get("ListKeyVaultSecretVersions", needs=Permission.APP_SETTINGS_READ, shown=Shown(query=(SECRET,)))
def versions(call: Call) -> list[SecretVersion]:
    """List the versions of a secret, with the current one first. Values are never shown."""
    name = call.query.get("name", "")
    if not name:
        raise InvalidInputError(
            "Missing Name.", field="Name", advice="Name the secret in the query: ?Name=RefreshToken."
        )
    return call.services.secret_changes.versions(name)


@routes.post(
    "ExecKeyVaultSecretSet",
    needs=Permission.SUPER_ADMIN_WRITE,
    option=Option.ROTATION,
    shown=Shown(example={"Name": "Example", "Value": "a new value", "Expires": "2027-01-31T00:00:00Z", "DryRun": True}),
)
def set_secret(call: Call, body: NewSecret) -> SecretAct:
    """Store a value of a secret. A key must be able to sign in with it, unless Force is set."""
    if body.expires is not None and body.expires.tzinfo is None:
        raise InvalidInputError("Expires must have a time zone, as in 2027-01-31T00:00:00Z.", field="Expires")
    new = NewValue(SecretText(body.value), body.expires, body.content_type or "")
    return call.services.secret_changes.set(body.name, new, _order(call, body))


@routes.post(
    "ExecKeyVaultSecretRestore",
    needs=Permission.SUPER_ADMIN_WRITE,
    option=Option.ROTATION,
    shown=Shown(example={"Name": "Example", "Version": "0123456789abcdef0123456789abcdef", "DryRun": True}),
)
def restore(call: Call, body: OldVersion) -> SecretAct:
    """Make an old version's value current again. A key must be able to sign in with it, unless Force is set."""
    return call.services.secret_changes.restore(body.name, body.version, _order(call, body))


@routes.post(
    "ExecKeyVaultSecretRecover",
    needs=Permission.SUPER_ADMIN_WRITE,
    option=Option.ROTATION,
    shown=Shown(example={"Name": "Example", "DryRun": True}),
)
def recover(call: Call, body: DeletedSecret) -> SecretAct:
    """Recover a deleted secret with all its versions."""
    return call.services.secret_changes.recover(body.name, _order(call, body))


def _order(call: Call, body: NewSecret | OldVersion | DeletedSecret) -> ChangeOrder:
    return ChangeOrder(by=who_of(call.caller).name or "unknown", dry_run=body.dry_run, force=body.force)
