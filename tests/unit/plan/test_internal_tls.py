"""When certificates and authorities are renewed, with the real certificates of the adapter and a clock of the test."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from harbor_operator.adapters.certificates import CERTIFICATE_TOOLS
from harbor_operator.model.certificates import AUTHORITY_LIFETIME, CLOCK_SKEW, LIFETIME, KeyPair, ObservedCertificate
from harbor_operator.plan.internal_tls import (
    OVERLAP,
    Authorities,
    TlsComponent,
    authority_values,
    certificate_names,
    certificate_text,
    certificate_values,
    is_due,
    plan_authorities,
    read_authorities,
    read_pair,
    renew_at,
)
from tests.fakes.release import registry

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def planned(found: Authorities | None, now: datetime) -> Authorities:
    return plan_authorities(found, CERTIFICATE_TOOLS, now)


def text(pair: KeyPair) -> str:
    return pair.certificate.get_secret_value()


def test_a_certificate_is_due_after_two_thirds_of_its_life() -> None:
    seen = ObservedCertificate(NOW, NOW + timedelta(days=300), frozenset({"a", "b"}))
    assert renew_at(seen) == NOW + timedelta(days=200)
    assert not is_due(seen, ["a"], NOW + timedelta(days=199))
    assert is_due(seen, ["a"], NOW + timedelta(days=200))


def test_a_certificate_is_due_if_it_is_missing_or_lacks_a_name() -> None:
    seen = ObservedCertificate(NOW, NOW + LIFETIME, frozenset({"a"}))
    assert is_due(None, ["a"], NOW)
    assert is_due(seen, ["a", "b"], NOW)


def test_the_names_are_those_of_the_service_and_core_is_reached_locally_too() -> None:
    assert certificate_names(registry(), TlsComponent.REGISTRY, "cr-harbor") == (
        "cr-harbor-registry",
        "cr-harbor-registry.intra",
        "cr-harbor-registry.intra.svc",
    )
    assert certificate_names(registry(), TlsComponent.CORE, "cr-harbor")[-3:] == ("localhost", "127.0.0.1", "::1")


def test_an_authority_is_created_once() -> None:
    first = planned(None, NOW)
    assert first.next is None
    assert planned(first, NOW + DAY) == first
    assert first.trusted == text(first.current)


def test_an_authority_is_followed_by_one_that_is_trusted_before_it_signs() -> None:
    """Pods that have not restarted yet trust only what they read at their start."""
    first = planned(None, NOW)
    renewal = NOW - CLOCK_SKEW + (AUTHORITY_LIFETIME + CLOCK_SKEW) * 2 / 3
    assert planned(first, renewal - DAY) == first
    announced = planned(first, renewal + DAY)
    assert announced.next
    assert announced.current == first.current
    assert announced.trusted == text(first.current) + text(announced.next)
    assert planned(announced, renewal + DAY * 2) == announced
    replaced = planned(announced, renewal + DAY + OVERLAP)
    assert replaced.current == announced.next
    assert replaced.next is None
    assert replaced.trusted == text(announced.next) + text(first.current)
    assert planned(replaced, renewal + DAY * 2 + OVERLAP) == replaced


def test_the_key_of_the_earlier_authority_is_not_kept() -> None:
    first = planned(None, NOW)
    later = planned(None, NOW)
    stored = authority_values(Authorities(later.current, earlier=text(first.current)))
    assert first.current.key not in stored.values()
    assert first.current.certificate in stored.values()


def test_an_authority_that_expired_or_is_broken_is_replaced_at_once() -> None:
    first = planned(None, NOW)
    assert planned(first, NOW + AUTHORITY_LIFETIME).current != first.current
    broken = Authorities(KeyPair(planned(None, NOW).current.key, first.current.certificate))
    assert planned(broken, NOW).current.certificate != first.current.certificate


def test_a_broken_next_authority_is_created_again() -> None:
    first = planned(None, NOW)
    late = NOW + AUTHORITY_LIFETIME - DAY
    announced = planned(first, late)
    assert announced.next
    broken = replace(announced, next=KeyPair(first.current.key, announced.next.certificate))
    again = planned(broken, late)
    assert again.next
    assert again.next.certificate != announced.next.certificate


def test_what_is_stored_is_what_is_read() -> None:
    first = planned(None, NOW)
    for authorities in (first, planned(first, NOW + AUTHORITY_LIFETIME - DAY), replace(first, earlier="PEM")):
        assert read_authorities(authority_values(authorities)) == authorities
    pair = CERTIFICATE_TOOLS.issue(first.current, ["a"], NOW)
    assert read_pair(certificate_values(pair, first.trusted)) == pair
    assert read_authorities({}) is None
    assert read_pair({}) is None


def test_the_text_of_a_certificate_changes_with_it_and_with_what_is_trusted_and_has_no_key() -> None:
    authority = planned(None, NOW)
    pair = CERTIFICATE_TOOLS.issue(authority.current, ["a"], NOW)
    shown = certificate_text(certificate_values(pair, authority.trusted))
    assert shown != certificate_text(certificate_values(pair, authority.trusted * 2))
    assert "PRIVATE" not in shown
