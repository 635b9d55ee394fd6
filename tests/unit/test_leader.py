"""A leader's life: what ends it, in which order, and with which exit code."""

from __future__ import annotations

import asyncio
import socket
from datetime import UTC, datetime

import pytest

from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kube_connection import ClusterConnection
from harbor_operator.adapters.leader_election import LeaderElectionConfig, LeaderElector
from harbor_operator.leader import MAX_WATCH_SILENCE_SECONDS, Leader, LeaderTasks, unique_identity
from lab.process import scaled

NOON = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


class Run:
    """The tasks of a leader, which record what happens to them; the elector renews until `lost` is set."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.started = asyncio.Event()
        self.writer_ended = asyncio.Event()
        self.lost = asyncio.Event()
        self.stop = asyncio.Event()
        self.silence_seconds = 0.0
        self.synced = False
        client = KubernetesClient(ClusterConnection("http://127.0.0.1:1"))
        elector = LeaderElector(client, LeaderElectionConfig("ns", "lease", "a"), lambda: NOON)
        elector.renew_loop = self._renew  # type: ignore[method-assign]
        tasks = LeaderTasks({"writer": self._write}, self._run_kopf, self._close_helm)
        self.leader = Leader(elector, tasks, lambda: self.silence_seconds, lambda: self.synced)

    async def _renew(self) -> None:
        await self.lost.wait()

    async def _write(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self.events.append("writer")
            self.writer_ended.set()

    async def _run_kopf(self, stop: asyncio.Event) -> None:
        self.started.set()
        await stop.wait()
        self.events.append("kopf")

    async def _close_helm(self) -> None:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        self.events.append("helm")


async def test_a_stop_signal_ends_helm_before_kopf() -> None:
    run = Run()
    leading = asyncio.create_task(run.leader.run_as_leader(run.stop))
    await run.started.wait()
    assert run.leader.is_leading
    run.stop.set()
    assert await leading == 0
    assert run.events == ["helm", "kopf", "writer"]
    assert not run.leader.is_leading


async def test_writers_continue_after_a_stop_signal_until_helm_and_kopf_have_ended() -> None:
    """Finding R11: injection stopped up to a minute before another replica could become the leader."""
    run = Run()
    leading = asyncio.create_task(run.leader.run_as_leader(run.stop))
    await run.started.wait()
    run.stop.set()
    assert await leading == 0
    assert run.events.index("writer") > run.events.index("kopf") > run.events.index("helm")


async def test_a_lease_that_is_lost_after_a_stop_signal_ends_the_writers_at_once() -> None:
    """Finding R11: while Helm ends, the Lease can still be lost."""
    run = Run()
    helm_ended = asyncio.Event()

    async def close_helm() -> None:
        await helm_ended.wait()

    tasks = LeaderTasks({"writer": run._write}, run._run_kopf, close_helm)
    leader = Leader(run.leader._elector, tasks, lambda: 0.0, lambda: True)
    leading = asyncio.create_task(leader.run_as_leader(run.stop))
    await run.started.wait()
    run.stop.set()
    run.lost.set()
    async with asyncio.timeout(scaled(5)):
        await run.writer_ended.wait()
    helm_ended.set()
    assert await leading == 0


async def test_a_lost_lease_ends_kopf_without_waiting_for_helm(caplog: pytest.LogCaptureFixture) -> None:
    run = Run()
    leading = asyncio.create_task(run.leader.run_as_leader(run.stop))
    await run.started.wait()
    run.lost.set()
    assert await leading == 1
    assert set(run.events) == {"writer", "helm", "kopf"}
    assert run.events[-1] == "helm"
    assert "task 'lease' ended" in caplog.text


async def test_a_task_that_fails_ends_the_process(caplog: pytest.LogCaptureFixture) -> None:
    run = Run()

    async def fail() -> None:
        raise ValueError

    tasks = LeaderTasks({"writer": fail}, run._run_kopf, run._close_helm)
    leader = Leader(run.leader._elector, tasks, lambda: 0.0, lambda: True)
    assert await leader.run_as_leader(run.stop) == 1
    assert "task 'writer' failed: ValueError" in caplog.text


async def test_probes_fail_only_while_leading() -> None:
    run = Run()
    run.silence_seconds = MAX_WATCH_SILENCE_SECONDS + 1
    assert run.leader.liveness_error() is run.leader.readiness_error() is None
    leading = asyncio.create_task(run.leader.run_as_leader(run.stop))
    await run.started.wait()
    assert run.leader.liveness_error() == "no watch event for 181 seconds"
    assert run.leader.readiness_error() == "the first lists are not complete"
    run.silence_seconds, run.synced = 0.0, True
    assert run.leader.liveness_error() is run.leader.readiness_error() is None
    run.stop.set()
    await leading


def test_no_two_processes_have_the_same_identity() -> None:
    """Finding R16."""
    identities = {unique_identity() for _ in range(10)}
    assert len(identities) == 10
    assert all(identity.startswith(f"{socket.gethostname()}_") for identity in identities)
