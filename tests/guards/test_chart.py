"""The operator's chart has current generated files, every setting, and the same objects as the kustomize base.

The base and the chart are both written by hand, so that each can be read and changed without the other's tool. Helm
renders the chart here: from the lab's cache or PATH, else built once with Go, as `make check` needs for the workflows.
"""

from __future__ import annotations

import copy
import json
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from harbor_operator import __version__
from harbor_operator.settings import Settings, read_settings
from lab.gotools import kept
from lab.operator_chart import CHART, render
from tests.guards.sources import ROOT
from tools import generate_install
from tools.chart_values import read_entries
from tools.generate_chart import generated, setting_name

DEPLOY = ROOT / "deploy"
ENTRIES = read_entries((CHART / "values.yaml").read_text())
CONFIG = {setting_name(entry): entry for entry in ENTRIES if entry.path[0] == "config"}
FROM_THE_POD = {"identity", "namespace"}
"""Settings that the Deployment takes from its pod."""
OUTSIDE_THE_CLUSTER = {"kubeconfig"}
"""A setting of a process that has no service account."""
OF_THE_KUBELET = {"api_host", "api_port"}
"""Settings whose default in a pod is the variable KUBERNETES_SERVICE_*."""
RENAMED_IN_THE_CHART = {
    *OF_THE_KUBELET,
    "injection_namespaces",
    "chart_sources",
    "allowed_hosts",
    "robot_secret_namespaces",
    "listen_port",
    "helm_ca_file",
}
"""Settings that the chart describes in its own words."""

LIKE_THE_BASE = {
    "image": {"repository": "harbor-operator", "tag": "dev"},
    "registryNamespaces": {"intra": {"create": True}},
}
SERVICE_MONITOR = {"prometheus": {"serviceMonitor": {"enabled": True}}}
PROMETHEUS_RULE = {"prometheus": {"prometheusRule": {"enabled": True}}}
COMPONENTS: dict[str, dict[str, Any]] = {
    "components/admission-policy/rbac.yaml": {"admissionPolicy": {"enabled": True, "registries": ["intra/cr"]}},
    "components/evict-stuck-pods/rbac.yaml": {"evictStuckPods": {"enabled": True}},
    "components/flow-control/flowcontrol.yaml": {"flowControl": {"enabled": True}},
    "components/node-trust/daemonset.yaml": {"nodeTrust": {"enabled": True}, **LIKE_THE_BASE},
    "components/gateway-api/rbac.yaml": {"registryNamespaces": {"intra": {"gatewayAPI": True}}},
    "components/cert-manager/rbac.yaml": {"registryNamespaces": {"intra": {"certManager": True}}},
    "components/service-monitor/rbac.yaml": {"registryNamespaces": {"intra": {"serviceMonitor": True}}},
    "monitoring/servicemonitor.yaml": SERVICE_MONITOR,
    "monitoring/prometheusrule.yaml": PROMETHEUS_RULE,
}
"""What each optional manifest is as values of the chart."""
OF_HELM = {"app.kubernetes.io/instance", "app.kubernetes.io/managed-by", "app.kubernetes.io/version", "helm.sh/chart"}
DEFAULT_OF_KUBERNETES = {"imagePullPolicy": "IfNotPresent", "revisionHistoryLimit": 10}

Manifest = dict[str, Any]
Objects = dict[tuple[str, str, str], Manifest]

needs_helm = pytest.mark.skipif(
    not (kept("helm") or shutil.which("helm") or shutil.which("go")), reason="neither Helm nor Go to build it"
)


@pytest.mark.parametrize(("path", "text"), generated().items(), ids=lambda value: getattr(value, "name", ""))
def test_a_generated_file_is_up_to_date(path: Path, text: str) -> None:
    assert path.read_text(encoding="utf-8") == text, "run `make chart`"


@needs_helm
def test_the_template_of_the_command_line_is_up_to_date() -> None:
    for path, text in generate_install.generated().items():
        assert path.read_text(encoding="utf-8") == text, "run `make chart`"


def test_the_versions_are_those_of_the_package() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert (chart["version"], chart["appVersion"], project["version"]) == (__version__,) * 3


def test_every_value_has_a_description_and_a_section() -> None:
    assert [entry.name for entry in ENTRIES if not (entry.description and entry.section)] == []
    assert len(ENTRIES) == len({entry.name for entry in ENTRIES})


def test_every_setting_is_a_value() -> None:
    assert CONFIG.keys() == Settings.model_fields.keys() - FROM_THE_POD - OUTSIDE_THE_CLUSTER


@pytest.mark.parametrize("name", sorted(CONFIG.keys() - OF_THE_KUBELET))
def test_the_default_of_a_setting_is_that_of_the_operator(name: str) -> None:
    default = Settings.model_fields[name].default
    given = CONFIG[name].default
    assert (
        Settings.model_validate({name: ",".join(given) if isinstance(given, list) else given or default}) == Settings()
    )


