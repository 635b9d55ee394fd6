"""Which Helm runs are active: a fixed number of slots, at most one of them for each namespace.

A run can wait for its hooks until `spec.release.timeoutSeconds`. Without the limit per namespace, one tenant with
hanging hooks would hold every slot.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Turn:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0


class HelmSlots:
    """Hands out slots in the order of the requests; a run that waits for its namespace takes no slot."""

    def __init__(self, count: int) -> None:
        self._free = asyncio.Semaphore(count)
        self._turns: dict[str, _Turn] = {}

    def is_busy(self, namespace: str) -> bool:
        """Returns whether a run of this namespace would have to wait now."""
        turn = self._turns.get(namespace)
        return self._free.locked() or bool(turn and turn.lock.locked())

    @asynccontextmanager
    async def hold(self, namespace: str) -> AsyncIterator[None]:
        """Waits for a slot and holds it until the end of the context."""
        turn = self._turns.setdefault(namespace, _Turn())
        turn.users += 1
        try:
            async with turn.lock, self._free:
                yield
        finally:
            turn.users -= 1
            if not turn.users:
                del self._turns[namespace]
