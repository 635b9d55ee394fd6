"""PodEvictionApi: the same cases against the fake and a real API server with the rights of the component."""

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
from harbor_operator.adapters.kube_objects import Pod
from harbor_operator.adapters.kubeconfig import from_kubeconfig
from harbor_operator.adapters.pod_eviction import KubernetesPodEvictionApi, read_pod
from harbor_operator.adapters.reflector import WatchOptions
from harbor_operator.model.pods import EvictionResult, ObservedPod, Owner, PodEvent
from harbor_operator.model.watch import Deleted, Synced
from harbor_operator.ports import Refused
from harbor_operator.ports.pod_eviction import PodEvictionApi
from harbor_operator.reasons import Reason
from lab.controlplane import ControlPlane
from lab.process import scaled
from lab.registry_fixture import allow_evictions, forbid_evictions
from tests.fakes.pods import FakePods

APP = "cr.example.com:8443/team/app:1"
HELPER = "docker.io/library/helper:1"
USER = ("harbor-operator", "harbor-operator")
NOON = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)

Manifest = dict[str, Any]


class ClusterDriver(Protocol):
    """The other clients that event the pods of one namespace: a controller, a kubelet and the disruption controller."""

    async def create(self) -> None:
        """Creates a controller with one pod that pulls two images."""
        ...

    async def fail_pull(self) -> None:
        """Reports, as the kubelet does, that the pull of the second image failed."""
        ...

    async def read(self) -> ObservedPod: ...
    async def start(self) -> None: ...
    async def add_budget(self) -> None: ...
    async def remove_budget(self) -> None: ...
    async def events(self) -> list[tuple[str, str, str]]: ...


class FakeClusterDriver:
    def __init__(self, pods: FakePods, namespace: str) -> None:
        self._pods = pods
        self._namespace = namespace

    async def create(self) -> None:
        owner = Owner("ReplicaSet", "app-1", "uid-owner")
        images = (HELPER, APP)
        self._pods.put(ObservedPod(self._namespace, "app-1-x", "uid-pod", 0, "default", ("theirs",), images, (), owner))

    async def fail_pull(self) -> None:
        self._pods.put(replace(await self.read(), refused=(APP,)))

    async def start(self) -> None:
        self._pods.remove(self._namespace, (await self.read()).name)

    async def add_budget(self) -> None:
        self._pods.budgeted.add((await self.read()).uid)

    async def remove_budget(self) -> None:
        self._pods.budgeted.clear()

    async def events(self) -> list[tuple[str, str, str]]:
        return [(kind, reason, message) for _, kind, reason, message in self._pods.events]

    async def read(self) -> ObservedPod:
        (pod,) = self._pods.pods.values()
        return pod


