"""The keys that a process of CIPP reads from the vault, in its order."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sandbox.key_vault.errors import VaultError
from sandbox.key_vault.secret import SecretVersion

if TYPE_CHECKING:
    from sandbox.key_vault.state import Vault

KEYS: Final = ("ApplicationID", "ApplicationSecret", "TenantID", "RefreshToken", "SAMCertificate")
_OPTIONAL: Final = "SAMCertificate"
PLACEHOLDERS: Final = frozenset({"longapplicationid", "appsecret", "refreshtoken", "tenantid"})


@dataclass(frozen=True)
class LoadedKeys:
    """What a process has in memory, and whether it signs in with its certificate alone."""

    keys: Mapping[str, SecretVersion] = field(default_factory=dict)
    certificate_only: bool = False

    def value(self, name: str) -> str:
        """Return the value of a key, or nothing if the process has none."""
        return self.keys[name].value if name in self.keys else ""

    def shown(self) -> dict[str, str]:
        """Return the version of each key, as `/sandbox/state` shows them."""
        return {name: version.version for name, version in self.keys.items()}


def read_keys(vault: "Vault | None", principal: str, before: LoadedKeys, *, certificate_only: bool) -> LoadedKeys:
    """Return what a process has after it read the vault. A key that can't be read ends the reading."""
    keys = dict(before.keys)
    for name in KEYS:
        try:
            version = _read(vault, principal, name)
        except VaultError:
            if name == _OPTIONAL:
                keys.pop(name, None)
            break
        if version is None:
            break
        keys[name] = version
    return LoadedKeys(keys, certificate_only)


def is_placeholder(value: str) -> bool:
    """Return whether a value is one that CIPP's template stores."""
    return value.lower() in PLACEHOLDERS


def _read(vault: "Vault | None", principal: str, name: str) -> SecretVersion | None:
    """Return the latest version, or None if the vault denies it.

    Raises:
        VaultError: 404. The vault does not have the secret.
    """
    if vault is None or not vault.may_get(principal, name):
        return None
    _, version = vault.version(name)
    return version if version.enabled else None
