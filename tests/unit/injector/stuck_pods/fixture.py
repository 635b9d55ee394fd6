"""Fake pods, service accounts with the references that a test says, and an evictor that a test feeds."""

from __future__ import annotations

from dataclasses import replace

from harbor_operator.injector.deps import RuntimeDeps
from harbor_operator.injector.stuck_pods.evictor import StuckPodEvictor
from harbor_operator.model.pods import ObservedPod, Owner, StuckPodPolicy
from tests.fakes.pods import FakePods
from tests.unit.injector.fixture import NAME, Clock, Metrics

HOST = "cr.example.com"
IMAGE = f"{HOST}/team/app:1"
POLICY = StuckPodPolicy("uid-a", NAME, HOST)
OWNER = Owner("ReplicaSet", "app-1", "rs-1")


def stuck(name: str = "app-1-x", **more: object) -> ObservedPod:
    pod = ObservedPod("shop", name, f"uid-{name}", 0, "default", images=(IMAGE,), refused=(IMAGE,), owner=OWNER)
    return replace(pod, **more)  # type: ignore[arg-type] # the names of the fields are the test's business


class EvictorFixture:
    """`inherited` is what a new pod gets from each service account; `feed` delivers the events of the watch."""

    def __init__(self) -> None:
        self.pods = FakePods()
        self.clock = Clock()
        self.metrics = Metrics()
        self.inherited: dict[tuple[str, str], tuple[str, ...]] = {("shop", "default"): (NAME,)}
        deps = RuntimeDeps(self.clock, lambda: 0.5, self.clock.sleep, self.metrics)
        self.evictor = StuckPodEvictor(self.pods, self.pull_secrets_for_new_pod, deps, lambda: None)
        self.position = 0

    def pull_secrets_for_new_pod(self, registry_uid: str, namespace: str, account: str) -> tuple[str, ...]:
        return self.inherited.get((namespace, account), ()) if registry_uid == POLICY.registry_uid else ()

    def feed(self) -> None:
        while self.position < len(self.pods.history):
            self.position += 1
            self.evictor.observe(self.pods.history[self.position - 1])

    def relist(self) -> None:
        self.position = len(self.pods.history)
        for event in self.pods.listing():
            self.evictor.observe(event)

    async def settle(self, *, within: float = 0.0) -> None:
        """Feeds and evicts until nothing is due within so many seconds."""
        end = self.clock.now + within
        while True:
            self.feed()
            due = await self.evictor.evict_due()
            if self.position < len(self.pods.history):
                continue
            if due is None or self.clock.now + due > end:
                return
            self.clock.now += due
