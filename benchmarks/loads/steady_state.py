"""Loads with little work: restart, rest, churn, and deletion."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from benchmarks.api import references_of
from benchmarks.environment import BenchmarkEnvironment, Requests
from benchmarks.loads.arrivals import Row

SETTLE_SECONDS = 3.0
CHURN_PER_SECOND = 2
MINUTE_SECONDS = 60
BACKGROUND_RESOURCES = frozenset({"leases", "events"})


async def restart(environment: BenchmarkEnvironment, names: Sequence[str]) -> Row:
    """Restarts the injector when all namespaces are done; `writes` counts writes to these namespaces."""
    await environment.stop()
    mark, began = environment.mark(), time.monotonic()
    await environment.start()
    started = time.monotonic() - began
    await environment.wait_serving()
    serving = time.monotonic() - began
    await asyncio.sleep(SETTLE_SECONDS)
    usage, asked = environment.usage(), await environment.requests(mark)
    row: Row = {"writes": asked.within(names).writes, "reads": asked.within(names).reads, "requests": asked.counted()}
    times = {"start_seconds": started, "serving_seconds": serving, "cpu_seconds": usage.cpu_seconds}
    return {**row, **times, "rss_mib": usage.rss_mib, "peak_mib": usage.peak_mib}


async def rest(environment: BenchmarkEnvironment, seconds: float) -> Row:
    """Idles; `other_requests` are those other than watches, the Lease and events."""
    mark, before = environment.mark(), environment.usage()
    began = time.monotonic()
    await asyncio.sleep(seconds)
    took, usage = time.monotonic() - began, environment.usage()
    asked = await environment.requests(mark)
    other = [event for event in asked.events if event.verb != "watch" and event.resource not in BACKGROUND_RESOURCES]
    return {
        "seconds": took,
        "cpu_percent": (usage.cpu_seconds - before.cpu_seconds) / took * 100,
        "rss_mib": usage.rss_mib,
        "requests": asked.counted(),
        "other_requests": Requests(tuple(other)).counted(),
    }


async def churn(environment: BenchmarkEnvironment, seconds: float) -> Row:
    """Creates and deletes namespaces continuously; memory is recorded every minute."""
    began = time.monotonic()
    alive: list[list[str]] = []
    memory = [environment.usage().rss_mib]
    while time.monotonic() - began < seconds:
        minute = time.monotonic()
        alive.append(environment.new_names(CHURN_PER_SECOND * MINUTE_SECONDS))
        await environment.create(alive[-1])
        if len(alive) > 1:
            for name in alive.pop(0):
                await environment.api.send("DELETE", f"/api/v1/namespaces/{name}")
        await asyncio.sleep(max(0.0, minute + MINUTE_SECONDS - time.monotonic()))
        memory.append(environment.usage().rss_mib)
    return {"seconds": time.monotonic() - began, "rss_mib": memory, "growth_mib": memory[-1] - memory[len(memory) // 4]}


async def deletion(environment: BenchmarkEnvironment, timeout_seconds: float) -> Row:
    """Makes the injector delete all its objects, and counts the remaining ones."""
    before = await leftovers(environment)
    began = time.monotonic()
    possible = await asyncio.to_thread(environment.injector.uninstall)
    left = before
    while possible and any(left.values()) and time.monotonic() - began < timeout_seconds:
        await asyncio.sleep(0.5)
        left = await leftovers(environment)
    return {"possible": possible, "seconds": time.monotonic() - began, "before": before, "left": left}


async def leftovers(environment: BenchmarkEnvironment) -> dict[str, int]:
    """Returns the number of Secrets and references of the injector in the benchmark's namespaces."""
    secret = environment.injector.info.secret_name
    secrets = await _all(environment, f"/api/v1/secrets?fieldSelector=metadata.name={secret}")
    accounts = await _all(environment, "/api/v1/serviceaccounts?fieldSelector=metadata.name=default")
    referring = [item for item in accounts if secret in references_of(item)]
    left = {"secrets": len(secrets)}
    return {**left, "references": len(referring)} if environment.needs_reference else left


async def _all(environment: BenchmarkEnvironment, path: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await environment.api.request("GET", path))["items"]
    return [item for item in items if item["metadata"]["namespace"].startswith("b-")]
