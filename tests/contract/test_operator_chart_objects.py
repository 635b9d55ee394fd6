"""The objects of the operator's chart that depend on each other, and the values that it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from harbor_operator.node_trust.configuration import RegistryMirror, read_configuration
from harbor_operator.settings import PREFIX
from lab.certs import Authority
from lab.operator_chart import CHART, render, run_helm
from lab.process import LabError
from tests.contract.rendered_chart import CONTAINER, POD, Manifest, at, find

pytestmark = pytest.mark.lab

LABELS = {"team": "platform"}


def test_names_and_ports_follow_the_settings() -> None:
    rendered = render({"config": {"leaseName": "other", "listenPort": 9090}})
    assert at(rendered, "Role -lease rules/1/resourceNames") == ["other"]
    assert at(rendered, f"Deployment {CONTAINER}/ports") == [{"name": "http", "containerPort": 9090}]


def test_a_digest_replaces_the_tag() -> None:
    digest = f"sha256:{'0' * 64}"
    rendered = render({"image": {"repository": "a/b", "tag": "2", "digest": digest}})
    assert at(rendered, f"Deployment {CONTAINER}/image") == f"a/b@{digest}"


def test_the_full_name_and_the_account_are_the_same_in_every_reference() -> None:
    rendered = render({"fullnameOverride": "hop", "serviceAccount": {"name": "robot"}, "registryNamespaces": {"a": {}}})
    deployment = find(rendered, "Deployment", "hop")
    assert deployment
    assert deployment["spec"]["template"]["spec"]["serviceAccountName"] == "robot"
    assert find(rendered, "ServiceAccount", "robot")
    assert find(rendered, "Service", "hop-metrics")
    bindings = [item for item in rendered if item["kind"] in {"ClusterRoleBinding", "RoleBinding"}]
    roles = {(item["kind"], item["metadata"]["name"]) for item in rendered if item["kind"] in {"ClusterRole", "Role"}}
    assert {(item["roleRef"]["kind"], item["roleRef"]["name"]) for item in bindings} <= roles
    subjects = {(subject["namespace"], subject["name"]) for item in bindings for subject in item["subjects"]}
    assert subjects == {("harbor-operator", "robot"), ("a", "harbor-release")}


def test_another_name_of_the_chart_is_a_part_of_names_and_selectors() -> None:
    deployment = find(render({"nameOverride": "x"}), "Deployment", "harbor-operator-x")
    assert deployment
    assert deployment["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"] == "x"


def test_another_release_name_keeps_the_roles_that_messages_name() -> None:
    rendered = render(release="tools")
    names = {item["metadata"]["name"] for item in rendered if item["kind"] == "ClusterRole"}
    assert names == {
        "tools-harbor-operator",
        "tools-harbor-operator-view",
        "harbor-operator-registry",
        "harbor-operator-release",
    }


def test_an_account_that_exists_already_is_used() -> None:
    rendered = render({"serviceAccount": {"create": False, "name": "robot"}})
    assert not [item for item in rendered if item["kind"] == "ServiceAccount"]
    assert at(rendered, f"Deployment {POD}/serviceAccountName") == "robot"


def in_namespace(rendered: list[Manifest], namespace: str) -> dict[str, Manifest]:
    found = [item for item in rendered if item["metadata"].get("namespace") == namespace]
    return {f"{item['kind']}/{item['metadata']['name']}": item for item in found}


def test_a_registry_namespace_has_the_account_and_its_bindings_and_may_inject() -> None:
    rendered = render({"registryNamespaces": {"a": {}, "b": {"injectPullSecrets": False}}})
    assert not [item for item in rendered if item["kind"] == "Namespace"]
    for namespace in ("a", "b"):
        assert in_namespace(rendered, namespace).keys() == {
            "ServiceAccount/harbor-release",
            "RoleBinding/harbor-operator-release",
            "RoleBinding/harbor-operator-registry",
        }
    env = at(rendered, f"Deployment {CONTAINER}/env")
    assert {"name": f"{PREFIX}INJECTION_NAMESPACES", "value": "a"} in env


def test_a_created_registry_namespace_stays_at_the_uninstall() -> None:
    given = {"create": True, "labels": LABELS, "annotations": LABELS}
    namespace = find(render({"registryNamespaces": {"a": given}}), "Namespace", "a")
    assert namespace
    assert namespace["metadata"]["labels"].items() >= LABELS.items()
    assert namespace["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep", **LABELS}


def test_another_account_of_a_registry_namespace_gets_a_role_for_its_token() -> None:
    rendered = in_namespace(render({"registryNamespaces": {"a": {"serviceAccountName": "deployer"}}}), "a")
    assert rendered["Role/deployer-token"]["rules"] == [
        {"apiGroups": [""], "resources": ["serviceaccounts/token"], "resourceNames": ["deployer"], "verbs": ["create"]}
    ]
    assert rendered["RoleBinding/harbor-operator-release"]["subjects"][0]["name"] == "deployer"
    assert rendered["RoleBinding/deployer-token"]["subjects"][0]["name"] == "harbor-operator"


def test_a_registry_namespace_can_allow_service_monitors() -> None:
    rendered = render({"registryNamespaces": {"a": {"serviceMonitor": True}, "b": {}}})
    assert "RoleBinding/harbor-operator-service-monitor" in in_namespace(rendered, "a")
    assert "RoleBinding/harbor-operator-service-monitor" not in in_namespace(rendered, "b")
    assert find(rendered, "ClusterRole", "harbor-operator-service-monitor")


def test_a_registry_namespace_can_allow_routes_and_the_operator_reads_their_gateways() -> None:
    values = {"registryNamespaces": {"a": {"gatewayAPI": True}, "b": {}}, "gatewayNamespaces": ["public", "a"]}
    rendered = render(values)
    assert in_namespace(rendered, "a")["RoleBinding/harbor-operator-gateway-api"]["subjects"] == [
        {"kind": "ServiceAccount", "name": "harbor-release", "namespace": "a"}
    ]
    for namespace, role in (("a", "gateway-api-view"), ("a", "gateway-view"), ("public", "gateway-view")):
        binding = in_namespace(rendered, namespace)[f"RoleBinding/harbor-operator-{role}"]
        assert binding["roleRef"]["name"] == f"harbor-operator-{role}"
        assert binding["subjects"][0]["name"] == "harbor-operator"
    # Routes of other teams are attached to a public Gateway: the operator does not see them.
    assert [name for name in in_namespace(rendered, "public") if "gateway" in name] == [
        "RoleBinding/harbor-operator-gateway-view"
    ]
    only_gateways = render({"gatewayNamespaces": ["public"]})
    assert find(only_gateways, "ClusterRole", "harbor-operator-gateway-view")
    assert not [found for found in only_gateways if "gateway-api" in found["metadata"]["name"]]
    assert not [name for name in in_namespace(rendered, "b") if "gateway" in name]
    assert not [found for found in render({"registryNamespaces": {"b": {}}}) if "gateway" in found["metadata"]["name"]]


def test_a_registry_namespace_can_allow_certificates_of_cert_manager() -> None:
    rendered = render({"registryNamespaces": {"a": {"certManager": True}, "b": {}}})
    binding = in_namespace(rendered, "a")["RoleBinding/harbor-operator-cert-manager"]
    assert binding["subjects"][0]["name"] == "harbor-operator"
    assert "RoleBinding/harbor-operator-cert-manager" not in in_namespace(rendered, "b")
    assert find(rendered, "ClusterRole", "harbor-operator-cert-manager")


def test_the_right_on_admission_policies_names_each_registry() -> None:
    rendered = render({"admissionPolicy": {"enabled": True, "registries": ["intra/cr", "a/b"]}})
    names = at(rendered, "ClusterRole -admission-policy rules/0/resourceNames")
    assert names == ["harbor-operator.intra.cr", "harbor-operator.a.b"]


def test_all_service_accounts_need_a_rule_without_names() -> None:
    rule = at(render({"pullSecrets": {"serviceAccounts": ["*"]}}), "ClusterRole rules/5")
    assert rule == {"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["list", "watch", "patch"]}


@pytest.mark.parametrize(
    ("given", "source"),
    [
        ({"configMapName": "ca"}, {"configMap": {"name": "ca", "items": [{"key": "ca.crt", "path": "ca.crt"}]}}),
        ({"secretName": "ca", "key": "a"}, {"secret": {"secretName": "ca", "items": [{"key": "a", "path": "ca.crt"}]}}),
    ],
)
def test_authorities_are_mounted_for_helm(given: Manifest, source: Manifest) -> None:
    rendered = render({"trustedCA": given})
    path = "/etc/harbor-operator/ca"
    assert {"name": "trusted-ca", **source} in at(rendered, f"Deployment {POD}/volumes")
    mount = {"name": "trusted-ca", "mountPath": path, "readOnly": True}
    assert mount in at(rendered, f"Deployment {CONTAINER}/volumeMounts")
    variable = {"name": f"{PREFIX}HELM_CA_FILE", "value": f"{path}/ca.crt"}
    assert variable in at(rendered, f"Deployment {CONTAINER}/env")


def test_a_spread_constraint_with_its_own_selector_is_left_as_it_is() -> None:
    own = {"topologyKey": "zone", "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {}}
    zone = {"topologyKey": "zone", "maxSkew": 2, "whenUnsatisfiable": "DoNotSchedule"}
    rendered = render({"topologySpreadConstraints": [own, zone]})
    labels = {"app.kubernetes.io/name": "harbor-operator", "app.kubernetes.io/instance": "harbor-operator"}
    selected = {"labelSelector": {"matchLabels": labels}, "matchLabelKeys": ["pod-template-hash"]}
    assert at(rendered, f"Deployment {POD}/topologySpreadConstraints") == [own, zone | selected]


def test_extra_objects_can_contain_templates() -> None:
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "{{ .Release.Name }}-a"}}
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Release.Name }}-b'}"
    rendered = render({"extraObjects": [config, text]})
    assert at(rendered, "ConfigMap -a")
    assert at(rendered, "ConfigMap -b")


def test_a_parent_chart_can_pass_its_values() -> None:
    assert render({"global": {"imageRegistry": "a"}, "enabled": True}) == render()


def test_no_object_but_the_crd_fixes_a_user_or_a_group() -> None:
    """Finding F7: OpenShift's restricted-v2 refuses every fixed id."""
    pod = at(render(), f"Deployment {POD}")
    assert pod["securityContext"]["runAsNonRoot"] is True
    ids = {"runAsUser", "runAsGroup", "fsGroup", "supplementalGroups"}
    assert not ids & {*pod["securityContext"], *pod["containers"][0]["securityContext"]}


