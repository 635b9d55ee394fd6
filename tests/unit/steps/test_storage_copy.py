"""The memory that a copy of images needs."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import SecretStr
from typing_extensions import override

from harbor_operator.model.s3 import Bucket, S3Account
from harbor_operator.model.storage import StoredObject
from harbor_operator.steps.storage_copy import PAGE_OBJECTS, ImageCopy, S3Images
from tests.fakes.s3_store import FakeS3Store
from tests.fakes.s3_store import StoredObject as S3Object

MIB = 1 << 20
OTHER_PAGES = 30
BUCKET = Bucket(S3Account("https://s3.example.com", "us-east-1", "ACCESS", SecretStr("secret"), "s3"), "old")
FIRST, LAST = "docker/registry/v2/a", "docker/registry/v2/z"


@dataclass(frozen=True, slots=True)
class CrowdedImages(S3Images):
    """A target that has many objects of others between two objects of the source."""

    @override
    async def list(self, after: str, limit: int) -> Sequence[StoredObject]:
        start = int(after.rpartition("/")[2]) if "/m/" in after else 0
        end = min(start + limit, OTHER_PAGES * PAGE_OBJECTS)
        others = [f"docker/registry/v2/m/{number:06d}" for number in range(start + 1, end + 1)]
        return [StoredObject(name, 1, datetime(2026, 1, 2, tzinfo=UTC), "") for name in others]


async def test_objects_that_the_source_does_not_have_are_not_kept() -> None:
    store = FakeS3Store({"ACCESS": SecretStr("secret")})
    store.buckets["old"] = {FIRST: S3Object((b"1",)), LAST: S3Object((b"2",))}
    copy = ImageCopy(S3Images(store, BUCKET, ""), CrowdedImages(store, BUCKET, "new/"))

    tracemalloc.start()
    try:
        batches = [batch async for batch in copy.batches("")]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert [batch.copied for batch in batches] == [2]
    assert peak < 2 * MIB
