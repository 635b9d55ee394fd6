"""Helm as a child process: one run per release, values on its standard input, no secret in its arguments."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from pydantic import SecretStr
from typing_extensions import override

from harbor_operator.adapters.anonymous_file import anonymous_file, inherited_path
from harbor_operator.adapters.chart_pull import MAX_PULL_SECONDS, ChartPuller
from harbor_operator.adapters.helm_charts import LoadedChart, RemoteChart, load_chart, locate_chart
from harbor_operator.adapters.helm_process import (
    HelmCommand,
    describe_crash,
    kill_helm,
    read_output,
    signal_helm,
    start_helm,
    values_text,
)
from harbor_operator.adapters.helm_slots import HelmSlots
from harbor_operator.adapters.kube_connection import ClusterConnection
from harbor_operator.adapters.process_output import redacted_tail
from harbor_operator.adapters.release_kubeconfig import release_kubeconfig
from harbor_operator.model.chart_sources import ChartSources
from harbor_operator.model.release import DesiredRelease, ListedObject, Progress, RunResult
from harbor_operator.plan.generated_secrets import redact
from harbor_operator.plan.helm_storage import chart_description
from harbor_operator.plan.release import unwrap_secrets
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.helm import Helm
from harbor_operator.ports.release_identity import ReleaseIdentity
from harbor_operator.reasons import Reason

MAX_MESSAGE_CHARACTERS = 1500
MAX_REVISIONS = 10
MAX_MEMORY_MIB = 512
TOKEN_MARGIN_SECONDS = 60


@dataclass(frozen=True, slots=True)
class HelmSettings:
    """Which program runs, which folder it writes to, where the API server is, and where charts may come from.

    `grace_seconds` is what Helm gets beyond its own timeout, and again to record the end of the run after SIGTERM.
    Only a process that gets a chart has the variables of `pull_environment`; the kubeconfig says how to reach the API
    server.
    """

    program: str
    home: Path
    connection: ClusterConnection
    chart_sources: ChartSources
    charts_dir: Path | None = None
    slots: int = 4
    grace_seconds: float = 30.0
    pull_environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    pull_seconds: float = MAX_PULL_SECONDS


@dataclass(slots=True)
class _Run:
    digest: str
    started_at: datetime
    queued: bool = False
    task: asyncio.Task[None] | None = None
    child: asyncio.subprocess.Process | None = None


@dataclass(frozen=True, slots=True)
class _Job:
    key: tuple[str, str]
    digest: str
    service_account: str
    arguments: tuple[str, ...]
    text: bytes
    deadline: float
    desired: DesiredRelease | None = None
    chart: RemoteChart | LoadedChart | None = None

    @property
    def secrets(self) -> tuple[SecretStr, ...]:
        return self.desired.secrets if self.desired else ()


@dataclass(frozen=True, slots=True)
class _End:
    """How a run ended; `reason` is None if Helm's own error is the message."""

    message: str
    succeeded: bool = False
    reason: Reason | None = None
    is_refused: bool = False


_STOPPED = _End("the run was stopped")


def _ignore(namespace: str, name: str) -> None:
    """Does nothing at the end of a run."""


