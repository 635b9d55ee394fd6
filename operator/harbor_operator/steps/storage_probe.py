"""Probes that a store does what the registry's driver needs: once."""

from __future__ import annotations

from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.storage import Container
from harbor_operator.plan.storage import MIB, PROBE_PREFIX
from harbor_operator.ports.object_store import ObjectStore
from harbor_operator.reasons import Reason

SMALL = f"{PROBE_PREFIX}small"
SEGMENTS = f"{PROBE_PREFIX}segments/"
JOINED = f"{PROBE_PREFIX}joined"
CHUNK = f"{PROBE_PREFIX}chunk"
BODY = b"harbor-operator was here\n"
PARTS = (b"first segment, ", b"second segment")
MAX_LISTED_OBJECTS = 100


async def probe(store: ObjectStore, at: Container, chunk_bytes: int) -> Blocked | None:
    """Writes, reads, lists and deletes as the registry does; nothing of it remains."""
    # An interrupted pass may have left its objects: removed first, so that the listings below are exact.
    await store.remove_objects(at, await store.list_objects(at, PROBE_PREFIX, MAX_LISTED_OBJECTS))
    if blocked := await _probe_small(store, at) or await _probe_joined(store, at):
        return blocked
    # One MiB more than a chunk, because proxies round their limits; last, because it costs most.
    await store.write_generated(at, CHUNK, chunk_bytes + MIB)
    await store.remove_objects(at, [CHUNK])
    return None


async def _probe_small(store: ObjectStore, at: Container) -> Blocked | None:
    await store.write_object(at, SMALL, BODY, {})
    if await store.read_object(at, SMALL) != BODY:
        return _failed(at, f"'{SMALL}' read back differs from what was written")
    if SMALL not in await store.list_objects(at, PROBE_PREFIX, MAX_LISTED_OBJECTS):
        return _failed(
            at,
            f"'{SMALL}' was written but is not listed: listings are not consistent, so uploads would fail",
        )
    await store.remove_objects(at, [SMALL])
    if SMALL in await store.list_objects(at, PROBE_PREFIX, MAX_LISTED_OBJECTS):
        return _failed(at, f"'{SMALL}' was deleted but is still listed: listings are not consistent")
    return None


async def _probe_joined(store: ObjectStore, at: Container) -> Blocked | None:
    segments = [f"{SEGMENTS}{number:016d}" for number in range(1, len(PARTS) + 1)]
    for name, part in zip(segments, PARTS, strict=True):
        await store.write_object(at, name, part, {})
    await store.write_joined(at, JOINED, SEGMENTS)
    observed = await store.read_object(at, JOINED)
    await store.remove_objects(at, [JOINED, *segments])
    if observed != b"".join(PARTS):
        return _failed(at, "an object of two segments (X-Object-Manifest) read back differs from its segments")
    return None


def _failed(at: Container, what: str) -> Blocked:
    return Blocked(
        Reason.STORAGE_PROBE_FAILED,
        f"container '{at.name}' at '{at.session.storage_url}' does not behave as the registry needs: {what}",
    )
