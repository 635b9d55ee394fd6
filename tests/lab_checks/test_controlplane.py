"""The lab's control plane behaves as a cluster does, and its audit log counts requests exactly."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from lab.gotools import PROGRAMS
from lab.lab import Lab, Part
from lab.process import LabError, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.controlplane import ControlPlane

pytestmark = pytest.mark.lab

WRITER = "system:serviceaccount:writers:writer"


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    with Lab.start({Part.NODE}, kubelet=False) as lab:
        yield lab.control_plane


def make_writer(plane: ControlPlane) -> None:
    meta = {"name": "writer", "namespace": "writers"}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "writer"}
    plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "writers"}})
    plane.apply(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": meta,
            "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create", "get", "list"]}],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": meta,
            "roleRef": role,
            "subjects": [{"kind": "ServiceAccount", **meta}],
        },
    )


def pod_template() -> dict[str, Any]:
    return {
        "metadata": {"labels": {"app": "x"}},
        "spec": {"restartPolicy": "Always", "containers": [{"name": "x", "image": "example.com/x:1"}]},
    }


def test_the_server_reports_the_pinned_version(plane: ControlPlane) -> None:
    seen = json.loads(plane.kubectl("version", "-o", "json"))
    assert seen["serverVersion"]["gitVersion"] == f"v{PROGRAMS['kube-apiserver'].version}"


def test_a_pod_without_its_service_account_is_rejected(plane: ControlPlane) -> None:
    pod: dict[str, Any] = {"apiVersion": "v1", "kind": "Pod", **pod_template()}
    pod["metadata"] = {"name": "orphan", "namespace": "default"}
    pod["spec"]["serviceAccountName"] = "ghost"
    with pytest.raises(LabError, match='serviceaccount "ghost" not found'):
        plane.kubectl("create", "-f", "-", input=json.dumps(pod))


def test_the_audit_log_counts_each_write_of_one_user_once(plane: ControlPlane) -> None:
    make_writer(plane)
    kubeconfig = plane.kubeconfig_for_service_account("writers", "writer")
    maps: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"m{number}", "namespace": "writers"}}
        for number in range(20)
    ]
    mark = plane.audit.mark()
    bundle = json.dumps({"apiVersion": "v1", "kind": "List", "items": maps})
    plane.kubectl("create", "-f", "-", input=bundle, kubeconfig=kubeconfig)
    plane.kubectl("get", "configmaps", "-n", "writers", kubeconfig=kubeconfig)
    plane.kubectl("create", "configmap", "by-another-user", "-n", "writers")

    writes = plane.audit.writes_since(mark, WRITER)

    assert sorted(event.name for event in writes) == sorted(item["metadata"]["name"] for item in maps)
    assert {(event.verb, event.resource, event.code) for event in writes} == {("create", "configmaps", 201)}
    assert [event.code for event in plane.audit.since(mark, user=WRITER, verbs={"list"})] == [200]


def test_a_rejected_write_is_recorded_with_its_code(plane: ControlPlane) -> None:
    make_writer(plane)
    kubeconfig = plane.kubeconfig_for_service_account("writers", "writer")
    mark = plane.audit.mark()
    with pytest.raises(LabError, match="forbidden"):
        plane.kubectl("create", "secret", "generic", "s", "-n", "writers", kubeconfig=kubeconfig)
    assert [(event.resource, event.code) for event in plane.audit.writes_since(mark, WRITER)] == [("secrets", 403)]


def test_kubeconfig_files_are_readable_by_their_owner_only(plane: ControlPlane) -> None:
    assert plane.kubeconfig.stat().st_mode & 0o077 == 0


def test_a_deployment_becomes_available_on_the_kwok_node(plane: ControlPlane) -> None:
    plane.kubectl("create", "deployment", "web", "--image=example.com/web:1", "--replicas=3")
    plane.kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    seen = json.loads(plane.kubectl("get", "deployment", "web", "-o", "json"))
    assert seen["status"]["availableReplicas"] == 3


def test_a_job_completes_and_a_claim_is_bound(plane: ControlPlane) -> None:
    template = pod_template()
    template["spec"]["restartPolicy"] = "Never"
    template["spec"]["volumes"] = [{"name": "v", "persistentVolumeClaim": {"claimName": "claim"}}]
    meta = {"namespace": "default"}
    storage = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    plane.apply(
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "claim", **meta}, "spec": storage},
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "job", **meta}, "spec": {"template": template}},
    )
    plane.kubectl("wait", "--for=condition=complete", "job/job", "--timeout=60s")
    assert plane.kubectl("get", "pvc", "claim", "-o", "jsonpath={.status.phase}") == "Bound"


def test_a_restarted_api_server_keeps_its_data(plane: ControlPlane) -> None:
    plane.kubectl("create", "namespace", "before")
    plane.restart_apiserver()
    assert plane.kubectl("get", "namespace", "before", "-o", "name").strip() == "namespace/before"
    plane.kubectl("create", "namespace", "after")
    path = "/api/v1/namespaces/after/serviceaccounts/default"
    wait_until(lambda: plane.client.answers(path), "the controller manager works again", deadline=60)
