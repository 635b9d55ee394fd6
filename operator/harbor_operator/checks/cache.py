"""Judges a Redis: what Harbor can use is one primary, outside a cluster, with enough logical databases."""

from __future__ import annotations

from collections.abc import Mapping

from harbor_operator.model.cache import REQUIRED_DATABASES, Address, Mode, ObservedCache, ObservedSentinel
from harbor_operator.model.outcomes import Blocked, Pending, StatusWarning
from harbor_operator.reasons import Reason


def check_cache(address: Address, observed: ObservedCache) -> Blocked | None:
    """Returns why Harbor cannot use the server, or None."""
    where = f"{observed.product} at '{address.text}' (`spec.cache.addresses`)"
    if observed.mode is Mode.SENTINEL:
        return Blocked(
            Reason.CACHE_IS_SENTINEL,
            f"{where} is a Sentinel: set `spec.cache.sentinelMaster` to the name of its master set, "
            "or give the address of the primary",
        )
    if observed.mode is Mode.CLUSTER:
        return Blocked(
            Reason.CACHE_IS_CLUSTER,
            f"{where} runs in cluster mode, which Harbor does not speak: it would fail with 'MOVED' for every key that "
            "another node holds; use one primary, a primary behind Sentinels, or HAProxy in front of the primary",
        )
    if not observed.is_primary:
        follows = f" of '{observed.primary}'" if observed.primary else ""
        return Blocked(
            Reason.CACHE_IS_REPLICA,
            f"{where} is a replica{follows} and refuses writes: give the address of the primary, "
            "or Sentinels with `spec.cache.sentinelMaster`",
        )
    if not observed.has_enough_databases:
        return Blocked(
            Reason.CACHE_TOO_FEW_DATABASES,
            f"{where} has no logical database {REQUIRED_DATABASES - 1}: Harbor uses 0 to {REQUIRED_DATABASES - 1}; "
            f"set `databases {REQUIRED_DATABASES}` or more in its configuration and restart it",
        )
    return None


def cache_warnings(address: Address, observed: ObservedCache) -> tuple[StatusWarning, ...]:
    """Returns what works today and will lose jobs under memory pressure."""
    if observed.eviction == "noeviction":
        return ()
    return (
        StatusWarning(
            Reason.CACHE_EVICTS_KEYS,
            f"{observed.product} at '{address.text}' has `maxmemory-policy {observed.eviction}`: when memory runs "
            "out it drops "
            "Harbor's jobs and sessions without a word; set `maxmemory-policy noeviction`",
        ),
    )


def check_sentinel(address: Address, master: str, observed: ObservedSentinel) -> Blocked | None:
    """Returns why Harbor cannot find its primary through the Sentinel, or None."""
    if not observed.is_sentinel:
        return Blocked(
            Reason.SENTINEL_MASTER_UNKNOWN,
            f"the server at '{address.text}' (`spec.cache.addresses`) is no Sentinel: give the Sentinels' addresses, "
            "or leave `spec.cache.sentinelMaster` empty and give the one primary",
        )
    if observed.requires_password:
        return Blocked(
            Reason.SENTINEL_REQUIRES_PASSWORD,
            f"the Sentinel at '{address.text}' demands a password, which Harbor cannot give: take `requirepass` out "
            "of the Sentinels' configuration (the primary may keep its own), or use one primary address",
        )
    if observed.master is None:
        return Blocked(
            Reason.SENTINEL_MASTER_UNKNOWN,
            f"the Sentinel at '{address.text}' knows no master set '{master}': correct `spec.cache.sentinelMaster` "
            "(the Sentinels list theirs with 'SENTINEL MASTERS')",
        )
    return None


def check_sentinels_agree(masters: Mapping[Address, Address]) -> Pending | None:
    """Returns that Sentinels name different primaries, by Sentinel, or None."""
    if len(set(masters.values())) <= 1:
        return None
    views = ", ".join(f"'{sentinel.text}' says '{master.text}'" for sentinel, master in masters.items())
    return Pending(
        Reason.SENTINEL_MASTER_UNKNOWN,
        f"the Sentinels of `spec.cache.addresses` do not name one primary: {views}; "
        "if this is no failover in progress, they belong to different master sets",
    )


def silent_sentinel_warnings(silent: Mapping[Address, str]) -> tuple[StatusWarning, ...]:
    """Returns a warning for Sentinels that did not answer while others did."""
    return tuple(
        StatusWarning(
            Reason.CACHE_UNREACHABLE, f"Sentinel '{address.text}' of `spec.cache.addresses` does not answer: {said}"
        )
        for address, said in silent.items()
    )