class RealClusterDriver:
    def __init__(self, http: KubernetesClient, namespace: str) -> None:
        self._http = http
        self._namespace = namespace

    async def create(self) -> None:
        await self._request("POST", "/api/v1/namespaces", {"metadata": {"name": self._namespace}})
        labels = {"app": "app"}
        spec = {
            "imagePullSecrets": [{"name": "theirs"}],
            "initContainers": [{"name": "helper", "image": HELPER}],
            "containers": [{"name": "app", "image": APP}],
        }
        template = {"metadata": {"labels": labels}, "spec": spec}
        deployment = {"metadata": {"name": "app"}, "spec": {"selector": {"matchLabels": labels}, "template": template}}
        await self._request("POST", f"/apis/apps/v1/namespaces/{self._namespace}/deployments", deployment)

    async def fail_pull(self) -> None:
        # The kubelet alternates between two reasons; this is one of them.
        await self._report({"containerStatuses": [_waiting("app", "ImagePullBackOff")]})

    async def start(self) -> None:
        await self._report({"phase": "Running"})

    async def add_budget(self) -> None:
        """A budget counts pods that have started; while the only pod is not ready, it allows no disruption."""
        await self._report({"phase": "Running"})
        budget = {"metadata": {"name": "app"}, "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "app"}}}}
        await self._request("POST", self._budgets, budget)
        await self._await_budget(0)

    async def remove_budget(self) -> None:
        await self._request("DELETE", f"{self._budgets}/app", None)

    async def events(self) -> list[tuple[str, str, str]]:
        events = await self._request("GET", f"/api/v1/namespaces/{self._namespace}/events", None)
        ours = [event for event in events["items"] if event.get("reportingComponent") == "harbor-operator"]
        return [(event["type"], event["reason"], event["message"]) for event in ours]

    @property
    def _budgets(self) -> str:
        return f"/apis/policy/v1/namespaces/{self._namespace}/poddisruptionbudgets"

    async def _await_budget(self, allowed: int) -> None:
        async with asyncio.timeout(scaled(30)):
            while True:
                status = (await self._request("GET", f"{self._budgets}/app", None)).get("status", {})
                if status.get("observedGeneration") and status.get("disruptionsAllowed") == allowed:
                    return
                await asyncio.sleep(0.1)

    async def read(self) -> ObservedPod:
        pods = await self._request("GET", f"/api/v1/namespaces/{self._namespace}/pods", None)
        (pod,) = pods["items"]
        return read_pod(msgspec.convert(pod, Pod))

    async def _report(self, status: Manifest) -> None:
        pod = await self.read()
        await self._request("PATCH", f"/api/v1/namespaces/{self._namespace}/pods/{pod.name}/status", {"status": status})

    async def _request(self, method: str, path: str, manifest: Manifest | None) -> Manifest:
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
def namespace(request: pytest.FixtureRequest) -> str:
    name: str = request.function.__name__.removeprefix("test_").replace("_", "-")[:60].strip("-")
    return name


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.lab)])
async def both(request: pytest.FixtureRequest, namespace: str) -> AsyncIterator[tuple[PodEvictionApi, ClusterDriver]]:
    if request.param == "fake":
        fake = FakePods()
        yield fake, FakeClusterDriver(fake, namespace)
        return
    plane: ControlPlane = request.getfixturevalue("granted")
    operator = from_kubeconfig(plane.kubeconfig_for_service_account(*USER))
    async with KubernetesClient(operator) as ours, KubernetesClient(from_kubeconfig(plane.kubeconfig)) as theirs:
        yield (
            KubernetesPodEvictionApi(ours, WatchOptions(lambda: 0.5), EventRecorder(ours, lambda: NOON, "operator-0")),
            RealClusterDriver(theirs, namespace),
        )
        await theirs.request("DELETE", f"/api/v1/namespaces/{namespace}")


@pytest.fixture
def pods(both: tuple[PodEvictionApi, ClusterDriver]) -> PodEvictionApi:
    return both[0]


@pytest.fixture
def driver(both: tuple[PodEvictionApi, ClusterDriver]) -> ClusterDriver:
    return both[1]


async def await_pod(events: AsyncIterator[PodEvent], namespace: str, *, refused: bool = False) -> ObservedPod:
    """Returns the pod of the namespace once it exists and its pull has failed, or has not."""
    async with asyncio.timeout(scaled(30)):
        async for event in events:
            if isinstance(event, ObservedPod) and event.namespace == namespace and bool(event.refused) is refused:
                return event
    raise AssertionError("the watch has ended")


async def await_deletion(events: AsyncIterator[PodEvent], namespace: str) -> Deleted:
    async with asyncio.timeout(scaled(30)):
        async for event in events:
            if isinstance(event, Deleted) and event.namespace == namespace:
                return event
    raise AssertionError("the watch has ended")


async def evict(pods: PodEvictionApi, driver: ClusterDriver) -> EvictionResult:
    """Evicts the pod at its current revision, also while the scheduler updates it."""
    async with asyncio.timeout(scaled(30)):
        while (result := await pods.evict(await driver.read())) is EvictionResult.STALE:
            pass
    return result


