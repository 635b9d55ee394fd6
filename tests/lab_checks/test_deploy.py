"""The manifests in `deploy/` build, and have the documented rights and settings."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from harbor_operator.api.v1alpha1 import HarborRegistry, Release
from lab.gotools import program
from lab.registries import EXAMPLES, example

ROOT = Path(__file__).parents[2]
GATEWAY_COMPONENT = "deploy/components/gateway-api"

Manifest = dict[str, Any]


@pytest.fixture(scope="module")
def shipped() -> list[Manifest]:
    """The objects of `kubectl apply -k deploy`."""
    return built("deploy")


def built(folder: str | Path) -> list[Manifest]:
    """The objects of `kubectl apply -k` on a folder."""
    kubectl = str(program("kubectl"))
    done = subprocess.run([kubectl, "kustomize", str(ROOT / folder)], check=True, capture_output=True, text=True)
    return list(yaml.safe_load_all(done.stdout))


@pytest.fixture(scope="module")
def monitored(tmp_path_factory: pytest.TempPathFactory) -> list[Manifest]:
    """The same with the monitoring component, from a user's kustomization."""
    overlay = tmp_path_factory.mktemp("overlay").resolve()
    deploy = Path(os.path.relpath(ROOT / "deploy", overlay))
    content = {"resources": [str(deploy)], "components": [str(deploy / "monitoring")]}
    (overlay / "kustomization.yaml").write_text(yaml.safe_dump(content))
    return built(overlay)


def kind(shipped: list[Manifest], wanted: str) -> list[Manifest]:
    return [manifest for manifest in shipped if manifest["kind"] == wanted]


def test_every_kind_is_present(shipped: list[Manifest]) -> None:
    kinds = {manifest["kind"] for manifest in shipped}
    expected = {"Namespace", "CustomResourceDefinition", "ServiceAccount", "ClusterRole", "Deployment", "Service"}
    assert expected <= kinds


def test_cluster_wide_rights_on_secrets_and_service_accounts_are_by_name(shipped: list[Manifest]) -> None:
    bound = {binding["roleRef"]["name"] for binding in kind(shipped, "ClusterRoleBinding")}
    assert bound == {"harbor-operator"}
    (role,) = [role for role in kind(shipped, "ClusterRole") if role["metadata"]["name"] in bound]
    for rule in role["rules"]:
        if {"secrets", "serviceaccounts"} & set(rule["resources"]):
            assert rule["resourceNames"]
        assert "*" not in rule["verbs"] + rule["resources"] + rule["apiGroups"]


def test_the_operator_creates_no_workload_anywhere(shipped: list[Manifest]) -> None:
    """Finding S1: only the role of Helm's own account creates workloads, and no shipped binding gives it out."""
    writing = {
        role["metadata"]["name"]
        for role in kind(shipped, "ClusterRole")
        for rule in role["rules"]
        if {"create", "update", "patch"} & set(rule["verbs"])
        and {"deployments", "statefulsets", "jobs", "persistentvolumeclaims", "ingresses"} & set(rule["resources"])
    }
    assert writing == {"harbor-operator-release"}
    bindings = [*kind(shipped, "ClusterRoleBinding"), *kind(shipped, "RoleBinding")]
    assert not [binding for binding in bindings if binding["roleRef"]["name"] in writing]


def test_a_prepared_namespace_gives_the_release_to_its_own_account_only() -> None:
    documents = example("registry-namespace.yaml")
    (namespace,), (account,) = kind(documents, "Namespace"), kind(documents, "ServiceAccount")
    subjects = {
        binding["roleRef"]["name"]: [f"{subject['namespace']}/{subject['name']}" for subject in binding["subjects"]]
        for binding in kind(documents, "RoleBinding")
    }
    home, name = namespace["metadata"]["name"], account["metadata"]["name"]
    assert subjects == {
        "harbor-operator-release": [f"{home}/{name}"],
        "harbor-operator-registry": ["harbor-operator/harbor-operator"],
    }
    assert name == Release.model_fields["service_account_name"].default
    assert account["automountServiceAccountToken"] is False


def test_only_tokens_of_the_named_account_can_be_issued(shipped: list[Manifest]) -> None:
    issuing = [
        (role["metadata"]["name"], rule["resourceNames"])
        for role in kind(shipped, "ClusterRole")
        for rule in role["rules"]
        if "serviceaccounts/token" in rule["resources"]
    ]
    assert issuing == [("harbor-operator-registry", ["harbor-release"])]


def test_the_default_installation_has_no_right_on_admission_policies(shipped: list[Manifest]) -> None:
    for role in kind(shipped, "ClusterRole"):
        assert not [rule for rule in role["rules"] if "admissionregistration.k8s.io" in rule["apiGroups"]]


def test_the_optional_role_names_the_policy_of_the_examples() -> None:
    component = built("deploy/components/admission-policy")
    (role,) = kind(component, "ClusterRole")
    (rule,) = role["rules"]
    (example_registry,) = example("full.yaml")
    key = example_registry["metadata"]
    assert rule["resourceNames"] == [f"harbor-operator.{key['namespace']}.{key['name']}"]
    assert "*" not in rule["verbs"] + rule["resources"] + rule["apiGroups"]


def rights(objects: list[Manifest]) -> set[str]:
    rules = [rule for role in kind(objects, "ClusterRole") for rule in role["rules"]]
    return {f"{verb} {resource}" for rule in rules for resource in rule["resources"] for verb in rule["verbs"]}


