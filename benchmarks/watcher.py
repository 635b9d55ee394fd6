"""`python -m benchmarks.watcher KUBECONFIG SECRET JOURNAL`: timestamps watch events of the API server.

It is a separate process, so that neither the driver nor an injector delays it. Times are those of the monotonic clock,
which all processes of a machine share. A line of the journal: time, kind (N, A, S), event type, namespace, detail.
The detail of an account is its references; the detail of a Secret is a checksum of its content.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import uvloop

from benchmarks.api import METADATA_ONLY, PLAIN, Access, Api, Manifest, references_of

ARGUMENT_COUNT = 3
PAGE_ITEMS = 500


@dataclass(frozen=True)
class WatchedResource:
    """One watched resource."""

    kind: str
    path: str
    selector: str = ""
    accept: str = PLAIN

    @property
    def query(self) -> dict[str, str]:
        """The query parameters of every request."""
        return {"fieldSelector": self.selector} if self.selector else {}


def watched_resources(secret: str) -> tuple[WatchedResource, ...]:
    """Returns the resources that a measurement needs."""
    return (
        WatchedResource("N", "/api/v1/namespaces", accept=METADATA_ONLY),
        WatchedResource("A", "/api/v1/serviceaccounts", "metadata.name=default"),
        WatchedResource("S", "/api/v1/secrets", f"metadata.name={secret}"),
    )


def detail(kind: str, item: Manifest) -> str:
    """Returns the detail of an object for the journal."""
    if kind == "A":
        return ",".join(references_of(item))
    if kind == "S":
        return f"{zlib.crc32((item.get('data') or {}).get('.dockerconfigjson', '').encode()):08x}"
    return "terminating" if item["metadata"].get("deletionTimestamp") else ""


def line(at: float, kind: str, what: str, item: Manifest) -> str:
    """Returns one line of the journal."""
    metadata = item["metadata"]
    namespace = metadata.get("namespace") or metadata["name"]
    return f"{at:.6f}\t{kind}\t{what}\t{namespace}\t{detail(kind, item)}\n"


async def follow(api: Api, watched: WatchedResource, journal: IO[str]) -> None:
    """Lists, writes a READY line, and then watches forever."""
    revision = await _list(api, watched, journal)
    journal.write(f"{time.monotonic():.6f}\t{watched.kind}\tREADY\t\t\n")
    journal.flush()
    while True:
        query = {**watched.query, "resourceVersion": revision}
        async for chunk in api.watch(watched.path, query, watched.accept):
            at = time.monotonic()
            for raw in chunk.split(b"\n"):
                event = json.loads(raw)
                item = event["object"]
                if event["type"] == "ERROR":
                    raise SystemExit(f"the watch of {watched.path} failed: {item.get('message')}")
                revision = item["metadata"]["resourceVersion"]
                if event["type"] != "BOOKMARK":
                    journal.write(line(at, watched.kind, event["type"], item))
            journal.flush()


async def _list(api: Api, watched: WatchedResource, journal: IO[str]) -> str:
    token = ""
    while True:
        selector = f"&fieldSelector={watched.selector}" if watched.selector else ""
        page = await api.request("GET", f"{watched.path}?limit={PAGE_ITEMS}&continue={token}{selector}")
        at = time.monotonic()
        for item in page["items"]:
            journal.write(line(at, watched.kind, "LISTED", item))
        token = page["metadata"].get("continue", "")
        if not token:
            return str(page["metadata"]["resourceVersion"])


async def _watch(kubeconfig: Path, secret: str, path: Path) -> None:
    with path.open("a") as journal:
        async with Api(Access.read(kubeconfig)) as api, asyncio.TaskGroup() as tasks:
            for watched in watched_resources(secret):
                tasks.create_task(follow(api, watched, journal))


if __name__ == "__main__":
    if len(sys.argv) != ARGUMENT_COUNT + 1:
        raise SystemExit(__doc__)
    uvloop.run(_watch(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])))
