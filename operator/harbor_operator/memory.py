"""The memory of a process that runs for months over ten thousand namespaces."""

from __future__ import annotations

import asyncio
import ctypes
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

TRIM_INTERVAL_SECONDS = 60.0


def freeze_startup_objects() -> None:
    """Keeps what has been loaded so far out of every garbage collection to come.

    These objects stay until the process ends. A collection that walks all 75,000 of them blocks the process for 30 ms or more. The
    mirror of the cluster is not walked either (plan/holding.py), so a collection takes a few milliseconds at any size.
    """
    gc.collect()
    gc.freeze()


def malloc_trim() -> None:
    """Returns what was freed to the system, in half a millisecond; does nothing where the C library is not glibc.

    By itself glibc gives back only the end of its heap. With the namespaces, answers of all sizes come and go, and the
    holes they leave wander: 0.6 KiB more for every namespace that came and went, without anything being in use.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


@asynccontextmanager
async def periodic_malloc_trim() -> AsyncIterator[None]:
    """Gives back every minute for as long as the block lasts."""
    task = asyncio.create_task(_give_back_for_ever(), name="memory")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _give_back_for_ever() -> None:
    while True:
        await asyncio.sleep(TRIM_INTERVAL_SECONDS)
        malloc_trim()
