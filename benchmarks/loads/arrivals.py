"""New namespaces: all at once (burst, flood), before the injector starts (backlog), or at a steady rate (trickle).

In a burst the controller manager creates the service accounts, one after the other as in every cluster. In a flood the
driver creates them too, so that the API server is the only limit.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.api import CONFLICT, MERGE, Api, optimistic_patch
from benchmarks.environment import BenchmarkEnvironment
from benchmarks.figures import summary

Row = dict[str, Any]

YARDSTICK = "/api/v1/namespaces/kube-public/serviceaccounts"
"""A namespace that no injector serves."""


async def burst(environment: BenchmarkEnvironment, size: int, timeout_seconds: float, *, flood: bool = False) -> Row:
    """Creates `size` namespaces as fast as the server allows, and waits until all are done."""
    names = environment.new_names(size)
    mark, before = environment.mark(), environment.usage()
    began = time.monotonic()
    await environment.create(names, with_accounts=flood)
    created = time.monotonic() - began
    finished = await environment.until_done(names, timeout_seconds)
    row = {"finished": finished, "creation_seconds": created, **_speed(environment, names, began)}
    return {**row, **await _cost(environment, names, mark, before.cpu_seconds), **latencies(environment, names)}


async def backlog(environment: BenchmarkEnvironment, size: int, timeout_seconds: float) -> Row:
    """Starts the injector on a cluster with `size` namespaces; measured from its first write."""
    names = environment.new_names(size)
    await environment.create(names)
    await environment.until_accounts(names)
    mark = environment.mark()
    began = time.monotonic()
    await environment.start()
    finished = await environment.until_done(names, timeout_seconds)
    seen = [environment.observations[name] for name in names]
    first = min((observation.rewritten for observation in seen if observation.rewritten), default=began)
    row = {
        "finished": finished,
        **_speed(environment, names, first),
        "seconds_from_start": _last(environment, names) - began,
    }
    return {**row, **await _cost(environment, names, mark, 0.0)}


async def trickle(environment: BenchmarkEnvironment, rate: float, seconds: float) -> Row:
    """Creates namespaces at a steady rate, and measures one raw PATCH with optimistic locking at the same rate."""
    names = environment.new_names(round(rate * seconds))
    mark, before = environment.mark(), environment.usage()
    measuring = asyncio.create_task(yardstick(environment.api, rate, len(names)))
    await create_at_rate(environment, names, rate)
    finished = await environment.until_done(names, 60)
    row = {"rate": rate, "finished": finished, "yardstick": summary(await measuring), **latencies(environment, names)}
    return {**row, **await _cost(environment, names, mark, before.cpu_seconds)}


async def create_at_rate(environment: BenchmarkEnvironment, names: Iterable[str], rate: float) -> None:
    """Creates the namespaces on a schedule; a slow answer does not delay later ones."""
    began = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        for index, name in enumerate(names):
            await asyncio.sleep(max(0.0, began + index / rate - time.monotonic()))
            tasks.create_task(environment.create_one(name))


async def yardstick(api: Api, rate: float, count: int) -> list[float]:
    """Measures a PATCH with optimistic locking of an unused service account, between two namespaces of the trickle."""
    await api.send("POST", YARDSTICK, {"metadata": {"name": "yardstick"}})
    path = f"{YARDSTICK}/yardstick"
    revision = (await api.request("GET", path))["metadata"]["resourceVersion"]
    began = time.monotonic() + 0.5 / rate
    durations = []
    for index in range(count):
        await asyncio.sleep(max(0.0, began + index / rate - time.monotonic()))
        sent = time.monotonic()
        status, answer = await api.send("PATCH", path, optimistic_patch(revision, [f"bench-{index}"]), MERGE)
        durations.append(time.monotonic() - sent)
        if status == CONFLICT:
            answer = await api.request("GET", path)
        revision = answer["metadata"]["resourceVersion"]
    return durations


def latencies(environment: BenchmarkEnvironment, names: Sequence[str]) -> Row:
    """How long each namespace waited: from its own first observation, and from the observation of its account."""
    seen = [environment.observations[name] for name in names]
    whole = [(observation.created, observation.account, observation.done) for observation in seen]
    from_namespace = [done - created for created, _, done in whole if done is not None and created is not None]
    from_account = [max(0.0, done - at) for _, at, done in whole if done is not None and at is not None]
    row: Row = {"from_namespace": summary(from_namespace)}
    return {**row, "from_account": summary(from_account)} if environment.needs_reference else row


def _last(environment: BenchmarkEnvironment, names: Sequence[str]) -> float:
    return max(
        (done for name in names if (done := environment.observations[name].done) is not None), default=time.monotonic()
    )


def _speed(environment: BenchmarkEnvironment, names: Sequence[str], began: float) -> Row:
    seconds = _last(environment, names) - began
    done = environment.observations.count_done(names)
    return {"done": done, "seconds": seconds, "per_second": done / seconds if seconds > 0 else 0.0}


async def _cost(environment: BenchmarkEnvironment, names: Sequence[str], mark: int, cpu_before: float) -> Row:
    usage = environment.usage()
    all_requests = await environment.requests(mark)
    inside = all_requests.within(names)
    return {
        "writes_per_namespace": inside.writes / len(names),
        "reads_per_namespace": inside.reads / len(names),
        "requests": all_requests.counted(),
        "cpu_seconds": usage.cpu_seconds - cpu_before,
        "rss_mib": usage.rss_mib,
        "peak_mib": usage.peak_mib,
    }
