"""How far every wish has spread, and how long it took."""

from __future__ import annotations

from collections.abc import Callable, Sequence

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
        self._since: dict[tuple[str, str], float] = {}
        self._refused: dict[str, dict[str, Refused]] = {}

    def record(self, namespace: str, standings: Sequence[Standing]) -> None:
        """Notes where the wishes stand in a namespace; none forgets the namespace."""
        for lost in self._standings.pop(namespace, ()):
            if all(standing.uid != lost.uid for standing in standings):
                self._since.pop((namespace, lost.uid), None)
        if not standings:
            return
        self._standings[namespace] = tuple(standings)
        now = self._clock()
        for standing in standings:
            key = (namespace, standing.uid)
            if not standing.ready:
                self._since.setdefault(key, now)
            elif (since := self._since.pop(key, None)) is not None:
                self._report(now - since)

    def refuse(self, namespace: str, subject: str, refused: Refused) -> None:
        """Notes that the server refused a write."""
        self._refused.setdefault(namespace, {})[subject] = refused

    def accept(self, namespace: str, subject: str) -> None:
        """Notes that the server took a write."""
        refusals = self._refused.get(namespace)
        if refusals is not None:
            refusals.pop(subject, None)

    def forgive(self, namespace: str) -> None:
        """Forgets what was refused in a namespace in which nothing is left to write."""
        self._refused.pop(namespace, None)

    def refusal(self, namespace: str) -> Refused | None:
        """Returns why a write in the namespace was refused last."""
        return next(iter(self._refused.get(namespace, {}).values()), None)

    def facts(self, claim: Claim) -> PullSecretFacts:
        """Returns how far the wish of this claim has spread."""
        total = ready = 0
        failures = []
        for namespace, standings in self._standings.items():
            for standing in standings:
                if standing.uid != claim.registry_uid:
                    continue
                total += 1
                ready += standing.ready
                if failure := self._failure(namespace, standing):
                    failures.append(failure)
        shown = tuple(sorted(failures, key=lambda failure: failure.namespace)[:SHOWN])
        return PullSecretFacts(total, ready, len(failures), shown, claim.secret_name, claim.service_accounts)

    def _failure(self, namespace: str, standing: Standing) -> NamespaceFailure | None:
        if standing.ready:
            return None
        if standing.reason is not None:
            return NamespaceFailure(namespace, standing.reason, standing.message)
        refused = self.refusal(namespace)
        return NamespaceFailure(namespace, refused.reason, str(refused)) if refused else None
