"""What is watched, and the events of a watch.

An upsert is the observed object itself: a wrapper would cost one more allocation for each of ten thousand events.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from harbor_operator.model.namespace import ObservedNamespace, ObservedSecret, ObservedServiceAccount


class Kind(StrEnum):
    """A watched resource; the value is its plural name in the API."""

    NAMESPACES = "namespaces"
    SECRETS = "secrets"
    ACCOUNTS = "serviceaccounts"


@dataclass(frozen=True, slots=True)
class Source:
    """One watch: a resource in all namespaces, restricted to one object name, or to no name if it is empty."""

    kind: Kind
    name: str = ""


ObservedObject = ObservedNamespace | ObservedSecret | ObservedServiceAccount


@dataclass(frozen=True, slots=True)
class Deleted:
    """An object was deleted at `revision`; for a Namespace, `namespace` is its own name."""

    namespace: str
    name: str
    revision: int


@dataclass(frozen=True, slots=True)
class Synced:
    """A full list was delivered: an object not in `keys` (namespace, name) and not newer than `revision` is deleted."""

    revision: int
    keys: frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Nothing changed, and the watch is alive: a bookmark, or the server accepted the connection."""


WatchEvent = ObservedObject | Deleted | Synced | Heartbeat
"""An observed object is an upsert: it was listed, added or modified."""
