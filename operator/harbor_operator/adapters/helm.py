"""Helm as a child process: one run per release, values on its standard input, no secret in its arguments."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from typing_extensions import override

from harbor_operator.adapters.anonymous_file import anonymous_file, inherited_path
from harbor_operator.adapters.helm_charts import locate_chart
from harbor_operator.adapters.kube_connection import ClusterConnection
from harbor_operator.adapters.process_output import read_tail, redacted_tail
from harbor_operator.adapters.release_kubeconfig import release_kubeconfig
from harbor_operator.model.chart_sources import ChartSources
from harbor_operator.model.release import DesiredRelease, Progress, RunResult
from harbor_operator.plan.generated_secrets import redact
from harbor_operator.plan.release import unwrap_secrets
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.helm import Helm
from harbor_operator.ports.release_identity import ReleaseIdentity

MAX_MESSAGE_CHARACTERS = 1500
MAX_REVISIONS = 10
TOKEN_MARGIN_SECONDS = 60

# YAML refuses some of these characters, and the surrogate pairs by which JSON could escape those beyond.
_NOT_ASCII = re.compile("[\u007f-\uffff]")


@dataclass(frozen=True, slots=True)
class HelmSettings:
    """Which program runs, which folder it writes to, where the API server is, and where charts may come from.

    `grace_seconds` is what Helm gets beyond its own timeout, and again to record the end of the run after SIGTERM.
    """

    program: str
    home: Path
    connection: ClusterConnection
    chart_sources: ChartSources
    charts_dir: Path | None = None
    parallel: int = 2
    grace_seconds: float = 30.0
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
        self._slots = asyncio.Semaphore(settings.parallel)
        self._runs: dict[tuple[str, str], _Run] = {}
        self._results: dict[tuple[str, str], RunResult] = {}
        self._closing = False

    @override
    async def start_upgrade(self, desired: DesiredRelease) -> None:
        settings = self._settings
        chart = await asyncio.to_thread(locate_chart, settings.charts_dir, settings.chart_sources, desired)
        repository = () if chart.is_complete else ("--repo", desired.repository)
        labels = ",".join(f"{key}={value}" for key, value in sorted(desired.labels.items()))
        arguments = (
            *("upgrade", desired.name, chart.reference, "--install", "--namespace", desired.namespace),
            *("--version", desired.version, *repository, "--values", "-", "--labels", labels),
            *("--timeout", f"{desired.timeout_seconds}s", "--history-max", str(MAX_REVISIONS)),
            # Later passes read the readiness of the workloads; Helm does not wait for pods.
            *("--wait=hookOnly", "--force-conflicts"),
        )
        text = values_text(unwrap_secrets(desired.values)).encode()
        key, deadline = (desired.namespace, desired.name), desired.timeout_seconds + settings.grace_seconds
        account = desired.service_account
        await self._start(_Job(key, desired.digest, account, arguments, text, deadline, desired.secrets))

    @override
    async def start_uninstall(self, namespace: str, name: str, service_account: str, timeout_seconds: int) -> None:
        timeout = f"{timeout_seconds}s"
        arguments = ("uninstall", name, "--namespace", namespace, "--ignore-not-found", "--timeout", timeout)
        deadline = timeout_seconds + self._settings.grace_seconds
        await self._start(_Job((namespace, name), "", service_account, arguments, b"", deadline))

    @override
    def running(self, namespace: str, name: str) -> Progress | None:
        run = self._runs.get((namespace, name))
        return Progress(run.started_at, run.digest) if run else None

    @override
    def result(self, namespace: str, name: str) -> RunResult | None:
        return self._results.get((namespace, name))

    async def aclose(self) -> None:
        """Ends every run: SIGTERM, on which Helm records the release as failed, and SIGKILL after the grace period."""
        self._closing = True
        tasks = [run.task for run in self._runs.values() if run.task]
        for run in self._runs.values():
            _signal(run.child, signal.SIGTERM)
        if tasks:
            await asyncio.wait(tasks, timeout=self._settings.grace_seconds)
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
        # The second grace period is for recording the end of a run that is stopped at its deadline.
        lifetime = int(job.deadline + self._settings.grace_seconds) + TOKEN_MARGIN_SECONDS
        return await self._identity.issue_token(job.key[0], job.service_account, lifetime)

    async def _supervise(self, job: _Job, run: _Run, token: SecretStr) -> None:
        succeeded, message = False, "the run was stopped"
        queued = self._slots.locked()
        try:
            async with self._slots:
                if not self._closing:
                    # A run can wait for hours, and the first token can expire meanwhile.
                    token = await self._issue_token(job) if queued else token
                    succeeded, message = await self._run(job, run, token)
        except (Refused, Unavailable) as error:
            message = str(error)
        finally:
            _signal(run.child, signal.SIGKILL)
            self._record(job, _message(message, (*job.secrets, token)), succeeded=succeeded)

    async def _run(self, job: _Job, run: _Run, token: SecretStr) -> tuple[bool, str]:
        try:
            run.child = await self._spawn(job, token)
        except OSError as error:
            return False, f"'{self._settings.program}' could not be started: {error.strerror}"
        if self._closing:
            _signal(run.child, signal.SIGTERM)
        try:
            tail, is_cut = await asyncio.wait_for(_output(run.child), job.deadline)
        except TimeoutError:
            _signal(run.child, signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(run.child.wait(), self._settings.grace_seconds)
            return False, f"helm did not end within {job.deadline:.0f} seconds and was stopped"
        return run.child.returncode == 0, redacted_tail(tail, (*job.secrets, token), is_cut=is_cut)

    async def _spawn(self, job: _Job, token: SecretStr) -> asyncio.subprocess.Process:
        settings = self._settings
        content = await asyncio.to_thread(release_kubeconfig, settings.connection, token, job.key[0])
        homes = {f"HELM_{kind}_HOME": str(settings.home / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
        with (
            await asyncio.to_thread(anonymous_file, "values", job.text, settings.home) as values,
            anonymous_file("kubeconfig", content, settings.home) as kubeconfig,
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
                # Discovery is cached per host and port; a shared folder could hold that of another cluster.
                env={
                    "PATH": os.defpath,
                    "HOME": str(settings.home),
                    "KUBECACHEDIR": str(settings.home / "kube"),
                    **settings.environment,
                    **homes,
                },
                start_new_session=True,  # a signal for the operator must not reach Helm directly
            )

    def _record(self, job: _Job, message: str, *, succeeded: bool) -> None:
        last = self._results.get(job.key)
        before = last.failures if last and last.digest == job.digest and not last.succeeded else 0
        failures = 0 if succeeded else before + 1
        self._results[job.key] = RunResult(job.digest, succeeded, message, self._clock(), failures)
        del self._runs[job.key]
        self._on_finished(*job.key)


def values_text(values: Any) -> str:
    """Returns the values as JSON that every YAML parser reads as the same strings and numbers.

    Not YAML: PyYAML writes `n`, `7e12` or `08` without quotes, which Helm's parser reads as booleans and numbers.
    """
    text = json.dumps(values, sort_keys=True, ensure_ascii=False)
    return _NOT_ASCII.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def _empty_directory(home: Path) -> Path:
    """Returns a directory without entries: Helm prefers an entry of its working directory to a chart of that name."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = home / "empty"
    path.mkdir(exist_ok=True, mode=0o500)
    return path


def _signal(child: asyncio.subprocess.Process | None, number: signal.Signals) -> None:
    if child is not None and child.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, number)


async def _output(child: asyncio.subprocess.Process) -> tuple[bytes, bool]:
    """Returns the end of the child's output, and whether it is cut, once the child has ended."""
    tail = await read_tail(child.stderr) if child.stderr else (b"", False)
    await child.wait()
    return tail


def _message(text: str, secrets: tuple[SecretStr, ...]) -> str:
    """Returns the end of Helm's output without the secrets; redacted first, so that none is cut in two."""
    return " ".join(redact(text, secrets).split())[-MAX_MESSAGE_CHARACTERS:]
