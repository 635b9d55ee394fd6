"""The Certificates for cert-manager: what `spec.internalTLS.issuerRef` asks for, and what cert-manager reports.

Fields and conditions: https://cert-manager.io/docs/reference/api-docs/ (Certificate, CertificateRequest).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import SecretStr

from harbor_operator.api.internal_tls import IssuerRef
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.hosts import parse_address
from harbor_operator.model.kubernetes import Manifest
from harbor_operator.model.owned_objects import ObjectKind
from harbor_operator.plan import names
from harbor_operator.plan.generated_secrets import CA_KEY
from harbor_operator.plan.internal_tls import CERTIFICATE_KEY, PRIVATE_KEY

CERTIFICATE = ObjectKind("cert-manager.io/v1", "Certificate", "certificates")
CERTIFICATE_REQUEST = ObjectKind("cert-manager.io/v1", "CertificateRequest", "certificaterequests")
_CERTIFICATE_NAME = "cert-manager.io/certificate-name"
_REVISION = "cert-manager.io/certificate-revision"
_FINAL_REASONS = ("Failed", "Denied")
"""Reasons of conditions after which cert-manager waits for its back-off, or for a person."""


@dataclass(frozen=True, slots=True)
class Issuance:
    """What cert-manager reports about one Certificate; `is_failed` if it waits for a person, or for its back-off."""

    name: str
    is_ready: bool
    is_failed: bool
    message: str


def issuer_of(registry: HarborRegistry) -> IssuerRef | None:
    """Returns the issuer of the certificates; None if internal TLS is off, or the operator issues them."""
    internal = registry.spec.internal_tls
    return internal.issuer_ref if internal and internal.enabled else None


def issued_labels(registry: HarborRegistry) -> dict[str, str]:
    """Returns the labels of a Secret that cert-manager writes for this registry."""
    return {**names.owner_labels(registry), names.ISSUED_BY: names.ISSUED_BY_CERT_MANAGER}


def plan_certificate(registry: HarborRegistry, issuer: IssuerRef, component: str, wanted: Sequence[str]) -> Manifest:
    """Returns the Certificate of one process; its Secret has the same name."""
    name = names.internal_tls_secret(registry, component)
    addresses = [each for each in wanted if parse_address(each)]
    return {
        "metadata": {"name": name, "namespace": registry.metadata.namespace},
        "spec": {
            "secretName": name,
            "secretTemplate": {"labels": issued_labels(registry)},
            "dnsNames": [each for each in wanted if each not in addresses],
            **({"ipAddresses": addresses} if addresses else {}),
            "issuerRef": {"name": issuer.name, "kind": issuer.kind, "group": issuer.group},
            "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"},
            "usages": ["digital signature", "server auth", "client auth"],
        },
    }


def is_complete(values: Mapping[str, SecretStr]) -> bool:
    """Whether the Secret contains certificate, key and CA, as the chart mounts them."""
    return all(values.get(key, SecretStr("")).get_secret_value() for key in (CERTIFICATE_KEY, PRIVATE_KEY, CA_KEY))


def is_self_signed(values: Mapping[str, SecretStr]) -> bool:
    """Whether the certificate is its own CA, as from an issuer of type SelfSigned."""
    return values[CERTIFICATE_KEY].get_secret_value().strip() == values[CA_KEY].get_secret_value().strip()


def read_issuance(certificate: Manifest, requests: Sequence[Manifest]) -> Issuance:
    """Returns what the conditions of the Certificate, and of its newest CertificateRequest, say."""
    name, conditions = certificate["metadata"]["name"], _conditions(certificate)
    ready, issuing = conditions.get("Ready"), conditions.get("Issuing")
    generation = certificate["metadata"].get("generation", 0)
    is_ready = bool(ready and ready["status"] == "True" and ready.get("observedGeneration", 0) >= generation)
    mine = [each for each in requests if (each["metadata"].get("annotations") or {}).get(_CERTIFICATE_NAME) == name]
    request = _conditions(max(mine, key=_revision)) if mine else {}
    reported = [each for each in (request.get("Denied"), request.get("Ready"), issuing, ready) if each]
    message = next((each["message"] for each in reported if each.get("message")), "")
    is_final = any(each.get("reason") in _FINAL_REASONS for each in reported)
    failed_before = bool((certificate.get("status") or {}).get("failedIssuanceAttempts"))
    return Issuance(name, is_ready, "Denied" in request or is_final or failed_before, message)


def _conditions(manifest: Manifest) -> dict[str, Manifest]:
    return {each["type"]: each for each in (manifest.get("status") or {}).get("conditions") or ()}


def _revision(request: Manifest) -> int:
    text = (request["metadata"].get("annotations") or {}).get(_REVISION, "")
    return int(text) if text.isdecimal() else 0
