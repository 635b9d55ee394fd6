"""A release whose workloads are not ready: the pods say why, if the operator may read them."""

from __future__ import annotations

import pytest

from harbor_operator.model.kubernetes import Workload, WorkloadPod
from harbor_operator.model.outcomes import Done, Pending
from harbor_operator.reasons import Reason
from tests.fakes.release import NAMESPACE
from tests.fakes.release_fixture import READY, ReleaseFixture

LATE = Workload("Deployment", "cr-harbor-core", 1, 0, 1, observed=True)
POD = WorkloadPod("cr-harbor-core-1-x", "cr-harbor-core", "goharbor/harbor-core:v2.15.1", "ImagePullBackOff")


@pytest.mark.parametrize("forbidden", [False, True])
async def test_a_late_workload_is_followed_to_its_pod(forbidden: bool) -> None:
    cr = ReleaseFixture()
    await cr.deployed()
    cr.workloads(LATE)
    cr.kube.late_pods[NAMESPACE, "release=cr"] = [POD]
    cr.kube.forbids_pods = forbidden
    outcome = await cr.reconcile()
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.WORKLOADS_NOT_READY
    assert "Deployment 'cr-harbor-core': 0 of 1 ready" in outcome.message
    named = "pod 'cr-harbor-core-1-x' with image 'goharbor/harbor-core:v2.15.1' waits for: ImagePullBackOff"
    assert (named in outcome.message) is not forbidden

    cr.workloads(*READY)
    assert isinstance(await cr.reconcile(), Done)
