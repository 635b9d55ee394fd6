"""How far every wish has spread, and how long it took; counted as it changes, so that asking costs nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache

from harbor_operator.model.injection import Claim, ClaimStatus
from harbor_operator.model.outcomes import NamespaceFailure, PullSecretFacts
from harbor_operator.ports import Refused

MAX_SHOWN_FAILURES = 20


class InjectionStatus:
    """Where every wish stands in every namespace; `report` is told the seconds from first sight to done."""

    def __init__(self, clock: Callable[[], float], report: Callable[[float], None]) -> None:
        self._clock = clock
        self._report = report
        self._standings: dict[str, tuple[ClaimStatus, ...]] = {}
        self._totals: Counter[str] = Counter()
        self._ready: Counter[str] = Counter()
        self._stuck: set[str] = set()
        self._since: dict[tuple[str, str], float] = {}
        self._refused: dict[str, dict[str, Refused]] = {}

    def record(self, namespace: str, statuses: tuple[ClaimStatus, ...]) -> None:
        """Notes where the wishes stand in a namespace; none forgets the namespace."""
        before = self._standings.get(namespace, ())
        if statuses == before:
            return
        self._count(before, -1)
        self._count(statuses, 1)
        for lost in {claim_status.uid for claim_status in before} - {claim_status.uid for claim_status in statuses}:
            self._since.pop((namespace, lost), None)
        if statuses:
            self._standings[namespace] = _shared(statuses)
        else:
            del self._standings[namespace]
        if any(claim_status.reason for claim_status in statuses):
            self._stuck.add(namespace)
        else:
            self._stuck.discard(namespace)
        self._time(namespace, statuses)

    def refuse(self, namespace: str, subject: str, refused: Refused) -> None:
        """Notes that the server refused a write."""
        self._refused.setdefault(namespace, {})[subject] = refused

    def accept(self, namespace: str, subject: str) -> None:
        """Notes that the server took a write."""
        if refusals := self._refused.get(namespace):
            refusals.pop(subject, None)

    def forgive(self, namespace: str) -> None:
        """Forgets what was refused in a namespace in which nothing is left to write."""
        self._refused.pop(namespace, None)

    def refusal(self, namespace: str) -> Refused | None:
        """Returns why a write in the namespace was refused last."""
        return next(iter(self._refused.get(namespace, {}).values()), None)

    def facts(self, claim: Claim) -> PullSecretFacts:
        """Returns how far the wish of this claim has spread."""
        uid = claim.registry_uid
        failures = list(self._failures(uid))
        shown = tuple(failures[:MAX_SHOWN_FAILURES])
        counts = (self._totals[uid], self._ready[uid], len(failures))
        return PullSecretFacts(*counts, shown, claim.secret_name, claim.service_accounts)

    def _count(self, statuses: tuple[ClaimStatus, ...], step: int) -> None:
        for claim_status in statuses:
            self._totals[claim_status.uid] += step
            self._ready[claim_status.uid] += step * claim_status.ready

    def _time(self, namespace: str, statuses: tuple[ClaimStatus, ...]) -> None:
        now = self._clock()
        for claim_status in statuses:
            key = (namespace, claim_status.uid)
            if not claim_status.ready:
                self._since.setdefault(key, now)
            elif (since := self._since.pop(key, None)) is not None:
                self._report(now - since)

    def _failures(self, uid: str) -> Iterator[NamespaceFailure]:
        for namespace in sorted(self._stuck | self._refused.keys()):
            for claim_status in self._standings.get(namespace, ()):
                if claim_status.uid == uid and (failure := self._failure(namespace, claim_status)):
                    yield failure

    def _failure(self, namespace: str, claim_status: ClaimStatus) -> NamespaceFailure | None:
        if claim_status.ready:
            return None
        if claim_status.reason is not None:
            return NamespaceFailure(namespace, claim_status.reason, claim_status.message)
        refused = self.refusal(namespace)
        return NamespaceFailure(namespace, refused.reason, str(refused)) if refused else None


@lru_cache(maxsize=64)
def _shared(equal: tuple[ClaimStatus, ...]) -> tuple[ClaimStatus, ...]:
    """One tuple for all the namespaces in which the wishes are equally far."""
    return equal
