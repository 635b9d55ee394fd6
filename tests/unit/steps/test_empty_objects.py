"""The search for objects without segments, with a store in memory."""

from __future__ import annotations

from datetime import timedelta

import pytest

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.storage import ObjectSearch
from harbor_operator.steps import empty_objects
from harbor_operator.steps.empty_objects import EmptyObjects
from harbor_operator.steps.storage_account import StorageAccounts
from tests.fakes.object_store import NOW, Stored
from tests.unit.steps.storage_fixture import StorageFixture, registry, swift

BLOBS = "files/docker/registry/v2/blobs/sha256"
START = ObjectSearch(7)


class SearchFixture:
    """A container with objects, and the search."""

    def __init__(self) -> None:
        self.fixture = StorageFixture()
        self.store = self.fixture.store
        self.objects = self.store.containers.setdefault("harbor", {})
        accounts = StorageAccounts(self.fixture.kube, self.fixture.rgw, self.fixture.make_password)
        self.step = EmptyObjects(accounts, self.store, lambda: NOW)

    def add(self, name: str, *, broken: bool = False) -> str:
        self.objects[name] = Stored(joined=f"segments/{name}/")
        if not broken:
            self.objects[f"segments/{name}/1"] = Stored(b"x", 1)
        return name

    async def search(self, earlier: ObjectSearch, spec: HarborRegistry | None = None) -> ObjectSearch:
        self.store.reads.clear()
        return await self.step.search(spec or registry(swift()), earlier)


@pytest.fixture
def fixture() -> SearchFixture:
    return SearchFixture()


async def test_another_kind_of_storage_is_not_searched(fixture: SearchFixture) -> None:
    volume = registry({"filesystem": {"size": "9Gi"}})
    assert await fixture.search(START, volume) == ObjectSearch(7, is_complete=True)


async def test_a_broken_object_is_found_until_it_is_deleted(fixture: SearchFixture) -> None:
    fixture.add(f"{BLOBS}/aa/data")
    broken = fixture.add(f"{BLOBS}/bb/data", broken=True)
    fixture.objects["files/link"] = Stored(b"sha256:aa", 9)

    found = await fixture.search(START)
    assert (found.found, found.is_complete) == ((broken,), True)
    assert await fixture.search(found) == found
    assert fixture.store.reads == [broken]

    del fixture.objects[broken]
    fixed = await fixture.search(found)
    assert (fixed.found, fixed.is_complete) == ((), True)
    fixture.store.down = True
    assert await fixture.search(fixed) == fixed


async def test_an_upload_in_progress_is_not_broken(fixture: SearchFixture) -> None:
    name = fixture.add("files/docker/registry/v2/repositories/a/_uploads/1/data", broken=True)
    assert (await fixture.search(START)).found == ()

    fixture.objects[name].changed_at = NOW - timedelta(days=2)
    assert (await fixture.search(START)).found == (name,)


async def test_a_step_reads_a_bounded_number_and_the_next_continues(
    fixture: SearchFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(empty_objects, "MAX_READ_OBJECTS", 2)
    monkeypatch.setattr(empty_objects, "MAX_LISTED_OBJECTS", 4)
    names = [fixture.add(f"{BLOBS}/{number}/data") for number in range(7)]
    read, search = [], START
    for _ in range(5):
        search = await fixture.search(search)
        assert len(fixture.store.reads) <= 2
        read += fixture.store.reads
    assert read == names
    assert search.is_complete


async def test_a_slow_store_is_read_as_far_as_the_time_allows(fixture: SearchFixture) -> None:
    names = [fixture.add(f"{BLOBS}/{number}/data", broken=True) for number in range(3)]
    fixture.store.max_reads = 2
    first = await fixture.search(START)
    assert first == ObjectSearch(7, names[1], found=(names[0], names[1]))
    fixture.store.max_reads = 0
    assert await fixture.search(first) == first
    fixture.store.max_reads = 9
    assert (await fixture.search(first)).found == tuple(names)


async def test_a_search_with_many_findings_waits_for_the_remedy(
    fixture: SearchFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(empty_objects, "MAX_FOUND_OBJECTS", 2)
    names = [fixture.add(f"{BLOBS}/{number}/data", broken=True) for number in range(2)]
    first = await fixture.search(START)
    last = fixture.add(f"{BLOBS}/9/data", broken=True)
    waiting = ObjectSearch(7, names[0], found=tuple(names))
    assert await fixture.search(waiting) == waiting
    del fixture.objects[names[0]]
    assert first.found == tuple(names)
    fixed = await fixture.search(waiting)
    assert (fixed.found, fixed.is_complete) == ((names[1],), False)
    assert (await fixture.search(fixed)).found == (names[1], last)
