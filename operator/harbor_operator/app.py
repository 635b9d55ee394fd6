"""The composition root: settings become adapters, adapters become steps, and steps become an operator."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

import uvloop

from harbor_operator.adapters import on_demand, secrets
from harbor_operator.adapters.admission import KubernetesAdmissionPolicyApi
from harbor_operator.adapters.cluster_identity import KubernetesClusterIdentity
from harbor_operator.adapters.event_recorder import EventRecorder
from harbor_operator.adapters.gateway import KubernetesGatewayApi
from harbor_operator.adapters.harbor import HttpHarbor
from harbor_operator.adapters.harbor_http import HarborHttp
from harbor_operator.adapters.harbor_ports import http_harbor_ports
from harbor_operator.adapters.harbor_probe import HttpRegistryProbe
from harbor_operator.adapters.harbor_sessions import shared_connections
from harbor_operator.adapters.helm import HelmSettings, SubprocessHelm
from harbor_operator.adapters.http_server import HttpServer
from harbor_operator.adapters.image_proof import HttpImageProof
from harbor_operator.adapters.injected_secrets import KubernetesInjectedSecrets
from harbor_operator.adapters.kube_api import ResourceRef
from harbor_operator.adapters.kube_client import ClientOptions, KubernetesClient
from harbor_operator.adapters.kube_connection import ClusterConnection, in_cluster
from harbor_operator.adapters.kube_pull_secrets import KubernetesPullSecretApi
from harbor_operator.adapters.kube_resources import KubernetesNamespaceResources
from harbor_operator.adapters.kubeconfig import from_kubeconfig
from harbor_operator.adapters.leader_election import LeaderElectionConfig, LeaderElector
from harbor_operator.adapters.owned_objects import KubernetesOwnedObjects
from harbor_operator.adapters.pod_eviction import KubernetesPodEvictionApi
from harbor_operator.adapters.reflector import WatchOptions
from harbor_operator.adapters.registry_status import KubernetesRegistryStatusApi
from harbor_operator.adapters.release_objects import KubernetesReleaseObjects
from harbor_operator.adapters.rgw_admin import HttpRgwAdmin
from harbor_operator.adapters.s3_store import HttpS3Store
from harbor_operator.adapters.secret_changes import KubernetesSecretChanges
from harbor_operator.adapters.service_account_tokens import KubernetesReleaseIdentity
from harbor_operator.event_loop import sampled_delay
from harbor_operator.gauges import gauge_readers
from harbor_operator.handlers import Handlers
from harbor_operator.injector.controller import InjectorController
from harbor_operator.injector.deps import RuntimeDeps
from harbor_operator.injector.namespace_robots import NamespaceRobots
from harbor_operator.injector.robot_worker import RobotWorker
from harbor_operator.injector.stuck_pods.controller import StuckPodController
from harbor_operator.kopf_runtime import run_kopf
from harbor_operator.leader import Leader, LeaderTasks, unique_identity
from harbor_operator.log_format import configure_logging
from harbor_operator.memory import freeze_startup_objects, periodic_malloc_trim
from harbor_operator.metrics import Metrics
from harbor_operator.model.chart_sources import ChartSources
from harbor_operator.plan.generated_secrets import PASSWORD_LENGTH
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reconciler import Reconciler
from harbor_operator.settings import Settings
from harbor_operator.steps import Step
from harbor_operator.steps.pipeline import StepGrants, StepPorts, StepSources, pipeline
from harbor_operator.steps.pull_secrets import BackgroundWork
from harbor_operator.steps.sampled_pull_proof import ProofDeps
from harbor_operator.wakeups import Wakeups

LOG = logging.getLogger(__name__)

MAX_SPARE_CONNECTIONS = 32
"""Connections beside those of the injector's workers: one for each watch, the others for steps."""

MAX_LEASE_CONNECTIONS = 2


def run(settings: Settings) -> int:
    """Runs the operator until a signal stops it; returns 1 when it lost the Lease or cannot work."""
    configure_logging(settings.log_level, settings.log_format)
    freeze_startup_objects()
    try:
        return uvloop.run(serve(settings, _connection(settings)))
    except (Refused, Unavailable) as error:
        LOG.critical("%s", error, extra={"reason": error.reason})
        return 1


async def serve(settings: Settings, connection: ClusterConnection) -> int:
    """Answers probes, waits for the Lease and acts as the leader; returns the exit code."""
    metrics = Metrics(_now)
    identity = settings.identity or unique_identity()
    stop = asyncio.Event()
    handle_signals = partial(_stop_by_signal, stop)
    async with _clients(connection, settings.workers, metrics) as clients:
        helm = _helm_settings(settings, connection)
        operator = Operator(settings, helm, identity, clients.shared, metrics)
        tasks = LeaderTasks(
            {
                "injector": operator.injection.run,
                "namespace-robots": operator.namespace_robots.run,
                "stuck-pods": operator.stuck_pods.run,
            },
            lambda stop_kopf: run_kopf(operator.handlers, connection, stop_kopf, handle_signals),
            operator.helm.aclose,
        )
        injector = operator.injection.injector
        leader = Leader(
            _elector(settings, identity, clients.lease),
            tasks,
            lambda: injector.gauges().watch_silence_seconds,
            lambda: injector.ready,
        )
        metrics.read(gauge_readers(injector, lambda: leader.is_leading))
        handle_signals()
        sampling = sampled_delay(metrics.event_loop_delay.observe, time.monotonic)
        async with periodic_malloc_trim(), sampling, _listening(settings, leader, metrics):
            return await leader.run(stop)


