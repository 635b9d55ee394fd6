"""Changes in served namespaces: a new credential, damage, and another client that writes the same objects."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial

from benchmarks.api import CONFLICT, MERGE, optimistic_patch, references_of
from benchmarks.environment import BenchmarkEnvironment
from benchmarks.figures import summary
from benchmarks.loads.arrivals import Row, create_at_rate, latencies
from benchmarks.observations import NamespaceObservation

REPAIR_SECONDS = 20.0
MAX_FAILED_REPAIRS = 1
"""After this number of failed repairs of a kind, no more are tried."""
FOREIGN_ENTRIES = 5
EDITED = {"data": {".dockerconfigjson": "e30="}}

Damage = Callable[[BenchmarkEnvironment, str], Awaitable[None]]


async def rotation(environment: BenchmarkEnvironment, names: Sequence[str], rate: float, timeout_seconds: float) -> Row:
    """Changes the credential while namespaces arrive; `fresh` are those that arrived while Secrets were rewritten."""
    seen = environment.observations
    left = deque((name, seen[name].content) for name in names)
    mark, began = environment.mark(), time.monotonic()
    if not await asyncio.to_thread(environment.injector.rotate):
        return {"possible": False}
    arriving: list[str] = []

    def until_rewritten() -> Iterator[str]:
        while left and time.monotonic() - began < timeout_seconds:
            arriving.extend(environment.new_names(1))
            yield arriving[-1]
            seen.read()
            while left and seen[left[0][0]].content not in {None, left[0][1]}:
                left.popleft()

    await create_at_rate(environment, until_rewritten(), rate)
    await environment.until_done(arriving, 60)
    moments = [at for name in names if (at := seen[name].rewritten) and at > began]
    first, last = min(moments, default=began), max(moments, default=began)
    fresh = [name for name in arriving if first <= (seen[name].account or seen[name].created or 0.0) <= last]
    inside = (await environment.requests(mark)).within(names)
    row = {"possible": True, "finished": not left, "seconds": last - first, "noticed_seconds": first - began}
    return {**row, "writes_per_namespace": inside.writes / len(names), "fresh": latencies(environment, fresh)}


async def repair(environment: BenchmarkEnvironment, names: Sequence[str], times: int) -> Row:
    """Damages namespaces one after the other, each once, and waits for each repair."""
    kinds: dict[str, Damage] = {"secret_deleted": _delete_secret, "secret_edited": _edit_secret}
    if environment.needs_reference:
        kinds["reference_stripped"] = _strip_reference
    row: Row = {}
    for number, (kind, damage) in enumerate(kinds.items()):
        row[kind] = await _repairs(environment, names[number * times : (number + 1) * times], damage)
    return row


async def _repairs(environment: BenchmarkEnvironment, names: Sequence[str], damage: Damage) -> Row:
    durations: list[float] = []
    failed = 0
    for name in names:
        observation = environment.observations[name]
        observation.broken, observation.repaired, observation.expected = None, None, observation.content
        await damage(environment, name)
        await environment.observations.until(partial(_is_repaired, observation), REPAIR_SECONDS)
        if observation.broken is not None and observation.repaired is not None:
            durations.append(observation.repaired - observation.broken)
        else:
            failed += 1
        observation.expected = None
        if failed >= MAX_FAILED_REPAIRS:
            break
    return {**summary(durations), "not_repaired": failed, "waited_seconds": REPAIR_SECONDS}


def _is_repaired(observation: NamespaceObservation) -> bool:
    return observation.repaired is not None


async def _delete_secret(environment: BenchmarkEnvironment, name: str) -> None:
    await environment.api.request(
        "DELETE", f"/api/v1/namespaces/{name}/secrets/{environment.injector.info.secret_name}"
    )


async def _edit_secret(environment: BenchmarkEnvironment, name: str) -> None:
    path = f"/api/v1/namespaces/{name}/secrets/{environment.injector.info.secret_name}"
    await environment.api.request("PATCH", path, EDITED, MERGE)


async def _strip_reference(environment: BenchmarkEnvironment, name: str) -> None:
    path = f"/api/v1/namespaces/{name}/serviceaccounts/default"
    await environment.api.request("PATCH", path, {"imagePullSecrets": None}, MERGE)


async def foreign_writer(environment: BenchmarkEnvironment, rate: float, seconds: float) -> Row:
    """Another client adds references to new service accounts; counts those that are lost."""
    names = environment.new_names(round(rate * seconds))
    mark = environment.mark()
    creating = asyncio.create_task(create_at_rate(environment, names, rate))
    conflicts = sum(await asyncio.gather(*(_add_entries(environment, name) for name in names)))
    await creating
    await environment.until_done(names, 60)
    await asyncio.sleep(2)  # a slow injector can still overwrite entries
    lost = missing = 0
    for name in names:
        account = await environment.api.request("GET", f"/api/v1/namespaces/{name}/serviceaccounts/default")
        present = set(references_of(account))
        lost += len(set(_entries()) - present)
        missing += environment.needs_reference and environment.injector.info.secret_name not in present
    inside = (await environment.requests(mark)).within(names)
    row = {"added": len(names) * FOREIGN_ENTRIES, "lost": lost, "ours_missing": int(missing)}
    return {**row, "writer_conflicts": conflicts, "writes_per_namespace": inside.writes / len(names)}


def _entries() -> list[str]:
    return [f"foreign-{number}" for number in range(FOREIGN_ENTRIES)]


async def _add_entries(environment: BenchmarkEnvironment, name: str) -> int:
    """Adds entries with optimistic locking, starting when the account appears; returns the number of conflicts."""
    path = f"/api/v1/namespaces/{name}/serviceaccounts/default"
    conflicts = 0
    await environment.observations.until(lambda: environment.observations[name].account is not None, 600)
    for entry in _entries():
        status: int = CONFLICT
        while status == CONFLICT:
            account = await environment.api.request("GET", path)
            wanted = [*references_of(account), entry]
            status, _ = await environment.api.send(
                "PATCH", path, optimistic_patch(account["metadata"]["resourceVersion"], wanted), MERGE
            )
            conflicts += status == CONFLICT
    return conflicts
