"""The Certificates for cert-manager: what they ask for, and what their conditions mean."""

from __future__ import annotations

from typing import Any

import pytest

from harbor_operator.api.charts import find_chart
from harbor_operator.api.internal_tls import IssuerRef
from harbor_operator.model.release import UserValues
from harbor_operator.plan.issued_certificates import issuer_of, plan_certificate, read_issuance
from harbor_operator.plan.values.internal_tls import plan_certificates
from tests.fakes.release import registry

ISSUER = IssuerRef(name="harbor-ca")


@pytest.mark.parametrize(
    ("internal", "expected"),
    [(None, None), ({}, None), ({"issuerRef": {"name": "harbor-ca"}}, ISSUER)],
)
def test_the_issuer_is_that_of_the_spec(internal: dict[str, Any] | None, expected: IssuerRef | None) -> None:
    assert issuer_of(registry(internalTLS=internal)) == expected


def test_a_disabled_internal_tls_asks_for_nothing() -> None:
    assert issuer_of(registry(internalTLS={"enabled": False, "issuerRef": {"name": "harbor-ca"}})) is None


def test_a_registry_owner_gets_certificates_for_the_services_of_the_release_only() -> None:
    """The owner chooses `fullnameOverride`: the name of another host cannot be the result."""
    chart = find_chart("1.19.1")
    assert chart
    cr = registry(internalTLS={})
    sources = [UserValues("values", {"fullnameOverride": "bank.example.com"})]
    for component, wanted in plan_certificates(cr, chart, sources).items():
        spec = plan_certificate(cr, ISSUER, component, wanted)["spec"]
        local = {"localhost"} if component == "core" else set()
        suffixes = (f"-{component}", f"-{component}.intra", f"-{component}.intra.svc")
        assert [name for name in set(spec["dnsNames"]) - local if not name.endswith(suffixes)] == []
        assert "commonName" not in spec


@pytest.mark.parametrize(
    ("conditions", "status", "is_ready", "is_failed"),
    [
        ([], {}, False, False),
        ([{"type": "Ready", "status": "True", "observedGeneration": 2}], {}, True, False),
        ([{"type": "Ready", "status": "True", "observedGeneration": 1}], {}, False, False),
        ([{"type": "Ready", "status": "False", "reason": "DoesNotExist"}], {}, False, False),
        ([{"type": "Issuing", "status": "False", "reason": "Failed"}], {}, False, True),
        ([{"type": "Ready", "status": "True", "observedGeneration": 2}], {"failedIssuanceAttempts": 1}, True, True),
    ],
)
def test_the_conditions_of_a_certificate(
    conditions: list[dict[str, Any]], status: dict[str, Any], is_ready: bool, is_failed: bool
) -> None:
    certificate = {"metadata": {"name": "a", "generation": 2}, "status": {"conditions": conditions, **status}}
    issuance = read_issuance(certificate, [])
    assert (issuance.is_ready, issuance.is_failed) == (is_ready, is_failed)


def test_a_denied_request_is_a_failure() -> None:
    annotations = {"cert-manager.io/certificate-name": "a", "cert-manager.io/certificate-revision": "1"}
    denied = {"type": "Denied", "status": "True", "reason": "policy", "message": "not allowed"}
    request = {"metadata": {"name": "a-1", "annotations": annotations}, "status": {"conditions": [denied]}}
    issuance = read_issuance({"metadata": {"name": "a"}}, [request])
    assert (issuance.is_failed, issuance.message) == (True, "not allowed")
    assert read_issuance({"metadata": {"name": "b"}}, [request]).message == ""
