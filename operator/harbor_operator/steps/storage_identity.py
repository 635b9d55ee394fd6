"""Finds out whether two addresses lead to the same storage, by an object that is written to one of them."""

from __future__ import annotations

from harbor_operator.plan.storage import FILE_PREFIX, PROBE_PREFIX
from harbor_operator.steps.storage_copy import S3Images, SwiftImages

_BODY = b"harbor-operator compares two storages\n"


async def is_same_storage(source: SwiftImages | S3Images, target: S3Images, unique: str) -> bool:
    """Whether the target is the container or bucket of the source under another address; raises as the ports do.

    Another folder of the same bucket is another storage if the addresses show that it is the same bucket. The object
    is named `unique`, which no earlier call had, and is removed.
    """
    if _is_another_folder(source, target):
        return False
    name = f"{target.folder}{PROBE_PREFIX}{unique}"
    await target.store.write_object(target.bucket, name, _BODY, {})
    try:
        return await source.has_object(name)
    finally:
        await target.store.remove_objects(target.bucket, [name])


def _is_another_folder(source: SwiftImages | S3Images, target: S3Images) -> bool:
    here = target.bucket
    if isinstance(source, SwiftImages):
        has_other_folder = target.folder != "" and not target.folder.startswith(FILE_PREFIX)
        return source.container.name == here.name and has_other_folder
    is_one_bucket = source.bucket.name == here.name and source.bucket.account.endpoint == here.account.endpoint
    return is_one_bucket and source.folder != target.folder
