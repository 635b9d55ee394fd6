"""Where something of a released claim remains."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from harbor_operator.injector.claims import ClaimRegistry, claim_in_state, sources_for
from harbor_operator.injector.queue import WorkQueue
from harbor_operator.injector.status import WatchStatus
from harbor_operator.injector.store import Store
from harbor_operator.injector.writer import Writer
from harbor_operator.model.injection import Claim, ClaimState, RemainingNamespaces
from harbor_operator.plan.injection import has_leftovers, has_lingering_secret, mentions

MAX_SHOWN_NAMESPACES = 20


class Leftovers:
    """Reads the state of the injector; changes nothing."""

    def __init__(
        self, store: Store, watches: WatchStatus, claims: ClaimRegistry, queue: WorkQueue, writer: Writer
    ) -> None:
        self._store = store
        self._watches = watches
        self._claims = claims
        self._queue = queue
        self._writer = writer

    def releasing(self, claim: Claim) -> Iterator[str]:
        """Yields the namespaces in which the operator still has something to remove."""
        releasing = claim_in_state(claim, ClaimState.RELEASING)
        last_event_at = self._watches.last_event_at(sources_for(claim))
        for namespace, record in self._store:
            # A write that runs, or that got no answer, may still leave something behind.
            if record.is_active and (
                self._queue.is_processing(namespace)
                or self._writer.may_still_apply(record, last_event_at)
                or (
                    record.observed is not None
                    and mentions(record, claim)
                    and has_leftovers(record, releasing, self._claims.claims(record.observed))
                )
            ):
                yield namespace

    def lingering(self, claim: Claim) -> Iterator[str]:
        """Yields the namespaces in which a finalizer of another client keeps the deleted Secret."""
        releasing = claim_in_state(claim, ClaimState.RELEASING)
        for namespace, record in self._store:
            if record.observed is None or not mentions(record, claim):
                continue
            if has_lingering_secret(record, releasing, self._claims.claims(record.observed)):
                yield namespace

    def shown(self, claim: Claim) -> RemainingNamespaces:
        """Returns the first names of both."""
        return RemainingNamespaces(
            tuple(heapq.nsmallest(MAX_SHOWN_NAMESPACES, self.releasing(claim))),
            tuple(heapq.nsmallest(MAX_SHOWN_NAMESPACES, self.lingering(claim))),
        )
