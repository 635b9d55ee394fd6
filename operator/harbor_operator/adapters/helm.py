"""Helm as a child process: one run per release, values on its standard input, nothing secret in its arguments."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO

import yaml
from pydantic import SecretStr

from harbor_operator.adapters.helm_charts import locate_chart
from harbor_operator.adapters.kube_connection import ClusterConnection
from harbor_operator.adapters.release_kubeconfig import anonymous_file, inherited_path, release_kubeconfig
from harbor_operator.model.chart_sources import ChartSources
from harbor_operator.model.release import DesiredRelease, Progress, RunResult
from harbor_operator.plan.generated_secrets import redact
from harbor_operator.plan.release import unwrap_secrets
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.release_identity import ReleaseIdentity

_TAIL = 1500
_HISTORY = "10"
TOKEN_MARGIN_SECONDS = 60


@dataclass(frozen=True, slots=True)
class HelmSettings:
    """Which program runs, where it may write, how it reaches the API server, and where charts may come from.

    `grace` is how many seconds Helm gets beyond its own timeout, and again to write down its end when asked to stop.
    """

    program: str
    home: Path
    connection: ClusterConnection
    chart_sources: ChartSources
    charts_dir: Path | None = None
    parallel: int = 2
    grace: float = 30.0
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Run:
    digest: str
    started_at: datetime
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
    secrets: tuple[SecretStr, ...] = ()


class SubprocessHelm:
    """The Helm port by `create_subprocess_exec`; `aclose` gives running children 30 seconds to record their end."""

    def __init__(self, settings: HelmSettings, identity: ReleaseIdentity, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._identity = identity
        self._program = shutil.which(settings.program) or settings.program  # on our PATH, which Helm does not inherit
        self._clock = clock
        self._turn = asyncio.Semaphore(settings.parallel)
        self._runs: dict[tuple[str, str], _Run] = {}
        self._results: dict[tuple[str, str], RunResult] = {}
        self._closing = False

    async def start_upgrade(self, desired: DesiredRelease) -> None:
        """Starts `helm upgrade --install`; the chart is looked at before, so that a wrong path fails by name."""
        settings = self._settings
        chart = await asyncio.to_thread(locate_chart, settings.charts_dir, settings.chart_sources, desired)
        repository = () if chart.is_complete else ("--repo", desired.repository)
        labels = ",".join(f"{key}={value}" for key, value in sorted(desired.labels.items()))
        arguments = (
            *("upgrade", desired.name, chart.reference, "--install", "--namespace", desired.namespace),
            *("--version", desired.version, *repository, "--values", "-", "--labels", labels),
            *("--timeout", f"{desired.timeout_seconds}s", "--history-max", _HISTORY),
            # Readiness is judged from the workloads in later passes; a pass does not wait for pods.
            *("--wait=hookOnly", "--force-conflicts"),
        )
        text = yaml.safe_dump(unwrap_secrets(desired.values), sort_keys=True, allow_unicode=True).encode()
        key, deadline = (desired.namespace, desired.name), desired.timeout_seconds + settings.grace
        await self._start(
            _Job(key, desired.digest, desired.service_account, arguments, text, deadline, desired.secrets)
        )

    async def start_uninstall(self, namespace: str, name: str, service_account: str, timeout_seconds: int) -> None:
        """Starts `helm uninstall`."""
        timeout = f"{timeout_seconds}s"
        arguments = ("uninstall", name, "--namespace", namespace, "--ignore-not-found", "--timeout", timeout)
        deadline = timeout_seconds + self._settings.grace
        await self._start(_Job((namespace, name), "", service_account, arguments, b"", deadline))

    def running(self, namespace: str, name: str) -> Progress | None:
        """Returns the run on this release; one that waits for its turn counts."""
        run = self._runs.get((namespace, name))
        return Progress(run.started_at, run.digest) if run else None

    def result(self, namespace: str, name: str) -> RunResult | None:
        """Returns how the last run ended."""
        return self._results.get((namespace, name))

    async def aclose(self) -> None:
        """Ends every run: asks Helm to stop, which records the release as failed, and kills it only if it will not."""
        self._closing = True
        tasks = [run.task for run in self._runs.values() if run.task]
        for run in self._runs.values():
            _signal(run.child, signal.SIGTERM)
        if tasks:
            await asyncio.wait(tasks, timeout=self._settings.grace)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _start(self, job: _Job) -> None:
        if job.key in self._runs or self._closing:
            return
        run = _Run(job.digest, self._clock())
        self._runs[job.key] = run  # before the first await, so that a second start finds it
        try:
            token = await self._issue_token(job)
        except BaseException:
            del self._runs[job.key]
            raise
        run.task = asyncio.create_task(self._supervise(job, run, token), name=f"helm {'/'.join(job.key)}")

    async def _issue_token(self, job: _Job) -> SecretStr:
        # The second grace is for recording the end of a run that is stopped at its deadline.
        lifetime = int(job.deadline + self._settings.grace) + TOKEN_MARGIN_SECONDS
        return await self._identity.issue_token(job.key[0], job.service_account, lifetime)

    async def _supervise(self, job: _Job, run: _Run, token: SecretStr) -> None:
        succeeded, message = False, "the run was stopped"
        queued = self._turn.locked()
        try:
            async with self._turn:
                if not self._closing:
                    # Waiting takes hours at worst, and the first token may have expired meanwhile.
                    token = await self._issue_token(job) if queued else token
                    succeeded, message = await self._run(job, run, token)
        except (Refused, Unavailable) as error:
            message = str(error)
        finally:
            _signal(run.child, signal.SIGKILL)
            self._settle(job, _tail(message, (*job.secrets, token)), succeeded=succeeded)

    async def _run(self, job: _Job, run: _Run, token: SecretStr) -> tuple[bool, str]:
        try:
            run.child = await self._spawn(job, token)
        except OSError as error:
            return False, f"'{self._settings.program}' could not be started: {error.strerror}"
        if self._closing:
            _signal(run.child, signal.SIGTERM)
        try:
            _, stderr = await asyncio.wait_for(run.child.communicate(), job.deadline)
        except TimeoutError:
            _signal(run.child, signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(run.child.wait(), self._settings.grace)
            return False, f"helm did not end within {job.deadline:.0f} seconds and was stopped"
        return run.child.returncode == 0, stderr.decode(errors="replace")

    async def _spawn(self, job: _Job, token: SecretStr) -> asyncio.subprocess.Process:
        settings = self._settings
        content = await asyncio.to_thread(release_kubeconfig, settings.connection, token, job.key[0])
        homes = {f"HELM_{kind}_HOME": str(settings.home / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
        with (
            await asyncio.to_thread(_whole_file, settings.home, job.text) as values,
            anonymous_file(content, settings.home) as kubeconfig,
        ):
            return await asyncio.create_subprocess_exec(
                self._program,
                *job.arguments,
                *("--kubeconfig", inherited_path(kubeconfig)),
                pass_fds=(kubeconfig.fileno(),),
                cwd=_empty_directory(settings.home),
                stdin=values,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                # Discovery is cached per host and port; in a folder of others it could be that of another cluster.
                env={
                    "PATH": os.defpath,
                    "HOME": str(settings.home),
                    "KUBECACHEDIR": str(settings.home / "kube"),
                    **settings.environment,
                    **homes,
                },
                start_new_session=True,  # so that a signal for the operator does not reach Helm before we decide
            )

    def _settle(self, job: _Job, message: str, *, succeeded: bool) -> None:
        last = self._results.get(job.key)
        before = last.failures if last and last.digest == job.digest and not last.succeeded else 0
        failures = 0 if succeeded else before + 1
        self._results[job.key] = RunResult(job.digest, succeeded, message, self._clock(), failures)
        del self._runs[job.key]


def _whole_file(home: Path, text: bytes) -> IO[bytes]:
    """Returns a file without a name that holds the values.

    Not a pipe: if the operator died before it had written all, Helm would take the half it got, or the chart's
    defaults, for the user's wish. Not a file with a name: it would outlive the operator.
    """
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = tempfile.TemporaryFile(dir=home)  # noqa: SIM115 - the caller closes it, once Helm has it
    file.write(text)
    file.seek(0)
    return file


def _empty_directory(home: Path) -> Path:
    """Returns a directory without entries: Helm prefers an entry of its working directory to a chart of that name."""
    path = home / "empty"
    path.mkdir(parents=True, exist_ok=True, mode=0o500)
    return path


def _signal(child: asyncio.subprocess.Process | None, number: signal.Signals) -> None:
    if child is not None and child.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, number)


def _tail(text: str, secrets: tuple[SecretStr, ...]) -> str:
    """Returns the end of what Helm wrote, without the secrets, cut after the secrets are gone."""
    return " ".join(redact(text, secrets).split())[-_TAIL:]
