"""How far every wish has spread, and how long it took; counted as it changes, so that asking costs nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache

from harbor_operator.outcomes import NamespaceFailure, PullSecretFacts
from harbor_operator.plan.injection import Standing
from harbor_operator.ports import Refused
from harbor_operator.ports.distribution import Claim

SHOWN = 20


class Standings:
    """Where every wish stands in every namespace; `report` is told the seconds from first sight to done."""

    def __init__(self, clock: Callable[[], float], report: Callable[[float], None]) -> None:
        self._clock = clock
        self._report = report
        self._standings: dict[str, tuple[Standing, ...]] = {}
        self._totals: Counter[str] = Counter()
        self._ready: Counter[str] = Counter()
        self._stuck: set[str] = set()
        self._since: dict[tuple[str, str], float] = {}
        self._refused: dict[str, dict[str, Refused]] = {}

    def record(self, namespace: str, standings: tuple[Standing, ...]) -> None:
        """Notes where the wishes stand in a namespace; none forgets the namespace."""
        before = self._standings.get(namespace, ())
        if standings == before:
            return
        self._count(before, -1)
        self._count(standings, 1)
        for lost in {standing.uid for standing in before} - {standing.uid for standing in standings}:
            self._since.pop((namespace, lost), None)
        if standings:
            self._standings[namespace] = _shared(standings)
        else:
            del self._standings[namespace]
        if any(standing.reason for standing in standings):
            self._stuck.add(namespace)
        else:
            self._stuck.discard(namespace)
        self._time(namespace, standings)

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
        shown = tuple(failures[:SHOWN])
        counts = (self._totals[uid], self._ready[uid], len(failures))
        return PullSecretFacts(*counts, shown, claim.secret_name, claim.service_accounts)

    def _count(self, standings: tuple[Standing, ...], step: int) -> None:
        for standing in standings:
            self._totals[standing.uid] += step
            self._ready[standing.uid] += step * standing.ready

    def _time(self, namespace: str, standings: tuple[Standing, ...]) -> None:
        now = self._clock()
        for standing in standings:
            key = (namespace, standing.uid)
            if not standing.ready:
                self._since.setdefault(key, now)
            elif (since := self._since.pop(key, None)) is not None:
                self._report(now - since)

    def _failures(self, uid: str) -> Iterator[NamespaceFailure]:
        for namespace in sorted(self._stuck | self._refused.keys()):
            for standing in self._standings.get(namespace, ()):
                if standing.uid == uid and (failure := self._failure(namespace, standing)):
                    yield failure

    def _failure(self, namespace: str, standing: Standing) -> NamespaceFailure | None:
        if standing.ready:
            return None
        if standing.reason is not None:
            return NamespaceFailure(namespace, standing.reason, standing.message)
        refused = self.refusal(namespace)
        return NamespaceFailure(namespace, refused.reason, str(refused)) if refused else None


@lru_cache(maxsize=64)
def _shared(equal: tuple[Standing, ...]) -> tuple[Standing, ...]:
    """One tuple for all the namespaces in which the wishes are equally far."""
    return equal
