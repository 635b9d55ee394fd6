"""Wakes the loop of a registry when a Helm run of its ends or when a Secret that its last pass read has changed.

Without this, both would be noticed at the next check interval only. One watch of Secrets runs per namespace with a
registry; it carries names and resource versions, no contents. A change counts if the resource version differs from the
one that the last pass read or wrote, so that the operator's own writes wake no one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field

from harbor_operator.ports import Refused
from harbor_operator.ports.secret_changes import SecretChanges

LOG = logging.getLogger(__name__)

DEBOUNCE_SECONDS = 0.5
"""Several Secrets usually change together (`kubectl apply -k`): they cause one pass."""
MIN_INTERVAL_SECONDS = 5.0
"""Between two wake-ups of a registry by Secrets: another client may write one continuously."""
RIGHTS_RETRY_SECONDS = 300.0
MAX_WATCHES = 16
"""Each watch holds a connection to the API server; registries in further namespaces rely on their check interval."""

Versions = Mapping[tuple[str, str], str]
"""Resource version of each Secret by namespace and name; empty for a Secret that does not exist."""


@dataclass(eq=False, slots=True)
class Subscription:
    """What one registry waits for; `versions` is None during a pass."""

    namespace: str
    event: asyncio.Event
    versions: Versions | None = None
    pending: dict[tuple[str, str], str] = field(default_factory=dict)
    timer: asyncio.TimerHandle | None = None
    next_wakeup: float = 0.0

    def begin_pass(self) -> None:
        """Collects changes from now on; `end_pass` compares them with what the pass has seen."""
        self.versions = None
        self.pending.clear()

    def end_pass(self, versions: Versions) -> None:
        """Compares the changes since `begin_pass`, and later ones as they come, with these versions."""
        self.versions = versions
        for key, version in self.pending.items():
            self._compare(key, version)
        self.pending.clear()

    def secret_changed(self, name: str, version: str) -> None:
        """Wakes the registry if its last pass read another version of the Secret."""
        if self.versions is None:
            self.pending[self.namespace, name] = version
        else:
            self._compare((self.namespace, name), version)

    def cancel(self) -> None:
        """Cancels a wake-up that is due."""
        if self.timer:
            self.timer.cancel()

    def _compare(self, key: tuple[str, str], version: str) -> None:
        if self.versions is None or self.versions.get(key, version) == version:
            return
        if self.timer is None:
            loop = asyncio.get_running_loop()
            self.timer = loop.call_at(max(loop.time() + DEBOUNCE_SECONDS, self.next_wakeup), self._wake)

    def _wake(self) -> None:
        self.timer = None
        self.next_wakeup = asyncio.get_running_loop().time() + MIN_INTERVAL_SECONDS
        self.event.set()


class Wakeups:
    """Knows the loop of every registry, and runs one watch per namespace that has one."""

    def __init__(self, changes: SecretChanges) -> None:
        self._changes = changes
        self._subscriptions: dict[str, list[Subscription]] = {}
        self._watches: dict[str, asyncio.Task[None]] = {}

    @contextmanager
    def subscribe(self, namespace: str, event: asyncio.Event) -> Iterator[Subscription]:
        """Sets `event` for as long as the context is open; the watch of the namespace ends with its last registry."""
        subscription = Subscription(namespace, event)
        self._subscriptions.setdefault(namespace, []).append(subscription)
        self._start_watch(namespace)
        try:
            yield subscription
        finally:
            subscription.cancel()
            self._subscriptions[namespace].remove(subscription)
            if not self._subscriptions[namespace]:
                del self._subscriptions[namespace]
                if watch := self._watches.pop(namespace, None):
                    watch.cancel()
                    for other in self._subscriptions:
                        self._start_watch(other)  # a namespace beyond MAX_WATCHES may have waited for this one

    def release_finished(self, namespace: str, name: str) -> None:
        """Wakes the registries of the namespace, one of which has started the Helm run on release `name`."""
        LOG.debug("the Helm run on release '%s/%s' has ended", namespace, name)
        for subscription in self._subscriptions.get(namespace, ()):
            subscription.event.set()

    def registry_deleted(self) -> None:
        """Wakes every registry: one of them may wait for the Secret name of the deleted one."""
        for subscriptions in self._subscriptions.values():
            for subscription in subscriptions:
                subscription.event.set()

    def _start_watch(self, namespace: str) -> None:
        if namespace in self._watches:
            return
        if len(self._watches) >= MAX_WATCHES:
            LOG.info("Secrets in namespace '%s' are not watched: %d watches are open", namespace, MAX_WATCHES)
            return
        self._watches[namespace] = asyncio.create_task(self._watch(namespace), name=f"secrets of {namespace}")

    async def _watch(self, namespace: str) -> None:
        reported = False
        while True:
            try:
                async with aclosing(self._changes.changes(namespace)) as changes:
                    async for change in changes:
                        for subscription in self._subscriptions.get(namespace, ()):
                            subscription.secret_changed(change.name, change.resource_version)
            except Refused as refused:
                if not reported:
                    extra = {"namespace": namespace, "reason": refused.reason}
                    LOG.info(
                        "changes of Secrets in '%s' wake no registry, they are noticed at the check interval only: %s",
                        namespace,
                        refused,
                        extra=extra,
                    )
                reported = True
            except Exception:
                LOG.exception("the watch of Secrets in '%s' failed; it starts again", namespace)
            await asyncio.sleep(RIGHTS_RETRY_SECONDS)
