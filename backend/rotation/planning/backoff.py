"""The schedule of retries and of sign-in checks, and the keys that are always checked. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Final
from zlib import crc32

from backend.credentials.kinds import Key
from backend.rotation.planning.memory import KeyMemory, is_doubted

FIRST_WAIT: Final = timedelta(minutes=50)  # then twice as long each time, at most a day
LONGEST_WAIT: Final = timedelta(days=1)


class KeyChoice(Enum):
    """Which of the listed keys a run works on. `RETRY` leaves out failed keys that wait for their next try."""

    ALL = "all keys"
    RETRY = "all keys that are due for a try"


def chosen_keys(
    choice: KeyChoice | Sequence[Key], listed: Iterable[Key], memories: Mapping[str, KeyMemory], now: datetime
) -> list[Key]:
    """Return the keys that a run works on. Keys that the caller named don't have to be listed."""
    if not isinstance(choice, KeyChoice):
        return list(choice)
    keys = list(listed)
    if choice is KeyChoice.ALL:
        return keys
    return [key for key in keys if is_its_turn(memories.get(key.name.lower()), now)]


def doubted_in(memories: Mapping[str, KeyMemory]) -> list[str]:
    """Return the names of the keys that failed when last tried."""
    return [name for name, memory in memories.items() if is_doubted(memory)]


def is_pulse_due(name: str, memory: KeyMemory | None, now: datetime, hours: int) -> bool:
    """Return whether the sign-in check of a key is due: once every `hours` hours, at an hour derived from its name.

    This spreads the checks of many tenants. A key that missed its hour is checked in the next one.
    """
    hour = int(now.timestamp() // 3600)
    late = (hour - crc32(name.lower().encode())) % hours  # hours since the key's own hour
    last = memory.proof_tried if memory else None
    if last is None:
        return late == 0
    return last < datetime.fromtimestamp((hour - late) * 3600, UTC)


def is_its_turn(memory: KeyMemory | None, now: datetime) -> bool:
    """Return whether a key may be tried again. The wait doubles after each failure."""
    if memory is None or memory.tried is None or not memory.failures:
        return True
    wait = min(FIRST_WAIT * float(2 ** min(memory.failures - 1, 6)), LONGEST_WAIT)
    return now - memory.tried >= wait
