"""Work that can be stopped where a process may be stopped: on the way to the server, and on the way back.

A worker is `converge` of one namespace, sent forward by hand. Between two steps anything may happen to the cluster, so
that a machine of hypothesis meets every interleaving of several workers, the watches, users and other controllers.
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
    """A cluster to which the way is long while `slow`: each write stops once before and once after it is done."""

    slow = False

    @override
    async def apply_pull_secret(self, namespace: str, secret: PullSecret) -> ObservedSecret | None:
        return await self._travel(super().apply_pull_secret(namespace, secret))

    @override
    async def remove_pull_secret(self, namespace: str, name: str, uid: str) -> ObservedSecret | None:
        return await self._travel(super().remove_pull_secret(namespace, name, uid))

    @override
    async def patch_account(self, wanted: ObservedServiceAccount) -> ObservedServiceAccount | None:
        return await self._travel(super().patch_account(wanted))

    async def _travel(self, write: Coroutine[Any, Any, T]) -> T:
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
    """One namespace being worked on; `step` goes to the next place where a process may be stopped."""

    def __init__(self, namespace: str, work: Coroutine[Any, Any, None]) -> None:
        self.namespace = namespace
        self._work = work
        self.where: str | None = "begin"
        self.step()

    @property
    def is_done(self) -> bool:
        """Whether nothing is left of it."""
        return self.where is None

    def step(self, trouble: Unavailable | Refused | None = None) -> None:
        """Goes on, or meets trouble on the way: before the write it was not done, after it the answer was lost."""
        if self.is_done:
            return
        try:
            self.where = self._work.throw(trouble) if trouble else self._work.send(None)
        except StopIteration:
            self.where = None

    def die(self) -> None:
        """Ends where it is, like a process that is killed."""
        self._work.close()
        self.where = None
