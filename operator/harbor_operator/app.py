"""The composition root: settings become adapters, adapters become steps, and steps become an operator."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import signal
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

import uvloop
from pydantic import SecretStr

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
from harbor_operator.ports.harbor_ports import HarborPorts
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.reconciler import Reconciler
from harbor_operator.settings import Settings
from harbor_operator.steps import Step
from harbor_operator.steps.admin_password import AdminPassword
from harbor_operator.steps.cache import CacheStep
from harbor_operator.steps.checked_release import checked_release
from harbor_operator.steps.configuration import ConfigurationStep
from harbor_operator.steps.configuration_sections import configuration_sections
from harbor_operator.steps.database import DatabaseStep
from harbor_operator.steps.empty_objects import EmptyObjects
from harbor_operator.steps.extra_hosts import HostCheckedReachabilityStep
from harbor_operator.steps.gateway import GatewayCheckedReachabilityStep
from harbor_operator.steps.injection_grants import InjectionGrants
from harbor_operator.steps.project_robots import ProjectRobotSection
from harbor_operator.steps.pull_admission import PullAdmission
from harbor_operator.steps.pull_credential import PullCredential
from harbor_operator.steps.pull_images import PullImages
from harbor_operator.steps.pull_namespace_robots import PullNamespaceRobots
from harbor_operator.steps.pull_robot import PullRobot
from harbor_operator.steps.pull_secrets import BackgroundWork, PullSecretsStep
from harbor_operator.steps.reachability import ReachabilityStep
from harbor_operator.steps.release import ReleaseStep
from harbor_operator.steps.s3_account import S3Accounts
from harbor_operator.steps.sampled_pull_proof import ProofDeps, SampledPullProof
from harbor_operator.steps.secret_cache import CachedNamespaceResources
from harbor_operator.steps.storage import StorageStep, Stores
from harbor_operator.steps.storage_account import StorageAccounts
from harbor_operator.steps.storage_in_use import MigrationRecords, StorageInUse, StorageInUseStep
from harbor_operator.steps.storage_migration import MigrationStores, StorageMigrationSection
from harbor_operator.steps.storage_migration_harbor import MigrationHarbor
from harbor_operator.steps.stored_bytes import StoredBytes
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
    metrics, stop = Metrics(_now), asyncio.Event()
    identity = settings.identity or unique_identity()
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
        """Returns every step, in reading order."""
        kube = CachedNamespaceResources(KubernetesNamespaceResources(self._client))
        egress = self._settings.egress()
        ports = http_harbor_ports(self._http, egress)
        harbor, probe = ports.harbor, ports.probe
        password = partial(secrets.make_password, PASSWORD_LENGTH)
        swift, s3, rgw = on_demand.swift(egress), HttpS3Store(egress), HttpRgwAdmin(egress)
        accounts = StorageAccounts(kube, rgw, password)
        s3_accounts = S3Accounts(kube, rgw, password)
        stored, empty = StoredBytes(accounts, swift, s3_accounts, s3), EmptyObjects(accounts, swift, _now)
        robots = ProjectRobotSection(kube, ports, self._settings.robot_secret_namespaces, password, _now)
        records = MigrationRecords(kube)
        in_use = StorageInUse(records)
        measure, search = in_use.around(stored.measure), in_use.around(empty.search)
        admin_password = AdminPassword(kube, harbor, ports.accounts, password)
        postgres = on_demand.postgres(egress, permits_md5=self._settings.postgres_md5)
        release = ReleaseStep(kube, postgres, self.helm, secrets.SECRET_GENERATOR, _now)
        storage = StorageStep(kube, Stores(swift, s3, rgw), password, postgres)
        checked = checked_release(release, kube, self._release_objects, KubernetesOwnedObjects(self._client), _now)
        images = HttpImageProof(self._http)
        reachability = ReachabilityStep(kube, probe, harbor, images, _now)
        # Its own client of Swift: a copy must not take the slots of the probes.
        stores = MigrationStores(on_demand.swift(egress), s3, accounts, s3_accounts, secrets.make_name)
        migrated = MigrationHarbor(ports.configuration, harbor, images)
        sections = (
            *configuration_sections(kube, ports, measure, search, robots),
            StorageMigrationSection(records, storage, stores, migrated, time.monotonic),
        )
        return (
            DatabaseStep(kube, postgres, password, _now),
            CacheStep(kube, on_demand.redis(egress)),
            StorageInUseStep(storage, records),
            StorageInUseStep(checked, records),
            GatewayCheckedReachabilityStep(
                HostCheckedReachabilityStep(reachability, kube, probe, _now), KubernetesGatewayApi(self._client), _now
            ),
            ConfigurationStep(kube, admin_password, sections),
            self._pull_secrets(kube, ports, password),
        )

    def _pull_secrets(
        self, kube: NamespaceResources, ports: HarborPorts, password: Callable[[], SecretStr]
    ) -> PullSecretsStep:
        injector, harbor, probe = self.injection.injector, ports.harbor, ports.probe
        robot = PullRobot(kube, probe, harbor, password, _now)
        namespace_robots = PullNamespaceRobots(kube, harbor, self.namespace_robots, password)
        credential = PullCredential(kube, probe, harbor, robot, namespace_robots)
        images = PullImages(kube, harbor, ports.projects, credential)
        return PullSecretsStep(
            InjectionGrants(kube, self._settings.injection_namespaces),
            credential,
            BackgroundWork(injector, self.stuck_pods.evictor),
            PullAdmission(KubernetesAdmissionPolicyApi(self._client), time.monotonic),
            SampledPullProof(injector, KubernetesInjectedSecrets(self._client), probe, images, self._proofs),
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
    return HelmSettings(
        str(settings.helm),
        settings.work_dir,
        connection,
        ChartSources.parse(settings.chart_sources),
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
