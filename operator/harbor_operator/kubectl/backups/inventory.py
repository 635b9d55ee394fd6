"""The inventory of the object store: one line of JSON for each object, written page by page."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from harbor_operator.adapters.s3_store import HttpS3Store
from harbor_operator.adapters.swift import SwiftObjectStore
from harbor_operator.kubectl.backups.source import S3Place, SwiftPlace
from harbor_operator.kubectl.errors import CommandError
from harbor_operator.model.backup import BlobEntry
from harbor_operator.model.storage import Container, StoredObject

MAX_LINE_BYTES = 64 * 1024
MAX_PAGE_OBJECTS = 1000
_BLOB = re.compile(r"(?:^|/)docker/registry/v2/blobs/([a-z0-9]+)/[0-9a-f]{2}/([0-9a-f]+)/data$")


@dataclass(slots=True)
class InventoryTotals:
    """What an inventory lists."""

    objects: int = 0
    bytes: int = 0


async def write_inventory(place: SwiftPlace | S3Place, file: IO[bytes]) -> InventoryTotals:
    """Writes a line for each object of the store. Raises CommandError, and Refused and Unavailable as its port."""
    totals = InventoryTotals()
    async for page in read_pages(await _page_reader(place)):
        for entry in page:
            line = {"name": entry.name, "size": entry.bytes, "digest": entry.digest}
            file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
            totals.objects += 1
            totals.bytes += entry.bytes
    return totals


def read_blobs(path: Path) -> Iterator[BlobEntry]:
    """Yields the blobs of the registry in an inventory. Raises ValueError for a line that is not of one."""
    with path.open("rb") as file:
        while line := file.readline(MAX_LINE_BYTES):
            entry = json.loads(line)
            if found := _BLOB.search(entry["name"]):
                yield BlobEntry(f"{found[1]}:{found[2]}", int(entry["size"]))


PageReader = Callable[[str, int], Awaitable[Sequence[StoredObject]]]


async def _page_reader(place: SwiftPlace | S3Place) -> PageReader:
    match place:
        case SwiftPlace():
            swift = SwiftObjectStore()
            return partial(swift.list_sizes, Container(await swift.login(place.account), place.container), "")
        case S3Place():
            return partial(HttpS3Store().list_sizes, place.bucket, place.prefix)


async def read_pages(read: PageReader) -> AsyncIterator[Sequence[StoredObject]]:
    """Yields all pages. Raises CommandError for a store that ignores where to begin, which has no last page."""
    after = ""
    while page := await read(after, MAX_PAGE_OBJECTS):
        if page[-1].name == after:
            raise CommandError(f"the store lists '{after}' again and again, so its objects cannot be listed in pages")
        yield page
        after = page[-1].name
