"""The Key Vault references among an app's settings, and the versions that App Service has read for them.

App Service keeps what it has read. It reads again when the settings change, when someone requests it, and once a day.
Not verified on real Azure: whether a restart alone reads again. Here it does not.

A read on request that finds another version restarts the app, as a change of a setting does.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from sandbox.key_vault.errors import VaultError

if TYPE_CHECKING:
    from sandbox.azure import Azure

_KEPT: Final = timedelta(days=1)
_REFERENCE: Final = re.compile(
    r"@Microsoft\.KeyVault\("
    r"(?:SecretUri=https://(?P<host>[^./]+)\.[^/]+/secrets/(?P<name>[^/)]+)(?:/(?P<version>[^/)]*))?/?"
    r"|VaultName=(?P<host2>[^;)]+);SecretName=(?P<name2>[^;)]+)(?:;SecretVersion=(?P<version2>[^;)]*))?)\)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Reference:
    """A setting that refers to a secret. Without a version, it refers to the latest."""

    text: str
    vault: str
    secret: str
    version: str | None


@dataclass(frozen=True)
class Resolution:
    """What App Service read for a reference, and when."""

    reference: Reference
    status: str
    active_version: str | None
    read: datetime


@dataclass
class References:
    """What App Service has read for an app, by setting."""

    _read: dict[str, Resolution] = field(default_factory=dict)

    def forget(self) -> None:
        """Read all of them again when they are next needed."""
        self._read.clear()

    def resolved(self, azure: "Azure", principal: str, name: str, value: str) -> Resolution | None:
        """Return what App Service has for a setting, or None if the setting is not a reference."""
        reference = read_reference(value)
        if reference is None:
            return None
        now, kept = azure.clock.now(), self._read.get(name)
        if kept is None or kept.reference != reference or kept.read + _KEPT <= now or kept.status != "Resolved":
            same = kept is not None and kept.reference == reference and kept.status == "Resolved"
            at = kept.read + (now - kept.read) // _KEPT * _KEPT if kept and same else now
            status, version = _resolve(azure, principal, reference, at)
            kept = Resolution(reference, status, version, at)
            self._read[name] = kept
        return kept

    def versions(self) -> dict[str, str | None]:
        """Return the version that App Service has for each setting that it has read."""
        return {name: resolution.active_version for name, resolution in self._read.items()}


def read_all(azure: "Azure") -> None:
    """Let App Service read the references of all apps, as it did when they started."""
    for site in azure.arm.sites.values():
        for name, value in site.app_settings.items():
            site.references.resolved(azure, site.principal_id, name, value)


def read_reference(value: str) -> Reference | None:
    """Return the reference in a setting's value, or None if it is not one."""
    match = _REFERENCE.fullmatch(value)
    if match is None:
        return None
    version = match["version"] or match["version2"] or None
    return Reference(value, match["host"] or match["host2"], match["name"] or match["name2"], version)


def _resolve(azure: "Azure", principal: str, reference: Reference, at: datetime) -> tuple[str, str | None]:
    """Return the state of a reference and its version, if App Service read it at a time."""
    vault = azure.vaults.get(reference.vault.lower())
    if vault is None:
        return "VaultNotFound", None
    if not vault.may_get(principal, reference.secret):
        return "AccessToKeyVaultDenied", None
    try:
        secret = vault.secret(reference.secret)
    except VaultError:
        return "SecretNotFound", None
    try:
        _, version = vault.version(reference.secret, reference.version or "")
        if not reference.version:
            version = next((one for one in reversed(secret.versions) if one.created <= at), version)
    except VaultError:
        return "SecretVersionNotFound", None
    return ("Resolved", version.version) if version.enabled else ("OtherReasons", None)
