"""What happens to namespaces that are served: a new credential, damage, and somebody else who writes there too."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence

from benchmarks.api import CONFLICT, MERGE, locked, references_of
from benchmarks.arena import Arena
from benchmarks.figures import summary
from benchmarks.loads.arrivals import Row, latencies, paced

REPAIR_SECONDS = 20.0
HOPELESS = 1
"""So many repairs of a kind that did not come, and no more are asked for."""
FOREIGN_ENTRIES = 5
EDITED = {"data": {".dockerconfigjson": "e30="}}

Damage = Callable[[Arena, str], Awaitable[None]]


async def rotation(arena: Arena, names: Sequence[str], rate: float, patience: float) -> Row:
    """Changes the credential while namespaces keep coming; `fresh` are those that came while Secrets were rewritten."""
    seen = arena.sightings
    left = deque((name, seen[name].content) for name in names)
    mark, began = arena.mark(), time.monotonic()
    if not await asyncio.to_thread(arena.contender.rotate):
        return {"possible": False}
    coming: list[str] = []

    def until_rewritten() -> Iterator[str]:
        while left and time.monotonic() - began < patience:
            coming.extend(arena.fresh_names(1))
            yield coming[-1]
            seen.read()
            while left and seen[left[0][0]].content not in {None, left[0][1]}:
                left.popleft()

    await paced(arena, until_rewritten(), rate)
    await arena.until_done(coming, 60)
    moments = [at for name in names if (at := seen[name].rewritten) and at > began]
    first, last = min(moments, default=began), max(moments, default=began)
    fresh = [name for name in coming if first <= (seen[name].account or seen[name].created or 0.0) <= last]
    inside = (await arena.requests(mark)).within(names)
    row = {"possible": True, "finished": not left, "seconds": last - first, "noticed_seconds": first - began}
    return {**row, "writes_per_namespace": inside.writes / len(names), "fresh": latencies(arena, fresh)}


async def repair(arena: Arena, names: Sequence[str], times: int) -> Row:
    """Damages namespaces, one after the other and never one twice, and waits for each to be mended."""
    kinds: dict[str, Damage] = {"secret_deleted": _delete_secret, "secret_edited": _edit_secret}
    if arena.needs_reference:
        kinds["reference_stripped"] = _strip_reference
    row: Row = {}
    for number, (kind, damage) in enumerate(kinds.items()):
        row[kind] = await _repairs(arena, names[number * times : (number + 1) * times], damage)
    return row


async def _repairs(arena: Arena, names: Sequence[str], damage: Damage) -> Row:
    took: list[float] = []
    in_vain = 0
    for name in names:
        sight = arena.sightings[name]
        sight.broken, sight.mended, sight.wanted = None, None, sight.content
        await damage(arena, name)
        await arena.sightings.until(lambda sight=sight: sight.mended is not None, REPAIR_SECONDS)  # type: ignore[misc]
        if sight.broken is not None and sight.mended is not None:
            took.append(sight.mended - sight.broken)
        else:
            in_vain += 1
        sight.wanted = None
        if in_vain >= HOPELESS:
            break
    return {**summary(took), "not_repaired": in_vain, "waited_seconds": REPAIR_SECONDS}


async def _delete_secret(arena: Arena, name: str) -> None:
    await arena.api.must("DELETE", f"/api/v1/namespaces/{name}/secrets/{arena.contender.card.secret_name}")


async def _edit_secret(arena: Arena, name: str) -> None:
    path = f"/api/v1/namespaces/{name}/secrets/{arena.contender.card.secret_name}"
    await arena.api.must("PATCH", path, EDITED, MERGE)


async def _strip_reference(arena: Arena, name: str) -> None:
    path = f"/api/v1/namespaces/{name}/serviceaccounts/default"
    await arena.api.must("PATCH", path, {"imagePullSecrets": None}, MERGE)


async def foreign_writer(arena: Arena, rate: float, seconds: float) -> Row:
    """Has somebody else add entries of his own to fresh service accounts, and counts those that are lost."""
    names = arena.fresh_names(round(rate * seconds))
    mark = arena.mark()
    creating = asyncio.create_task(paced(arena, names, rate))
    conflicts = sum(await asyncio.gather(*(_add_entries(arena, name) for name in names)))
    await creating
    await arena.until_done(names, 60)
    await asyncio.sleep(2)  # a slow contender may still be about to overwrite what it has not seen
    lost = missing = 0
    for name in names:
        account = await arena.api.must("GET", f"/api/v1/namespaces/{name}/serviceaccounts/default")
        present = set(references_of(account))
        lost += len(set(_entries()) - present)
        missing += arena.needs_reference and arena.contender.card.secret_name not in present
    inside = (await arena.requests(mark)).within(names)
    row = {"added": len(names) * FOREIGN_ENTRIES, "lost": lost, "ours_missing": int(missing)}
    return {**row, "writer_conflicts": conflicts, "writes_per_namespace": inside.writes / len(names)}


def _entries() -> list[str]:
    return [f"foreign-{number}" for number in range(FOREIGN_ENTRIES)]


async def _add_entries(arena: Arena, name: str) -> int:
    """Adds entries as an honest writer does, with a lock, beginning when the account appears; returns its conflicts."""
    path = f"/api/v1/namespaces/{name}/serviceaccounts/default"
    conflicts = 0
    await arena.sightings.until(lambda: arena.sightings[name].account is not None, 600)
    for entry in _entries():
        status = CONFLICT
        while status == CONFLICT:
            account = await arena.api.must("GET", path)
            wanted = [*references_of(account), entry]
            status, _ = await arena.api.send(
                "PATCH", path, locked(account["metadata"]["resourceVersion"], wanted), MERGE
            )
            conflicts += status == CONFLICT
    return conflicts