@pytest.mark.parametrize("name", sorted(CONFIG.keys() - RENAMED_IN_THE_CHART))
def test_a_setting_is_described_as_by_the_operator(name: str) -> None:
    assert CONFIG[name].description == Settings.model_fields[name].description


@needs_helm
def test_the_chart_renders_the_kustomize_base() -> None:
    base = [
        *documents(ROOT / "crds" / "harborregistries.yaml"),
        *(found for name in listed(DEPLOY / "base") for found in documents(DEPLOY / "base" / name)),
        *documents(DEPLOY / "examples" / "registry-namespace.yaml"),
    ]
    expected, rendered = comparable(base), comparable(render(LIKE_THE_BASE))
    del expected["Namespace", "", "harbor-operator"]  # `helm install --create-namespace` creates it
    assert rendered.keys() == expected.keys()
    for key, manifest in expected.items():
        assert rendered[key] == manifest, f"deploy/base and deploy/chart differ in {key}"


@needs_helm
@pytest.mark.parametrize("path", COMPONENTS)
def test_a_value_adds_the_objects_of_its_component(path: str) -> None:
    rendered = comparable(render(COMPONENTS[path]))
    for key, manifest in comparable(documents(DEPLOY / path)).items():
        assert rendered[key] == manifest, f"deploy/{path} and deploy/chart differ in {key}"


@needs_helm
def test_a_value_adds_the_dashboard() -> None:
    rendered = comparable(render({"grafana": {"dashboard": {"enabled": True}}}))
    dashboard = rendered["ConfigMap", "harbor-operator", "harbor-operator-dashboard"]
    assert json.loads(dashboard["data"]["harbor-operator.json"]) == json.loads(
        (DEPLOY / "monitoring" / "dashboard.json").read_text()
    )


def test_every_component_is_a_value_of_the_chart() -> None:
    folders = {path.parent.name for path in (DEPLOY / "components").glob("*/kustomization.yaml")}
    assert folders == {Path(path).parent.name for path in COMPONENTS if path.startswith("components/")}


@pytest.mark.parametrize(
    ("file", "text", "replacement"),
    [
        ("rbac.yaml", "[list, watch, patch]", "[list, watch, patch, update]"),
        ("rbac.yaml", "resourceNames: [harbor-pull]", "resourceNames: [harbor-pull, other]"),
        ("rbac.yaml", "aggregate-to-view", "aggregate-to-edit"),
        ("deployment.yaml", "value: intra", "value: intra,other"),
        ("deployment.yaml", "metadata.name}", "metadata.uid}"),
        ("deployment.yaml", "runAsNonRoot: true", "runAsNonRoot: false"),
        ("service.yaml", "selector: {app.kubernetes.io/name: harbor-operator}", "selector: {}"),
    ],
)
def test_the_comparison_finds_a_change(file: str, text: str, replacement: str) -> None:
    content = (DEPLOY / "base" / file).read_text()
    assert text in content
    before, after = (
        comparable([found for found in yaml.safe_load_all(version) if found])
        for version in (content, content.replace(text, replacement))
    )
    assert before != after


def documents(path: Path) -> list[Manifest]:
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def listed(folder: Path) -> list[str]:
    found: list[str] = yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]
    return found


def comparable(manifests: list[Manifest]) -> Objects:
    """Returns the objects by kind, namespace and name, without what differs between the two ways by intention."""
    found: Objects = {}
    for manifest in manifests:
        metadata = manifest["metadata"]
        key = (manifest["kind"], metadata.get("namespace", ""), metadata["name"])
        assert key not in found, f"{key} is rendered twice"
        found[key] = without_differences(copy.deepcopy(manifest))
    return found


def without_differences(manifest: Manifest) -> Manifest:
    metadata = manifest["metadata"]
    metadata.get("annotations", {}).pop("helm.sh/resource-policy", None)
    metadata.get("labels", {}).pop("app.kubernetes.io/name", None)
    for key in ("annotations", "labels"):
        if not {name for name in metadata.get(key, {}) if name not in OF_HELM}:
            metadata.pop(key, None)
    if manifest["kind"] == "Deployment":
        (container,) = manifest["spec"]["template"]["spec"]["containers"]
        container["env"] = effective_settings(container["env"])
    without: Manifest = without_helm(manifest)
    return without


def effective_settings(env: list[Manifest]) -> Settings:
    """Returns the settings of a container; a reference to a field of the pod counts as its path."""
    return read_settings({item["name"]: item.get("value") or json.dumps(item["valueFrom"]) for item in env})


def without_helm(value: Any) -> Any:
    """Removes the labels of Helm, also from selectors, and defaults that only the chart writes down."""
    if isinstance(value, list):
        return [without_helm(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: without_helm(item)
        for key, item in value.items()
        if key not in OF_HELM and DEFAULT_OF_KUBERNETES.get(key) != item
    }
