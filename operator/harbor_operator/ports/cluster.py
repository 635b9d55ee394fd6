"""What the injector asks of the whole cluster: endless views of three kinds of objects, and three writes."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from pydantic import SecretStr

from harbor_operator.plan.holding import AccountSeen, NamespaceSeen, SecretSeen


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


Seen = NamespaceSeen | SecretSeen | AccountSeen


@dataclass(frozen=True, slots=True)
class Vanished:
    """An object was deleted; `namespace` is the name itself for a Namespace."""

    namespace: str
    name: str
    revision: int


@dataclass(frozen=True, slots=True)
class Complete:
    """A full list has been delivered: what is older than `revision` and not among `keys` (namespace, name) is gone."""

    revision: int
    keys: frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Alive:
    """Nothing has changed, and the view is still being fed."""


Change = Seen | Vanished | Complete | Alive


@dataclass(frozen=True, slots=True)
class PullSecret:
    """The Secret that a namespace shall hold; with `replaces`, only in place of the one with that uid."""

    name: str
    registry_uid: str
    registry_key: str
    docker_config: SecretStr
    adopted: bool = False
    replaces: str = ""


class Cluster(Protocol):
    """The cluster-wide side of the API server; every write has a deadline.

    Raises Unavailable (with `retry_after` if the server named one) and Refused.
    """

    def watch(self, source: Source) -> AsyncGenerator[Change, None]:
        """Yields everything there is, then `Complete`, then every change; lists anew, and says so, when it must.

        Comes back by itself from everything but Refused. A change may come twice; an old one may follow a newer one.
        """
        ...

    async def apply_pull_secret(self, namespace: str, secret: PullSecret) -> SecretSeen | None:
        """Makes the Secret hold this in one call, and returns it.

        None if the world has moved on: the namespace is going away, or another Secret has come to that name. Without
        `replaces`, nothing that somebody else wrote is overwritten.
        """
        ...

    async def remove_pull_secret(self, namespace: str, name: str, uid: str) -> SecretSeen | None:
        """Deletes the Secret with that uid; returns it if it lingers on a finalizer, None if it is there no more."""
        ...

    async def patch_account(self, wanted: AccountSeen) -> AccountSeen | None:
        """Makes a service account that is still at that revision as wanted, and returns it; None if it has moved on."""
        ...
