"""An injector over a fake cluster, with a clock that only tests move, and watches that deliver when a test says so."""

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
        self.conflicts = 0
        self.evictions: Counter[str] = Counter()

    def injected(self, seconds: float) -> None:
        self.seconds.append(seconds)

    def wrote(self, kind: str, result: str) -> None:
        self.written[kind, result] += 1

    def conflicted(self, kind: str) -> None:
        self.conflicts += 1

    def evicted(self, result: str) -> None:
        self.evictions[result] += 1


class InjectorFixture:
    """`start` replaces the injector by a new one over the same cluster, as a restart does."""

    def __init__(self, cluster: FakeCluster | None = None) -> None:
        self.cluster = cluster or FakeCluster()
        self.clock = Clock()
        self.start()

    def start(self) -> None:
        self.metrics = Metrics()
        deps = RuntimeDeps(self.clock, lambda: 0.5, self.clock.sleep, self.metrics)
        self.injector = Injector(self.cluster, deps, lambda: None)
        self.position: dict[Source, int] = {}

    def feed(self) -> None:
        """Delivers every event that a watch has not delivered yet, starts and ends watches, and plans what changed."""
        self.injector.settle_released_claims()
        for source in self.position.keys() - self.injector.sources():
            del self.position[source]
            self.injector.drop_source(source)
        for source in sorted(self.injector.sources() - self.position.keys(), key=lambda new: (new.kind, new.name)):
            self.relist(source)
        for source in self.position:
            self.deliver(source)
        self.injector.resync()

    def deliver(self, source: Source, *, limit: int | None = None) -> None:
        """Delivers the next events of a watch, at most `limit` of them."""
        while self.position[source] < len(self.cluster.history) and limit != 0:
            kind, event = self.cluster.history[self.position[source]]
            self.position[source] += 1
            if matches(source, kind, event):
                limit = None if limit is None else limit - 1
                self.injector.observe(source, event)

    def lose(self, source: Source) -> None:
        """Skips all undelivered events of a watch, as when the history is gone; only a new list shows their effect."""
        self.position[source] = len(self.cluster.history)

    def relist(self, source: Source) -> None:
        self.position[source] = len(self.cluster.history)
        for event in self.cluster.listing(source):
            self.injector.observe(source, event)

    def repeat(self, source: Source, event: WatchEvent) -> None:
        if not isinstance(event, Synced):
            self.injector.observe(source, event)

    async def work(self) -> bool:
        """Reconciles the next namespace, if one is due."""
        self.injector.resync()
        namespace = self.injector.get()
        if namespace is None:
            return False
        await self.injector.reconcile(namespace)
        return True

    async def settle(self, *, within: float = 3600.0) -> None:
        """Feeds and works until nothing is due within so many seconds."""
        end = self.clock.now + within
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
