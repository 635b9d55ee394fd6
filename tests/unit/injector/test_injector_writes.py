"""The writes that a new namespace costs, whatever the order of the events: one per Secret and account."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harbor_operator.model.injection import Claim
from harbor_operator.model.watch import Source
from tests.fakes.cluster import matches
from tests.unit.injector.fixture import InjectorFixture, desired
from tests.unit.injector.interleaving import SlowCluster, Worker

T = TypeVar("T")
ACCOUNTS = ("default", "builder", "deployer")
MAX_NOISE = 8


class NamespaceCreation:
    """A namespace is created, and each watch delivers its events in an order of its own."""

    def __init__(self, data: st.DataObject, claims: list[Claim]) -> None:
        self._data = data
        self._claims = claims
        self._workers: list[Worker] = []
        self._noise = MAX_NOISE
        self.cluster = SlowCluster()
        self.cluster.slow = True
        self.fixture = InjectorFixture(self.cluster)
        self._declare()
        self.fixture.feed()
        self.cluster.add_namespace("app")
        self._accounts = [*ACCOUNTS]

    def restart(self) -> None:
        """Replaces the injector by a new one with an empty store."""
        self.fixture.start()
        self._declare()
        self.cluster.writes.clear()

    def run(self) -> None:
        """Lets everything happen in any order, some of it twice, until nothing is left."""
        while options := self._useful():
            if self._noise:
                options += [self._repeat, self._relist]
            self._pick(options)()

    def _useful(self) -> list[Callable[[], None]]:
        options: list[tuple[Callable[[], None], object]] = [
            (self._create_account, self._accounts),
            (self._deliver, self._undelivered()),
            (self._start_worker, self.fixture.injector.queue.depth),
            (self._advance_worker, self._workers),
        ]
        return [act for act, anything in options if anything]

    def _declare(self) -> None:
        for claim in self._claims:
            self.fixture.injector.declare(desired(claim))

    def _pick(self, options: list[T]) -> T:
        return self._data.draw(st.sampled_from(options))

    def _create_account(self) -> None:
        self.cluster.put_account("app", self._accounts.pop())

    def _undelivered(self) -> list[Source]:
        position, now = self.fixture.position, len(self.cluster.history)
        sources = sorted(self.fixture.injector.sources(), key=str)
        return [source for source in sources if position.get(source, -1) < now]

    def _deliver(self) -> None:
        source = self._pick(self._undelivered())
        if source in self.fixture.position:
            self.fixture.deliver(source, limit=1)
        else:
            self.fixture.relist(source)

    def _start_worker(self) -> None:
        if (namespace := self.fixture.injector.get()) is not None:
            self._workers.append(Worker(namespace, self.fixture.injector.reconcile(namespace)))

    def _advance_worker(self) -> None:
        self._pick(self._workers).step()
        self._workers = [worker for worker in self._workers if not worker.is_done]

    def _repeat(self) -> None:
        self._noise -= 1
        source = self._pick(sorted(self.fixture.injector.sources(), key=str))
        delivered = self.cluster.history[: self.fixture.position.get(source, 0)]
        if events := [event for kind, event in delivered if matches(source, kind, event)]:
            self.fixture.repeat(source, self._pick(events))

    def _relist(self) -> None:
        self._noise -= 1
        self.fixture.relist(self._pick(sorted(self.fixture.injector.sources(), key=str)))


@pytest.mark.parametrize(
    ("claimed", "patched"),
    [
        ([("default",)], ["default"]),
        ([("default", "deployer")], ["default", "deployer"]),
        ([("*",)], ["builder", "default", "deployer"]),
        ([("default",), ("*",)], ["builder", "default", "deployer"]),
        ([("absent",)], []),
    ],
)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_every_object_is_written_once(claimed: list[tuple[str, ...]], patched: list[str], data: st.DataObject) -> None:
    claims = [Claim(f"uid-{index}", f"pull-{index}", accounts) for index, accounts in enumerate(claimed)]
    creation = NamespaceCreation(data, claims)
    creation.run()
    applied = [f"apply app/pull-{index}" for index in range(len(claims))]
    assert sorted(creation.cluster.writes) == sorted([*applied, *(f"patch app/{name}" for name in patched)])


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_restart_writes_nothing(data: st.DataObject) -> None:
    creation = NamespaceCreation(data, [Claim("uid-a", "pull-a", ("default",)), Claim("uid-b", "pull-b", ("*",))])
    creation.run()
    creation.restart()
    creation.run()
    assert creation.cluster.writes == []
    assert creation.fixture.injector.ready