async def test_a_pod_is_observed_with_all_that_a_decision_needs(
    pods: PodEvictionApi, driver: ClusterDriver, namespace: str
) -> None:
    await driver.create()
    async with aclosing(pods.watch()) as events:
        fresh = await await_pod(events, namespace)
        assert (fresh.account, fresh.references, fresh.images) == ("default", ("theirs",), (HELPER, APP))
        assert fresh.owner is not None
        assert fresh.owner.kind == "ReplicaSet"
        assert not fresh.terminating
        await driver.fail_pull()
        stuck = await await_pod(events, namespace, refused=True)
        assert (stuck.uid, stuck.refused) == (fresh.uid, (APP,))
        assert stuck.revision > fresh.revision


async def test_a_pod_that_starts_is_deleted(pods: PodEvictionApi, driver: ClusterDriver, namespace: str) -> None:
    await driver.create()
    async with aclosing(pods.watch()) as events:
        observed = await await_pod(events, namespace)
        await driver.start()
        gone = await await_deletion(events, namespace)
        assert (gone.name, gone.revision > observed.revision) == (observed.name, True)
    async with asyncio.timeout(scaled(30)), aclosing(pods.watch()) as events:
        complete = await anext(event async for event in events if isinstance(event, Synced))
        assert (namespace, observed.name) not in complete.keys


async def test_an_evicted_pod_is_deleted(pods: PodEvictionApi, driver: ClusterDriver, namespace: str) -> None:
    await driver.create()
    async with aclosing(pods.watch()) as events:
        observed = await await_pod(events, namespace)
        assert await evict(pods, driver) is EvictionResult.DONE
        assert (await await_deletion(events, namespace)).name == observed.name
        assert await pods.evict(observed) is EvictionResult.STALE


async def test_a_pod_that_has_changed_is_not_evicted(
    pods: PodEvictionApi, driver: ClusterDriver, namespace: str
) -> None:
    await driver.create()
    async with aclosing(pods.watch()) as events:
        old = await await_pod(events, namespace)
        await driver.fail_pull()
        new = await await_pod(events, namespace, refused=True)
    assert await pods.evict(old) is EvictionResult.STALE
    assert await pods.evict(replace(new, uid="00000000-0000-0000-0000-000000000000")) is EvictionResult.STALE


async def test_a_budget_blocks_an_eviction_until_it_allows_it(
    pods: PodEvictionApi, driver: ClusterDriver, namespace: str
) -> None:
    await driver.create()
    async with aclosing(pods.watch()) as events:
        observed = await await_pod(events, namespace)
    await driver.add_budget()
    assert await evict(pods, driver) is EvictionResult.BLOCKED
    assert (await driver.read()).uid == observed.uid
    await driver.remove_budget()
    assert await evict(pods, driver) is EvictionResult.DONE


async def test_an_event_is_posted_in_the_namespace_of_the_pod(
    pods: PodEvictionApi, driver: ClusterDriver, namespace: str
) -> None:
    await driver.create()
    async with aclosing(pods.watch()) as events:
        observed = await await_pod(events, namespace)
    await pods.post_event(observed, "Warning", Reason.PODS_STUCK, "why")
    assert await driver.events() == [("Warning", "PodsStuck", "why")]


@pytest.mark.lab
async def test_the_default_roles_give_no_access_to_pods(plane: ControlPlane) -> None:
    forbid_evictions(plane)
    async with KubernetesClient(from_kubeconfig(plane.kubeconfig_for_service_account(*USER))) as http:
        pods = KubernetesPodEvictionApi(
            http, WatchOptions(lambda: 0.5), EventRecorder(http, lambda: NOON, "operator-0")
        )
        with pytest.raises(Refused, match=r"`list` pods.*kubectl apply -k deploy/components/evict-stuck-pods"):
            await anext(aiter(pods.watch()))
        with pytest.raises(Refused, match=r"`create` pods/eviction 'x' in namespace 'default'"):
            await pods.evict(ObservedPod("default", "x", "", 1, "default"))
