"""The vault of a new CIPP deployment."""

import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from sandbox import names
from sandbox.arm.access import AccessControl
from sandbox.clock import Clock
from sandbox.container.layout import layout
from sandbox.key_vault.secret import SecretVersion
from sandbox.key_vault.state import SECRET_PERMISSIONS, Vault
from sandbox.options import Options
from sandbox.past import Past
from sandbox.seed_secret import SeedSecret

_DEFAULTS: Final = Options()
_FUNCTIONS: Final = (names.MAIN_PRINCIPAL_ID, names.OFFLOAD_PRINCIPAL_ID)


def seed_vault(
    clock: Clock,
    secrets: Mapping[str, SeedSecret],
    access: AccessControl | None = None,
    list_lag: timedelta = timedelta(),
    options: Options = _DEFAULTS,
) -> Vault:
    """Return the vault of the seeded CIPP: access policies, 90 days of retention, the given secrets by name."""
    name = layout(options).vault
    vault = Vault(
        name=name,
        resource_id=f"{names.RESOURCE_GROUP_ID}/providers/Microsoft.KeyVault/vaults/{name}",
        tenant_id=names.TENANT_ID,
        location=names.LOCATION,
        clock=clock,
        permissions=dict.fromkeys(_principals(options), SECRET_PERMISSIONS),
        access=access,
    )
    for title, secret in secrets.items():
        created = secret.created.replace(microsecond=0)
        expires = None if secret.expires is None else secret.expires.replace(microsecond=0)
        vault.add(
            title,
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


def _principals(options: Options) -> tuple[str, ...]:
    """Return the principals with an access policy. After a migration, those of the function apps remain."""
    own = (names.BACKEND_PRINCIPAL_ID, names.ADMIN_ID)
    if options.shape == "functions":
        return (*_FUNCTIONS, *own)
    return (names.CONTAINER_PRINCIPAL_ID, *(_FUNCTIONS if layout(options).migrated else ()), *own)
