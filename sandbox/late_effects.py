"""Refused requests that take effect later, as in an overloaded service."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

from starlette.types import Scope


@dataclass(frozen=True)
class LateEffect:
    """A request, and when (sandbox time) it takes effect."""

    due: datetime
    scope: Scope = field(repr=False)
    body: bytes = field(repr=False)


class LateEffects:
    """The requests that take effect later, in the order in which they are due."""

    def __init__(self) -> None:
        self._pending: list[LateEffect] = []
        self._one_at_a_time = asyncio.Lock()

    def add(self, due: datetime, scope: Scope, body: bytes) -> None:
        """Add a request that takes effect at `due`. Its response is dropped."""
        self._pending.append(LateEffect(due, scope, body))
        self._pending.sort(key=lambda effect: effect.due)  # stable: requests that are due together keep their order

    def cancel(self) -> None:
        """Drop all requests that have not taken effect yet."""
        self._pending.clear()

    async def happen(self, now: Callable[[], datetime], handle: Callable[[Scope, bytes], Awaitable[object]]) -> None:
        """Handle every request that is due."""
        if not self._pending and not self._one_at_a_time.locked():
            return
        async with self._one_at_a_time:
            while self._pending and self._pending[0].due <= now():
                effect = self._pending.pop(0)
                await handle(effect.scope, effect.body)
