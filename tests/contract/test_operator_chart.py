"""Each value of the operator's chart as the real Helm renders it; wrong values are refused."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from harbor_operator import __version__
from harbor_operator.settings import PREFIX, read_settings
from lab.operator_chart import CHART, render
from tests.contract.rendered_chart import CONTAINER, POD, Manifest, at
from tools.chart_values import read_entries
from tools.generate_chart import setting_name

pytestmark = pytest.mark.lab

ENTRIES = read_entries((CHART / "values.yaml").read_text())


class Case(NamedTuple):
    """A value, and where the rendered objects contain it: the kind, the name without the release, and the path."""

    value: str
    given: Any
    where: str
    expected: Any
    others: Mapping[str, Any] = MappingProxyType({})


def deployment(value: str, given: Any, path: str, *expected: Any) -> Case:
    return Case(value, given, f"Deployment {path}", expected[0] if expected else given)


ENABLED: dict[str, Manifest] = {
    "networkPolicy": {"enabled": True},
    "flowControl": {"enabled": True},
    "nodeTrust": {"enabled": True},
}
LEVEL = "PriorityLevelConfiguration spec/limited"
ON, OFF = True, False
LABELS = {"team": "platform"}
AFFINITY: Manifest = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}}
PEERS = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]
RELABELINGS = {"relabelings": [{"action": "labeldrop", "regex": "pod"}]}


def monitor(name: str, kind: str, endpoints: str) -> list[Case]:
    enabled = {"prometheus": {name: {"enabled": True}}}
    place = f"{kind} spec/{endpoints}/0"
    return [
        Case(f"prometheus.{name}.enabled", ON, f"{place}/path", "/metrics"),
        Case(f"prometheus.{name}.labels", LABELS, f"{kind} metadata/labels", LABELS, enabled),
        Case(f"prometheus.{name}.annotations", LABELS, f"{kind} metadata/annotations", LABELS, enabled),
        Case(f"prometheus.{name}.interval", "1m", f"{place}/interval", "1m", enabled),
        Case(f"prometheus.{name}.scrapeTimeout", "9s", f"{place}/scrapeTimeout", "9s", enabled),
        Case(f"prometheus.{name}.endpointAdditionalProperties", RELABELINGS, place, RELABELINGS, enabled),
    ]


def node_trust(value: str, given: Any, path: str, *expected: Any) -> Case:
    where = f"DaemonSet -node-trust {path}"
    return Case(f"nodeTrust.{value}", given, where, expected[0] if expected else given, ENABLED)


MARKED = {"harbor-operator.io/version": __version__}
"""The annotation that every CRD has."""
CASES = [
    deployment("image.repository", "a/b", f"{CONTAINER}/image", "a/b:0.1.0"),
    deployment("image.tag", "2", f"{CONTAINER}/image", "ghcr.io/harbor-operator/harbor-operator:2"),
    deployment("image.pullPolicy", "Always", f"{CONTAINER}/imagePullPolicy"),
    deployment("imagePullSecrets", [{"name": "x"}], f"{POD}/imagePullSecrets"),
    Case("crds.enabled", OFF, "CustomResourceDefinition", None),
    Case(
        "crds.keep", OFF, "CustomResourceDefinition metadata/annotations", {"harbor-operator.io/version": __version__}
    ),
    Case("pullSecrets.secretNames", ["a", "b"], "ClusterRole rules/4/resourceNames", ["a", "b"]),
    Case("pullSecrets.serviceAccounts", ["a", "b"], "ClusterRole rules/5/resourceNames", ["a", "b"]),
    Case("evictStuckPods.enabled", ON, "ClusterRole -evict-stuck-pods rules/1/verbs", ["create"]),
    deployment("extraEnv", [{"name": "A", "value": "1"}], f"{CONTAINER}/env/-1", {"name": "A", "value": "1"}),
    deployment("replicaCount", 3, "spec/replicas"),
    deployment("resources", {"limits": {"memory": "1Gi"}}, f"{CONTAINER}/resources"),
    deployment("securityContext", {"runAsUser": 7}, f"{POD}/securityContext"),
    deployment("containerSecurityContext", {"runAsUser": 7}, f"{CONTAINER}/securityContext"),
    deployment("volumes", [{"name": "a", "emptyDir": {}}], f"{POD}/volumes/1", {"name": "a", "emptyDir": {}}),
    deployment("volumeMounts", [{"name": "a", "mountPath": "/a"}], f"{CONTAINER}/volumeMounts/1/name", "a"),
    deployment("tmpSizeLimit", "1Gi", f"{POD}/volumes/0/emptyDir/sizeLimit"),
    deployment("startupProbe", {"failureThreshold": 7}, f"{CONTAINER}/startupProbe"),
    deployment("livenessProbe", {"periodSeconds": 7}, f"{CONTAINER}/livenessProbe"),
    deployment("readinessProbe", {"periodSeconds": 7}, f"{CONTAINER}/readinessProbe"),
    deployment("terminationGracePeriodSeconds", 90, f"{POD}/terminationGracePeriodSeconds"),
    deployment("strategy", {"type": "Recreate"}, "spec/strategy"),
    deployment("revisionHistoryLimit", 2, "spec/revisionHistoryLimit"),
    deployment("deploymentAnnotations", LABELS, "metadata/annotations"),
    deployment("podAnnotations", LABELS, "spec/template/metadata/annotations"),
    deployment("podLabels", LABELS, "spec/template/metadata/labels"),
    deployment("priorityClassName", "high", f"{POD}/priorityClassName"),
    deployment("nodeSelector", {"disk": "fast"}, f"{POD}/nodeSelector"),
    deployment("affinity", AFFINITY, f"{POD}/affinity"),
    deployment("tolerations", [{"operator": "Exists"}], f"{POD}/tolerations"),
    deployment("topologySpreadConstraints", [], f"{POD}/topologySpreadConstraints", None),
    deployment("hostAliases", [{"ip": "192.0.2.1", "hostnames": ["a"]}], f"{POD}/hostAliases"),
    deployment("dnsPolicy", "Default", f"{POD}/dnsPolicy"),
    deployment("dnsConfig", {"searches": ["example.com"]}, f"{POD}/dnsConfig"),
    Case("podDisruptionBudget.enabled", OFF, "PodDisruptionBudget", None),
    Case("podDisruptionBudget.minAvailable", 0, "PodDisruptionBudget spec/minAvailable", 0),
    Case("podDisruptionBudget.maxUnavailable", "50%", "PodDisruptionBudget spec/maxUnavailable", "50%"),
    Case("rbac.create", OFF, "ClusterRole", None),
    Case("rbac.aggregateClusterRoles", OFF, "ClusterRole -view", None),
    Case("serviceAccount.create", OFF, "ServiceAccount", None),
    Case("serviceAccount.annotations", LABELS, "ServiceAccount metadata/annotations", LABELS),
    Case("serviceAccount.labels", LABELS, "ServiceAccount metadata/labels", LABELS),
    Case("service.port", 80, "Service -metrics spec/ports/0/port", 80),
    Case("service.annotations", LABELS, "Service -metrics metadata/annotations", LABELS),
    Case("service.labels", LABELS, "Service -metrics metadata/labels", LABELS),
    Case("service.ipFamilyPolicy", "SingleStack", "Service -metrics spec/ipFamilyPolicy", "SingleStack"),
    Case("service.ipFamilies", ["IPv6"], "Service -metrics spec/ipFamilies", ["IPv6"]),
    Case("networkPolicy.enabled", ON, "NetworkPolicy spec/policyTypes", ["Ingress", "Egress"]),
    Case("networkPolicy.metricsFrom", PEERS, "NetworkPolicy spec/ingress/0/from", PEERS, ENABLED),
    Case("networkPolicy.egress", [{}], "NetworkPolicy spec/egress", [{}], ENABLED),
    Case("flowControl.enabled", ON, "FlowSchema spec/priorityLevelConfiguration/name", "harbor-operator"),
    Case("flowControl.nominalConcurrencyShares", 5, f"{LEVEL}/nominalConcurrencyShares", 5, ENABLED),
    Case("flowControl.lendablePercent", 0, f"{LEVEL}/lendablePercent", 0, ENABLED),
    Case("flowControl.queueLengthLimit", 9, f"{LEVEL}/limitResponse/queuing/queueLengthLimit", 9, ENABLED),
    Case("nodeTrust.enabled", ON, f"DaemonSet -node-trust {POD}/automountServiceAccountToken", OFF),
    node_trust("namespace", "trust", "metadata/namespace"),
    node_trust("runtimes", ["crio"], f"{CONTAINER}/args/1", "--certs-dir=crio=/etc/containers/certs.d"),
    node_trust("certsDirs.containerd", "/certs", f"{POD}/volumes/1/hostPath/path", "/certs"),
    node_trust("resources", {"limits": {"memory": "96Mi"}}, f"{CONTAINER}/resources"),
    node_trust("containerSecurityContext", {"runAsUser": 7}, f"{CONTAINER}/securityContext"),
    node_trust("priorityClassName", "high", f"{POD}/priorityClassName"),
    node_trust("nodeSelector", {"disk": "fast"}, f"{POD}/nodeSelector"),
    node_trust("tolerations", [], f"{POD}/tolerations", None),
    *monitor("serviceMonitor", "ServiceMonitor", "endpoints"),
    *monitor("podMonitor", "PodMonitor", "podMetricsEndpoints"),
    Case("prometheus.prometheusRule.enabled", ON, "PrometheusRule spec/groups/0/name", "harbor-operator"),
    *(
        Case(f"{value}.{key}", LABELS, f"{kind} metadata/{key}", LABELS, {parent: {name: {"enabled": True}}})
        for value, kind in (
            ("prometheus.prometheusRule", "PrometheusRule"),
            ("grafana.dashboard", "ConfigMap -dashboard"),
        )
        for parent, name in (value.split("."),)
        for key in ("labels", "annotations")
    ),
    Case("grafana.dashboard.enabled", ON, "ConfigMap -dashboard metadata/labels", {"grafana_dashboard": "1"}),
    Case("commonLabels", LABELS, "ClusterRoleBinding metadata/labels", LABELS),
    deployment("commonLabels", LABELS, "spec/template/metadata/labels"),
]
TESTED_BELOW = {
    "image.digest",
    "registryNamespaces",
    "gatewayNamespaces",
    "admissionPolicy.enabled",
    "admissionPolicy.registries",
    "trustedCA.configMapName",
    "trustedCA.secretName",
    "trustedCA.key",
    "serviceAccount.name",
    "fullnameOverride",
    "nameOverride",
    "extraObjects",
    "nodeTrust.createNamespace",
    "nodeTrust.authorities",
    "nodeTrust.mirrors",
    "nodeTrust.certsDirs.docker",
    "nodeTrust.certsDirs.crio",
}


def values(case: Case) -> Manifest:
    *parents, last = case.value.split(".")
    result: Manifest = {name: dict(fields) for name, fields in case.others.items()}
    inner = result
    for name in parents:
        inner = inner.setdefault(name, {})
    inner[last] = case.given
    return result


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.value)
def test_a_value_is_rendered(case: Case) -> None:
    default, rendered = at(render(dict(case.others)), case.where), at(render(values(case)), case.where)
    if isinstance(case.expected, dict):
        assert rendered.items() >= case.expected.items()
    else:
        assert rendered == case.expected
    assert default != rendered


def test_every_value_has_a_test() -> None:
    tested = {case.value for case in CASES} | TESTED_BELOW
    assert tested == {entry.name for entry in ENTRIES if entry.path[0] != "config"}


SAMPLES = {
    "cluster_id": "west",
    "api_host": "192.0.2.1",
    "api_port": 6443,
    "lease_name": "other",
    "lease_seconds": 30,
    "listen_host": "127.0.0.1",
    "listen_port": 9090,
    "helm": "/opt/helm",
    "helm_runs": 2,
    "charts_dir": "/charts",
    "chart_sources": ["https://charts.example.com", "oci://example.com/charts"],
    "work_dir": "/work",
    "http_proxy": "http://proxy:3128",
    "https_proxy": "http://proxy:3128",
    "no_proxy": "example.com,10.0.0.0/8",
    "allowed_hosts": ["*.example.com", "10.0.0.0/8"],
    "postgres_md5": True,
    "helm_ca_file": "/ca.crt",
    "workers": 100,
    "injection_namespaces": ["team-*", "intra"],
    "robot_secret_namespaces": ["intra/team-*"],
    "pull_proof_namespaces": 10,
    "pull_proof_interval_seconds": 60,
    "log_level": "DEBUG",
    "log_format": "json",
}


@pytest.mark.parametrize(
    "entry", [entry for entry in ENTRIES if entry.path[0] == "config"], ids=lambda entry: entry.name
)
def test_a_setting_reaches_the_operator(entry: Any) -> None:
    name = setting_name(entry)
    given = SAMPLES[name]
    env = at(render({"config": {entry.path[-1]: given}}), f"Deployment {CONTAINER}/env")
    text = ",".join(given) if isinstance(given, list) else str(given).replace("True", "true")
    assert {"name": f"{PREFIX}{name.upper()}", "value": text} in env
    settings = read_settings({item["name"]: item["value"] for item in env if "value" in item})
    assert settings == read_settings({f"{PREFIX}{name.upper()}": text})
