"""The composition root: settings become adapters, adapters become steps, and a leader becomes an operator."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import signal
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import kopf
import uvloop

from harbor_operator.adapters import on_demand, secrets
from harbor_operator.adapters.admission import KubernetesAdmissionPolicyApi
from harbor_operator.adapters.event_recorder import EventRecorder
from harbor_operator.adapters.harbor import HttpHarbor
from harbor_operator.adapters.harbor_probe import HttpRegistryProbe
from harbor_operator.adapters.helm import HelmSettings, SubprocessHelm
from harbor_operator.adapters.http_server import HttpServer
from harbor_operator.adapters.kube_client import ClientOptions, KubernetesClient
from harbor_operator.adapters.kube_connection import ClusterConnection, from_kubeconfig, in_cluster
from harbor_operator.adapters.kube_pull_secrets import KubernetesPullSecretApi
from harbor_operator.adapters.kube_resources import KubernetesNamespaceResources
from harbor_operator.adapters.leader_election import LeaderElectionConfig, LeaderElector
from harbor_operator.adapters.pod_eviction import KubernetesPodEvictionApi
from harbor_operator.adapters.reflector import WatchOptions
from harbor_operator.adapters.registry_status import KubernetesRegistryStatusApi
from harbor_operator.adapters.rgw_admin import HttpRgwAdmin
from harbor_operator.adapters.service_account_tokens import KubernetesReleaseIdentity
from harbor_operator.api.v1alpha1 import GROUP
from harbor_operator.gauges import gauge_readers
from harbor_operator.handlers import Handlers, RegistryRuntime
from harbor_operator.injector.controller import InjectorController
from harbor_operator.injector.deps import RuntimeDeps
from harbor_operator.injector.stuck_pods.controller import StuckPodController
from harbor_operator.memory import freeze_startup_objects, periodic_malloc_trim
from harbor_operator.metrics import Metrics
from harbor_operator.model.chart_sources import ChartSources
from harbor_operator.plan.generated_secrets import PASSWORD_LENGTH
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reconciler import Reconciler
from harbor_operator.settings import Settings
from harbor_operator.steps import Step
from harbor_operator.steps.cache import CacheStep
from harbor_operator.steps.configuration import ConfigurationStep
from harbor_operator.steps.database import DatabaseStep
from harbor_operator.steps.pull_admission import PullAdmission
from harbor_operator.steps.pull_credential import PullCredential
from harbor_operator.steps.pull_secrets import PullSecretsStep
from harbor_operator.steps.reachability import ReachabilityStep
from harbor_operator.steps.release import ReleaseStep
from harbor_operator.steps.storage import StorageStep

log = logging.getLogger(__name__)

SILENT_WATCH = 180.0


def run(settings: Settings) -> int:
    """Runs the operator until it is told to stop; returns 1 when it lost the Lease or may not work."""
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    kopf_log = logging.getLogger("kopf.objects")
    kopf_log.setLevel(logging.WARNING)  # a line per event says nothing that status does not
    kopf_log.addFilter(lambda record: "failed temporarily" not in record.getMessage())  # dismantling goes on, in status
    freeze_startup_objects()
    try:
        return uvloop.run(_serve(settings))
    except (Refused, Unavailable) as error:
        log.critical("%s", error)
        return 1


async def _serve(settings: Settings) -> int:
    metrics = Metrics(_now)
    info = _connection(settings)
    async with KubernetesClient(
        info, ClientOptions(connections=settings.workers + 32, count=metrics.count_request)
    ) as http:
        terms = LeaderElectionConfig(settings.namespace, settings.lease_name, settings.identity, settings.lease_seconds)
        lease = LeaderElector(http, terms, _now)
        replica = Replica(settings, info, http, lease, metrics)
        stop = asyncio.Event()
        _stop_by_signal(stop)
        async with periodic_malloc_trim(), _listening(settings, replica, metrics):
            if not await lease.acquire(stop):
                log.info("told to stop")
                return 0
            try:
                return await replica.lead(info, stop)
            finally:
                await lease.release()


def _stop_by_signal(stop: asyncio.Event) -> None:
    """Sets `stop` on SIGTERM and SIGINT; the first process of a container is spared by signals nobody handles."""
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)


@contextlib.asynccontextmanager
async def _listening(settings: Settings, replica: Replica, metrics: Metrics) -> AsyncIterator[None]:
    server = HttpServer(replica.trouble, replica.not_ready, metrics.text)
    port = await server.start(settings.listen_host, settings.listen_port)
    log.info("listening on %s:%d", settings.listen_host, port)
    try:
        yield
    finally:
        await server.aclose()


class Replica:
    """One process of the operator: waits for the Lease, then acts until it loses it or is told to stop."""

    def __init__(
        self,
        settings: Settings,
        info: ClusterConnection,
        http: KubernetesClient,
        lease: LeaderElector,
        metrics: Metrics,
    ) -> None:
        self._http = http
        self._lease = lease
        self._metrics = metrics
        policy = WatchOptions(random=random.random)
        deps = RuntimeDeps(time.monotonic, random.random, asyncio.sleep, metrics, settings.workers)
        scribe = EventRecorder(http, _now, settings.identity)
        self._injection = InjectorController(KubernetesPullSecretApi(http, policy), deps)
        self._rescue = StuckPodController(
            KubernetesPodEvictionApi(http, policy, scribe), self._injection.injector.pull_secrets_for_new_pod, deps
        )
        sources = ChartSources.parse(settings.chart_sources)
        helm = HelmSettings(str(settings.helm), settings.work_dir, info, sources, settings.charts_dir)
        self._helm = SubprocessHelm(helm, KubernetesReleaseIdentity(http), _now)
        self._handlers = Handlers(
            Reconciler(self._pipeline(), KubernetesRegistryStatusApi(http, scribe), _now), metrics
        )
        self._leading = False
        metrics.read(gauge_readers(self._injection.injector, lambda: self._leading))

    def trouble(self) -> str | None:
        """Returns why this process should be restarted, or None."""
        silence = self._injection.injector.gauges().watch_silence_seconds
        if self._leading and silence > SILENT_WATCH:
            return f"a watch has been silent for {silence:.0f} seconds"
        return None

    def not_ready(self) -> str | None:
        """Returns why this process does not do its work yet; one that waits for the Lease does its work."""
        return "the first lists are not complete" if self._leading and not self._injection.injector.ready else None

    async def lead(self, info: ClusterConnection, stop: asyncio.Event) -> int:
        """Acts as the leader; returns 0 when `stop` is set and 1 when the Lease is lost."""
        self._leading = True
        kopf_stop = asyncio.Event()
        # Started before Kopf, which at its end cancels every task that came after it.
        injection = asyncio.create_task(self._injection.run(), name="injection")
        rescue = asyncio.create_task(self._rescue.run(), name="rescue")
        holding = asyncio.create_task(self._lease.hold(), name="lease")
        stopping = asyncio.create_task(stop.wait(), name="stop")
        watching = asyncio.create_task(_run_kopf(self._handlers, info, stop, kopf_stop), name="kopf")
        tasks = {injection, rescue, holding, stopping, watching}
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        self._leading = False
        for writing in (injection, rescue):
            writing.cancel()
        if stopping not in done:
            # No longer the leader: nothing may be written from here on, and Helm gets only the seconds Kopf needs.
            kopf_stop.set()
        await self._helm.aclose()
        kopf_stop.set()
        await asyncio.wait({watching})
        for task in tasks - {watching}:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return _exit_code(done, stopping)

    def _pipeline(self) -> Sequence[Step]:
        """The table of contents: every step, in reading order."""
        kube, harbor, probe = KubernetesNamespaceResources(self._http), HttpHarbor(), HttpRegistryProbe()
        password = partial(secrets.make_password, PASSWORD_LENGTH)
        return (
            DatabaseStep(kube, on_demand.postgres(), password),
            CacheStep(kube, on_demand.redis()),
            StorageStep(kube, on_demand.swift(), HttpRgwAdmin(), password),
            ReleaseStep(kube, self._helm, secrets.SECRET_GENERATOR, _now),
            ReachabilityStep(kube, probe, harbor, _now),
            ConfigurationStep(kube, harbor),
            PullSecretsStep(
                kube,
                PullCredential(kube, probe, harbor, password),
                self._injection.injector,
                PullAdmission(KubernetesAdmissionPolicyApi(self._http), time.monotonic),
                self._rescue.evictor,
            ),
        )


async def _run_kopf(handlers: Handlers, info: ClusterConnection, stop: asyncio.Event, kopf_stop: asyncio.Event) -> None:
    registry = kopf.OperatorRegistry()
    handlers.register(registry)

    async def log_in(**_: object) -> kopf.ConnectionInfo:
        token = info.token_path.read_text(encoding="utf-8").strip() if info.token_path else None
        given = info.token.get_secret_value() if info.token else token
        return kopf.ConnectionInfo(
            server=info.server,
            ca_path=info.ca_path,
            ca_data=info.ca_data,
            token=given,
            certificate_data=info.client_cert,
            private_key_data=info.client_key.get_secret_value() if info.client_key else None,
        )

    kopf.on.login(registry=registry)(log_in)
    others = asyncio.all_tasks()
    # Nobody reads it, for peering is off; left out, Kopf asks for the user's name, and the user of a pod has none.
    identity: Any = GROUP
    tasks = await kopf.spawn_tasks(
        identity=identity,
        registry=registry,
        settings=_kopf_settings(),
        memo=RegistryRuntime(),
        standalone=True,
        clusterwide=True,
        stop_flag=kopf_stop,
    )
    # Kopf has just asked for the signals: it would end at once and take Helm's supervision along; Helm gets its time
    # first.
    _stop_by_signal(stop)
    await kopf.run_tasks(tasks, ignored=others)


def _kopf_settings() -> kopf.OperatorSettings:
    """Returns what is set on purpose, over defaults that suit a laptop more than a cluster."""
    settings = kopf.OperatorSettings()
    settings.persistence.finalizer = f"{GROUP}/dismantle"
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=GROUP)
    settings.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(prefix=GROUP)
    settings.networking.request_timeout = 30  # the default of five minutes hides a dead connection
    settings.networking.connect_timeout = 10
    settings.networking.enforce_retry_after = True
    settings.watching.chunk_size = 500
    settings.posting.enabled = False  # events are ours: a flipped condition, not a line of a log
    settings.scanning.disabled = True  # it would need the right to watch CRDs
    settings.queueing.idle_timeout = 0.5
    return settings


def _connection(settings: Settings) -> ClusterConnection:
    if settings.kubeconfig:
        return from_kubeconfig(settings.kubeconfig)
    return in_cluster(settings.api_host, settings.api_port)


def _exit_code(done: Iterable[asyncio.Task[Any]], stopping: asyncio.Task[Any]) -> int:
    for task in done:
        if not task.cancelled() and (error := task.exception()):
            log.critical("'%s' failed: %s", task.get_name(), type(error).__name__, exc_info=error)
    if stopping in done:
        log.info("told to stop")
        return 0
    log.critical("'%s' ended: another replica goes on", ", ".join(sorted(task.get_name() for task in done)))
    return 1


def _now() -> datetime:
    return datetime.now(UTC)
