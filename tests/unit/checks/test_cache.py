"""Each observed Redis has its finding."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from harbor_operator.checks.cache import (
    cache_warnings,
    check_cache,
    check_sentinel,
    check_sentinels_agree,
    explain_no_answer,
    explain_rejected_login,
    explain_untrusted,
)
from harbor_operator.model.cache import Address, Mode, ObservedCache, ObservedSentinel, RedisLogin
from harbor_operator.reasons import Reason

HERE, THERE = Address("redis.example.com", 6379), Address("other.example.com", 6380)


@pytest.mark.parametrize(
    ("observed", "reason", "text"),
    [
        (ObservedCache("Redis 7", Mode.CLUSTER), Reason.CACHE_IS_CLUSTER, "'MOVED'"),
        (ObservedCache("Redis 7", Mode.CLUSTER, has_enough_databases=False), Reason.CACHE_IS_CLUSTER, "HAProxy"),
        (ObservedCache("Valkey 9", Mode.SENTINEL), Reason.CACHE_IS_SENTINEL, "spec.cache.sentinelMaster"),
        (ObservedCache("Redis 7", is_primary=False, primary="p:1"), Reason.CACHE_IS_REPLICA, "of 'p:1'"),
        (ObservedCache("Redis 7", has_enough_databases=False), Reason.CACHE_TOO_FEW_DATABASES, "`databases 8`"),
    ],
)
def test_what_harbor_cannot_use(observed: ObservedCache, reason: Reason, text: str) -> None:
    found = check_cache(HERE, observed)
    assert found
    assert found.reason is reason
    assert text in found.message
    assert "'redis.example.com:6379'" in found.message


def test_a_primary_is_fine() -> None:
    assert check_cache(HERE, ObservedCache("Redis 7")) is None
    assert cache_warnings(HERE, ObservedCache("Redis 7")) == ()


def test_eviction_is_a_warning() -> None:
    (warning,) = cache_warnings(HERE, ObservedCache("Redis 7", eviction="allkeys-lru"))
    assert warning.code is Reason.CACHE_EVICTS_KEYS
    assert "allkeys-lru" in warning.message


@pytest.mark.parametrize(
    ("observed", "reason"),
    [
        (ObservedSentinel(is_sentinel=False), Reason.SENTINEL_MASTER_UNKNOWN),
        (ObservedSentinel(requires_password=True), Reason.SENTINEL_REQUIRES_PASSWORD),
        (ObservedSentinel(), Reason.SENTINEL_MASTER_UNKNOWN),
        (ObservedSentinel(master=THERE), None),
    ],
)
def test_a_sentinel(observed: ObservedSentinel, reason: Reason | None) -> None:
    found = check_sentinel(HERE, "mymaster", observed)
    assert (found.reason if found else None) == reason


def test_sentinels_must_agree() -> None:
    assert check_sentinels_agree({HERE: THERE, THERE: THERE}) is None
    found = check_sentinels_agree({HERE: THERE, THERE: HERE})
    assert found
    assert "'redis.example.com:6379' names 'other.example.com:6380'" in found.message


@pytest.mark.parametrize(
    ("password", "detail", "remedy"),
    [
        (None, "NOAUTH Authentication required.", "name its Secret in `spec.cache.passwordSecretRef`"),
        ("x", "AUTH called without any password configured", "remove `spec.cache.passwordSecretRef`"),
        ("x", "WRONGPASS invalid username-password pair", "correct Secret 'redis'"),
    ],
)
def test_a_rejected_login_has_its_remedy(password: str | None, detail: str, remedy: str) -> None:
    login = RedisLogin(SecretStr(password) if password else None, origin="Secret 'redis'")
    finding = explain_rejected_login(HERE, login, detail)
    assert finding.reason is Reason.CACHE_CREDENTIALS_REJECTED
    assert remedy in finding.message


def test_an_untrusted_certificate_never_advises_to_disable_tls() -> None:
    finding = explain_untrusted(HERE, "self-signed certificate")
    assert finding.reason is Reason.CERTIFICATE_UNTRUSTED
    assert "spec.cache.tls" not in finding.message
    assert "`spec.cache.caSecretRef`" in finding.message


def test_a_rejected_acl_user_names_both_fields() -> None:
    """Finding F10."""
    login = RedisLogin(SecretStr("x"), origin="Secret 'redis'", username="harbor")
    message = explain_rejected_login(HERE, login, "WRONGPASS").message
    assert "`spec.cache.username` ('harbor') or Secret 'redis'" in message


@pytest.mark.parametrize("tls", [True, False])
def test_no_answer_points_at_the_transport(tls: bool) -> None:
    message = explain_no_answer(HERE, RedisLogin(tls=tls), "connection refused").message
    assert f"`spec.cache.tls` is {str(tls).lower()}" in message
    assert "connection refused" in message
