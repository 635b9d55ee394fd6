"""A registry without a grant neither blocks, nor overtakes, nor overwrites the pull Secret of the platform."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.lab import Lab
from lab.observer import Observer
from lab.registries import Registry
from lab.registry_fixture import RegistryFixture
from tests.e2e.queries import pull_secret
from tests.e2e.running_operator import RunningOperator

pytestmark = pytest.mark.e2e

OWNER = "harbor-operator.io/registry-uid"


@pytest.fixture
def tenant(full_registry: RegistryFixture, lab: Lab) -> Iterator[Registry]:
    """A registry of the same Harbor in a namespace without a grant, in which the operator has every right."""
    registry = Registry(lab.control_plane, "tenant", "early")
    registry.prepare()
    registry.put_secret("cr-ca", {"ca.crt": lab.authority.ca_path.read_text()})
    registry.put_secret("x", {"username": "puller", "password": "Tenant-pass-1"})
    section = {"credential": {"secretRef": {"name": "x"}}, "conflictPolicy": "Adopt"}
    spec = {"externalURL": full_registry.front.url, "caSecretRef": {"name": "cr-ca"}, "checkIntervalSeconds": 5}
    registry.apply({**spec, "pullSecrets": section})
    yield registry
    registry.delete()
    lab.control_plane.kubectl("delete", "namespace", registry.namespace, "--wait=false")


def test_a_registry_without_a_grant_changes_nothing_also_after_a_restart(
    full_registry: RegistryFixture,
    running_operator: RunningOperator,
    tenant: Registry,
    observer: Observer,
) -> None:
    """Finding S5."""
    uid = full_registry.registry.read()["metadata"]["uid"]
    tenant.wait_condition("PullSecretsReady", "False", "InjectionNotGranted")
    observer.wait_injected("tenant")
    running_operator.replace()
    condition = tenant.wait_condition("PullSecretsReady", "False", "InjectionNotGranted")
    assert "`HARBOR_OPERATOR_INJECTION_NAMESPACES`" in condition["message"]
    full_registry.registry.wait_ready(deadline=60)
    labels = (pull_secret(observer, "tenant") or {})["metadata"]["labels"]
    assert labels[OWNER] == uid