def test_rights_on_the_pods_of_other_namespaces_need_the_component(shipped: list[Manifest]) -> None:
    pods = {"list pods", "watch pods", "create pods/eviction"}
    in_registry = {role["metadata"]["name"]: role for role in kind(shipped, "ClusterRole")}["harbor-operator-registry"]
    assert [right for right in rights([in_registry]) if "pods" in right] == ["list pods"]
    others = [role for role in kind(shipped, "ClusterRole") if role is not in_registry]
    assert not [right for right in rights(others) if "pods" in right]
    assert rights(built("deploy/components/evict-stuck-pods")) == {*pods, "create events"}


def test_the_component_for_service_monitors_binds_nothing() -> None:
    """Finding F16: the role is bound only where a HarborRegistry uses it."""
    (role,) = built("deploy/components/service-monitor")
    assert role["kind"] == "ClusterRole"
    assert {resource for rule in role["rules"] for resource in rule["resources"]} == {"servicemonitors"}


def test_the_component_for_cert_manager_binds_nothing() -> None:
    (role,) = built("deploy/components/cert-manager")
    assert role["kind"] == "ClusterRole"
    certificates = {f"{verb} certificates" for verb in ("get", "create", "patch", "delete")}
    assert rights([role]) == {*certificates, "list certificaterequests"}


def test_the_component_for_the_gateway_api_binds_nothing_and_lets_the_operator_only_read() -> None:
    roles = {role["metadata"]["name"].removeprefix("harbor-operator-"): role for role in built(GATEWAY_COMPONENT)}
    assert {role["kind"] for role in roles.values()} == {"ClusterRole"}
    release, route_view, gateway_view = (roles[name] for name in ("gateway-api", "gateway-api-view", "gateway-view"))
    assert {resource for rule in release["rules"] for resource in rule["resources"]} == {"httproutes"}
    assert rights([route_view]) == {"list httproutes"}
    assert rights([gateway_view]) == {"get gateways"}
    verbs = ("get", "create", "patch", "delete")
    assert rights([roles["backend-tls"]]) == {
        f"{verb} {resource}" for verb in verbs for resource in ("backendtlspolicies", "configmaps")
    }


def test_node_trust_sees_only_its_directories_of_the_node() -> None:
    objects = built("deploy/components/node-trust")
    assert {manifest["kind"] for manifest in objects} == {"Namespace", "DaemonSet"}
    (daemonset,) = kind(objects, "DaemonSet")
    pod = daemonset["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    paths = [volume["hostPath"]["path"] for volume in pod["volumes"] if "hostPath" in volume]
    assert paths == ["/etc/containerd/certs.d"]
    assert pod["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    assert container["securityContext"] == {
        "runAsUser": 0,
        "runAsGroup": 0,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["securityContext"] == {"seccompProfile": {"type": "RuntimeDefault"}}
    assert daemonset["spec"]["updateStrategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_only_reading_registries_is_aggregated(shipped: list[Manifest]) -> None:
    aggregated = {
        (label, verb, resource)
        for role in kind(shipped, "ClusterRole")
        for label in role["metadata"].get("labels", {})
        if label.startswith("rbac.authorization.k8s.io/aggregate")
        for rule in role["rules"]
        for verb in rule["verbs"]
        for resource in rule["resources"]
    }
    label = "rbac.authorization.k8s.io/aggregate-to-view"
    assert aggregated == {(label, verb, "harborregistries") for verb in ("get", "list", "watch")}


def test_the_pod_is_restricted(shipped: list[Manifest]) -> None:
    (deployment,) = kind(shipped, "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    assert deployment["spec"]["replicas"] == 2
    assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    for container in pod["containers"]:
        security = container["securityContext"]
        assert security["readOnlyRootFilesystem"] is True
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert "runAsUser" not in security  # finding F7: OpenShift's restricted-v2 refuses a fixed id


def test_service_environment_variables_are_disabled(shipped: list[Manifest]) -> None:
    (deployment,) = kind(shipped, "Deployment")
    assert deployment["spec"]["template"]["spec"]["enableServiceLinks"] is False


def test_selectors_match_the_pod_labels(shipped: list[Manifest]) -> None:
    (deployment,) = kind(shipped, "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    (budget,) = kind(shipped, "PodDisruptionBudget")
    (service,) = kind(shipped, "Service")
    (spread,) = deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]
    selectors = [
        budget["spec"]["selector"]["matchLabels"],
        service["spec"]["selector"],
        spread["labelSelector"]["matchLabels"],
    ]
    assert selectors == [labels] * len(selectors)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_examples_parse(path: Path) -> None:
    for manifest in example(path.name):
        if manifest["kind"] == "HarborRegistry":
            manifest["metadata"]["uid"] = "1"
            HarborRegistry.parse(manifest)


def test_monitoring_adds_objects_that_scrape_the_service(shipped: list[Manifest], monitored: list[Manifest]) -> None:
    added = [manifest for manifest in monitored if manifest not in shipped]
    assert {manifest["kind"] for manifest in added} == {"ServiceMonitor", "PrometheusRule", "ConfigMap"}
    assert len(monitored) == len(shipped) + len(added)
    (monitor,), (service,) = kind(added, "ServiceMonitor"), kind(shipped, "Service")
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert {endpoint["port"] for endpoint in monitor["spec"]["endpoints"]} <= {
        port["name"] for port in service["spec"]["ports"]
    }
    (dashboard,) = kind(added, "ConfigMap")
    assert dashboard["metadata"]["labels"] == {"grafana_dashboard": "1"}
    assert list(dashboard["data"]) == ["harbor-operator.json"]
