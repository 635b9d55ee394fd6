"""Checks of a Redis: Harbor needs one primary, outside a cluster, with enough logical databases."""

from __future__ import annotations

from collections.abc import Mapping

from harbor_operator.api.charts import FIXED_REDIS_USER, FIXED_REDIS_USER_RANGE
from harbor_operator.model.cache import (
    REQUIRED_DATABASES,
    Address,
    Mode,
    ObservedCache,
    ObservedSentinel,
    RedisLogin,
)
from harbor_operator.model.outcomes import Blocked, Pending, StatusWarning, Unknown
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
            f"{where} runs in cluster mode, which Harbor does not support: it fails with 'MOVED' for every key of "
            "another node; use one primary, a primary behind Sentinels, or HAProxy in front of the primary",
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
    """Returns a warning if the server drops keys under memory pressure."""
    if observed.eviction == "noeviction":
        return ()
    return (
        StatusWarning(
            Reason.CACHE_EVICTS_KEYS,
            f"{observed.product} at '{address.text}' has `maxmemory-policy {observed.eviction}`: under memory "
            "pressure it drops Harbor's jobs and sessions without an error; set `maxmemory-policy noeviction`",
        ),
    )


def check_sentinel(address: Address, master: str, observed: ObservedSentinel) -> Blocked | None:
    """Returns why Harbor cannot find its primary through the Sentinel, or None."""
    if not observed.is_sentinel:
        return Blocked(
            Reason.SENTINEL_MASTER_UNKNOWN,
            f"the server at '{address.text}' (`spec.cache.addresses`) is not a Sentinel: give the addresses of "
            "the Sentinels, or leave `spec.cache.sentinelMaster` empty and give the one primary",
        )
    if observed.requires_password:
        return Blocked(
            Reason.SENTINEL_REQUIRES_PASSWORD,
            f"the Sentinel at '{address.text}' requires a password, which Harbor cannot send: remove `requirepass` "
            "from the Sentinels' configuration (the primary may keep its own), or use one primary address",
        )
    if observed.master is None:
        return Blocked(
            Reason.SENTINEL_MASTER_UNKNOWN,
            f"the Sentinel at '{address.text}' knows no master set '{master}': correct `spec.cache.sentinelMaster` "
            "(the Sentinels list theirs with 'SENTINEL MASTERS')",
        )
    return None


def check_sentinels_agree(masters: Mapping[Address, Address]) -> Pending | None:
    """Returns which primary each Sentinel names if they disagree, or None; `masters` is by Sentinel."""
    if len(set(masters.values())) <= 1:
        return None
    views = ", ".join(f"'{sentinel.text}' names '{master.text}'" for sentinel, master in masters.items())
    return Pending(
        Reason.SENTINEL_MASTER_UNKNOWN,
        f"the Sentinels of `spec.cache.addresses` do not name one primary: {views}; "
        "unless a failover is in progress, they belong to different master sets",
    )


def silent_sentinel_warnings(silent: Mapping[Address, str]) -> tuple[StatusWarning, ...]:
    """Returns a warning for each Sentinel that did not answer while others did; `silent` has its error."""
    return tuple(
        StatusWarning(
            Reason.CACHE_UNREACHABLE, f"Sentinel '{address.text}' of `spec.cache.addresses` does not answer: {error}"
        )
        for address, error in silent.items()
    )


def explain_rejected_login(address: Address, login: RedisLogin, detail: str) -> Blocked:
    """Returns what a rejected password means; `detail` is the error text of the server."""
    if login.password is None:
        remedy = "the server requires a password: name its Secret in `spec.cache.passwordSecretRef`"
    elif "without any password configured" in detail:
        remedy = (
            "the server has no password: remove `spec.cache.passwordSecretRef`, or set `requirepass`; if it is a "
            "Sentinel, keep the Secret for its primary and set `spec.cache.sentinelMaster`"
        )
    elif login.username:
        remedy = f"correct `spec.cache.username` ('{login.username}') or {login.origin}"
    else:
        remedy = f"correct {login.origin}, or set `spec.cache.username` if the password belongs to an ACL user"
    message = f"Redis at '{address.text}' rejected the login: {detail.rstrip('. ')}; {remedy}"
    return Blocked(Reason.CACHE_CREDENTIALS_REJECTED, message)


def explain_untrusted(address: Address, detail: str) -> Blocked:
    """Returns what a certificate means that no trusted authority signed; `detail` is the error text of OpenSSL."""
    # Never "switch TLS off": the password would then travel in clear text.
    return Blocked(
        Reason.CERTIFICATE_UNTRUSTED,
        f"the certificate of Redis at '{address.text}' (`spec.cache.addresses`) is not trusted: {detail}; put the "
        "CA that signed it into the Secret of `spec.cache.caSecretRef` (key `ca.crt`), and use a certificate for the "
        "host name in `spec.cache.addresses`",
    )


def explain_invalid_bundle() -> Blocked:
    """Returns that no certificate can be read from the CA of the cache."""
    return Blocked(
        Reason.SECRET_INVALID,
        "the Secret of `spec.cache.caSecretRef` contains no certificate that can be read: put the PEM text of the CA "
        "there",
    )


def rejected_fixed_user(address: Address, login: RedisLogin) -> Blocked:
    """Returns that Redis rejects the user which an old chart writes into its URLs."""
    return Blocked(
        Reason.CACHE_CREDENTIALS_REJECTED,
        f"charts {FIXED_REDIS_USER_RANGE} log in to Redis as user '{FIXED_REDIS_USER}', and Redis at '{address.text}' "
        f"rejects that user with {login.origin}: create the user with the same password (ACL SETUSER "
        f"{FIXED_REDIS_USER} on >PASSWORD ~* &* +@all), or set `spec.release.version` to a newer chart",
    )


def explain_no_answer(address: Address, login: RedisLogin, detail: str) -> Unknown:
    """Returns what the absence of a valid answer means; `detail` is the error."""
    hint = (
        "`spec.cache.tls` is true: check that the server speaks TLS on this port"
        if login.tls
        else "`spec.cache.tls` is false: check that this is not a TLS port"
    )
    message = f"Redis at '{address.text}' (`spec.cache.addresses`) does not answer: {detail}; {hint}"
    return Unknown(Reason.CACHE_UNREACHABLE, message)
