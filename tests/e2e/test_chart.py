"""The operator's own Helm chart: install, upgrade with another CRD, uninstall and install again, with its real pods."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.chart_archive import archive_chart
from lab.image_build.operator import missing_requirement, operator_image
from lab.in_cluster import REPOSITORY, TAG, InCluster
from lab.lab import Lab
from lab.observer import Observer
from lab.operator import NAMESPACE
from lab.operator_chart import CHART, OperatorRelease
from lab.process import LabError, wait_until
from lab.registries import merged
from lab.registry_fixture import RegistryFixture

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(bool(missing_requirement()), reason=f"no operator in a cluster: {missing_requirement()}"),
]

VALUES: dict[str, Any] = {
    "image": {"repository": REPOSITORY, "tag": TAG},
    "registryNamespaces": {"intra": {"create": True}},
    "config": {"chartsDir": "/charts"},
    "volumes": [{"name": "charts", "configMap": {"name": "charts"}}],
    "volumeMounts": [{"name": "charts", "mountPath": "/charts"}],
    "flowControl": {"enabled": True},
    "networkPolicy": {"enabled": True},
    "grafana": {"dashboard": {"enabled": True}},
}
OF_OPENSHIFT = 1000660000
"""A user id as restricted-v2 chooses it for a namespace."""
UPGRADED = merged(
    VALUES,
    {
        "config": {"logFormat": "json"},
        "securityContext": {"runAsUser": OF_OPENSHIFT, "fsGroup": OF_OPENSHIFT},
        "registryNamespaces": {"team-a": {"create": True, "injectPullSecrets": False}},
    },
)
CRD = "crd/harborregistries.harbor-operator.io"
COLUMN = {"name": "Added", "type": "string", "jsonPath": ".spec.externalURL"}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab.start(kubelet=True) as lab:
        yield lab


@pytest.fixture(scope="module")
def release(lab: Lab) -> OperatorRelease:
    """The release of the operator in a namespace that enforces the `restricted` standard."""
    assert lab.kubelet
    lab.kubelet.import_images(operator_image(f"{REPOSITORY}:{TAG}"))
    plane = lab.control_plane
    plane.kubectl("create", "namespace", NAMESPACE)
    plane.kubectl("label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce=restricted")
    archive = archive_chart(lab, lab.directory)
    plane.kubectl("-n", NAMESPACE, "create", "configmap", "charts", f"--from-file={archive}")
    release = OperatorRelease(lab)
    release.install(VALUES)
    return release


@pytest.fixture(scope="module")
def operator(release: OperatorRelease) -> InCluster:
    return release.pods


@pytest.fixture(scope="module")
def full_registry(lab: Lab, release: OperatorRelease) -> RegistryFixture:
    """The full registry of deploy/examples, ready, in a namespace of the chart."""
    fixture = RegistryFixture.set_up(lab)
    fixture.registry.apply(merged(fixture.spec, {"release": {"chart": "harbor"}}))
    fixture.registry.wait_ready(deadline=300)
    return fixture


def uid(lab: Lab, *what: str) -> str:
    return lab.control_plane.kubectl("get", *what, "-o", "jsonpath={.metadata.uid}")


def can(lab: Lab, role: str, verb: str) -> bool:
    """Whether a person with a default ClusterRole in namespace `intra` may act on HarborRegistries there."""
    answer = lab.control_plane.client.create(
        "/apis/authorization.k8s.io/v1/subjectaccessreviews",
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": f"person-with-{role}",
                "resourceAttributes": {
                    "namespace": "intra",
                    "verb": verb,
                    "group": "harbor-operator.io",
                    "resource": "harborregistries",
                },
            },
        },
    )
    return bool(answer["status"]["allowed"])


def test_one_install_and_one_registry_give_pull_secrets(
    lab: Lab, release: OperatorRelease, full_registry: RegistryFixture, observer: Observer
) -> None:
    replicas = release.pods.replicas().values()
    assert [(replica.ready, replica.restarts) for replica in replicas] == [(True, 0)] * 2
    observer.create_namespace("after-install")
    observer.wait_injected("after-install")


def test_view_can_read_registries_and_edit_cannot_write_them(lab: Lab, release: OperatorRelease) -> None:
    for role in ("view", "edit", "admin"):
        binding = ("create", "rolebinding", f"person-{role}", f"--clusterrole={role}", f"--user=person-with-{role}")
        lab.control_plane.kubectl("-n", "intra", *binding)
        wait_until(lambda role=role: can(lab, role, "get"), f"`{role}` can read registries", deadline=30)  # type: ignore[misc]
        assert [verb for verb in ("create", "update", "patch", "delete") if can(lab, role, verb)] == []


def test_an_upgrade_changes_the_crd_and_the_pods(
    lab: Lab, release: OperatorRelease, full_registry: RegistryFixture, observer: Observer, tmp_path: Path
) -> None:
    """Finding F7: the pods, and Helm in them, also run as a user that the image does not know."""
    before = uid(lab, CRD), uid(lab, "-n", "intra", "hreg/cr")
    release.upgrade(UPGRADED, chart=chart_with_column(tmp_path))
    definition = json.loads(lab.control_plane.kubectl("get", CRD, "-o", "json"))
    assert COLUMN["name"] in [
        column["name"] for column in definition["spec"]["versions"][0]["additionalPrinterColumns"]
    ]
    assert (uid(lab, CRD), uid(lab, "-n", "intra", "hreg/cr")) == before
    pods = json.loads(lab.control_plane.kubectl("-n", NAMESPACE, "get", "pods", "-o", "json"))["items"]
    assert {pod["spec"]["securityContext"]["runAsUser"] for pod in pods if alive(pod)} == {OF_OPENSHIFT}
    changed = {"release": {"values": {"portal": {"podAnnotations": {"changed": "yes"}}}}}
    full_registry.registry.patch(changed)
    full_registry.registry.wait_ready(deadline=300)
    template = "jsonpath={.spec.template.metadata.annotations.changed}"
    assert lab.control_plane.kubectl("-n", "intra", "get", "deployment/cr-harbor-portal", "-o", template) == "yes"
    observer.create_namespace("after-upgrade")
    observer.wait_injected("after-upgrade")


def test_an_uninstall_leaves_the_crd_the_registries_and_their_namespaces(
    lab: Lab, release: OperatorRelease, full_registry: RegistryFixture, observer: Observer
) -> None:
    plane = lab.control_plane
    kept = [(CRD,), ("-n", "intra", "hreg/cr"), ("namespace/intra",), ("-n", "after-install", "secret/harbor-pull")]
    before = [uid(lab, *what) for what in kept]
    output = release.uninstall()
    assert "harborregistries.harbor-operator.io" in output
    wait_until(lambda: not release.pods.replicas(), "the pods are gone", deadline=90)
    assert [uid(lab, *what) for what in kept] == before
    roles = plane.kubectl("get", "clusterroles,clusterrolebindings", "-o", "name")
    assert "harbor-operator" not in roles
    assert "harbor-release" not in plane.kubectl("-n", "intra", "get", "serviceaccounts", "-o", "name")
    assert plane.kubectl("-n", "intra", "get", "deployment/cr-harbor-core", "-o", "name")


def test_another_install_takes_up_what_stayed(
    lab: Lab, release: OperatorRelease, full_registry: RegistryFixture, observer: Observer
) -> None:
    before = uid(lab, CRD), uid(lab, "-n", "intra", "hreg/cr")
    release.install(VALUES)
    assert (uid(lab, CRD), uid(lab, "-n", "intra", "hreg/cr")) == before
    observer.create_namespace("after-return")
    observer.wait_injected("after-return")
    full_registry.registry.wait_ready()


def test_another_release_name_does_not_take_the_crd_by_accident(lab: Lab, release: OperatorRelease) -> None:
    with pytest.raises(LabError, match="invalid ownership metadata"):
        lab.control_plane.helm("install", "other", str(CHART), "--namespace", NAMESPACE)


def alive(pod: dict[str, Any]) -> bool:
    return "deletionTimestamp" not in pod["metadata"]


def chart_with_column(tmp_path: Path) -> Path:
    """Returns a copy of the chart whose CRD has one more column."""
    chart = Path(shutil.copytree(CHART, tmp_path / "chart"))
    path = chart / "files" / "harborregistries.yaml"
    definition = yaml.safe_load(path.read_text())
    definition["spec"]["versions"][0]["additionalPrinterColumns"].append(COLUMN)
    path.write_text(yaml.safe_dump(definition))
    return chart
