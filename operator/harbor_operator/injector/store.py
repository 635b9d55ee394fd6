"""What the watches delivered and what the injector did about it: one record per namespace.

The record is the only place that is keyed by namespace (apart from the keys in the work queue), so a namespace that is
gone is forgotten in one place, `Store.forget`.

A resourceVersion is read as a number that grows with every write, which the API server guarantees. An event older than
the known object changes nothing, so the answer to our own write can be stored before the watch delivers it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from typing import TypeVar

from harbor_operator.injector.limits import Failure
from harbor_operator.model.injection import ClaimStatus, NamespacePlan
from harbor_operator.model.namespace import NamespaceState, ObservedNamespace, ObservedSecret, ObservedServiceAccount
from harbor_operator.model.watch import Deleted, Kind, ObservedObject, Source, Synced
from harbor_operator.ports import Refused

StoredT = TypeVar("StoredT", ObservedSecret, ObservedServiceAccount)
NO_SUBJECTS: frozenset[str] = frozenset()


@dataclass(slots=True)
class Repair:
    """A write that was needed `times` times, last at `last`, with `gap` seconds before that."""

    times: int
    last: float
    gap: float = 0.0


class NamespaceRecord(NamespaceState, gc=False):
    """Everything the injector knows of one namespace. To save memory, parts that few namespaces need are None or empty.

    plan           the plan that waits in the queue; None after any change
    statuses       the last recorded status of each active claim
    pending_since  for each status, when its claim was first seen pending; empty if all are ready
    errors         subject of a write -> why the server refused it
    failures       subject of a write -> its back-off
    written        subjects that were written once, last at `written_at`
    repairs        subject -> how often it was written again
    """

    plan: NamespacePlan | None = None
    statuses: tuple[ClaimStatus, ...] = ()
    pending_since: tuple[float | None, ...] = ()
    errors: dict[str, Refused] | None = None
    failures: dict[str, Failure] | None = None
    written: frozenset[str] | set[str] = NO_SUBJECTS
    written_at: float = 0.0
    repairs: dict[str, Repair] | None = None

    @property
    def is_noteworthy(self) -> bool:
        """Whether a report may have to name this namespace."""
        if self.errors is not None or self.repairs is not None:
            return True
        return self.statuses != () and any(status.reason is not None for status in self.statuses)

    def forget_writes(self) -> None:
        """Forgets failures and conflicts: the namespace is gone, and one of the same name is another."""
        self.errors = self.failures = self.repairs = None
        self.written = NO_SUBJECTS


class Store:
    """The observed state of the cluster, as in client-go, and the injector's notes on each namespace."""

    def __init__(self) -> None:
        self._records: dict[str, NamespaceRecord] = {}
        self._noteworthy: set[str] = set()

    def __iter__(self) -> Iterator[tuple[str, NamespaceRecord]]:
        return iter(self._records.items())

    def __getitem__(self, namespace: str) -> NamespaceRecord:
        """Returns the record of a namespace; an empty one, which is not stored, if nothing is known of it."""
        return self._records.get(namespace) or NamespaceRecord()

    def names(self) -> list[str]:
        """Returns the names of all known namespaces."""
        return list(self._records)

    def upsert(self, observed: ObservedObject) -> bool:
        """Stores one object; False if the same or a newer revision is known."""
        record = self._records.get(observed.namespace)
        if record is None:
            record = self._records[observed.namespace] = NamespaceRecord()
        match observed:
            case ObservedNamespace():
                if record.observed is not None and record.observed.revision >= observed.revision:
                    return False
                record.observed = observed
            case ObservedSecret():
                if not _upsert(record.secrets, observed):
                    return False
            case ObservedServiceAccount():
                if not _upsert(record.accounts, observed):
                    return False
        record.plan = None
        return True

    def delete(self, kind: Kind, gone: Deleted) -> bool:
        """Removes one object; False if it is not known, or only a newer object of that name is.

        The record stays, even if it is empty, until its last plan is recorded and it is forgotten.
        """
        record = self._records.get(gone.namespace)
        if record is None:
            return False
        match kind:
            case Kind.NAMESPACES:
                if record.observed is None or record.observed.revision > gone.revision:
                    return False
                record.observed = None
                record.forget_writes()
            case Kind.SECRETS:
                if not _delete(record.secrets, gone):
                    return False
            case Kind.ACCOUNTS:
                if not _delete(record.accounts, gone):
                    return False
        record.plan = None
        return True

    def replace(self, source: Source, synced: Synced) -> list[Deleted]:
        """Removes what a full list no longer contains; returns the deletions that the watch missed."""
        missed = [
            Deleted(namespace, name, synced.revision)
            for namespace, name, revision in self._known(source)
            if revision <= synced.revision and (namespace, name) not in synced.keys
        ]
        return [gone for gone in missed if self.delete(source.kind, gone)]

    def drop_source(self, source: Source, others: Iterable[Source]) -> None:
        """Removes the objects that only this source, and none of the others, keeps up to date."""
        covered = {other.name for other in others if other.kind is source.kind and other != source}
        for namespace, name, revision in list(self._known(source)):
            if covered.isdisjoint({"", name}):
                self.delete(source.kind, Deleted(namespace, name, revision))

    def drop_plans(self) -> None:
        """Drops every waiting plan after a change of the claims."""
        for record in self._records.values():
            record.plan = None

    def noteworthy(self) -> list[tuple[str, NamespaceRecord]]:
        """Returns the namespaces that a report may have to name, sorted by name."""
        return [(namespace, self._records[namespace]) for namespace in sorted(self._noteworthy)]

    def update_index(self, namespace: str) -> None:
        """Adds the namespace to the noteworthy ones or removes it; call this after a change of its record."""
        record = self._records.get(namespace)
        if record is not None and record.is_noteworthy:
            self._noteworthy.add(namespace)
        else:
            self._noteworthy.discard(namespace)

    def forget(self, namespace: str) -> None:
        """Removes the record of a namespace of which nothing is left."""
        self._records.pop(namespace, None)
        self._noteworthy.discard(namespace)

    def _known(self, source: Source) -> Iterator[tuple[str, str, int]]:
        for namespace, record in self._records.items():
            if source.kind is Kind.NAMESPACES:
                if record.observed is not None:
                    yield namespace, namespace, record.observed.revision
                continue
            objects: Mapping[str, ObservedSecret | ObservedServiceAccount]
            objects = record.secrets if source.kind is Kind.SECRETS else record.accounts
            for name, known in objects.items():
                if source.name in {"", name}:
                    yield namespace, name, known.revision


def _upsert(objects: MutableMapping[str, StoredT], observed: StoredT) -> bool:
    known = objects.get(observed.name)
    if known is not None and known.revision >= observed.revision:
        return False
    objects[observed.name] = observed
    return True


def _delete(objects: MutableMapping[str, StoredT], gone: Deleted) -> bool:
    known = objects.get(gone.name)
    if known is None or known.revision > gone.revision:
        return False
    del objects[gone.name]
    return True
