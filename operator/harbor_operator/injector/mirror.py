"""What the watches have told, kept per namespace; it survives repeats, stale events and missed deletions.

A resourceVersion is read as a number that grows with every write, which the API server guarantees: an event older than
what is known changes nothing, so the answer to our own write may be noted before the watch brings it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import TypeVar

from harbor_operator.plan.holding import AccountSeen, Holding, NamespaceSeen, SecretSeen
from harbor_operator.ports.cluster import Complete, Kind, Seen, Source, Vanished

Thing = TypeVar("Thing", SecretSeen, AccountSeen)


class Mirror:
    """The cluster as last seen: one `Holding` per namespace."""

    def __init__(self) -> None:
        self._holdings: dict[str, Holding] = {}

    def __iter__(self) -> Iterator[tuple[str, Holding]]:
        return iter(self._holdings.items())

    def names(self) -> list[str]:
        """Returns every namespace of which something is known."""
        return list(self._holdings)

    def __getitem__(self, namespace: str) -> Holding:
        """Returns what the namespace holds; nothing if it is not known."""
        return self._holdings.get(namespace) or Holding()

    def note(self, seen: Seen) -> bool:
        """Notes one object; False if that, or something newer, was known already."""
        match seen:
            case NamespaceSeen():
                holding = self._holdings.setdefault(seen.name, Holding())
                if holding.seen is not None and holding.seen.revision >= seen.revision:
                    return False
                holding.seen = seen
                return True
            case SecretSeen():
                return _note(self._holdings.setdefault(seen.namespace, Holding()).secrets, seen)
            case AccountSeen():
                return _note(self._holdings.setdefault(seen.namespace, Holding()).accounts, seen)

    def forget(self, kind: Kind, gone: Vanished) -> bool:
        """Notes a deletion; False if it concerns nothing known, or an earlier object of that name."""
        holding = self._holdings.get(gone.namespace)
        if holding is None or not _drop(holding, kind, gone):
            return False
        if holding.is_empty:
            del self._holdings[gone.namespace]
        return True

    def compare(self, source: Source, complete: Complete) -> list[Vanished]:
        """Returns what was deleted while nobody watched: known, older than the full list, and not in it."""
        return [
            Vanished(namespace, name, complete.revision)
            for namespace, name, revision in self._known(source)
            if revision <= complete.revision and (namespace, name) not in complete.keys
        ]

    def drop_source(self, source: Source, others: Iterable[Source]) -> None:
        """Forgets what only this source, and none of the others, would keep fresh."""
        covered = {other.name for other in others if other.kind is source.kind and other != source}
        for namespace, name, revision in list(self._known(source)):
            if covered.isdisjoint({"", name}):
                self.forget(source.kind, Vanished(namespace, name, revision))

    def _known(self, source: Source) -> Iterator[tuple[str, str, int]]:
        for namespace, holding in self._holdings.items():
            if source.kind is Kind.NAMESPACES:
                if holding.seen is not None:
                    yield namespace, namespace, holding.seen.revision
                continue
            things: Mapping[str, SecretSeen | AccountSeen]
            things = holding.secrets if source.kind is Kind.SECRETS else holding.accounts
            for name, thing in things.items():
                if source.name in {"", name}:
                    yield namespace, name, thing.revision


def _note(things: MutableMapping[str, Thing], seen: Thing) -> bool:
    known = things.get(seen.name)
    if known is not None and known.revision >= seen.revision:
        return False
    things[seen.name] = seen
    return True


def _drop(holding: Holding, kind: Kind, gone: Vanished) -> bool:
    if kind is Kind.NAMESPACES:
        if holding.seen is None or holding.seen.revision > gone.revision:
            return False
        holding.seen = None
        return True
    if kind is Kind.SECRETS:
        return _remove(holding.secrets, gone)
    return _remove(holding.accounts, gone)


def _remove(things: MutableMapping[str, Thing], gone: Vanished) -> bool:
    known = things.get(gone.name)
    if known is None or known.revision > gone.revision:
        return False
    del things[gone.name]
    return True
