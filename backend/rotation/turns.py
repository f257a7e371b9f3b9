"""Whose turn it is: of the keys that fail, of those to be proven, and of those to be looked at in any case. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from zlib import crc32

from backend.rotation.journal import KeyMemory, is_doubted

FIRST_WAIT: Final = timedelta(minutes=50)  # then twice as long each time, at most a day
LONGEST_WAIT: Final = timedelta(days=1)


def doubted_in(memories: Mapping[str, KeyMemory]) -> list[str]:
    """Answer the names of the keys that failed when last tried."""
    return [name for name, memory in memories.items() if is_doubted(memory)]


def is_pulse_due(name: str, memory: KeyMemory | None, now: datetime, hours: int) -> bool:
    """Tell whether a key is to be proven: once a round of `hours`, at an hour of its own, by its name.

    So a thousand tenants are not asked at once. A key that missed its hour is proven at the next one.
    """
    hour = int(now.timestamp() // 3600)
    late = (hour - crc32(name.lower().encode())) % hours  # hours since its own
    last = memory.proof_tried if memory else None
    if last is None:
        return late == 0
    return last < datetime.fromtimestamp((hour - late) * 3600, UTC)


def is_its_turn(memory: KeyMemory | None, now: datetime) -> bool:
    """Tell whether a key may be tried again: a failing one waits longer after each failure."""
    if memory is None or memory.tried is None or not memory.failures:
        return True
    wait = min(FIRST_WAIT * float(2 ** min(memory.failures - 1, 6)), LONGEST_WAIT)
    return now - memory.tried >= wait
