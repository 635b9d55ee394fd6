"""The whole injector on a real API server, under the shipped rights: how to run it, feed it and look at the end."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import msgspec
from typing_extensions import override

from harbor_operator.adapters.kube_api import ApiError, RequestBody
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kube_connection import from_kubeconfig
from harbor_operator.adapters.kube_objects import PartialObject
from harbor_operator.adapters.kube_pull_secrets import (
    KubernetesPullSecretApi,
    read_account,
    read_namespace,
    read_secret,
)
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
from tests.unit.injector.rules import Key, Snapshot
from tests.unit.injector.world import CLAIM, NAME, Metrics, desired

CHOSEN = {"example.com/injected": "yes"}
SELECTION = NamespaceSelection(selector=LabelSelector(match_labels=CHOSEN))
PATIENCE_SECONDS = 180.0


class ObservedCluster(KubernetesPullSecretApi):
    """Knows what the injector has taken in: how often each view was listed to its end, and which accounts it saw."""

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


class Hourglass:
    """The injector's clock: time passes as it does, and a test may say that more of it has passed."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self._time = asyncio.get_running_loop().time

    def __call__(self) -> float:
        return self._time() + self.ahead


class Duty:
    """An injector at work; `metrics` is what it has counted."""

    def __init__(
        self, cluster: ObservedCluster, runner: InjectorController, metrics: Metrics, clock: Hourglass
    ) -> None:
        self.cluster = cluster
        self.runner = runner
        self.metrics = metrics
        self.clock = clock

    @property
    def injector(self) -> Injector:
        return self.runner.injector


@asynccontextmanager
async def on_duty(plane: ControlPlane, kubeconfig: Path | None = None) -> AsyncIterator[Duty]:
    """An injector that acts as the operator, over the way to the server that the kubeconfig names."""
    info = from_kubeconfig(kubeconfig or plane.kubeconfig_for_service_account(NAMESPACE, NAMESPACE))
    metrics, clock = Metrics(), Hourglass()
    async with KubernetesClient(info) as ours:
        cluster = ObservedCluster(ours, WatchOptions(lambda: 0.5))
        deps = RuntimeDeps(clock, lambda: 0.5, asyncio.sleep, metrics)
        runner = InjectorController(cluster, deps)
        task = asyncio.create_task(runner.run())
        yield Duty(cluster, runner, metrics, clock)
        task.cancel()
        await asyncio.wait([task])


@asynccontextmanager
async def running(plane: ControlPlane) -> AsyncIterator[Injector]:
    """The injector alone, where nothing else is asked."""
    async with on_duty(plane) as duty:
        yield duty.injector


@asynccontextmanager
async def on_a_bad_road(plane: ControlPlane) -> AsyncIterator[tuple[FaultProxy, Duty]]:
    """An injector whose way to the server is as good or bad as the test wants it."""
    async with FaultProxy.open(plane.url, plane.ca_path) as road:
        way = road.kubeconfig(plane.kubeconfig_for_service_account(NAMESPACE, NAMESPACE))
        async with on_duty(plane, way) as duty:
            yield road, duty


@contextmanager
def wide_rights(plane: ControlPlane) -> Iterator[None]:
    """Lets the operator spread a second Secret, to any service account, as docs/operations.md says how."""
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


def the_wish(config: str = "{}", claim: Claim = CLAIM) -> DesiredInjection:
    """A wish for the namespaces of the test, with a credential that the API server takes."""
    return desired(claim, config=json.dumps({"auths": {config: {}}}), namespaces=SELECTION)


async def until(condition: Callable[[], bool]) -> None:
    """Returns once it holds."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 - asked of the operator as a step asks it, from time to time
            await asyncio.sleep(0.01)


async def until_server_says(ask: Callable[[], Awaitable[object]], wanted: object) -> None:
    """Returns once the API server answers what is wanted: the injector itself may not have heard of the last change."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await ask() != wanted:  # noqa: ASYNC110 - asked from time to time, as a person would
            await asyncio.sleep(0.01)


def is_spread(injector: Injector, count: int, claim: Claim = CLAIM) -> Callable[[], bool]:
    """Whether so many namespaces are meant, and all of them are ready."""

    def spread() -> bool:
        facts = injector.read(claim)
        return facts is not None and facts.namespaces == facts.ready == count

    return spread


async def make(http: KubernetesClient, *names: str) -> None:
    """Makes namespaces of the test."""
    for name in names:
        manifest = {"metadata": {"name": name, "labels": CHOSEN}}
        answer = await http.request("POST", "/api/v1/namespaces", body=RequestBody.plain(manifest))
        assert not isinstance(answer, ApiError), answer


async def remove(http: KubernetesClient, *names: str) -> None:
    """Deletes namespaces without waiting for their end."""
    for name in names:
        await http.request("DELETE", f"/api/v1/namespaces/{name}")


async def references(http: KubernetesClient, namespace: str, account: str = "default") -> tuple[str, ...]:
    """The Secrets that a service account refers to."""
    answer = await http.request("GET", f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}")
    assert isinstance(answer, dict)
    return read_account(msgspec.convert(answer, PartialObject)).references


async def secret(http: KubernetesClient, namespace: str) -> dict[str, Any] | ApiError:
    """The pull Secret."""
    return await http.request("GET", f"/api/v1/namespaces/{namespace}/secrets/{NAME}")


async def listed(http: KubernetesClient, kind: str) -> list[dict[str, Any]]:
    """All objects of a kind."""
    answer = await http.request("GET", f"/api/v1/{kind}")
    assert not isinstance(answer, ApiError)
    return list(answer["items"])


async def snapshot(http: KubernetesClient) -> Snapshot:
    """Everything that the API server holds now."""
    namespaces, secrets, accounts = [
        msgspec.convert(await listed(http, kind), list[PartialObject])
        for kind in ("namespaces", "secrets", "serviceaccounts")
    ]
    return Snapshot(
        {observed.name: observed for observed in map(read_namespace, namespaces)},
        {(observed.namespace, observed.name): observed for observed in map(read_secret, secrets)},
        {(observed.namespace, observed.name): observed for observed in map(read_account, accounts)},
    )
