"""Executes one action, and records its result in the store, the limits, the back-off and the status."""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache

from harbor_operator.injector.claims import ClaimRegistry
from harbor_operator.injector.conflicts import ConflictDetector
from harbor_operator.injector.deps import RuntimeDeps
from harbor_operator.injector.limits import (
    REFUSED,
    STALE,
    UNAVAILABLE,
    AdaptiveConcurrencyLimiter,
    AimdRateLimiter,
    Backoff,
    BackoffPolicy,
)
from harbor_operator.injector.status import InjectionStatus
from harbor_operator.injector.store import NamespaceRecord, Store
from harbor_operator.model.injection import Action, ApplySecret, DeleteSecret, NamespacePlan, PatchServiceAccount
from harbor_operator.model.watch import Deleted, Kind
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.pull_secrets import PullSecretApi


class _Result(StrEnum):
    DONE = "done"
    STALE = "stale"
    REFUSED = "refused"
    UNAVAILABLE = "unavailable"


_POLICIES: dict[_Result, BackoffPolicy] = {
    _Result.STALE: STALE,
    _Result.REFUSED: REFUSED,
    _Result.UNAVAILABLE: UNAVAILABLE,
}


class Writer:
    """Executes actions one after the other within a namespace; a failed one must wait."""

    def __init__(
        self, api: PullSecretApi, deps: RuntimeDeps, store: Store, claims: ClaimRegistry, status: InjectionStatus
    ) -> None:
        self._api = api
        self._deps = deps
        self._store = store
        self._claims = claims
        self._status = status
        self._backoff = Backoff(deps.clock, deps.random)
        self.conflicts = ConflictDetector(deps.clock)
        self.rate = AimdRateLimiter(deps.clock)
        self.concurrency = AdaptiveConcurrencyLimiter(deps.clock, deps.workers)

    def first_due(self, record: NamespaceRecord, plan: NamespacePlan) -> Action | None:
        """Returns the first action that may be executed now."""
        return next((action for action in plan.actions if not self._wait(record, action)), None)

    def delay(self, record: NamespaceRecord, plan: NamespacePlan) -> float | None:
        """Returns the seconds before one of the actions may be executed; None if the plan has none."""
        return min((self._wait(record, action) for action in plan.actions), default=None)

    def may_still_apply(self, record: NamespaceRecord, last_event_at: float) -> bool:
        """Whether an unanswered write in the namespace may still take effect, or has done so without an event."""
        return self._backoff.may_still_apply((record.failures or {}).values(), last_event_at)

    def forget_account(self, record: NamespaceRecord, account: str) -> None:
        """Forgets the writes to a deleted service account, and why they failed: one of the same name is another."""
        subject = _subject("ServiceAccount", account)
        self._forget_failure(record, subject)
        self._status.record_success(record, subject)
        self.conflicts.forget(record, subject)
        self.conflicts.forget(record, _subject("removal from ServiceAccount", account))

    async def execute(self, namespace: str, action: Action) -> None:
        """Executes an action and records the result; never raises an exception of the port."""
        if pause := self.rate.reserve():
            await self._deps.sleep(pause)
        result = await self._try(namespace, action)
        self._deps.metrics.wrote(_kind(action), result)
        record, subject = self._store[namespace], subject_of(action)
        if result is not _Result.DONE:
            record.failures = {} if record.failures is None else record.failures
            record.failures[subject] = self._backoff.next(record.failures.get(subject), _POLICIES[result])
            return
        self._forget_failure(record, subject)
        self._status.record_success(record, subject)
        self._detect_conflict(record, action)

    def _forget_failure(self, record: NamespaceRecord, subject: str) -> None:
        if record.failures is not None:
            record.failures.pop(subject, None)
            record.failures = record.failures or None

    def _wait(self, record: NamespaceRecord, action: Action) -> float:
        failure = record.failures.get(subject_of(action)) if record.failures else None
        return max(self._backoff.wait(failure), self.conflicts.wait(record, _purpose(action)))

    async def _try(self, namespace: str, action: Action) -> _Result:
        started = self._deps.clock()
        try:
            done = await self._send(namespace, action)
        except Unavailable as unavailable:
            self.rate.on_throttle(unavailable.retry_after)
            self.concurrency.on_failure()
            return _Result.UNAVAILABLE
        except Refused as refused:
            self._status.record_error(self._store[namespace], subject_of(action), refused)
            self._store.update_index(namespace)
            return _Result.REFUSED
        self.rate.on_success()
        if not done:
            return _Result.STALE
        self.concurrency.on_answer(type(action), self._deps.clock() - started)
        return _Result.DONE

    async def _send(self, namespace: str, action: Action) -> bool:
        match action:
            case ApplySecret():
                secret = self._claims.pull_secret(action, self._store[namespace].observed)
                applied = await self._api.apply_pull_secret(namespace, secret) if secret else None
                if applied is not None:
                    self._store.upsert(applied)
                return applied is not None
            case PatchServiceAccount():
                patched = await self._api.patch_account(action.account)
                if patched is not None:
                    self._store.upsert(patched)
                return patched is not None
            case DeleteSecret():
                await self._delete(namespace, action)
                return True

    async def _delete(self, namespace: str, action: DeleteSecret) -> None:
        lingering = await self._api.remove_pull_secret(namespace, action.name, action.uid)
        if lingering is not None:
            self._store.upsert(lingering)
            return
        known = self._store[namespace].secrets.get(action.name)
        if known is not None and known.uid == action.uid:
            self._store.delete(Kind.SECRETS, Deleted(namespace, action.name, known.revision))

    def _detect_conflict(self, record: NamespaceRecord, action: Action) -> None:
        for reverted in _reverts(action):
            self.conflicts.forget(record, reverted)
        if self.conflicts.record(record, _purpose(action)):
            self._deps.metrics.conflicted(_kind(action))


def subject_of(action: Action) -> str:
    """Returns the object of an action, as a message names it."""
    return _subject("ServiceAccount" if isinstance(action, PatchServiceAccount) else "Secret", action.name)


@lru_cache(maxsize=1024)
def _subject(kind: str, name: str) -> str:
    return f"{kind} '{name}'"


def _purpose(action: Action) -> str:
    """Returns what another client reverts if the same action is needed again and again."""
    match action:
        case PatchServiceAccount(attaches=False):
            return _subject("removal from ServiceAccount", action.name)
        case DeleteSecret(recreate=True):
            return _subject("replacement of Secret", action.name)
        case DeleteSecret():
            return _subject("removal of Secret", action.name)
        case _:
            return subject_of(action)


def _reverts(action: Action) -> tuple[str, ...]:
    """Returns the purposes of earlier actions that this action reverts: to repeat those is no repair."""
    match action:
        case PatchServiceAccount(attaches=True):
            return (_subject("removal from ServiceAccount", action.name),)
        case ApplySecret():
            return (_subject("removal of Secret", action.name),)
        case DeleteSecret(recreate=True):
            return ()
        case DeleteSecret():
            return (subject_of(action), _subject("replacement of Secret", action.name))
        case _:
            return (subject_of(action),)


def _kind(action: Action) -> str:
    match action:
        case ApplySecret():
            return "apply"
        case DeleteSecret():
            return "delete"
        case PatchServiceAccount():
            return "patch"
