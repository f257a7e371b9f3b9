"""The vault of a new CIPP deployment."""

import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from sandbox import names
from sandbox.arm.access import AccessControl
from sandbox.clock import Clock
from sandbox.key_vault.secret import SecretVersion
from sandbox.key_vault.state import SECRET_PERMISSIONS, Vault
from sandbox.past import Past
from sandbox.seed_secret import SeedSecret

_PRINCIPALS: Final = (
    names.MAIN_PRINCIPAL_ID,
    names.OFFLOAD_PRINCIPAL_ID,
    names.BACKEND_PRINCIPAL_ID,
    names.ADMIN_ID,
)


def seed_vault(
    clock: Clock,
    secrets: Mapping[str, SeedSecret],
    access: AccessControl | None = None,
    list_lag: timedelta = timedelta(),
) -> Vault:
    """Return the vault of the seeded CIPP: access policies, 90 days of retention, the given secrets by name."""
    vault = Vault(
        name=names.VAULT,
        resource_id=f"{names.RESOURCE_GROUP_ID}/providers/Microsoft.KeyVault/vaults/{names.VAULT}",
        tenant_id=names.TENANT_ID,
        location=names.LOCATION,
        clock=clock,
        permissions=dict.fromkeys(_PRINCIPALS, SECRET_PERMISSIONS),
        access=access,
    )
    for name, secret in secrets.items():
        created = secret.created.replace(microsecond=0)
        expires = None if secret.expires is None else secret.expires.replace(microsecond=0)
        vault.add(
            name,
            SecretVersion(
                version=uuid.uuid4().hex,
                value=secret.value,
                created=created,
                updated=created,
                expires=expires,
                content_type=secret.content_type,
                tags=dict(secret.tags) or None,
            ),
            managed=secret.managed,
        )
    vault.past = Past(list_lag)  # set last: the seeded secrets have no earlier state
    return vault
