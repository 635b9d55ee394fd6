"""The port AdmissionPolicyApi: the same cases against the fake and a real API server under the shipped rights."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any, Protocol

import pytest

from harbor_operator.adapters.admission import KubernetesAdmissionPolicyApi
from harbor_operator.adapters.kube_api import RequestBody
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kubeconfig import from_kubeconfig
from harbor_operator.model.admission import AdmissionKind, DesiredPolicy, ObservedPolicy
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.admission import AdmissionPolicyApi
from harbor_operator.reasons import Reason
from lab.controlplane import ControlPlane
from lab.lab import Lab, Part
from lab.registry_fixture import allow_admission_policy, install
from tests.contract.conftest import has_admission_policies, skip_without_admission_policies
from tests.fakes.admission import FakeAdmission, desired_policies

NAME = "harbor-operator.intra.cr"
PATHS = {
    AdmissionKind.POLICY: "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicies",
    AdmissionKind.BINDING: "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicybindings",
}
SWITCHED_OFF = (
    "--runtime-config=admissionregistration.k8s.io/v1/mutatingadmissionpolicies=false",
    "--disable-admission-plugins=MutatingAdmissionPolicy",
)


@pytest.fixture(scope="module")
def granted(plane: ControlPlane) -> Iterator[ControlPlane]:
    skip_without_admission_policies(plane)
    allow_admission_policy(plane, ("intra", "cr"))
    yield plane
    plane.kubectl("delete", "clusterrole,clusterrolebinding", "harbor-operator-admission-policy")


class OtherClient(Protocol):
    """Another client of the same cluster."""

    async def put(self, desired: DesiredPolicy) -> None: ...


class FakeOtherClient:
    def __init__(self, admission: FakeAdmission) -> None:
        self._admission = admission

    async def put(self, desired: DesiredPolicy) -> None:
        self._admission.put(desired)


class RealOtherClient:
    def __init__(self, http: KubernetesClient) -> None:
        self._http = http

    async def put(self, desired: DesiredPolicy) -> None:
        path = PATHS[desired.kind]
        await self._http.request("DELETE", f"{path}/{desired.name}")
        manifest = {"metadata": {"name": desired.name, "labels": desired.labels}, "spec": desired.spec}
        answer = await self._http.request("POST", path, body=RequestBody.plain(manifest))
        assert isinstance(answer, dict), answer


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.lab)])
async def both(request: pytest.FixtureRequest) -> AsyncIterator[tuple[AdmissionPolicyApi, OtherClient]]:
    if request.param == "fake":
        fake = FakeAdmission()
        yield fake, FakeOtherClient(fake)
        return
    plane: ControlPlane = request.getfixturevalue("granted")
    operator = from_kubeconfig(plane.kubeconfig_for_service_account("harbor-operator", "harbor-operator"))
    async with KubernetesClient(operator) as ours, KubernetesClient(from_kubeconfig(plane.kubeconfig)) as theirs:
        yield KubernetesAdmissionPolicyApi(ours), RealOtherClient(theirs)
    plane.kubectl("delete", "mutatingadmissionpolicies,mutatingadmissionpolicybindings", "--all")


@pytest.fixture
def admission(both: tuple[AdmissionPolicyApi, OtherClient]) -> AdmissionPolicyApi:
    return both[0]


@pytest.fixture
def other(both: tuple[AdmissionPolicyApi, OtherClient]) -> OtherClient:
    return both[1]


async def created(admission: AdmissionPolicyApi, desired: DesiredPolicy) -> ObservedPolicy:
    await admission.create(desired)
    observed = await admission.read(desired.kind, desired.name)
    assert observed is not None
    return observed


@pytest.mark.parametrize("kind", AdmissionKind)
async def test_a_created_object_is_read_back_as_desired(admission: AdmissionPolicyApi, kind: AdmissionKind) -> None:
    every: dict[str, Any] = {
        "serviceAccounts": ["builder", "default"],
        "namespaces": {
            "selector": {
                "matchLabels": {"pull": "yes"},
                "matchExpressions": [
                    {"key": "team", "operator": "In", "values": ["b", "a"]},
                    {"key": "old", "operator": "DoesNotExist"},
                ],
            }
        },
    }
    for desired in (*desired_policies(), *desired_policies(**every)):
        if desired.kind is kind:
            assert await admission.read(desired.kind, desired.name) is None
            observed = await created(admission, desired)
            assert desired.owns(observed)
            assert observed.spec == desired.spec
            await admission.remove(desired, observed)


async def test_create_overwrites_no_object_of_another_client(admission: AdmissionPolicyApi, other: OtherClient) -> None:
    policy, _ = desired_policies()
    await other.put(replace(policy, labels={}, spec={**policy.spec, "failurePolicy": "Fail"}))
    theirs = await admission.read(policy.kind, policy.name)
    assert theirs is not None
    assert not policy.owns(theirs)
    with pytest.raises(Unavailable, match=NAME):
        await admission.create(policy)
    assert await admission.read(policy.kind, policy.name) == theirs


async def test_a_correction_removes_added_fields(admission: AdmissionPolicyApi, other: OtherClient) -> None:
    policy, _ = desired_policies()
    rules = policy.spec["matchConstraints"]
    excluded = {**rules, "excludeResourceRules": [{**rules["resourceRules"][0], "resourceNames": ["default"]}]}
    added = {**policy.spec, "failurePolicy": "Fail", "matchConstraints": excluded}
    await other.put(replace(policy, spec=added))
    before = await admission.read(policy.kind, policy.name)
    assert before is not None
    assert not policy.is_met_by(before)
    await admission.correct(policy, before)
    after = await admission.read(policy.kind, policy.name)
    assert after is not None
    assert policy.is_met_by(after)
    assert after.uid == before.uid
    with pytest.raises(Unavailable, match=NAME):
        await admission.correct(policy, before)
    with pytest.raises(Unavailable, match=NAME):
        await admission.remove(policy, before)


async def test_removing_succeeds_on_what_is_gone(admission: AdmissionPolicyApi) -> None:
    _, binding = desired_policies()
    observed = await created(admission, binding)
    await admission.remove(binding, observed)
    assert await admission.read(binding.kind, binding.name) is None
    await admission.remove(binding, observed)


async def test_an_object_that_the_server_rejects_is_refused(admission: AdmissionPolicyApi) -> None:
    policy, _ = desired_policies(namespaces={"selector": {"matchLabels": {"a b": "c"}}})
    with pytest.raises(Refused) as caught:
        await admission.create(policy)
    assert caught.value.reason is Reason.ADMISSION_POLICY_REFUSED


@pytest.mark.lab
async def test_rights_are_missing_for_every_other_name(granted: ControlPlane) -> None:
    operator = from_kubeconfig(granted.kubeconfig_for_service_account("harbor-operator", "harbor-operator"))
    async with KubernetesClient(operator) as http:
        admission = KubernetesAdmissionPolicyApi(http)
        for desired in desired_policies("other"):
            with pytest.raises(Refused, match="deploy/components/admission-policy") as caught:
                await admission.create(desired)
            assert caught.value.reason is Reason.RIGHTS_MISSING
            assert "with 'harbor-operator.intra.other' in the `resourceNames`" in str(caught.value)
            with pytest.raises(Refused, match="`get`"):
                await admission.read(desired.kind, desired.name)


@pytest.mark.lab
async def test_a_server_without_such_policies_says_so_with_and_without_rights() -> None:
    with Lab.start({Part.CONTROL_PLANE}) as lab:
        plane = lab.control_plane
        install(lab)
        if has_admission_policies(plane):
            plane.restart_apiserver(flags=SWITCHED_OFF)
        operator = from_kubeconfig(plane.kubeconfig_for_service_account("harbor-operator", "harbor-operator"))
        policy, _ = desired_policies()
        async with KubernetesClient(operator) as http, KubernetesClient(from_kubeconfig(plane.kubeconfig)) as granted:
            with pytest.raises(Refused, match=r"Kubernetes 1\.36") as caught:
                await KubernetesAdmissionPolicyApi(http).read(policy.kind, policy.name)
            assert caught.value.reason is Reason.ADMISSION_POLICY_UNSUPPORTED
            assert await KubernetesAdmissionPolicyApi(granted).read(policy.kind, policy.name) is None
            with pytest.raises(Refused, match=r"`spec\.pullSecrets\.admissionPolicy` is Enabled") as caught:
                await KubernetesAdmissionPolicyApi(granted).create(policy)
            assert caught.value.reason is Reason.ADMISSION_POLICY_UNSUPPORTED
