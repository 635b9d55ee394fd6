"""Workers that stop before and after each write, where a process may be interrupted.

A worker is the `reconcile` of one namespace, advanced step by step. Between two steps anything may happen to the
cluster, so that a hypothesis machine covers all interleavings of workers, watches, users and other controllers.
"""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from types import coroutine
from typing import Any, TypeVar

from typing_extensions import override

from harbor_operator.model.injection import PullSecret
from harbor_operator.model.namespace import ObservedSecret, ObservedServiceAccount
from harbor_operator.ports import Refused, Unavailable
from tests.fakes.cluster import FakeCluster

T = TypeVar("T")


@coroutine
def _stop(where: str) -> Generator[str, None, None]:
    yield where


class SlowCluster(FakeCluster):
    """A cluster whose writes, while it is `slow`, stop once before and once after they take effect."""

    slow = False

    @override
    async def apply_pull_secret(self, namespace: str, secret: PullSecret) -> ObservedSecret | None:
        return await self._interrupt(super().apply_pull_secret(namespace, secret))

    @override
    async def remove_pull_secret(self, namespace: str, name: str, uid: str) -> ObservedSecret | None:
        return await self._interrupt(super().remove_pull_secret(namespace, name, uid))

    @override
    async def patch_account(self, wanted: ObservedServiceAccount) -> ObservedServiceAccount | None:
        return await self._interrupt(super().patch_account(wanted))

    async def _interrupt(self, write: Coroutine[Any, Any, T]) -> T:
        try:
            if self.slow:
                await _stop("before")
            answer = await write
            if self.slow:
                await _stop("after")
        finally:
            write.close()
        return answer


class Worker:
    """The reconciliation of one namespace; `step` advances to the next interruption."""

    def __init__(self, namespace: str, work: Coroutine[Any, Any, None]) -> None:
        self.namespace = namespace
        self._work = work
        self.where: str | None = "begin"
        self.step()

    @property
    def is_done(self) -> bool:
        """Whether it has ended."""
        return self.where is None

    def step(self, error: Unavailable | Refused | None = None) -> None:
        """Continues, or raises the error: before the write it did not happen, after it the answer is lost."""
        if self.is_done:
            return
        try:
            self.where = self._work.throw(error) if error else self._work.send(None)
        except StopIteration:
            self.where = None

    def kill(self) -> None:
        """Ends where it is, like a killed process."""
        self._work.close()
        self.where = None
