"""The step RegistryReachable on a Harbor that answers over HTTP, at its own URL and at an internal one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from harbor_operator.adapters.harbor import HttpHarbor
from harbor_operator.adapters.harbor_probe import HttpRegistryProbe
from harbor_operator.adapters.image_proof import HttpImageProof
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.outcomes import Done
from harbor_operator.steps.reachability import ReachabilityStep
from tests.fakes.kube import FakeKube

pytestmark = pytest.mark.lab

ELSEWHERE = "https://cr.example.com"


@pytest.mark.parametrize("is_internal", [False, True])
async def test_a_harbor_is_reached(harbor_endpoint: HarborEndpoint, is_internal: bool) -> None:
    kube = FakeKube()
    assert harbor_endpoint.login
    kube.put("intra", "hreg-cr-admin-password", {"password": harbor_endpoint.login.password.get_secret_value()})
    kube.put("intra", "ca", {"ca.crt": harbor_endpoint.ca})
    url = harbor_endpoint.url
    urls = {"externalURL": ELSEWHERE, "internalURL": url} if is_internal else {"externalURL": url}
    spec = {**urls, **({"caSecretRef": {"name": "ca"}} if harbor_endpoint.ca else {})}
    registry = HarborRegistry.parse({"metadata": {"name": "cr", "namespace": "intra", "uid": "uid-1"}, "spec": spec})
    probe, harbor, images = HttpRegistryProbe(), HttpHarbor(), HttpImageProof()
    step = ReachabilityStep(kube, probe, harbor, images, lambda: datetime.now(UTC))
    outcome = await step.reconcile(registry)
    assert isinstance(outcome, Done), outcome.message
    assert outcome.facts.harbor_version
