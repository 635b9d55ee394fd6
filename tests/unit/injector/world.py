"""A fake cluster, a clock that only tests move, and an injector that is told what the tests want it to be told."""

from __future__ import annotations

from collections import Counter

from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import ConflictPolicy, NamespaceSelection
from harbor_operator.injector.deps import RuntimeDeps
from harbor_operator.injector.injector import Injector
from harbor_operator.model.injection import Claim, DesiredInjection
from harbor_operator.model.watch import Source, Synced, WatchEvent
from tests.fakes.cluster import FakeCluster, matches

NAME = "harbor-pull"
CLAIM = Claim("uid-a", NAME, ("default",))


def desired(
    claim: Claim = CLAIM,
    *,
    config: str = "one",
    namespaces: NamespaceSelection | None = None,
    policy: ConflictPolicy = ConflictPolicy.REFUSE,
) -> DesiredInjection:
    selection = namespaces or NamespaceSelection()
    return DesiredInjection(claim, f"intra/{claim.registry_uid}", selection, policy, SecretStr(config))


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


class Metrics:
    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.written: Counter[tuple[str, str]] = Counter()
        self.contests = 0
        self.evictions: Counter[str] = Counter()

    def injected(self, seconds: float) -> None:
        self.seconds.append(seconds)

    def wrote(self, kind: str, result: str) -> None:
        self.written[kind, result] += 1

    def conflicted(self, kind: str) -> None:
        self.contests += 1

    def evicted(self, result: str) -> None:
        self.evictions[result] += 1


class World:
    """`start` makes a new injector over the same cluster, as after a restart."""

    def __init__(self, cluster: FakeCluster | None = None) -> None:
        self.cluster = cluster or FakeCluster()
        self.clock = Clock()
        self.start()

    def start(self) -> None:
        self.metrics = Metrics()
        deps = RuntimeDeps(self.clock, lambda: 0.5, self.clock.sleep, self.metrics)
        self.injector = Injector(self.cluster, deps, lambda: None)
        self._position: dict[Source, int] = {}

    def feed(self) -> None:
        """Tells every source what has happened since it was last told; a new source is given its list."""
        for source in self._position.keys() - self.injector.sources():
            del self._position[source]
            self.injector.drop(source)
        for source in sorted(self.injector.sources() - self._position.keys(), key=lambda new: (new.kind, new.name)):
            self._position[source] = len(self.cluster.history)
            for change in self.cluster.listing(source):
                self.injector.observe(source, change)
        for source in self._position:
            self.tell(source)

    def tell(self, source: Source, *, limit: int | None = None) -> None:
        while self._position[source] < len(self.cluster.history) and limit != 0:
            kind, change = self.cluster.history[self._position[source]]
            self._position[source] += 1
            if matches(source, kind, change):
                limit = None if limit is None else limit - 1
                self.injector.observe(source, change)

    def lose(self, source: Source) -> None:
        """Skips everything a source was not told yet, as when the history is gone; only a list makes that good."""
        self._position[source] = len(self.cluster.history)

    def relist(self, source: Source) -> None:
        self._position[source] = len(self.cluster.history)
        for change in self.cluster.listing(source):
            self.injector.observe(source, change)

    def repeat(self, source: Source, change: WatchEvent) -> None:
        if not isinstance(change, Synced):
            self.injector.observe(source, change)

    async def work(self) -> bool:
        """Works on the next namespace, if one is due."""
        self.injector.review()
        key = self.injector.take()
        if key is None:
            return False
        await self.injector.converge(key)
        return True

    async def settle(self, *, policy: float = 3600.0) -> None:
        """Feeds and works until there is nothing to do within so many seconds."""
        end = self.clock.now + policy
        while True:
            self.feed()
            if await self.work():
                continue
            due = self.injector.queue.next_due()
            if due is None or self.clock.now + due > end:
                return
            self.clock.now += due + 0.001

    def add_namespace(self, name: str, labels: dict[str, str] | None = None) -> None:
        self.cluster.add_namespace(name, labels)
        self.cluster.put_account(name, "default")

    def references(self, namespace: str, account: str = "default") -> tuple[str, ...]:
        return self.cluster.accounts[namespace, account].references

    def owner(self, namespace: str, name: str = NAME) -> str | None:
        observed = self.cluster.secrets.get((namespace, name))
        return observed.owner if observed else None
