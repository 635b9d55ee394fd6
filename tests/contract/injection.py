"""Runs the whole injector on a real API server with the shipped rights, and reads the result."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import msgspec
from typing_extensions import override

from harbor_operator.adapters.kube_api import ApiError, RequestBody
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kube_objects import PartialObject
from harbor_operator.adapters.kube_pull_secrets import (
    KubernetesPullSecretApi,
    read_account,
    read_namespace,
    read_secret,
)
from harbor_operator.adapters.kubeconfig import from_kubeconfig
from harbor_operator.adapters.reflector import WatchOptions
from harbor_operator.api.v1alpha1 import LabelSelector, NamespaceSelection
from harbor_operator.injector.controller import InjectorController
from harbor_operator.injector.deps import RuntimeDeps
from harbor_operator.injector.injector import Injector
from harbor_operator.model.injection import Claim, DesiredInjection
from harbor_operator.model.namespace import ObservedServiceAccount
from harbor_operator.model.watch import Source, Synced, WatchEvent
from lab.controlplane import ControlPlane
from lab.fault_proxy import FaultProxy
from lab.operator import NAMESPACE
from lab.process import scaled
from tests.unit.injector.fixture import CLAIM, NAME, Metrics, desired
from tests.unit.injector.rules import Key, Snapshot

CHOSEN = {"example.com/injected": "yes"}
SELECTION = NamespaceSelection(selector=LabelSelector(match_labels=CHOSEN))
TIMEOUT_SECONDS = 180.0


class ObservedCluster(KubernetesPullSecretApi):
    """Records what the watches delivered: how often each listed all objects, and which accounts were observed."""

    def __init__(self, http: KubernetesClient, policy: WatchOptions) -> None:
        super().__init__(http, policy)
        self.listed: Counter[Source] = Counter()
        self.accounts: set[Key] = set()

    @override
    async def watch(self, source: Source) -> AsyncGenerator[WatchEvent, None]:
        async with aclosing(super().watch(source)) as changes:
            async for change in changes:
                yield change
                if isinstance(change, Synced):
                    self.listed[source] += 1
                elif isinstance(change, ObservedServiceAccount):
                    self.accounts.add((change.namespace, change.name))


class OffsetClock:
    """The clock of the injector: real time plus an offset that a test sets."""

    def __init__(self) -> None:
        self.offset = 0.0
        self._time = asyncio.get_running_loop().time

    def __call__(self) -> float:
        return self._time() + self.offset


class RunningInjector:
    """A running injector, its API access, metrics and clock."""

    def __init__(
        self, cluster: ObservedCluster, controller: InjectorController, metrics: Metrics, clock: OffsetClock
    ) -> None:
        self.cluster = cluster
        self.controller = controller
        self.metrics = metrics
        self.clock = clock

    @property
    def injector(self) -> Injector:
        return self.controller.injector


@asynccontextmanager
async def run_injector(plane: ControlPlane, kubeconfig: Path | None = None) -> AsyncIterator[RunningInjector]:
    """An injector that acts as the operator, at the server of the kubeconfig."""
    info = from_kubeconfig(kubeconfig or plane.kubeconfig_for_service_account(NAMESPACE, NAMESPACE))
    metrics, clock = Metrics(), OffsetClock()
    async with KubernetesClient(info) as ours:
        cluster = ObservedCluster(ours, WatchOptions(lambda: 0.5))
        deps = RuntimeDeps(clock, lambda: 0.5, asyncio.sleep, metrics)
        controller = InjectorController(cluster, deps)
        task = asyncio.create_task(controller.run())
        yield RunningInjector(cluster, controller, metrics, clock)
        task.cancel()
        await asyncio.wait([task])


@asynccontextmanager
async def running(plane: ControlPlane) -> AsyncIterator[Injector]:
    """The injector alone, for tests that need nothing else of it."""
    async with run_injector(plane) as running_injector:
        yield running_injector.injector


@asynccontextmanager
async def run_injector_through_faults(plane: ControlPlane) -> AsyncIterator[tuple[FaultProxy, RunningInjector]]:
    """An injector behind a proxy that injects faults."""
    async with FaultProxy.open(plane.url, plane.ca_path) as proxy:
        kubeconfig = proxy.kubeconfig(plane.kubeconfig_for_service_account(NAMESPACE, NAMESPACE))
        async with run_injector(plane, kubeconfig) as running_injector:
            yield proxy, running_injector


@contextmanager
def wide_rights(plane: ControlPlane) -> Iterator[None]:
    """Lets the operator inject a second Secret into all service accounts, as docs/operations.md describes."""
    group, name = "rbac.authorization.k8s.io", "injection-tests"
    secrets = {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["other-pull"]}
    accounts = {"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["list", "watch", "patch"]}
    rules = [{**secrets, "verbs": ["list", "watch", "create", "patch", "delete"]}, accounts]
    role = {"apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules}
    reference = {"apiGroup": group, "kind": "ClusterRole", "name": name}
    subject = {"kind": "ServiceAccount", "name": NAMESPACE, "namespace": NAMESPACE}
    binding = {**role, "kind": "ClusterRoleBinding", "roleRef": reference, "subjects": [subject]}
    del binding["rules"]
    plane.apply(role, binding)
    yield
    plane.kubectl("delete", "clusterrole,clusterrolebinding", name)


def selected_injection(config: str = "{}", claim: Claim = CLAIM) -> DesiredInjection:
    """The desired injection into the namespaces of the test, with a credential that the API server accepts."""
    return desired(claim, config=json.dumps({"auths": {config: {}}}), namespaces=SELECTION)


async def until(condition: Callable[[], bool]) -> None:
    """Returns once the condition holds."""
    async with asyncio.timeout(scaled(TIMEOUT_SECONDS)):
        while not condition():  # noqa: ASYNC110 - polled, as a step does
            await asyncio.sleep(0.01)


async def until_server_answers(request: Callable[[], Awaitable[object]], wanted: object) -> None:
    """Returns once the API server answers this; the injector possibly receives the last event later."""
    async with asyncio.timeout(scaled(TIMEOUT_SECONDS)):
        while await request() != wanted:  # noqa: ASYNC110 - polled
            await asyncio.sleep(0.01)


def is_injected(injector: Injector, count: int, claim: Claim = CLAIM) -> Callable[[], bool]:
    """Whether this number of namespaces is selected, and all of them are ready."""

    def check() -> bool:
        facts = injector.read(claim)
        return facts is not None and facts.namespaces == facts.ready == count

    return check


async def create(http: KubernetesClient, *names: str) -> None:
    """Creates selected namespaces."""
    for name in names:
        manifest = {"metadata": {"name": name, "labels": CHOSEN}}
        answer = await http.request("POST", "/api/v1/namespaces", body=RequestBody.plain(manifest))
        assert not isinstance(answer, ApiError), answer


async def remove(http: KubernetesClient, *names: str) -> None:
    """Deletes namespaces without waiting for their end."""
    for name in names:
        await http.request("DELETE", f"/api/v1/namespaces/{name}")


async def remove_selected(http: KubernetesClient) -> None:
    """Deletes all selected namespaces without waiting for their end."""
    await remove(http, *(item["metadata"]["name"] for item in await listed(http, "namespaces", CHOSEN)))


async def references(http: KubernetesClient, namespace: str, account: str = "default") -> tuple[str, ...]:
    """The Secrets that a service account refers to."""
    answer = await http.request("GET", f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}")
    assert isinstance(answer, dict)
    return read_account(msgspec.convert(answer, PartialObject)).references


async def secret(http: KubernetesClient, namespace: str) -> dict[str, Any] | ApiError:
    """The pull Secret."""
    return await http.request("GET", f"/api/v1/namespaces/{namespace}/secrets/{NAME}")


async def listed(http: KubernetesClient, kind: str, labels: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """All objects of a kind, optionally only those with these labels."""
    selector = ",".join(f"{key}={value}" for key, value in (labels or {}).items())
    answer = await http.request("GET", f"/api/v1/{kind}", params={"labelSelector": selector})
    assert not isinstance(answer, ApiError)
    return list(answer["items"])


async def snapshot(http: KubernetesClient) -> Snapshot:
    """All relevant objects that the API server holds now."""
    namespaces, secrets, accounts = [
        msgspec.convert(await listed(http, kind), list[PartialObject])
        for kind in ("namespaces", "secrets", "serviceaccounts")
    ]
    return Snapshot(
        {observed.name: observed for observed in map(read_namespace, namespaces)},
        {(observed.namespace, observed.name): observed for observed in map(read_secret, secrets)},
        {(observed.namespace, observed.name): observed for observed in map(read_account, accounts)},
    )
