"""What is to be done with a key: pure, from what the vault shows and the time.

A week begins on Sunday, 00:00 UTC. A key is due when the version that the vault serves was made before it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from backend.errors import InvalidInputError, NotFoundError
from backend.key_vault import is_guid
from backend.rotation.report import Kind

PARTNER_TOKEN: Final = "RefreshToken"  # noqa: S105 - a secret's name
CLIENT_SECRET: Final = "ApplicationSecret"  # noqa: S105 - a secret's name
IDENTITY_NAMES: Final = ("ApplicationID", "TenantID")
# What CIPP's deployment template writes before the setup wizard ran.
_PLACEHOLDERS: Final = ("longapplicationid", "appsecret", "refreshtoken", "tenantid")
ONE_DAY: Final = timedelta(days=1)


@dataclass(frozen=True)
class Key:
    """A vault secret that the rotation looks after. `name` is as first stored in the vault."""

    name: str
    kind: Kind

    @property
    def tenant(self) -> str | None:
        """The direct tenant whose token it is; None for the partner's keys."""
        return self.name.lower() if self.kind == "TenantRefreshToken" else None


@dataclass(frozen=True)
class Due:
    """Whether a key is to be rotated now, and why or why not."""

    due: bool
    reason: str


def kind_of(name: str) -> Kind | None:
    """Tell which kind of key a vault secret is; None if it is none that we rotate."""
    if name.lower() == PARTNER_TOKEN.lower():
        return "RefreshToken"
    if name.lower() == CLIENT_SECRET.lower():
        return "ClientSecret"
    return "TenantRefreshToken" if is_guid(name) else None


def keys_among(vault_names: Iterable[str], wanted: Iterable[str] | None = None) -> list[Key]:
    """Pick the keys among the vault's names, in the order of work: tokens first, the client secret last.

    Raises:
        NotFoundError: A wanted name is not in the vault.
        InvalidInputError: A wanted name is in the vault, but nothing that we rotate.
    """
    by_name = {name.lower(): name for name in vault_names}
    if wanted is not None:
        asked = [name.lower() for name in wanted]
        for name in asked:
            _check_wanted(name, by_name)
        by_name = {name: by_name[name] for name in asked}
    found = [Key(name, kind) for name in by_name.values() if (kind := kind_of(name))]
    order: list[Kind] = ["RefreshToken", "TenantRefreshToken", "ClientSecret"]
    return sorted(found, key=lambda key: (order.index(key.kind), key.name.lower()))


def _check_wanted(name: str, by_name: dict[str, str]) -> None:
    if name in (identity.lower() for identity in IDENTITY_NAMES):
        raise InvalidInputError(f"'{name}' is no key: it is never rotated.", field="Names")
    if name not in by_name:
        raise NotFoundError(f"The vault has no secret '{name}'; ListKeyVaultSecrets lists those that it has.")
    if kind_of(name) is None:
        raise InvalidInputError(f"'{by_name[name]}' is no key that the rotation looks after.", field="Names")


def is_placeholder(value: str) -> bool:
    """Tell whether a value is what CIPP's template writes before the setup wizard ran."""
    return value.strip().lower() in _PLACEHOLDERS


def week_start(now: datetime) -> datetime:
    """Answer the last Sunday, 00:00 in the zone of `now`."""
    days_since_sunday = (now.weekday() + 1) % 7
    return now.replace(hour=0, minute=0, second=0, microsecond=0) - days_since_sunday * ONE_DAY


def due(created: datetime, now: datetime, *, force: bool) -> Due:
    """Tell whether a key is due: made before this week began, or forced."""
    start = week_start(now)
    age = f"its current version is of {created:%Y-%m-%d %H:%M} UTC"
    if created < start:
        return Due(due=True, reason=f"Due: {age}, and this week began on {start:%Y-%m-%d}.")
    if force:
        return Due(due=True, reason=f"Forced: {age}, so it is not due.")
    return Due(due=False, reason=f"Not due: {age}, since this week began on {start:%Y-%m-%d}.")
