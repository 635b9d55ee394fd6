"""Fake pods, accounts that offer what a test says, and a rescuer that is told what the tests want it to be told."""

from __future__ import annotations

from dataclasses import replace

from harbor_operator.injector.deps import RuntimeDeps
from harbor_operator.injector.stuck_pods.evictor import StuckPodEvictor
from harbor_operator.model.pods import ObservedPod, Owner, StuckPodPolicy
from tests.fakes.pods import FakePods
from tests.unit.injector.world import NAME, Clock, Metrics

HOST = "cr.example.com"
IMAGE = f"{HOST}/team/app:1"
WISH = StuckPodPolicy("uid-a", NAME, HOST)
OWNER = Owner("ReplicaSet", "app-1", "rs-1")


def stuck(name: str = "app-1-x", **more: object) -> ObservedPod:
    pod = ObservedPod("shop", name, f"uid-{name}", 0, "default", images=(IMAGE,), refused=(IMAGE,), owner=OWNER)
    return replace(pod, **more)  # type: ignore[arg-type] # the names of the fields are the test's business


class RescueWorld:
    """`offers` is what the service accounts give; `feed` tells the rescuer what has happened since."""

    def __init__(self) -> None:
        self.pods = FakePods()
        self.clock = Clock()
        self.metrics = Metrics()
        self.offers: dict[tuple[str, str], tuple[str, ...]] = {("shop", "default"): (NAME,)}
        deps = RuntimeDeps(self.clock, lambda: 0.5, self.clock.sleep, self.metrics)
        self.rescuer = StuckPodEvictor(self.pods, self.offered, deps, lambda: None)
        self.position = 0

    def offered(self, registry_uid: str, namespace: str, account: str) -> tuple[str, ...]:
        return self.offers.get((namespace, account), ()) if registry_uid == WISH.registry_uid else ()

    def feed(self) -> None:
        while self.position < len(self.pods.history):
            self.position += 1
            self.rescuer.observe(self.pods.history[self.position - 1])

    def relist(self) -> None:
        self.position = len(self.pods.history)
        for change in self.pods.listing():
            self.rescuer.observe(change)

    async def settle(self, policy: float = 0.0) -> None:
        """Feeds and works until nothing is due within so many seconds."""
        end = self.clock.now + policy
        while True:
            self.feed()
            due = await self.rescuer.work()
            if self.position < len(self.pods.history):
                continue
            if due is None or self.clock.now + due > end:
                return
            self.clock.now += due
