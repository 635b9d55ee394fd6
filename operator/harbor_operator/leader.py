"""Leadership: acquire the Lease, act while it is held, and end the process when it is lost."""

from __future__ import annotations

import asyncio
import logging
import socket
import uuid
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any

from harbor_operator.adapters.leader_election import LeaderElector

LOG = logging.getLogger(__name__)
MAX_WATCH_SILENCE_SECONDS = 180.0


def unique_identity() -> str:
    """Returns a holder identity for this process, as client-go's users make it.

    A host name alone is not unique: two processes of one host would both believe that they hold the Lease.
    """
    return f"{socket.gethostname()}_{uuid.uuid4()}"


@dataclass(frozen=True, slots=True)
class LeaderTasks:
    """What a leader runs: the writers, Kopf, and the end of a running Helm."""

    writers: dict[str, Callable[[], Coroutine[Any, Any, None]]]
    """Loops that write to the cluster, by name; they end by cancellation."""

    run_kopf: Callable[[asyncio.Event], Coroutine[Any, Any, None]]
    """Runs until the event is set."""

    close_helm: Callable[[], Coroutine[Any, Any, None]]
    """Gives a running Helm the seconds it needs to record how far it came."""


class Leader:
    """One replica: waits for the Lease, then acts until it loses the Lease or is asked to stop."""

    def __init__(
        self,
        elector: LeaderElector,
        tasks: LeaderTasks,
        watch_silence_seconds: Callable[[], float],
        is_synced: Callable[[], bool],
    ) -> None:
        self._elector = elector
        self._tasks = tasks
        self._watch_silence_seconds = watch_silence_seconds
        self._is_synced = is_synced
        self.is_leading = False

    def liveness_error(self) -> str | None:
        """Returns why this process must be restarted, or None."""
        silence = self._watch_silence_seconds()
        if self.is_leading and silence > MAX_WATCH_SILENCE_SECONDS:
            return f"no watch event for {silence:.0f} seconds"
        return None

    def readiness_error(self) -> str | None:
        """Returns why this process is not ready, or None; a replica that waits for the Lease is ready."""
        return "the first lists are not complete" if self.is_leading and not self._is_synced() else None

    async def run(self, stop: asyncio.Event) -> int:
        """Returns the exit code: 0 when `stop` was set, 1 when the Lease was lost or a task failed."""
        if not await self._elector.acquire(stop):
            LOG.info("stopping: a signal was received")
            return 0
        try:
            return await self.run_as_leader(stop)
        finally:
            await self._elector.release()

    async def run_as_leader(self, stop: asyncio.Event) -> int:
        """Runs every task until one ends or `stop` is set, then ends the others; returns the exit code."""
        self.is_leading = True
        close_helm, stop_kopf = asyncio.Event(), asyncio.Event()
        # Created before Kopf, which at its end cancels every task that was created after it.
        writers = {asyncio.create_task(write(), name=name) for name, write in self._tasks.writers.items()}
        renewal = asyncio.create_task(self._elector.renew_loop(), name="lease")
        stopping = asyncio.create_task(stop.wait(), name="stop")
        closing = asyncio.create_task(self._close_helm(close_helm, stop_kopf), name="helm")
        kopf = asyncio.create_task(self._tasks.run_kopf(stop_kopf), name="kopf")
        tasks = writers | {renewal, stopping, kopf}
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        self.is_leading = False
        if stopping not in done:
            # No longer the leader: nothing may be written from here on, and Helm gets only the seconds Kopf needs.
            _cancel(writers)
            stop_kopf.set()
        close_helm.set()
        # After a signal the Lease is still held: new namespaces are served until Helm and Kopf have ended.
        await asyncio.wait({kopf, renewal}, return_when=asyncio.FIRST_COMPLETED)
        _cancel(writers)
        stop_kopf.set()
        await asyncio.wait({kopf, closing})
        _cancel(tasks - {kopf})
        await asyncio.gather(*tasks, closing, return_exceptions=True)
        return exit_code(done, stopping)

    async def _close_helm(self, begin: asyncio.Event, stop_kopf: asyncio.Event) -> None:
        """Waits for `begin`, ends Helm, then lets Kopf end, which supervises Helm."""
        await begin.wait()
        await self._tasks.close_helm()
        stop_kopf.set()


def _cancel(tasks: Iterable[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()


def exit_code(done: Iterable[asyncio.Task[Any]], stopping: asyncio.Task[Any]) -> int:
    """Returns 0 when the process was asked to stop, and 1 when a task ended by itself; logs the cause."""
    for task in done:
        if not task.cancelled() and (error := task.exception()):
            LOG.critical("task '%s' failed: %s", task.get_name(), type(error).__name__, exc_info=error)
    if stopping in done:
        LOG.info("stopping: a signal was received")
        return 0
    names = ", ".join(sorted(task.get_name() for task in done))
    LOG.critical("task '%s' ended, so this replica stops: another replica goes on", names)
    return 1
