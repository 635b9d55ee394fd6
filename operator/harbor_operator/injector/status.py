"""What the injector reports: the progress of each claim, the health of each watch, the effect of admission policies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from harbor_operator.injector.store import NamespaceRecord, Store
from harbor_operator.model.injection import Claim, ClaimState, ClaimStatus, NamespaceClaim
from harbor_operator.model.namespace import ObservedNamespace, ObservedServiceAccount
from harbor_operator.model.outcomes import NamespaceFailure, PullSecretFacts
from harbor_operator.model.watch import Kind, Source
from harbor_operator.plan.admission import acts_in
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason

MAX_SHOWN_FAILURES = 20


class InjectionStatus:
    """Counts the namespaces of each claim as they change, so that a report is cheap.

    `report` is called with the seconds from the first sight of a namespace until its claim is ready.
    """

    def __init__(self, store: Store, clock: Callable[[], float], report: Callable[[float], None]) -> None:
        self._store = store
        self._clock = clock
        self._report = report
        self._namespaces: Counter[str] = Counter()
        self._ready: Counter[str] = Counter()

    def update(self, record: NamespaceRecord, statuses: tuple[ClaimStatus, ...]) -> None:
        """Records the status of every active claim in a namespace; none if the namespace is gone."""
        before = record.statuses
        if statuses == before:
            return
        self._count(before, -1)
        self._count(statuses, 1)
        record.pending_since = self._measure(record, statuses)
        record.statuses = _shared(statuses)

    def record_error(self, record: NamespaceRecord, subject: str, refused: Refused) -> None:
        """Records that the server refused a write."""
        record.errors = {} if record.errors is None else record.errors
        # Without its traceback, which would keep the frames of the failed write alive.
        record.errors[subject] = refused.with_traceback(None)

    def record_success(self, record: NamespaceRecord, subject: str) -> None:
        """Records that the server accepted a write."""
        if record.errors and subject in record.errors:
            del record.errors[subject]
            record.errors = record.errors or None

    def clear_errors(self, record: NamespaceRecord) -> None:
        """Forgets the errors of a namespace in which no write is left to do."""
        record.errors = None

    def error(self, record: NamespaceRecord) -> Refused | None:
        """Returns why the server refuses a write in the namespace, if it does."""
        return next(iter(record.errors.values()), None) if record.errors else None

    def facts(self, claim: Claim) -> PullSecretFacts:
        """Returns the recorded progress of a claim."""
        uid = claim.registry_uid
        failures = list(self._failures(uid))
        forbidden = [failure for failure in failures if failure.reason is Reason.NAMESPACE_WRITE_FORBIDDEN]
        others = [failure for failure in failures if failure.reason is not Reason.NAMESPACE_WRITE_FORBIDDEN]
        shown = tuple([*others, *forbidden][:MAX_SHOWN_FAILURES])
        counts = (self._namespaces[uid], self._ready[uid], len(failures))
        facts = PullSecretFacts(*counts, shown, claim.secret_name, claim.service_accounts)
        return replace(facts, forbidden=len(forbidden)) if forbidden else facts

    def ready(self, uid: str) -> list[ObservedNamespace]:
        """Returns the namespaces in which the claim of a registry is ready."""
        return [
            record.observed
            for _, record in self._store
            if record.observed is not None and any(status.uid == uid and status.ready for status in record.statuses)
        ]

    def _count(self, statuses: tuple[ClaimStatus, ...], step: int) -> None:
        for status in statuses:
            self._namespaces[status.uid] += step
            self._ready[status.uid] += step * status.ready

    def _measure(self, record: NamespaceRecord, statuses: tuple[ClaimStatus, ...]) -> tuple[float | None, ...]:
        """Reports the claims that have become ready; returns for each of the others since when it is pending."""
        now, uids = self._clock(), (status.uid for status in record.statuses)
        before = {uid: at for uid, at in zip(uids, record.pending_since, strict=False) if at is not None}
        for status in statuses:
            if status.ready and status.uid in before:
                self._report(now - before[status.uid])
        pending = tuple(None if status.ready else before.get(status.uid, now) for status in statuses)
        return pending if any(pending) else ()

    def _failures(self, uid: str) -> Iterator[NamespaceFailure]:
        for namespace, record in self._store.noteworthy():
            for status in record.statuses:
                if status.uid == uid and (failure := self._failure(namespace, record, status)):
                    yield failure

    def _failure(self, namespace: str, record: NamespaceRecord, status: ClaimStatus) -> NamespaceFailure | None:
        if status.ready:
            return None
        if status.reason is not None:
            return NamespaceFailure(namespace, status.reason, status.message)
        error = self.error(record)
        return NamespaceFailure(namespace, error.reason, str(error)) if error else None


@lru_cache(maxsize=64)
def _shared(statuses: tuple[ClaimStatus, ...]) -> tuple[ClaimStatus, ...]:
    """Returns one tuple for all namespaces with the same statuses."""
    return statuses


@dataclass(slots=True)
class _Watch:
    last_event_at: float
    is_synced: bool = False
    error: Refused | None = None


class WatchStatus:
    """Whether each watch has synced, why the server refuses it, and the time of its last event."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._watches: dict[Source, _Watch] = {}

    def is_synced(self, sources: Iterable[Source]) -> bool:
        """Whether each of these watches has delivered a full list."""
        return all((watch := self._watches.get(source)) is not None and watch.is_synced for source in sources)

    def error(self, sources: Iterable[Source]) -> Refused | None:
        """Returns why the server refuses one of these watches, if it does."""
        watches = (self._watches.get(source) for source in sources)
        return next((watch.error for watch in watches if watch is not None and watch.error is not None), None)

    def last_event_at(self, sources: Iterable[Source]) -> float:
        """Returns the time since which each of these watches has delivered an event; 0 if one never has."""
        watches = (self._watches.get(source) for source in sources)
        return min(watch.last_event_at if watch is not None else 0.0 for watch in watches)

    def seconds_since_last_event(self) -> dict[Kind, float]:
        """Returns the seconds since the last event of the quietest watch of each kind; a heartbeat is an event."""
        now = self._clock()
        quietest: dict[Kind, float] = {}
        for source, watch in self._watches.items():
            quietest[source.kind] = max(now - watch.last_event_at, quietest.get(source.kind, 0.0))
        return quietest

    def mark_event(self, source: Source) -> None:
        """Records an event."""
        watch = self._ensure(source)
        watch.last_event_at, watch.error = self._clock(), None

    def mark_synced(self, source: Source) -> bool:
        """Records a full list; True if it is the first."""
        watch = self._ensure(source)
        was_synced, watch.is_synced = watch.is_synced, True
        return not was_synced

    def mark_error(self, source: Source, refused: Refused) -> None:
        """Records that the server refuses a watch; as it answered, the watch counts as alive."""
        watch = self._ensure(source)
        watch.last_event_at, watch.error = self._clock(), refused.with_traceback(None)

    def drop(self, source: Source) -> None:
        """Forgets a watch that has ended."""
        self._watches.pop(source, None)

    def _ensure(self, source: Source) -> _Watch:
        watch = self._watches.get(source)
        if watch is None:
            watch = self._watches[source] = _Watch(self._clock())
        return watch


class AdmissionPolicyMonitor:
    """Counts consecutive new service accounts that the active admission policy failed to mutate, per registry.

    An API server may accept such policies and ignore them; only their missing effect shows that.
    """

    def __init__(self) -> None:
        self._missed: dict[str, int] = {}

    def expect(self, registry_uid: str, *, attached: bool) -> None:
        """Starts or stops counting for a registry."""
        if attached:
            self._missed.setdefault(registry_uid, 0)
        else:
            self._missed.pop(registry_uid, None)

    @property
    def is_expecting(self) -> bool:
        """Whether an effect is expected for any registry."""
        return bool(self._missed)

    def record(self, account: ObservedServiceAccount, claims: Sequence[NamespaceClaim]) -> None:
        """Counts one new service account."""
        if not acts_in(account.namespace):
            return
        for claim in claims:
            uid = claim.uid
            if uid in self._missed and claim.state is ClaimState.ACTIVE and claim.covers(account.name):
                self._missed[uid] = 0 if claim.secret_name in account.references else self._missed[uid] + 1

    def missed(self, registry_uid: str) -> int:
        """Returns how many of the latest new service accounts, in a row, the policy missed."""
        return self._missed.get(registry_uid, 0)
