"""One record per namespace: it outlives stale events, and everything in it is forgotten at once."""

from __future__ import annotations

import pytest

from harbor_operator.injector.store import Repair, Store
from harbor_operator.model.namespace import ObservedNamespace, ObservedSecret, ObservedServiceAccount
from harbor_operator.model.watch import Deleted, Kind, Source, Synced
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from tests.unit.injector.fixture import CLAIM, NAME, InjectorFixture, desired


@pytest.fixture
def store() -> Store:
    store = Store()
    store.upsert(ObservedNamespace("app", 5, {}))
    store.upsert(ObservedServiceAccount("app", "default", 6))
    store.upsert(ObservedSecret("app", NAME, "uid", 7))
    return store


def test_old_events_change_nothing(store: Store) -> None:
    assert not store.upsert(ObservedSecret("app", NAME, "other", 7))
    assert not store.delete(Kind.SECRETS, Deleted("app", NAME, 6))
    assert store["app"].secrets[NAME].uid == "uid"


def test_a_full_list_shows_missed_deletions(store: Store) -> None:
    store.upsert(ObservedSecret("new", NAME, "uid", 12))
    missed = store.replace(Source(Kind.SECRETS, NAME), Synced(10, frozenset()))
    assert missed == [Deleted("app", NAME, 10)]
    assert store["app"].secrets == {}
    assert set(store["new"].secrets) == {NAME}


def test_an_unknown_namespace_has_an_empty_record_that_is_not_stored(store: Store) -> None:
    store["unknown"].errors = {}
    assert store["unknown"].is_empty
    assert store["unknown"].errors is None
    assert store.names() == ["app"]


def test_the_end_of_a_namespace_clears_what_was_noted_about_writes(store: Store) -> None:
    record = store["app"]
    record.repairs, record.written = {"Secret": Repair(3, 0.0)}, frozenset({"Secret"})
    store.update_index("app")
    assert [name for name, _ in store.noteworthy()] == ["app"]
    assert store.delete(Kind.NAMESPACES, Deleted("app", "app", 8))
    store.update_index("app")
    assert store["app"] is record
    assert not store["app"].repairs
    assert not store["app"].written
    assert store.noteworthy() == []


async def test_nothing_is_left_of_deleted_namespaces() -> None:
    fixture = InjectorFixture()
    fixture.injector.declare(desired())
    failures = [Unavailable("no answer"), Refused(Reason.RIGHTS_MISSING, "forbidden"), None]
    for number, failure in enumerate(failures):
        fixture.add_namespace(f"app-{number}")
        fixture.cluster.failure = failure
        await fixture.settle(within=1.0)
    fixture.cluster.put_secret("app-2", NAME)
    for _ in range(10):
        fixture.cluster.put_account("app-2", "default")
        await fixture.settle(within=1.0)
    for number in range(len(failures)):
        fixture.cluster.delete_namespace(f"app-{number}")
    await fixture.settle()
    assert fixture.injector._store.names() == []
    assert fixture.injector._store.noteworthy() == []
    facts = fixture.injector.read(CLAIM)
    assert facts is not None
    assert (facts.namespaces, facts.ready, facts.failed) == (0, 0, 0)
