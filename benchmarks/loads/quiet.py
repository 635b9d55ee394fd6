"""Times at which there should be little to do: a restart, a rest, a long while of coming and going, and the end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from benchmarks.api import references_of
from benchmarks.arena import Arena, Requests
from benchmarks.loads.arrivals import Row

SETTLE_SECONDS = 3.0
CHURN_RATE = 2
MINUTE = 60
OWN_AFFAIRS = frozenset({"leases", "events"})


async def restart(arena: Arena, names: Sequence[str]) -> Row:
    """Restarts the contender where nothing is amiss; `writes` are those into namespaces that were served already."""
    await arena.stop()
    mark, began = arena.mark(), time.monotonic()
    await arena.start()
    started = time.monotonic() - began
    await arena.awake()
    awake = time.monotonic() - began
    await asyncio.sleep(SETTLE_SECONDS)
    usage, asked = arena.usage(), await arena.requests(mark)
    row: Row = {"writes": asked.within(names).writes, "reads": asked.within(names).reads, "requests": asked.counted()}
    times = {"start_seconds": started, "awake_seconds": awake, "cpu_seconds": usage.cpu_seconds}
    return {**row, **times, "rss_mib": usage.rss_mib, "peak_mib": usage.peak_mib}


async def rest(arena: Arena, seconds: float) -> Row:
    """Does nothing for a while; `other_requests` are those that are no watch and do not concern its own Lease."""
    mark, before = arena.mark(), arena.usage()
    began = time.monotonic()
    await asyncio.sleep(seconds)
    took, usage = time.monotonic() - began, arena.usage()
    asked = await arena.requests(mark)
    other = [event for event in asked.events if event.verb != "watch" and event.resource not in OWN_AFFAIRS]
    return {
        "seconds": took,
        "cpu_percent": (usage.cpu_seconds - before.cpu_seconds) / took * 100,
        "rss_mib": usage.rss_mib,
        "requests": asked.counted(),
        "other_requests": Requests(tuple(other)).counted(),
    }


async def churn(arena: Arena, seconds: float) -> Row:
    """Has namespaces come and go for a long while; memory is noted every minute."""
    began = time.monotonic()
    alive: list[list[str]] = []
    memory = [arena.usage().rss_mib]
    while time.monotonic() - began < seconds:
        minute = time.monotonic()
        alive.append(arena.fresh_names(CHURN_RATE * MINUTE))
        await arena.create(alive[-1])
        if len(alive) > 1:
            for name in alive.pop(0):
                await arena.api.send("DELETE", f"/api/v1/namespaces/{name}")
        await asyncio.sleep(max(0.0, minute + MINUTE - time.monotonic()))
        memory.append(arena.usage().rss_mib)
    return {"seconds": time.monotonic() - began, "rss_mib": memory, "growth_mib": memory[-1] - memory[len(memory) // 4]}


async def deletion(arena: Arena, patience: float) -> Row:
    """Asks the contender to take everything back, and counts what is left behind in the end."""
    before = await leftovers(arena)
    began = time.monotonic()
    possible = await asyncio.to_thread(arena.contender.retire)
    left = before
    while possible and any(left.values()) and time.monotonic() - began < patience:
        await asyncio.sleep(0.5)
        left = await leftovers(arena)
    return {"possible": possible, "seconds": time.monotonic() - began, "before": before, "left": left}


async def leftovers(arena: Arena) -> dict[str, int]:
    """How many Secrets and references of the contender there are in the benchmark's namespaces."""
    secret = arena.contender.card.secret_name
    secrets = await _all(arena, f"/api/v1/secrets?fieldSelector=metadata.name={secret}")
    accounts = await _all(arena, "/api/v1/serviceaccounts?fieldSelector=metadata.name=default")
    referring = [item for item in accounts if secret in references_of(item)]
    left = {"secrets": len(secrets)}
    return {**left, "references": len(referring)} if arena.needs_reference else left


async def _all(arena: Arena, path: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await arena.api.must("GET", path))["items"]
    return [item for item in items if item["metadata"]["namespace"].startswith("b-")]
