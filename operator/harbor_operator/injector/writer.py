"""One write, and what its answer means for the mirror, the pace and the back-off."""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache

from harbor_operator.injector.backoff import REFUSED, STALE, UNAVAILABLE, AimdRateLimiter, Backoff, BackoffPolicy
from harbor_operator.injector.claims import ClaimRegistry
from harbor_operator.injector.concurrency import AdaptiveConcurrencyLimiter
from harbor_operator.injector.conflicts import ConflictDetector
from harbor_operator.injector.deps import RuntimeDeps
from harbor_operator.injector.status import InjectionStatus
from harbor_operator.injector.store import Store
from harbor_operator.model.injection import ApplySecret, DeleteSecret, PatchServiceAccount, Write
from harbor_operator.model.watch import Deleted, Kind
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.pull_secrets import PullSecretApi


class _Result(StrEnum):
    DONE = "done"
    STALE = "stale"
    REFUSED = "refused"
    UNAVAILABLE = "unavailable"


_PATIENCE: dict[_Result, BackoffPolicy] = {
    _Result.STALE: STALE,
    _Result.REFUSED: REFUSED,
    _Result.UNAVAILABLE: UNAVAILABLE,
}


class Writer:
    """Performs planned writes, one after the other; what fails is left alone for a while."""

    def __init__(
        self,
        cluster: PullSecretApi,
        deps: RuntimeDeps,
        mirror: Store,
        interests: ClaimRegistry,
        statuses: InjectionStatus,
    ) -> None:
        self._cluster = cluster
        self._deps = deps
        self._mirror = mirror
        self._interests = interests
        self._standings = statuses
        self.contests = ConflictDetector(deps.clock)
        self.backoff = Backoff(deps.clock, deps.random)
        self.pace = AimdRateLimiter(deps.clock)
        self.width = AdaptiveConcurrencyLimiter(deps.clock, deps.workers)

    def wait(self, namespace: str, write: Write) -> float:
        """Returns for how many seconds this write must be left alone."""
        return max(self.backoff.wait(namespace, subject_of(write)), self.contests.wait(namespace, _effort(write)))

    def forget(self, namespace: str) -> None:
        """Forgets a namespace that has gone."""
        self.contests.forget(namespace)
        self.backoff.forget(namespace)

    def forget_account(self, namespace: str, account: str) -> None:
        """Forgets a service account that has gone: one of the same name that comes later is new."""
        self.contests.forget(namespace, _subject("ServiceAccount", account))
        self.contests.forget(namespace, _subject("removal from ServiceAccount", account))

    async def perform(self, namespace: str, write: Write) -> None:
        """Writes, and notes the answer; never raises what a port may say."""
        if pause := self.pace.reserve():
            await self._deps.sleep(pause)
        result = await self._try(namespace, write)
        self._deps.metrics.wrote(_word(write), result)
        subject = subject_of(write)
        if result is not _Result.DONE:
            self.backoff.fail(namespace, subject, _PATIENCE[result])
            return
        self.backoff.clear(namespace, subject)
        self._standings.accept(namespace, subject)
        self._count(namespace, write)

    async def _try(self, namespace: str, write: Write) -> _Result:
        began = self._deps.clock()
        try:
            done = await self._send(namespace, write)
        except Unavailable as unavailable:
            self.pace.slow(unavailable.retry_after)
            self.width.failed()
            return _Result.UNAVAILABLE
        except Refused as refused:
            self._standings.refuse(namespace, subject_of(write), refused)
            return _Result.REFUSED
        self.pace.ease()
        if not done:
            return _Result.STALE
        self.width.answered(type(write), self._deps.clock() - began)
        return _Result.DONE

    async def _send(self, namespace: str, write: Write) -> bool:
        match write:
            case ApplySecret():
                secret = self._interests.pull_secret(write)
                applied = await self._cluster.apply_pull_secret(namespace, secret) if secret else None
                return applied is not None and (self._mirror.note(applied) or True)
            case DeleteSecret():
                return await self._delete(namespace, write)
            case PatchServiceAccount():
                patched = await self._cluster.patch_account(write.account)
                return patched is not None and (self._mirror.note(patched) or True)

    async def _delete(self, namespace: str, write: DeleteSecret) -> bool:
        lingering = await self._cluster.remove_pull_secret(namespace, write.name, write.uid)
        if lingering is not None:
            self._mirror.note(lingering)
            return True
        known = self._mirror[namespace].secrets.get(write.name)
        if known is not None and known.uid == write.uid:
            self._mirror.forget(Kind.SECRETS, Deleted(namespace, write.name, known.revision))
        return True

    def _count(self, namespace: str, write: Write) -> None:
        for undone in _undoes(write):
            self.contests.forget(namespace, undone)
        if self.contests.record(namespace, _effort(write)):
            self._deps.metrics.conflicted(_word(write))


def subject_of(write: Write) -> str:
    """Returns the object a write is about, in the words of a message."""
    return _subject("ServiceAccount" if isinstance(write, PatchServiceAccount) else "Secret", write.name)


@lru_cache(maxsize=1024)
def _subject(kind: str, name: str) -> str:
    return f"{kind} '{name}'"


def _effort(write: Write) -> str:
    """Returns what is in vain if the same write is needed again and again."""
    match write:
        case PatchServiceAccount(attaches=False):
            return _subject("removal from ServiceAccount", write.name)
        case DeleteSecret(recreate=True):
            return _subject("replacement of Secret", write.name)
        case DeleteSecret():
            return _subject("removal of Secret", write.name)
        case _:
            return subject_of(write)


def _undoes(write: Write) -> tuple[str, ...]:
    """Returns which earlier efforts we undo ourselves by a write: to make them again is no repair."""
    match write:
        case PatchServiceAccount(attaches=True):
            return (_subject("removal from ServiceAccount", write.name),)
        case ApplySecret():
            return (_subject("removal of Secret", write.name),)
        case DeleteSecret(recreate=True):
            return ()
        case DeleteSecret():
            return (subject_of(write), _subject("replacement of Secret", write.name))
        case _:
            return (subject_of(write),)


def _word(write: Write) -> str:
    match write:
        case ApplySecret():
            return "apply"
        case DeleteSecret():
            return "delete"
        case PatchServiceAccount():
            return "patch"
