"""The Pods port: the same cases against the fake and against a real API server under the rights of the component."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec
import pytest

from harbor_operator.adapters.event_recorder import EventRecorder
from harbor_operator.adapters.kube_api import ApiError, RequestBody
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kube_connection import from_kubeconfig
from harbor_operator.adapters.kube_objects import Pod
from harbor_operator.adapters.pod_eviction import KubernetesPodEvictionApi, read_pod
from harbor_operator.adapters.reflector import WatchOptions
from harbor_operator.model.pods import EvictionResult, ObservedPod, Owner, PodChange
from harbor_operator.model.watch import Deleted, Synced
from harbor_operator.ports import Refused
from harbor_operator.ports.pod_eviction import PodEvictionApi
from harbor_operator.reasons import Reason
from lab.controlplane import ControlPlane
from lab.registry_fixture import allow_evictions, forbid_evictions
from tests.fakes.pods import FakePods

APP = "cr.example.com:8443/team/app:1"
HELPER = "docker.io/library/helper:1"
USER = ("harbor-operator", "harbor-operator")
NOON = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)

Manifest = dict[str, Any]


class Hand(Protocol):
    """Those who work on the pods of one namespace: people, a controller, a kubelet and whoever keeps the budgets."""

    async def make(self) -> None:
        """Makes a controller with one pod that pulls two images and may not have the first."""
        ...

    async def refuse(self) -> None:
        """Says, as the kubelet does, that the first image is refused."""
        ...

    async def look(self) -> ObservedPod: ...
    async def start(self) -> None: ...
    async def hold(self) -> None: ...
    async def let_go(self) -> None: ...
    async def told(self) -> list[tuple[str, str, str]]: ...


class FakeHand:
    def __init__(self, pods: FakePods, place: str) -> None:
        self._pods = pods
        self._place = place

    async def make(self) -> None:
        owner = Owner("ReplicaSet", "app-1", "uid-owner")
        images = (HELPER, APP)
        self._pods.put(ObservedPod(self._place, "app-1-x", "uid-pod", 0, "default", ("theirs",), images, (), owner))

    async def refuse(self) -> None:
        self._pods.put(replace(await self.look(), refused=(APP,)))

    async def start(self) -> None:
        self._pods.remove(self._place, (await self.look()).name)

    async def hold(self) -> None:
        self._pods.budgeted.add((await self.look()).uid)

    async def let_go(self) -> None:
        self._pods.budgeted.clear()

    async def told(self) -> list[tuple[str, str, str]]:
        return [(kind, reason, message) for _, kind, reason, message in self._pods.events]

    async def look(self) -> ObservedPod:
        (pod,) = self._pods.pods.values()
        return pod


class RealHand:
    def __init__(self, http: KubernetesClient, place: str) -> None:
        self._http = http
        self._place = place

    async def make(self) -> None:
        await self._ask("POST", "/api/v1/namespaces", {"metadata": {"name": self._place}})
        labels = {"app": "app"}
        spec = {
            "imagePullSecrets": [{"name": "theirs"}],
            "initContainers": [{"name": "helper", "image": HELPER}],
            "containers": [{"name": "app", "image": APP}],
        }
        template = {"metadata": {"labels": labels}, "spec": spec}
        deployment = {"metadata": {"name": "app"}, "spec": {"selector": {"matchLabels": labels}, "template": template}}
        await self._ask("POST", f"/apis/apps/v1/namespaces/{self._place}/deployments", deployment)

    async def refuse(self) -> None:
        # Whether it says the one or the other depends on the moment.
        await self._report({"containerStatuses": [_waiting("app", "ImagePullBackOff")]})

    async def start(self) -> None:
        await self._report({"phase": "Running"})

    async def hold(self) -> None:
        """Budgets count for pods that have started; one of a pod that is not ready allows nothing."""
        await self._report({"phase": "Running"})
        budget = {"metadata": {"name": "app"}, "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "app"}}}}
        await self._ask("POST", self._budgets, budget)
        await self._await_budget(0)

    async def let_go(self) -> None:
        await self._ask("DELETE", f"{self._budgets}/app", None)

    async def told(self) -> list[tuple[str, str, str]]:
        events = await self._ask("GET", f"/api/v1/namespaces/{self._place}/events", None)
        ours = [event for event in events["items"] if event.get("reportingComponent") == "harbor-operator"]
        return [(event["type"], event["reason"], event["message"]) for event in ours]

    @property
    def _budgets(self) -> str:
        return f"/apis/policy/v1/namespaces/{self._place}/poddisruptionbudgets"

    async def _await_budget(self, allowed: int) -> None:
        async with asyncio.timeout(30):
            while True:
                status = (await self._ask("GET", f"{self._budgets}/app", None)).get("status", {})
                if status.get("observedGeneration") and status.get("disruptionsAllowed") == allowed:
                    return
                await asyncio.sleep(0.1)

    async def look(self) -> ObservedPod:
        pods = await self._ask("GET", f"/api/v1/namespaces/{self._place}/pods", None)
        (pod,) = pods["items"]
        return read_pod(msgspec.convert(pod, Pod))

    async def _report(self, status: Manifest) -> None:
        pod = await self.look()
        await self._ask("PATCH", f"/api/v1/namespaces/{self._place}/pods/{pod.name}/status", {"status": status})

    async def _ask(self, method: str, path: str, manifest: Manifest | None) -> Manifest:
        body = None
        if manifest is not None:
            body = RequestBody.merge_patch(manifest) if method == "PATCH" else RequestBody.plain(manifest)
        answer = await self._http.request(method, path, body=body)
        assert not isinstance(answer, ApiError), answer
        return answer


def _waiting(name: str, reason: str) -> Manifest:
    return {
        "name": name,
        "image": APP,
        "imageID": "",
        "ready": False,
        "restartCount": 0,
        "state": {"waiting": {"reason": reason}},
    }


@pytest.fixture(scope="module")
def granted(plane: ControlPlane) -> Iterator[ControlPlane]:
    allow_evictions(plane)
    yield plane
    forbid_evictions(plane)


@pytest.fixture
def place(request: pytest.FixtureRequest) -> str:
    name: str = request.function.__name__.removeprefix("test_").replace("_", "-")[:60].strip("-")
    return name


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.lab)])
async def both(request: pytest.FixtureRequest, place: str) -> AsyncIterator[tuple[PodEvictionApi, Hand]]:
    if request.param == "fake":
        fake = FakePods()
        yield fake, FakeHand(fake, place)
        return
    plane: ControlPlane = request.getfixturevalue("granted")
    operator = from_kubeconfig(plane.kubeconfig_for_service_account(*USER))
    async with KubernetesClient(operator) as ours, KubernetesClient(from_kubeconfig(plane.kubeconfig)) as theirs:
        yield (
            KubernetesPodEvictionApi(ours, WatchOptions(lambda: 0.5), EventRecorder(ours, lambda: NOON, "operator-0")),
            RealHand(theirs, place),
        )
        await theirs.request("DELETE", f"/api/v1/namespaces/{place}")


@pytest.fixture
def pods(both: tuple[PodEvictionApi, Hand]) -> PodEvictionApi:
    return both[0]


@pytest.fixture
def hand(both: tuple[PodEvictionApi, Hand]) -> Hand:
    return both[1]


async def see(changes: AsyncIterator[PodChange], place: str, *, refused: bool = False) -> ObservedPod:
    """Returns the pod of the place once it is there, and as refused as that."""
    async with asyncio.timeout(30):
        async for change in changes:
            if isinstance(change, ObservedPod) and change.namespace == place and bool(change.refused) is refused:
                return change
    raise AssertionError("the view has ended")


async def lose(changes: AsyncIterator[PodChange], place: str) -> Deleted:
    async with asyncio.timeout(30):
        async for change in changes:
            if isinstance(change, Deleted) and change.namespace == place:
                return change
    raise AssertionError("the view has ended")


async def evict(pods: PodEvictionApi, hand: Hand) -> EvictionResult:
    """Evicts the pod as it is now, however often the scheduler has its say just then."""
    async with asyncio.timeout(30):
        while (result := await pods.evict(await hand.look())) is EvictionResult.STALE:
            pass
    return result


async def test_a_pod_is_seen_with_all_that_a_judgement_needs(pods: PodEvictionApi, hand: Hand, place: str) -> None:
    await hand.make()
    async with aclosing(pods.watch()) as changes:
        fresh = await see(changes, place)
        assert (fresh.account, fresh.references, fresh.images) == ("default", ("theirs",), (HELPER, APP))
        assert fresh.owner is not None
        assert fresh.owner.kind == "ReplicaSet"
        assert not fresh.terminating
        await hand.refuse()
        stuck = await see(changes, place, refused=True)
        assert (stuck.uid, stuck.refused) == (fresh.uid, (APP,))
        assert stuck.revision > fresh.revision


async def test_a_pod_that_starts_has_vanished(pods: PodEvictionApi, hand: Hand, place: str) -> None:
    await hand.make()
    async with aclosing(pods.watch()) as changes:
        observed = await see(changes, place)
        await hand.start()
        gone = await lose(changes, place)
        assert (gone.name, gone.revision > observed.revision) == (observed.name, True)
    async with asyncio.timeout(30), aclosing(pods.watch()) as changes:
        complete = await anext(change async for change in changes if isinstance(change, Synced))
        assert (place, observed.name) not in complete.keys


async def test_an_evicted_pod_vanishes(pods: PodEvictionApi, hand: Hand, place: str) -> None:
    await hand.make()
    async with aclosing(pods.watch()) as changes:
        observed = await see(changes, place)
        assert await evict(pods, hand) is EvictionResult.DONE
        assert (await lose(changes, place)).name == observed.name
        assert await pods.evict(observed) is EvictionResult.STALE


async def test_a_pod_that_has_changed_is_not_evicted(pods: PodEvictionApi, hand: Hand, place: str) -> None:
    await hand.make()
    async with aclosing(pods.watch()) as changes:
        old = await see(changes, place)
        await hand.refuse()
        new = await see(changes, place, refused=True)
    assert await pods.evict(old) is EvictionResult.STALE
    assert await pods.evict(replace(new, uid="00000000-0000-0000-0000-000000000000")) is EvictionResult.STALE


async def test_a_budget_holds_a_pod_until_it_allows_it(pods: PodEvictionApi, hand: Hand, place: str) -> None:
    await hand.make()
    async with aclosing(pods.watch()) as changes:
        observed = await see(changes, place)
    await hand.hold()
    assert await evict(pods, hand) is EvictionResult.BLOCKED
    assert (await hand.look()).uid == observed.uid
    await hand.let_go()
    assert await evict(pods, hand) is EvictionResult.DONE


async def test_an_event_is_told_in_the_namespace_of_the_pod(pods: PodEvictionApi, hand: Hand, place: str) -> None:
    await hand.make()
    async with aclosing(pods.watch()) as changes:
        observed = await see(changes, place)
    await pods.post_event(observed, "Warning", Reason.PODS_STUCK, "why")
    assert await hand.told() == [("Warning", "PodsStuck", "why")]


@pytest.mark.lab
async def test_the_default_roles_do_not_reach_pods(plane: ControlPlane) -> None:
    forbid_evictions(plane)
    async with KubernetesClient(from_kubeconfig(plane.kubeconfig_for_service_account(*USER))) as http:
        pods = KubernetesPodEvictionApi(
            http, WatchOptions(lambda: 0.5), EventRecorder(http, lambda: NOON, "operator-0")
        )
        with pytest.raises(Refused, match=r"`list` pods.*kubectl apply -k deploy/components/evict-stuck-pods"):
            await anext(aiter(pods.watch()))
        with pytest.raises(Refused, match=r"`create` pods/eviction 'x' in namespace 'default'"):
            await pods.evict(ObservedPod("default", "x", "", 1, "default"))
