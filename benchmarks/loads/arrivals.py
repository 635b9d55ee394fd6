"""Namespaces that come: all at once (burst, flood), before the contender (backlog), or a few a second (trickle).

In a burst the controller manager makes the accounts, one after the other as it does in every cluster; in a flood the
driver makes them too, so that the server is the only limit.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.api import CONFLICT, MERGE, Api, locked
from benchmarks.arena import Arena
from benchmarks.figures import summary

Row = dict[str, Any]

YARDSTICK = "/api/v1/namespaces/kube-public/serviceaccounts"
"""Where nobody who is measured has any business."""


async def burst(arena: Arena, size: int, patience: float, *, flood: bool = False) -> Row:
    """Creates so many namespaces as fast as the server lets us, and waits until all is in place."""
    names = arena.fresh_names(size)
    mark, before = arena.mark(), arena.usage()
    began = time.monotonic()
    await arena.create(names, with_accounts=flood)
    created = time.monotonic() - began
    finished = await arena.until_done(names, patience)
    row = {"finished": finished, "creation_seconds": created, **_speed(arena, names, began)}
    return {**row, **await _cost(arena, names, mark, before.cpu_seconds), **latencies(arena, names)}


async def backlog(arena: Arena, size: int, patience: float) -> Row:
    """Starts the contender on a cluster that has so many namespaces already; counted from its first write."""
    names = arena.fresh_names(size)
    await arena.create(names)
    await arena.until_accounts(names)
    mark = arena.mark()
    began = time.monotonic()
    await arena.start()
    finished = await arena.until_done(names, patience)
    seen = [arena.sightings[name] for name in names]
    first = min((sight.rewritten for sight in seen if sight.rewritten), default=began)
    row = {"finished": finished, **_speed(arena, names, first), "seconds_from_start": _last(arena, names) - began}
    return {**row, **await _cost(arena, names, mark, 0.0)}


async def trickle(arena: Arena, rate: float, seconds: float) -> Row:
    """Creates namespaces at a steady rate, and beside it times one bare locked PATCH at the same rate."""
    names = arena.fresh_names(round(rate * seconds))
    mark, before = arena.mark(), arena.usage()
    measuring = asyncio.create_task(yardstick(arena.api, rate, len(names)))
    await paced(arena, names, rate)
    finished = await arena.until_done(names, 60)
    row = {"rate": rate, "finished": finished, "yardstick": summary(await measuring), **latencies(arena, names)}
    return {**row, **await _cost(arena, names, mark, before.cpu_seconds)}


async def paced(arena: Arena, names: Iterable[str], rate: float) -> None:
    """Creates the namespaces by a timetable, as long as there are names; a slow answer delays none that follow."""
    began = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        for index, name in enumerate(names):
            await asyncio.sleep(max(0.0, began + index / rate - time.monotonic()))
            tasks.create_task(arena.create_one(name))


async def yardstick(api: Api, rate: float, count: int) -> list[float]:
    """Times a locked PATCH of a service account that nobody else touches, between two namespaces of the trickle."""
    await api.send("POST", YARDSTICK, {"metadata": {"name": "yardstick"}})
    path = f"{YARDSTICK}/yardstick"
    revision = (await api.must("GET", path))["metadata"]["resourceVersion"]
    began = time.monotonic() + 0.5 / rate
    took = []
    for index in range(count):
        await asyncio.sleep(max(0.0, began + index / rate - time.monotonic()))
        sent = time.monotonic()
        status, answer = await api.send("PATCH", path, locked(revision, [f"bench-{index}"]), MERGE)
        took.append(time.monotonic() - sent)
        if status == CONFLICT:
            answer = await api.must("GET", path)
        revision = answer["metadata"]["resourceVersion"]
    return took


def latencies(arena: Arena, names: Sequence[str]) -> Row:
    """How long each namespace waited: from its own first sight, and from the sight of its account."""
    seen = [arena.sightings[name] for name in names]
    whole = [(sight.created, sight.account, sight.done) for sight in seen]
    from_namespace = [done - created for created, _, done in whole if done is not None and created is not None]
    from_account = [max(0.0, done - at) for _, at, done in whole if done is not None and at is not None]
    row: Row = {"from_namespace": summary(from_namespace)}
    return {**row, "from_account": summary(from_account)} if arena.needs_reference else row


def _last(arena: Arena, names: Sequence[str]) -> float:
    return max((done for name in names if (done := arena.sightings[name].done) is not None), default=time.monotonic())


def _speed(arena: Arena, names: Sequence[str], began: float) -> Row:
    seconds = _last(arena, names) - began
    done = arena.sightings.count_done(names)
    return {"done": done, "seconds": seconds, "per_second": done / seconds if seconds > 0 else 0.0}


async def _cost(arena: Arena, names: Sequence[str], mark: int, cpu_before: float) -> Row:
    usage = arena.usage()
    all_requests = await arena.requests(mark)
    inside = all_requests.within(names)
    return {
        "writes_per_namespace": inside.writes / len(names),
        "reads_per_namespace": inside.reads / len(names),
        "requests": all_requests.counted(),
        "cpu_seconds": usage.cpu_seconds - cpu_before,
        "rss_mib": usage.rss_mib,
        "peak_mib": usage.peak_mib,
    }
