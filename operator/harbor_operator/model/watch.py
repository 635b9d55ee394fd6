"""What the injector watches, and the events of a watch."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from harbor_operator.model.namespace import ObservedNamespace, ObservedSecret, ObservedServiceAccount


class Kind(StrEnum):
    """What is watched."""

    NAMESPACES = "namespaces"
    SECRETS = "secrets"
    ACCOUNTS = "serviceaccounts"


@dataclass(frozen=True, slots=True)
class Source:
    """One view: a kind, cluster-wide, of one name; no name = all of them."""

    kind: Kind
    name: str = ""


ObservedObject = ObservedNamespace | ObservedSecret | ObservedServiceAccount


@dataclass(frozen=True, slots=True)
class Deleted:
    """An object was deleted; `namespace` is the name itself for a Namespace."""

    namespace: str
    name: str
    revision: int


@dataclass(frozen=True, slots=True)
class Synced:
    """A full list has been delivered: what is older than `revision` and not among `keys` (namespace, name) is gone."""

    revision: int
    keys: frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Nothing has changed, and the view is still being fed."""


WatchEvent = ObservedObject | Deleted | Synced | Heartbeat
