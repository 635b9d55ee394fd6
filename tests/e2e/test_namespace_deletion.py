"""`kubectl delete namespace` on the namespace of a registry ends, whatever the namespace controller removes first."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.lab import Lab
from lab.process import wait_until
from lab.registries import Manifest, Registry
from tests.e2e.dedicated import FAST_PROBES
from tests.e2e.running_operator import RunningOperator

pytestmark = pytest.mark.e2e

NAMESPACE = "t-terminating"
DELETION_SECONDS = 90.0


def spec(lab: Lab) -> Manifest:
    """A release with everything inside the namespace."""
    return {
        "externalURL": "https://localhost:1",
        "checkIntervalSeconds": 5,
        "release": {"chart": lab.chart.reference, "version": lab.chart.version, "values": FAST_PROBES},
        "storage": {"filesystem": {"size": "1Gi"}},
        "expose": {"type": "clusterIP"},
    }


@pytest.fixture
def registry(lab: Lab, running_operator: RunningOperator) -> Iterator[Registry]:
    registry = Registry(lab.control_plane, NAMESPACE, "cr")
    registry.prepare()
    registry.apply(spec(lab))
    registry.wait_condition("ReleaseReady", "True")
    yield registry
    lab.control_plane.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait=false")


def delete_namespace(lab: Lab) -> None:
    lab.control_plane.kubectl("delete", "namespace", NAMESPACE, "--wait=false")
    path = f"/api/v1/namespaces/{NAMESPACE}"
    gone = "the namespace is gone"
    wait_until(lambda: lab.control_plane.client.read(path) is None, gone, deadline=DELETION_SECONDS)


def test_a_namespace_with_a_release_can_be_deleted(lab: Lab, registry: Registry) -> None:
    """Finding R2: the finalizer waited for rights that the deletion of the namespace had removed."""
    delete_namespace(lab)


def test_an_account_that_is_gone_blocks_the_registry_and_not_its_namespace(
    lab: Lab, running_operator: RunningOperator, registry: Registry
) -> None:
    """Finding S1: Helm acts as no other account, and the remedy is possible until the namespace terminates."""
    kubectl = lab.control_plane.kubectl
    kubectl("-n", NAMESPACE, "delete", "serviceaccount", "harbor-release")
    kubectl("-n", NAMESPACE, "delete", "hreg", "cr", "--wait=false")
    seen = registry.wait_condition("ReleaseReady", "False", "ReleaseServiceAccountMissing")
    assert f"`kubectl -n {NAMESPACE} create serviceaccount harbor-release`" in seen["message"]
    delete_namespace(lab)
    assert f"ReleaseReady of {NAMESPACE}/cr is not undone" in running_operator.operator.log


def test_an_account_that_comes_back_lets_the_registry_go(lab: Lab, registry: Registry) -> None:
    kubectl = lab.control_plane.kubectl
    kubectl("-n", NAMESPACE, "delete", "serviceaccount", "harbor-release")
    kubectl("-n", NAMESPACE, "delete", "hreg", "cr", "--wait=false")
    seen = registry.wait_condition("ReleaseReady", "False", "ReleaseServiceAccountMissing")
    create = next(part for part in seen["message"].split("`") if "create serviceaccount" in part)
    kubectl(*create.split()[1:])
    wait_until(registry.is_gone, "the registry is gone", deadline=60)
    assert kubectl("-n", NAMESPACE, "get", "deployments,statefulsets", "-o", "name") == ""
    delete_namespace(lab)
