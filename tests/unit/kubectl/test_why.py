"""A node's message about a certificate, and what the registry itself answers."""

from __future__ import annotations

from typing import Any

from harbor_operator.kubectl.pod_pull import PodPull, Wait
from harbor_operator.kubectl.pull_proof import PullProof
from harbor_operator.kubectl.why import Finding, examine
from lab.certs import Authority
from tests.unit.kubectl.test_pod_pull import secret
from tests.unit.kubectl.test_pull_proof import Registry, authority_of_the_registry, running_registry  # noqa: F401 - fixtures

X509 = "tls: failed to verify certificate: x509: certificate signed by unknown authority"
MANIFEST = "/v2/team-a/app/manifests/1"


def examined(registry: Registry, trusted: Authority | None, message: str = X509, *references: str) -> Finding:
    image = f"{registry.host}/team-a/app:1"
    spec: dict[str, Any] = {"imagePullSecrets": [{"name": name} for name in references]}
    pull = PodPull({"spec": spec}, None, {name: secret(name, registry.host) for name in references})
    wait = Wait("app", image, "ImagePullBackOff", message)
    return examine(wait, pull, PullProof(str(trusted.ca_path) if trusted else ""))


def test_a_missing_tag_decides(registry: Registry, authority: Authority) -> None:
    registry.statuses[MANIFEST] = 404
    cause = examined(registry, authority, X509, "harbor-pull").cause
    assert cause.problem == "ImageNotFound"
    assert cause.text.startswith(
        "the registry has no '1' of 'team-a/app'; containerd 1.6 reports a certificate instead"
    )


def test_an_image_that_exists_leaves_it_to_the_node(registry: Registry, authority: Authority) -> None:
    cause = examined(registry, authority, X509, "harbor-pull").cause
    assert cause == (f"the node reports: {X509}", "CertificateUntrusted")


def test_a_registry_that_cannot_be_asked_leaves_it_to_the_node(registry: Registry) -> None:
    cause = examined(registry, None, X509, "harbor-pull").cause
    assert cause.problem == "CertificateUntrusted"
    assert "whether the registry has the image is not known: this computer refuses the certificate" in cause.text


def test_other_problems_of_the_node_need_no_question(registry: Registry, authority: Authority) -> None:
    cause = examined(registry, authority, "dial tcp: lookup cr.example.com: no such host", "harbor-pull").cause
    assert cause.problem == "RegistryNameUnresolved"
    assert registry.logins == []


def test_a_missing_tag_of_a_public_project(registry: Registry, authority: Authority) -> None:
    registry.statuses[MANIFEST] = 404
    assert examined(registry, authority, "").cause.problem == "ImageNotFound"
