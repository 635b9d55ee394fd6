"""`python -m benchmarks.watcher KUBECONFIG SECRET JOURNAL`: writes down when the API server told what.

A process of its own, so that neither the driver nor a contender delays it. Times are those of the monotonic clock,
which all processes of a machine share. A line of the journal: time, kind (N, A, S), what happened, namespace, detail.
The detail of an account is its references, that of a Secret a checksum of its content.
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

ARGUMENTS = 3
PAGE = 500


@dataclass(frozen=True)
class View:
    """What is watched."""

    kind: str
    path: str
    selector: str = ""
    accept: str = PLAIN

    @property
    def query(self) -> dict[str, str]:
        """What every request for it carries."""
        return {"fieldSelector": self.selector} if self.selector else {}


def views(secret: str) -> tuple[View, ...]:
    """The three views of a cluster that a measurement needs."""
    return (
        View("N", "/api/v1/namespaces", accept=METADATA_ONLY),
        View("A", "/api/v1/serviceaccounts", "metadata.name=default"),
        View("S", "/api/v1/secrets", f"metadata.name={secret}"),
    )


def detail(kind: str, item: Manifest) -> str:
    """What matters of an object."""
    if kind == "A":
        return ",".join(references_of(item))
    if kind == "S":
        return f"{zlib.crc32((item.get('data') or {}).get('.dockerconfigjson', '').encode()):08x}"
    return "leaving" if item["metadata"].get("deletionTimestamp") else ""


def line(at: float, kind: str, what: str, item: Manifest) -> str:
    """One line of the journal."""
    metadata = item["metadata"]
    place = metadata.get("namespace") or metadata["name"]
    return f"{at:.6f}\t{kind}\t{what}\t{place}\t{detail(kind, item)}\n"


async def follow(api: Api, view: View, journal: IO[str]) -> None:
    """Lists, says that it has listed, and then watches for ever."""
    revision = await _list(api, view, journal)
    journal.write(f"{time.monotonic():.6f}\t{view.kind}\tREADY\t\t\n")
    journal.flush()
    while True:
        query = {**view.query, "resourceVersion": revision}
        async for chunk in api.watch(view.path, query, view.accept):
            at = time.monotonic()
            for raw in chunk.split(b"\n"):
                event = json.loads(raw)
                item = event["object"]
                if event["type"] == "ERROR":
                    raise SystemExit(f"the watch of {view.path} failed: {item.get('message')}")
                revision = item["metadata"]["resourceVersion"]
                if event["type"] != "BOOKMARK":
                    journal.write(line(at, view.kind, event["type"], item))
            journal.flush()


async def _list(api: Api, view: View, journal: IO[str]) -> str:
    token = ""
    while True:
        selector = f"&fieldSelector={view.selector}" if view.selector else ""
        page = await api.must("GET", f"{view.path}?limit={PAGE}&continue={token}{selector}")
        at = time.monotonic()
        for item in page["items"]:
            journal.write(line(at, view.kind, "LISTED", item))
        token = page["metadata"].get("continue", "")
        if not token:
            return str(page["metadata"]["resourceVersion"])


async def _watch(kubeconfig: Path, secret: str, path: Path) -> None:
    with path.open("a") as journal:
        async with Api(Access.read(kubeconfig)) as api, asyncio.TaskGroup() as tasks:
            for view in views(secret):
                tasks.create_task(follow(api, view, journal))


if __name__ == "__main__":
    if len(sys.argv) != ARGUMENTS + 1:
        raise SystemExit(__doc__)
    uvloop.run(_watch(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])))
