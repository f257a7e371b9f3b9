"""A client secret of an app registration as Microsoft Graph shows it, and which one a stored value is. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from backend.readings import Json, text_of, time_or_none

# Placeholders for a date that Graph does not show. They are for lists only: see `is_complete`.
UNKNOWN_START: Final = datetime(1970, 1, 1, tzinfo=UTC)
UNKNOWN_END: Final = datetime(9999, 12, 1, tzinfo=UTC)  # a month early, so that any time zone can show it
HINT: Final = 3  # characters that Graph shows of a client secret


@dataclass(frozen=True)
class ClientSecret:
    """A client secret as Graph shows it, without its text. `hint` is its first three characters."""

    key_id: str
    display_name: str
    hint: str | None
    starts: datetime
    ends: datetime
    dates_known: bool = True

    @property
    def is_complete(self) -> bool:
        """Whether Graph shows everything that a removal depends on. One that is not complete must stay."""
        return self.dates_known and is_key_id(self.key_id)


def client_secret_of(entry: Json) -> ClientSecret:
    """Return a client secret of a response of Graph."""
    starts, ends = time_or_none(entry.get("startDateTime")), time_or_none(entry.get("endDateTime"))
    return ClientSecret(
        key_id=text_of(entry.get("keyId")),
        display_name=text_of(entry.get("displayName")),
        hint=text_of(entry.get("hint")) or None,
        starts=starts or UNKNOWN_START,
        ends=ends or UNKNOWN_END,
        dates_known=None not in (starts, ends),
    )


def credential_by_hint(hint: str, stored: datetime, secrets: Sequence[ClientSecret]) -> str | None:
    """Return the id of the credential that a stored value is, by its first three characters and its dates.

    The vault's times have whole seconds, and a secret may be stored some time after it was created. So it is the one
    that was created before the value was stored, if only its hint matches. "" means that it is not on the app, None
    that it is uncertain.
    """
    may_be = [secret for secret in secrets if secret.hint in (hint, None)]
    fitting = [s for s in may_be if s.hint == hint and s.starts.replace(microsecond=0) <= stored]
    if not may_be:
        return ""
    return fitting[0].key_id if len(fitting) == 1 else None


def is_key_id(text: str) -> bool:
    """Return whether a text can be the ID of a credential."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True
