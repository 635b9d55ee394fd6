"""Finds the large objects of a Swift container whose segments do not exist.

A listing does not tell them from others, so each object of 0 bytes is read. A pass reads a bounded number of them and
remembers where it stopped: a container with 20,000 layers takes 200 passes after each garbage collection.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.storage import Container, DesiredSwift, ObjectSearch, StoredObject
from harbor_operator.plan.storage import FILE_PREFIX, plan_storage
from harbor_operator.ports.object_store import ObjectStore
from harbor_operator.steps.storage_account import StorageAccounts

MAX_LISTED_OBJECTS = 1000
MAX_READ_OBJECTS = 100
MAX_FOUND_OBJECTS = 20
UPLOADS, MIN_UPLOAD_AGE = "/_uploads/", timedelta(days=1)
"""The registry creates the object of an upload before its first segment."""


class EmptyObjects:
    """Searches the container of a registry, step by step."""

    def __init__(self, accounts: StorageAccounts, store: ObjectStore, now: Callable[[], datetime]) -> None:
        self._accounts = accounts
        self._store = store
        self._now = now

    async def search(self, registry: HarborRegistry, earlier: ObjectSearch) -> ObjectSearch:
        """Returns the search after one more step; sends nothing if it is complete and has found nothing.

        Objects that were found are read again. Raises as the port of the store does.
        """
        desired = plan_storage(registry)
        if not isinstance(desired, DesiredSwift) or (earlier.is_complete and not earlier.found):
            return replace(earlier, is_complete=True)
        session = await self._store.login(await self._accounts.read_swift(registry, desired))
        at = Container(session, desired.container)
        listed: Sequence[StoredObject] = ()
        if was_listed := not earlier.is_complete and len(earlier.found) < MAX_FOUND_OBJECTS:
            listed = await self._store.list_sizes(at, FILE_PREFIX, earlier.after, MAX_LISTED_OBJECTS)
        candidates = [one.name for one in listed if self._is_candidate(one)]
        read = await self._store.find_without_segments(at, [*earlier.found, *candidates[:MAX_READ_OBJECTS]])
        known = {**dict.fromkeys(earlier.found, True), **read}
        found = tuple(name for name, is_broken in known.items() if is_broken)
        unread = next((index for index, name in enumerate(candidates) if name not in read), None)
        if unread is not None:
            after = candidates[unread - 1] if unread else earlier.after
            return ObjectSearch(earlier.run, after, is_complete=False, found=found)
        after = listed[-1].name if listed else earlier.after
        is_complete = earlier.is_complete or (was_listed and len(listed) < MAX_LISTED_OBJECTS)
        return ObjectSearch(earlier.run, after, is_complete, found)

    def _is_candidate(self, stored: StoredObject) -> bool:
        is_upload = UPLOADS in stored.name
        return stored.bytes == 0 and not (is_upload and stored.changed_at > self._now() - MIN_UPLOAD_AGE)
