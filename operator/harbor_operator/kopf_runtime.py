"""Kopf in this process: its settings, its login, and its tasks."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import kopf
from typing_extensions import override

from harbor_operator.adapters.kube_connection import ClusterConnection, open_session, renew
from harbor_operator.api.kind import GROUP
from harbor_operator.handlers import Handlers, RegistryRuntime

CONNECT_TIMEOUT_SECONDS = 10
REQUEST_TIMEOUT_SECONDS = 30
"""Kopf's default of five minutes would hide a dead connection."""

_KOPF_SOURCES = str(Path(kopf.__file__).parent)


async def run_kopf(
    handlers: Handlers, connection: ClusterConnection, stop: asyncio.Event, handle_signals: Callable[[], None]
) -> None:
    """Runs Kopf with these handlers until `stop` is set; `handle_signals` takes the signals back that Kopf installs."""
    registry = kopf.OperatorRegistry()
    handlers.register(registry)
    kopf.on.login(registry=registry)(KopfLogin(connection).log_in)
    # Unused, because peering is off. Without it Kopf asks for the user's name, and the user of a pod has none.
    identity: Any = GROUP
    tasks = await kopf.spawn_tasks(
        identity=identity,
        registry=registry,
        settings=kopf_settings(),
        memo=RegistryRuntime(),
        standalone=True,
        clusterwide=True,
        stop_flag=stop,
    )
    # Kopf would end at once on a signal, and with it the supervision of a running Helm.
    handle_signals()
    await kopf.run_tasks(tasks, ignored=ForeignTasks())


class ForeignTasks(Collection["asyncio.Task[Any]"]):
    """The tasks that run no coroutine of Kopf, at the time of the question.

    Kopf takes every task that was created after its start for one of its own: at its end it waits five seconds for
    them, then cancels them (`kopf.run_tasks`). The injector starts its watches later than Kopf and ends later.
    """

    @override
    def __contains__(self, task: object) -> bool:
        return isinstance(task, asyncio.Task) and not _is_of_kopf(task)

    @override
    def __iter__(self) -> Iterator[asyncio.Task[Any]]:
        return (task for task in asyncio.all_tasks() if task in self)

    @override
    def __len__(self) -> int:
        return sum(1 for _ in self)


def _is_of_kopf(task: asyncio.Task[Any]) -> bool:
    coroutine = task.get_coro()
    return inspect.iscoroutine(coroutine) and coroutine.cr_code.co_filename.startswith(_KOPF_SOURCES)


class KopfLogin:
    """Gives Kopf a session with our own TLS, proxy and credential; Kopf calls it again after a 401."""

    def __init__(self, connection: ClusterConnection) -> None:
        self._connection = connection
        self._session: kopf.AiohttpSession | None = None

    async def log_in(self, **_: object) -> kopf.AiohttpSession:
        """Returns a session with a fresh credential.

        With an unchanged credential it returns the same session, which Kopf has marked as rejected: Kopf then ends
        instead of repeating the login in a loop.
        """
        fresh = await renew(self._connection)
        if self._session is None or fresh != self._connection:
            self._connection = fresh
            session = open_session(fresh, connections=0, authorization=fresh.authorization)
            self._session = kopf.AiohttpSession(server=fresh.server, aiohttp_session=session)
        return self._session


def kopf_settings() -> kopf.OperatorSettings:
    """Returns the settings that differ from Kopf's defaults, which suit a workstation more than a cluster."""
    settings = kopf.OperatorSettings()
    settings.persistence.finalizer = f"{GROUP}/finalizer"
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=GROUP)
    settings.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(prefix=GROUP)
    settings.networking.request_timeout = REQUEST_TIMEOUT_SECONDS
    settings.networking.connect_timeout = CONNECT_TIMEOUT_SECONDS
    settings.networking.enforce_retry_after = True
    settings.watching.chunk_size = 500
    settings.posting.enabled = False  # the operator writes its own Events: one per changed condition
    settings.scanning.disabled = True  # it would need the right to watch CRDs
    settings.queueing.idle_timeout = 0.5
    return settings
