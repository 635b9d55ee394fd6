"""How long the event loop of the process cannot run other work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

SAMPLE_INTERVAL_SECONDS: Final = 0.05


@asynccontextmanager
async def sampled_delay(
    observe: Callable[[float], None],
    clock: Callable[[], float],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> AsyncIterator[None]:
    """Reports to `observe`, twenty times a second while the block runs, by how many seconds a timer is late.

    A call that blocks the event loop for longer than the interval delays at least one timer. `clock` returns seconds
    of a clock that never goes back.
    """
    task = asyncio.create_task(_sample(observe, clock, sleep), name="event-loop-delay")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _sample(
    observe: Callable[[float], None], clock: Callable[[], float], sleep: Callable[[float], Awaitable[None]]
) -> None:
    while True:
        due = clock() + SAMPLE_INTERVAL_SECONDS
        await sleep(SAMPLE_INTERVAL_SECONDS)
        observe(max(0.0, clock() - due))
