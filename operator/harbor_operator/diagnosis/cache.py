"""Judges a Redis: what Harbor can use is one primary, outside a cluster, with enough logical databases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from harbor_operator.outcomes import Blocked, Caution, Pending
from harbor_operator.reasons import Reason

DATABASES = 8
"""Harbor uses the indexes 0 to 7: core, jobservice, registry, trivy, and two that newer charts offer."""


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a port, as `spec.cache.addresses` writes them."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """Returns the address in 'host:port'."""
        host, _, port = text.rpartition(":")
        return cls(host, int(port))

    @property
    def text(self) -> str:
        """The address as 'host:port'."""
        return f"{self.host}:{self.port}"


class Mode(StrEnum):
    """What kind of server answers."""

    STANDALONE = "standalone"
    CLUSTER = "cluster"
    SENTINEL = "sentinel"


@dataclass(frozen=True, slots=True)
class CacheSeen:
    """One look at a server; `product` is its name and version, `primary` whom a replica follows."""

    product: str
    mode: Mode = Mode.STANDALONE
    is_primary: bool = True
    primary: str = ""
    has_enough_databases: bool = True
    eviction: str = "noeviction"


@dataclass(frozen=True, slots=True)
class SentinelSeen:
    """What a Sentinel answered; `is_sentinel` is False for any other server."""

    is_sentinel: bool = True
    requires_password: bool = False
    master: Address | None = None


def obstacle(address: Address, seen: CacheSeen) -> Blocked | None:
    """Returns why Harbor cannot use the server, or None."""
    where = f"{seen.product} at '{address.text}' (`spec.cache.addresses`)"
    if seen.mode is Mode.SENTINEL:
        return Blocked(
            Reason.CACHE_IS_SENTINEL,
            f"{where} is a Sentinel: set `spec.cache.sentinelMaster` to the name of its master set, "
            "or give the address of the primary",
        )
    if seen.mode is Mode.CLUSTER:
        return Blocked(
            Reason.CACHE_IS_CLUSTER,
            f"{where} runs in cluster mode, which Harbor does not speak: it would fail with 'MOVED' for every key that "
            "another node holds; use one primary, a primary behind Sentinels, or HAProxy in front of the primary",
        )
    if not seen.is_primary:
        follows = f" of '{seen.primary}'" if seen.primary else ""
        return Blocked(
            Reason.CACHE_IS_REPLICA,
            f"{where} is a replica{follows} and refuses writes: give the address of the primary, "
            "or Sentinels with `spec.cache.sentinelMaster`",
        )
    if not seen.has_enough_databases:
        return Blocked(
            Reason.CACHE_TOO_FEW_DATABASES,
            f"{where} has no logical database {DATABASES - 1}: Harbor uses 0 to {DATABASES - 1}; "
            f"set `databases {DATABASES}` or more in its configuration and restart it",
        )
    return None


def cautions(address: Address, seen: CacheSeen) -> tuple[Caution, ...]:
    """Returns what works today and will lose jobs under memory pressure."""
    if seen.eviction == "noeviction":
        return ()
    return (
        Caution(
            Reason.CACHE_EVICTS_KEYS,
            f"{seen.product} at '{address.text}' has `maxmemory-policy {seen.eviction}`: when memory runs out it drops "
            "Harbor's jobs and sessions without a word; set `maxmemory-policy noeviction`",
        ),
    )


def sentinel_obstacle(address: Address, master: str, seen: SentinelSeen) -> Blocked | None:
    """Returns why Harbor cannot find its primary through the Sentinel, or None."""
    if not seen.is_sentinel:
        return Blocked(
            Reason.SENTINEL_MASTER_UNKNOWN,
            f"the server at '{address.text}' (`spec.cache.addresses`) is no Sentinel: give the Sentinels' addresses, "
            "or leave `spec.cache.sentinelMaster` empty and give the one primary",
        )
    if seen.requires_password:
        return Blocked(
            Reason.SENTINEL_REQUIRES_PASSWORD,
            f"the Sentinel at '{address.text}' demands a password, which Harbor cannot give: take `requirepass` out "
            "of the Sentinels' configuration (the primary may keep its own), or use one primary address",
        )
    if seen.master is None:
        return Blocked(
            Reason.SENTINEL_MASTER_UNKNOWN,
            f"the Sentinel at '{address.text}' knows no master set '{master}': correct `spec.cache.sentinelMaster` "
            "(the Sentinels list theirs with 'SENTINEL MASTERS')",
        )
    return None


def split_view(masters: Mapping[Address, Address]) -> Pending | None:
    """Returns that Sentinels name different primaries, by Sentinel, or None."""
    if len(set(masters.values())) <= 1:
        return None
    views = ", ".join(f"'{sentinel.text}' says '{master.text}'" for sentinel, master in masters.items())
    return Pending(
        Reason.SENTINEL_MASTER_UNKNOWN,
        f"the Sentinels of `spec.cache.addresses` do not name one primary: {views}; "
        "if this is no failover in progress, they belong to different master sets",
    )


def silent_sentinels(silent: Mapping[Address, str]) -> tuple[Caution, ...]:
    """Returns a warning for Sentinels that did not answer while others did."""
    return tuple(
        Caution(
            Reason.CACHE_UNREACHABLE, f"Sentinel '{address.text}' of `spec.cache.addresses` does not answer: {said}"
        )
        for address, said in silent.items()
    )