class Operator:
    """Everything that acts on the cluster through one client, not yet running."""

    def __init__(
        self, settings: Settings, helm: HelmSettings, identity: str, client: KubernetesClient, metrics: Metrics
    ) -> None:
        self._client = client
        self._settings = settings
        options = WatchOptions(random=random.random)
        deps = RuntimeDeps(time.monotonic, random.random, asyncio.sleep, metrics, settings.workers)
        events = EventRecorder(client, _now, identity)
        self.injection = InjectorController(KubernetesPullSecretApi(client, options), deps)
        self.stuck_pods = StuckPodController(
            KubernetesPodEvictionApi(client, options, events), self.injection.injector.pull_secrets_for_new_pod, deps
        )
        self._http = HarborHttp(settings.egress())
        self._proofs = ProofDeps(settings.pull_proof_namespaces, settings.pull_proof_interval_seconds, _now, metrics)
        worker = RobotWorker(HttpHarbor(self._http), HttpRegistryProbe(self._http), _now)
        self.namespace_robots = NamespaceRobots(worker, self.injection.injector, deps)
        wakeups = Wakeups(KubernetesSecretChanges(client, options))
        release_identity = KubernetesReleaseIdentity(client)
        self.helm = SubprocessHelm(helm, release_identity, _now, wakeups.release_finished)
        self._release_objects = KubernetesReleaseObjects(client, release_identity)
        lease = ResourceRef("coordination.k8s.io/v1", "leases", settings.namespace, settings.lease_name)
        cluster = KubernetesClusterIdentity(client, settings.cluster_id)
        statuses = KubernetesRegistryStatusApi(client, events, lease)
        reconciler = Reconciler(self._pipeline(), statuses, _now, cluster, shared_connections)
        self.handlers = Handlers(reconciler, metrics, wakeups)

    def _pipeline(self) -> Sequence[Step]:
        settings, egress, injector = self._settings, self._settings.egress(), self.injection.injector
        ports = StepPorts(
            kube=KubernetesNamespaceResources(self._client),
            postgres=on_demand.postgres(egress, permits_md5=settings.postgres_md5),
            redis=on_demand.redis(egress),
            swift=on_demand.swift(egress),
            copies=on_demand.swift(egress),
            s3=HttpS3Store(egress),
            rgw=HttpRgwAdmin(egress),
            helm=self.helm,
            release_objects=self._release_objects,
            owned_objects=KubernetesOwnedObjects(self._client),
            images=HttpImageProof(self._http),
            harbor=http_harbor_ports(self._http, egress),
            gateway=KubernetesGatewayApi(self._client),
            admission=KubernetesAdmissionPolicyApi(self._client),
            injected=KubernetesInjectedSecrets(self._client),
            namespace_robots=self.namespace_robots,
            background=BackgroundWork(injector, self.stuck_pods.evictor),
        )
        password = partial(secrets.make_password, PASSWORD_LENGTH)
        sources = StepSources(password, secrets.make_name, secrets.SECRET_GENERATOR, _now, time.monotonic)
        return pipeline(
            ports, sources, StepGrants(settings.robot_secret_namespaces, settings.injection_namespaces, self._proofs)
        )


@dataclass(frozen=True, slots=True)
class Clients:
    """The clients of one process: one for all work, and one that only the Lease uses."""

    shared: KubernetesClient
    lease: KubernetesClient


@asynccontextmanager
async def _clients(connection: ClusterConnection, workers: int, metrics: Metrics) -> AsyncIterator[Clients]:
    # The Lease has connections of its own: it must not wait while watches and writes use all others.
    async with AsyncExitStack() as stack:
        options = ClientOptions(count=metrics.count_request, count_forbidden=metrics.count_forbidden)
        shared = replace(options, connections=workers + MAX_SPARE_CONNECTIONS)
        lease = replace(options, connections=MAX_LEASE_CONNECTIONS)
        yield Clients(
            await stack.enter_async_context(KubernetesClient(connection, shared)),
            await stack.enter_async_context(KubernetesClient(connection, lease)),
        )


def _elector(settings: Settings, identity: str, client: KubernetesClient) -> LeaderElector:
    config = LeaderElectionConfig(settings.namespace, settings.lease_name, identity, settings.lease_seconds)
    return LeaderElector(client, config, _now)


def _stop_by_signal(stop: asyncio.Event) -> None:
    """Sets `stop` on SIGTERM and SIGINT; the kernel ignores unhandled signals to the first process of a container."""
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)


@contextlib.asynccontextmanager
async def _listening(settings: Settings, leader: Leader, metrics: Metrics) -> AsyncIterator[None]:
    server = HttpServer(leader.liveness_error, leader.readiness_error, metrics.text)
    port = await server.start(settings.listen_host, settings.listen_port)
    LOG.info("listening on '%s' port %d", settings.listen_host, port)
    try:
        yield
    finally:
        await server.aclose()


def _helm_settings(settings: Settings, connection: ClusterConnection) -> HelmSettings:
    sources = ChartSources.parse(settings.chart_sources)
    return HelmSettings(
        str(settings.helm),
        settings.work_dir,
        connection,
        sources,
        settings.charts_dir,
        settings.helm_runs,
        pull_environment=settings.helm_environment(),
    )


def _connection(settings: Settings) -> ClusterConnection:
    if settings.kubeconfig:
        return from_kubeconfig(settings.kubeconfig)
    return in_cluster(settings.api_host, settings.api_port)


def _now() -> datetime:
    return datetime.now(UTC)
