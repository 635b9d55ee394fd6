"""A real API server accepts the objects of the operator's chart, and a release takes up what another one left."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from lab.controlplane import ControlPlane
from lab.lab import Lab, Part
from lab.operator import NAMESPACE
from lab.operator_chart import CHART, render
from lab.process import LabError

pytestmark = pytest.mark.lab

DEPLOY = CHART.parent
CRD = "crd/harborregistries.harbor-operator.io"
EVERYTHING: dict[str, Any] = {
    "commonLabels": {"team": "platform"},
    "registryNamespaces": {"intra": {"create": True}, "a": {"create": True, "serviceAccountName": "deployer"}},
    "admissionPolicy": {"enabled": True, "registries": ["intra/cr"]},
    "evictStuckPods": {"enabled": True},
    "networkPolicy": {"enabled": True, "metricsFrom": [{"podSelector": {"matchLabels": {"app": "prometheus"}}}]},
    "flowControl": {"enabled": True},
    "nodeTrust": {"enabled": True, "namespace": "intra", "createNamespace": False},
    "grafana": {"dashboard": {"enabled": True}},
    "trustedCA": {"configMapName": "ca"},
    "extraEnv": [{"name": "HTTPS_PROXY", "valueFrom": {"secretKeyRef": {"name": "proxy", "key": "url"}}}],
    "imagePullSecrets": [{"name": "x"}],
    "podDisruptionBudget": {"minAvailable": 1},
    "priorityClassName": "system-cluster-critical",
    "strategy": {"rollingUpdate": {"maxUnavailable": 1}},
    "tolerations": [{"operator": "Exists"}],
    "hostAliases": [{"ip": "192.0.2.1", "hostnames": ["cr.example.com"]}],
    "dnsPolicy": "ClusterFirst",
    "service": {"ipFamilyPolicy": "SingleStack"},
}


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    with Lab.start({Part.CONTROL_PLANE}) as lab:
        for namespace in (NAMESPACE, "intra", "a"):
            lab.control_plane.kubectl("create", "namespace", namespace)
        yield lab.control_plane


def helm(plane: ControlPlane, *arguments: str) -> str:
    return plane.helm(*arguments, "--namespace", NAMESPACE)


@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["default", "everything"])
def test_the_api_server_accepts_every_object_and_knows_every_field(plane: ControlPlane, values: dict[str, Any]) -> None:
    objects = json.dumps({"apiVersion": "v1", "kind": "List", "items": render(values)})
    check = ("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "-f", "-")
    accepted = plane.kubectl(*check, input=objects).splitlines()
    assert len(accepted) == len(render(values))


def test_the_crd_has_the_schema_of_the_repository(plane: ControlPlane) -> None:
    """Helm reads and writes the CRD as YAML again; no number or text may change in between."""
    (definition,) = [item for item in render() if item["kind"] == "CustomResourceDefinition"]
    source = (CHART / "files" / "harborregistries.yaml").read_text()
    rendered, expected = (
        json.loads(plane.kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", input=text))
        for text in (json.dumps(definition), source)
    )
    assert rendered["spec"] == expected["spec"]


def test_another_release_name_takes_up_the_crd_on_request_only(plane: ControlPlane) -> None:
    helm(plane, "install", "harbor-operator", str(CHART))
    uid = plane.kubectl("get", CRD, "-o", "jsonpath={.metadata.uid}")
    helm(plane, "uninstall", "harbor-operator")
    with pytest.raises(LabError, match="invalid ownership metadata"):
        helm(plane, "install", "other", str(CHART))
    helm(plane, "install", "other", str(CHART), "--take-ownership")
    assert plane.kubectl("get", CRD, "-o", "jsonpath={.metadata.uid}") == uid
    helm(plane, "uninstall", "other")
    assert plane.kubectl("get", CRD, "-o", "jsonpath={.metadata.uid}") == uid


def test_an_installation_by_kustomize_becomes_a_release(plane: ControlPlane) -> None:
    """As the README of the chart describes it: the selector of a Deployment cannot change."""
    plane.kubectl("apply", "-k", str(DEPLOY))
    uid = plane.kubectl("get", CRD, "-o", "jsonpath={.metadata.uid}")
    plane.kubectl("-n", NAMESPACE, "delete", "deployment", "harbor-operator")
    helm(plane, "install", "harbor-operator", str(CHART), "--take-ownership", "--force-conflicts")
    assert plane.kubectl("get", CRD, "-o", "jsonpath={.metadata.uid}") == uid
    helm(plane, "uninstall", "harbor-operator")
    assert "harbor-operator" not in plane.kubectl("get", "clusterroles,clusterrolebindings", "-o", "name")
