"""What other clients do to the objects of a release, found by dry runs of a real API server with the shipped rights."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from pydantic import SecretStr

from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.model.release import ListedObject
from harbor_operator.model.release_drift import ReleaseObject
from harbor_operator.plan.release_drift import find_drift
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from lab.controlplane import ControlPlane
from lab.operator import NAMESPACE as OPERATOR
from lab.process import wait_until
from lab.registries import Registry
from tests.contract.conftest import skip_without_admission_policies
from tests.contract.drift_fixture import IMAGE, SECRET_VALUE, SPACE, InstalledRelease, write_drift_chart

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def chart(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_drift_chart(tmp_path_factory.mktemp("drift") / "harbor")


@pytest.fixture(scope="module")
def payload(plane: ControlPlane, chart: str) -> Iterator[SecretStr]:
    Registry(plane, SPACE, "cr").prepare()
    plane.helm("install", "cr", chart, "-n", SPACE)
    yield SecretStr(Registry(plane, SPACE, "cr").secret("sh.helm.release.v1.cr.v1")["release"])
    plane.helm("uninstall", "cr", "-n", SPACE)


@pytest.fixture
async def installed(
    plane: ControlPlane, http: KubernetesClient, chart: str, payload: SecretStr
) -> AsyncIterator[InstalledRelease]:
    release = InstalledRelease(plane, chart, payload, http)
    yield release
    await release.repair()
    assert await release.drift() == {}


async def test_defaults_and_additions_are_no_drift(installed: InstalledRelease) -> None:
    assert await installed.drift() == {}
    sidecar = {"name": "sidecar", "image": "sidecar:1"}
    installed.change("deployment", {"spec": {"template": {"spec": {"containers": [sidecar]}}}})
    installed.kubectl("annotate", "service", "cr-core", "other.example.com/note=x")
    installed.change("configmap", {"data": {"added": "x"}})
    assert await installed.drift() == {}
    installed.kubectl("delete", "deployment,service,configmap", "cr-core")


async def test_changed_and_deleted_objects_are_named_without_values_and_applied_again(
    installed: InstalledRelease,
) -> None:
    installed.change_container(image="core:2")
    installed.change("configmap", {"data": {"app.conf": "a=2", "other": None}})
    installed.change("secret", {"stringData": {"password": "guessed"}})
    installed.kubectl("delete", "service", "cr-core")
    assert await installed.drift() == {
        "Deployment": (IMAGE,),
        "ConfigMap": ("data.other", "data[app.conf]"),
        "Secret": ("data.password",),
        "Service": (),
    }
    assert SECRET_VALUE not in repr(await installed.observe())
    await installed.repair()
    assert await installed.drift() == {}
    assert Registry(installed.plane, SPACE, "cr").secret("cr-core") == {"password": SECRET_VALUE}
    # Helm takes the Service that was created again for its own.
    installed.plane.helm("upgrade", "cr", installed.chart, "-n", SPACE)
    assert await installed.drift() == {}


async def test_replicas_of_an_autoscaler_are_left_to_it(installed: InstalledRelease) -> None:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "cr-core"}
    scaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "cr-core", "namespace": SPACE},
        "spec": {"scaleTargetRef": target, "minReplicas": 3, "maxReplicas": 5},
    }
    installed.plane.apply(scaler)
    wait_until(lambda: installed.deployment()["spec"]["replicas"] == 3, "the autoscaler scales", deadline=60)
    assert await installed.drift() == {}
    installed.change_container(image="core:2")
    assert await installed.drift() == {"Deployment": (IMAGE,)}
    await installed.repair()
    assert installed.deployment()["spec"]["replicas"] == 3
    installed.kubectl("delete", "hpa", "cr-core")
    installed.change("deployment", {"spec": {"replicas": 2}})
    assert await installed.drift() == {"Deployment": ("spec.replicas",)}


async def test_what_a_mutating_policy_changes_is_no_drift(installed: InstalledRelease) -> None:
    skip_without_admission_policies(installed.plane)
    mutation = (
        "Object{spec: Object.spec{template: Object.spec.template{metadata: Object.spec.template.metadata{labels: {"
        '"app": "core", "mutated": "yes"}}}}}'
    )
    image = 'JSONPatch{op: "replace", path: "/spec/template/spec/containers/0/image", value: "mirror/core:1"}'
    spec = {
        "matchConstraints": {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": SPACE}},
            "resourceRules": [
                {
                    "apiGroups": ["apps"],
                    "apiVersions": ["v1"],
                    "operations": ["CREATE", "UPDATE"],
                    "resources": ["deployments"],
                }
            ],
        },
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
        "mutations": [
            {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": mutation}},
            {"patchType": "JSONPatch", "jsonPatch": {"expression": f"[{image}]"}},
        ],
    }
    version, name = "admissionregistration.k8s.io/v1", "mirrors-images"
    policy = {"apiVersion": version, "kind": "MutatingAdmissionPolicy", "metadata": {"name": name}, "spec": spec}
    binding = {"apiVersion": version, "kind": "MutatingAdmissionPolicyBinding", "metadata": {"name": name}}
    installed.plane.apply(policy, {**binding, "spec": {"policyName": name}})
    counter = iter(range(1000))

    def mutated() -> bool:
        installed.kubectl("annotate", "--overwrite", "deployment", "cr-core", f"touched={next(counter)}")
        containers = installed.deployment()["spec"]["template"]["spec"]["containers"]
        return bool(containers[0]["image"] == "mirror/core:1")

    try:
        wait_until(mutated, "the policy changes the Deployment", deadline=60)
        assert await installed.drift() == {}
    finally:
        installed.plane.kubectl("delete", "mutatingadmissionpolicy,mutatingadmissionpolicybinding", name)
        wait_until(lambda: not _is_rewritten(installed), "the policy has no effect", deadline=60)


def _is_rewritten(installed: InstalledRelease) -> bool:
    image = "core:1"
    output = installed.kubectl(
        *("set", "image", "deployment/cr-core", f"core={image}", "--dry-run=server"),
        *("-o", "jsonpath={.spec.template.spec.containers[0].image}"),
    )
    return output != image


async def test_an_object_that_the_server_cannot_change_is_reported(installed: InstalledRelease) -> None:
    installed.kubectl("delete", "configmap", "cr-core")
    installed.kubectl("create", "configmap", "cr-core", "--from-literal=app.conf=b")
    installed.change("configmap", {"immutable": True})
    errors = [each.error for each in await installed.observe() if each.error]
    assert len(errors) == 1
    assert "immutable" in errors[0]
    installed.kubectl("delete", "configmap", "cr-core")


async def test_an_object_of_another_namespace_is_out_of_reach(installed: InstalledRelease) -> None:
    """An editor can change the stored manifest."""
    victim = ListedObject("v1", "ConfigMap", "kube-root-ca.crt", OPERATOR)
    planted = ReleaseObject(victim, {"metadata": {"name": victim.name}, "data": {"ca.crt": "x"}})
    (observed,) = await installed.adapter.observe(SPACE, "harbor-release", [planted])
    assert "is forbidden: User" in observed.error
    assert find_drift(observed) is None
    (failure,) = await installed.adapter.apply(SPACE, "harbor-release", [planted])
    assert "is forbidden: User" in failure.error


async def test_without_the_account_nothing_is_compared(installed: InstalledRelease) -> None:
    with pytest.raises(Refused, match="ServiceAccount 'absent'") as caught:
        await installed.adapter.observe(SPACE, "absent", installed.desired)
    assert caught.value.reason is Reason.RELEASE_SERVICE_ACCOUNT_MISSING
