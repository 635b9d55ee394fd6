"""What the watches have told, kept per namespace; it survives repeats, stale events and missed deletions.

A resourceVersion is read as a number that grows with every write, which the API server guarantees: an event older than
what is known changes nothing, so the answer to our own write may be noted before the watch brings it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import TypeVar

from harbor_operator.model.namespace import NamespaceState, ObservedNamespace, ObservedSecret, ObservedServiceAccount
from harbor_operator.model.watch import Deleted, Kind, ObservedObject, Source, Synced

StoredT = TypeVar("StoredT", ObservedSecret, ObservedServiceAccount)


class Store:
    """The cluster as last seen: one `Holding` per namespace."""

    def __init__(self) -> None:
        self._holdings: dict[str, NamespaceState] = {}

    def __iter__(self) -> Iterator[tuple[str, NamespaceState]]:
        return iter(self._holdings.items())

    def names(self) -> list[str]:
        """Returns every namespace of which something is known."""
        return list(self._holdings)

    def __getitem__(self, namespace: str) -> NamespaceState:
        """Returns what the namespace holds; nothing if it is not known."""
        return self._holdings.get(namespace) or NamespaceState()

    def note(self, observed: ObservedObject) -> bool:
        """Notes one object; False if that, or something newer, was known already."""
        match observed:
            case ObservedNamespace():
                holding = self._holdings.setdefault(observed.name, NamespaceState())
                if holding.observed is not None and holding.observed.revision >= observed.revision:
                    return False
                holding.observed = observed
                return True
            case ObservedSecret():
                return _note(self._holdings.setdefault(observed.namespace, NamespaceState()).secrets, observed)
            case ObservedServiceAccount():
                return _note(self._holdings.setdefault(observed.namespace, NamespaceState()).accounts, observed)

    def forget(self, kind: Kind, gone: Deleted) -> bool:
        """Notes a deletion; False if it concerns nothing known, or an earlier object of that name."""
        holding = self._holdings.get(gone.namespace)
        if holding is None or not _drop(holding, kind, gone):
            return False
        if holding.is_empty:
            del self._holdings[gone.namespace]
        return True

    def compare(self, source: Source, complete: Synced) -> list[Deleted]:
        """Returns what was deleted while nobody watched: known, older than the full list, and not in it."""
        return [
            Deleted(namespace, name, complete.revision)
            for namespace, name, revision in self._known(source)
            if revision <= complete.revision and (namespace, name) not in complete.keys
        ]

    def drop_source(self, source: Source, others: Iterable[Source]) -> None:
        """Forgets what only this source, and none of the others, would keep fresh."""
        covered = {other.name for other in others if other.kind is source.kind and other != source}
        for namespace, name, revision in list(self._known(source)):
            if covered.isdisjoint({"", name}):
                self.forget(source.kind, Deleted(namespace, name, revision))

    def _known(self, source: Source) -> Iterator[tuple[str, str, int]]:
        for namespace, holding in self._holdings.items():
            if source.kind is Kind.NAMESPACES:
                if holding.observed is not None:
                    yield namespace, namespace, holding.observed.revision
                continue
            things: Mapping[str, ObservedSecret | ObservedServiceAccount]
            things = holding.secrets if source.kind is Kind.SECRETS else holding.accounts
            for name, thing in things.items():
                if source.name in {"", name}:
                    yield namespace, name, thing.revision


def _note(things: MutableMapping[str, StoredT], observed: StoredT) -> bool:
    known = things.get(observed.name)
    if known is not None and known.revision >= observed.revision:
        return False
    things[observed.name] = observed
    return True


def _drop(holding: NamespaceState, kind: Kind, gone: Deleted) -> bool:
    if kind is Kind.NAMESPACES:
        if holding.observed is None or holding.observed.revision > gone.revision:
            return False
        holding.observed = None
        return True
    if kind is Kind.SECRETS:
        return _remove(holding.secrets, gone)
    return _remove(holding.accounts, gone)


def _remove(things: MutableMapping[str, StoredT], gone: Deleted) -> bool:
    known = things.get(gone.name)
    if known is None or known.revision > gone.revision:
        return False
    del things[gone.name]
    return True