class SubprocessHelm(Helm):
    """Runs Helm by `create_subprocess_exec`; `on_finished` gets namespace and name of a release whose run ended."""

    def __init__(
        self,
        settings: HelmSettings,
        identity: ReleaseIdentity,
        clock: Callable[[], datetime],
        on_finished: Callable[[str, str], None] = _ignore,
    ) -> None:
        self._settings = settings
        self._identity = identity
        self._program = shutil.which(settings.program) or settings.program  # Helm does not inherit our PATH
        self._clock = clock
        self._on_finished = on_finished
        self._puller = ChartPuller(self._program, settings.home, settings.pull_environment, settings.pull_seconds)
        self._slots = HelmSlots(settings.slots)
        self._runs: dict[tuple[str, str], _Run] = {}
        self._results: dict[tuple[str, str], RunResult] = {}
        self._closing = False

    @override
    async def start_upgrade(self, desired: DesiredRelease) -> None:
        chart = await asyncio.to_thread(self._find_chart, desired)
        labels = ",".join(f"{key}={value}" for key, value in sorted(desired.labels.items()))
        arguments = (
            *("upgrade", desired.name, "--install", "--namespace", desired.namespace),
            *("--values", "-", "--labels", labels),
            *("--timeout", f"{desired.timeout_seconds}s", "--history-max", str(MAX_REVISIONS)),
            # Later passes read the readiness of the workloads; Helm does not wait for pods.
            *("--wait=hookOnly", "--force-conflicts"),
            # The default repeats how the revision before was applied, and with Helm 3 no conflict can be forced.
            "--server-side=true",
        )
        text = values_text(unwrap_secrets(desired.values)).encode()
        key, deadline = (desired.namespace, desired.name), desired.timeout_seconds + self._settings.grace_seconds
        await self._start(_Job(key, desired.digest, desired.service_account, arguments, text, deadline, desired, chart))

    @override
    async def start_uninstall(self, namespace: str, name: str, service_account: str, timeout_seconds: int) -> None:
        timeout = f"{timeout_seconds}s"
        arguments = ("uninstall", name, "--namespace", namespace, "--ignore-not-found", "--timeout", timeout)
        deadline = timeout_seconds + self._settings.grace_seconds
        await self._start(_Job((namespace, name), "", service_account, arguments, b"", deadline))

    @override
    async def find_unreadable(
        self, namespace: str, service_account: str, objects: Sequence[ListedObject]
    ) -> ListedObject | None:
        return await self._identity.find_unreadable(namespace, service_account, objects)

    @override
    def running(self, namespace: str, name: str) -> Progress | None:
        run = self._runs.get((namespace, name))
        return Progress(run.started_at, run.digest, queued=run.queued) if run else None

    @override
    def result(self, namespace: str, name: str) -> RunResult | None:
        return self._results.get((namespace, name))

    async def aclose(self) -> None:
        """Ends every run: SIGTERM, on which Helm records the release as failed, and SIGKILL after the grace period."""
        self._closing = True
        tasks = [run.task for run in self._runs.values() if run.task]
        for run in self._runs.values():
            signal_helm(run.child, signal.SIGTERM)
        if tasks:
            await asyncio.wait(tasks, timeout=self._settings.grace_seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _find_chart(self, desired: DesiredRelease) -> RemoteChart | LoadedChart:
        found = locate_chart(self._settings.charts_dir, self._settings.chart_sources, desired)
        return load_chart(found, desired) if isinstance(found, Path) else found

    async def _start(self, job: _Job) -> None:
        if job.key in self._runs or self._closing:
            return
        run = _Run(job.digest, self._clock(), self._slots.is_busy(job.key[0]))
        self._runs[job.key] = run  # before the first await, so that a second start finds it
        try:
            token = await self._issue_token(job)
        except BaseException:
            del self._runs[job.key]
            raise
        run.task = asyncio.create_task(self._supervise(job, run, token), name=f"helm {'/'.join(job.key)}")

    async def _issue_token(self, job: _Job) -> SecretStr:
        # The second grace period is for recording the end of a run that is stopped at its deadline.
        pull_seconds = self._settings.pull_seconds if isinstance(job.chart, RemoteChart) else 0
        lifetime = int(job.deadline + self._settings.grace_seconds + pull_seconds) + TOKEN_MARGIN_SECONDS
        return await self._identity.issue_token(job.key[0], job.service_account, lifetime)

    async def _supervise(self, job: _Job, run: _Run, token: SecretStr) -> None:
        end = _STOPPED
        run.queued = self._slots.is_busy(job.key[0])
        try:
            async with self._slots.hold(job.key[0]):
                if not self._closing:
                    # A run can wait for hours, and the first token can expire meanwhile.
                    token = await self._issue_token(job) if run.queued else token
                    run.queued, run.started_at = False, self._clock()
                    end = await self._run(job, run, token)
        except (Refused, Unavailable) as error:
            end = _End(str(error), reason=error.reason, is_refused=isinstance(error, Refused))
        except OSError as error:
            end = _End(f"'{self._settings.program}' could not be started: {error.strerror}")
        finally:
            await kill_helm(run.child)
            self._record(job, replace(end, message=_message(end.message, (*job.secrets, token))))

    async def _run(self, job: _Job, run: _Run, token: SecretStr) -> _End:
        chart = await self._obtain_chart(job, run)
        if self._closing:
            return _STOPPED
        run.child = child = await self._spawn(job, chart, token)
        if self._closing:
            signal_helm(child, signal.SIGTERM)
        try:
            tail, is_cut = await asyncio.wait_for(read_output(child), job.deadline)
        except TimeoutError:
            signal_helm(child, signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(child.wait(), self._settings.grace_seconds)
            return _End(f"helm did not end within {job.deadline:.0f} seconds and was stopped")
        text = redacted_tail(tail, (*job.secrets, token), is_cut=is_cut)
        return _End(describe_crash(child.returncode, MAX_MEMORY_MIB) or text, succeeded=child.returncode == 0)

    async def _obtain_chart(self, job: _Job, run: _Run) -> LoadedChart | None:
        """Returns what an upgrade installs, and None for an uninstallation."""
        if job.desired and isinstance(job.chart, RemoteChart):
            return await self._puller.pull(job.chart, job.desired, partial(setattr, run, "child"))
        return job.chart if isinstance(job.chart, LoadedChart) else None

    async def _spawn(self, job: _Job, chart: LoadedChart | None, token: SecretStr) -> asyncio.subprocess.Process:
        settings, home = self._settings, self._settings.home
        content = await asyncio.to_thread(release_kubeconfig, settings.connection, token, job.key[0])
        with ExitStack() as stack:
            values = stack.enter_context(await asyncio.to_thread(anonymous_file, "values", job.text, home))
            kubeconfig = stack.enter_context(anonymous_file("kubeconfig", content, home))
            files, arguments = [kubeconfig], [*job.arguments, "--kubeconfig", inherited_path(kubeconfig)]
            if chart and chart.directory:
                arguments.append(str(chart.directory))
            elif chart:
                files.append(stack.enter_context(await asyncio.to_thread(anonymous_file, "chart", chart.content, home)))
                arguments += [inherited_path(files[-1]), "--description", chart_description(chart.digest)]
            command = HelmCommand(self._program, home, tuple(arguments), MAX_MEMORY_MIB, tuple(files), values)
            return await start_helm(command)

    def _record(self, job: _Job, end: _End) -> None:
        last = self._results.get(job.key)
        before = last.failures if last and last.digest == job.digest and not last.succeeded else 0
        self._results[job.key] = RunResult(
            digest=job.digest,
            succeeded=end.succeeded,
            message=end.message,
            finished_at=self._clock(),
            failures=0 if end.succeeded else before + 1,
            reason=end.reason,
            is_refused=end.is_refused,
            access_digest=job.desired.access_digest if job.desired else "",
        )
        del self._runs[job.key]
        self._on_finished(*job.key)


def _message(text: str, secrets: tuple[SecretStr, ...]) -> str:
    """Returns the end of Helm's output without the secrets; redacted first, so that none is cut in two."""
    return " ".join(redact(text, secrets).split())[-MAX_MESSAGE_CHARACTERS:]