def test_the_daemonset_can_read_its_configuration(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path / "authority").ca_pem
    hosts = ("cr.example.com:8443", "[2001:db8::1]", "cr.example.com")
    mirror = {"registry": hosts[0], "project": "dockerhub"}
    trust = {
        "enabled": True,
        "createNamespace": False,
        "authorities": dict.fromkeys(hosts, authority),
        "mirrors": {"docker.io": mirror},
        "runtimes": ["docker", "crio"],
        "certsDirs": {"docker": "/docker", "crio": "/crio"},
    }
    rendered = render({"nodeTrust": trust})
    assert at(rendered, f"DaemonSet -node-trust {CONTAINER}/args")[1:] == [
        "--certs-dir=docker=/docker",
        "--certs-dir=crio=/crio",
    ]
    assert not [item for item in rendered if item["kind"] == "Namespace"]
    for name, text in at(rendered, "ConfigMap -node-trust data").items():
        (tmp_path / name).write_text(text)
    found = read_configuration(tmp_path)
    assert found.authorities == dict.fromkeys(hosts, authority)
    assert found.mirrors == {"docker.io": RegistryMirror(hosts[0], "dockerhub", "https://registry-1.docker.io")}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"replicas": 3}, "replicas"),
        ({"config": {"logLevels": "INFO"}}, "logLevels"),
        ({"config": {"logLevel": "LOUD"}}, "logLevel"),
        ({"config": {"workers": 0}}, "workers"),
        ({"config": {"listenPort": 0}}, "listenPort"),
        ({"image": {"digest": "latest"}}, "digest"),
        ({"registryNamespaces": {"Intra": {}}}, "registryNamespaces"),
        ({"registryNamespaces": {"intra": {"inject": True}}}, "inject"),
        ({"pullSecrets": {"secretNames": []}}, "secretNames"),
        ({"pullSecrets": {"secretNames": ["*"]}}, "secretNames"),
        ({"admissionPolicy": {"enabled": True}}, "`admissionPolicy.registries` must name"),
        ({"admissionPolicy": {"registries": ["cr"]}}, "registries"),
        ({"nodeTrust": {"runtimes": []}}, "runtimes"),
        ({"nodeTrust": {"authorities": {"cr.example.com": "none"}}}, "authorities"),
        ({"nodeTrust": {"mirrors": {"docker.io": {"registry": "cr.example.com"}}}}, "project"),
        ({"trustedCA": {"configMapName": "a", "secretName": "b"}}, "only one of `trustedCA.configMapName`"),
        (
            {"prometheus": {"serviceMonitor": {"enabled": True}, "podMonitor": {"enabled": True}}},
            "only one of `prometheus.serviceMonitor`",
        ),
    ],
    ids=str,
)
def test_a_wrong_value_is_refused(given: Manifest, words: str) -> None:
    with pytest.raises(LabError, match=words):
        render(given)


def test_helm_lint_finds_nothing() -> None:
    everything = {
        "registryNamespaces": {"intra": {"create": True, "serviceMonitor": True, "serviceAccountName": "deployer"}},
        "admissionPolicy": {"enabled": True, "registries": ["intra/cr"]},
        "evictStuckPods": {"enabled": True},
        "networkPolicy": {"enabled": True},
        "flowControl": {"enabled": True},
        "nodeTrust": {"enabled": True},
        "prometheus": {"serviceMonitor": {"enabled": True}, "prometheusRule": {"enabled": True}},
        "grafana": {"dashboard": {"enabled": True}},
    }
    for values in ({}, everything):
        run_helm("lint", str(CHART), "--strict", "--quiet", "--values", "-", values=values)
