"""The API server rejects fields of `spec.expose` and `spec.internalTLS` that do not fit, by the rules of the CRD."""

from __future__ import annotations

import pytest

from lab.registries import merged
from tests.e2e.conftest import MakeRegistry
from tests.e2e.test_crd_rules import SUSPENDED, Spec, refusal

pytestmark = pytest.mark.e2e

PARENTS = [{"name": "public", "namespace": "networking"}]
REFUSED: dict[str, tuple[Spec, tuple[str, ...]]] = {
    "a route without a Gateway": ({"expose": {"type": "route"}}, ("spec.expose: ", "type 'route' needs `parentRefs`")),
    "a Gateway without a route": (
        {"expose": {"parentRefs": PARENTS}},
        ("spec.expose: ", "and no other type takes them"),
    ),
    "a certificate of a route": (
        {"expose": {"type": "route", "parentRefs": PARENTS, "tlsSecretName": "cr-tls"}},
        ("spec.expose: ", "the listener of the Gateway names the certificate"),
    ),
    "a class of a route": (
        {"expose": {"type": "route", "parentRefs": PARENTS, "ingressClassName": "nginx"}},
        ("spec.expose: ", "`ingressClassName` is for type 'ingress' only"),
    ),
    "internal TLS without a release": ({"internalTLS": {}}, ("spec: ", "`internalTLS` needs `release`")),
}


def test_fields_that_do_not_fit_are_rejected_with_the_reason(make_registry: MakeRegistry) -> None:
    registry = make_registry("rules-expose-bad")
    for name, (changes, expected) in REFUSED.items():
        message = refusal(registry, merged(SUSPENDED, changes))
        assert [text for text in expected if text not in message] == [], f"{name}: {message}"
        assert registry.is_gone(), name


def test_a_route_with_a_gateway_is_accepted(make_registry: MakeRegistry) -> None:
    registry = make_registry("rules-expose")
    registry.apply(merged(SUSPENDED, {"expose": {"type": "route", "parentRefs": PARENTS}}))
