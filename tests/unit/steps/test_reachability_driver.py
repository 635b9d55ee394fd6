"""RegistryReachable of a registry whose storage is proved through it."""

from __future__ import annotations

import pytest

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.image_proof import ProofFailure, ProofStep
from harbor_operator.model.outcomes import Blocked, Done
from harbor_operator.plan import names
from harbor_operator.reasons import Reason
from tests.fakes.storage_driver import S3
from tests.unit.steps.test_reachability import ReachabilityFixture, _registry


@pytest.fixture
def fixture() -> ReachabilityFixture:
    return ReachabilityFixture()


def with_driver(proof: str = "") -> HarborRegistry:
    """A registry with a driver, whose status has this proof."""
    made = _registry(release={"version": "1.19.1"}, storage={"driver": S3})
    return made.model_copy(update={"observed": made.observed.model_copy(update={"storage_proof": proof})})


def deployed(fixture: ReachabilityFixture) -> None:
    """Gives the registry the Secret of a release."""
    fixture.kube.put("intra", "hreg-cr-pins", {"DIGEST_KEY": "key"}, names.owner_labels(with_driver()))


async def test_a_driver_is_proved_and_the_status_remembers_it(fixture: ReachabilityFixture) -> None:
    deployed(fixture)
    outcome = await fixture.step.reconcile(with_driver())
    assert isinstance(outcome, Done)
    assert outcome.message.endswith("; the registry stored, returned and deleted an image with driver 's3'")
    assert outcome.facts.storage_proof
    await fixture.step.reconcile(with_driver(outcome.facts.storage_proof))
    assert len(fixture.images.pushed) == 1


async def test_a_driver_that_does_not_work_blocks(fixture: ReachabilityFixture) -> None:
    deployed(fixture)
    fixture.images.failing = ProofFailure(ProofStep.PULL, 200)
    outcome = await fixture.step.reconcile(with_driver())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.STORAGE_PROOF_FAILED
    assert "could not return what it had stored with driver 's3' (other bytes)" in outcome.message
    assert "the identity of the registry's pod" in outcome.message


async def test_a_driver_is_not_proved_without_the_administrator(fixture: ReachabilityFixture) -> None:
    deployed(fixture)
    fixture.kube.put("intra", "hreg-cr-admin-password", {"password": "Wrong-pass-1"})
    outcome = await fixture.step.reconcile(with_driver())
    assert isinstance(outcome, Done)
    assert "driver 's3' is not proved yet" in outcome.message
    assert outcome.facts.storage_proof is None


def with_identity(proof: str = "", **changes: object) -> HarborRegistry:
    """A registry with a bucket for which only the registry has keys."""
    s3 = {"endpoint": "https://s3.example.com", "ambientIdentity": {}, **changes}
    made = _registry(release={"version": "1.19.1"}, storage={"s3": s3})
    return made.model_copy(update={"observed": made.observed.model_copy(update={"storage_proof": proof})})


async def test_a_bucket_without_keys_is_proved_again_after_a_change(fixture: ReachabilityFixture) -> None:
    deployed(fixture)
    outcome = await fixture.step.reconcile(with_identity())
    assert isinstance(outcome, Done)
    assert outcome.message.endswith("; the registry stored, returned and deleted an image with driver 's3'")
    proof = outcome.facts.storage_proof
    assert proof
    await fixture.step.reconcile(with_identity(proof))
    assert len(fixture.images.pushed) == 1
    await fixture.step.reconcile(with_identity(proof, region="eu-central-1"))
    assert len(fixture.images.pushed) == 2


async def test_a_registry_that_finds_no_identity_blocks(fixture: ReachabilityFixture) -> None:
    deployed(fixture)
    fixture.images.failing = ProofFailure(ProofStep.PULL, 500)
    outcome = await fixture.step.reconcile(with_identity())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.STORAGE_PROOF_FAILED
    assert "then correct `spec.storage.s3`, or the rights of the identity of the registry's pod" in outcome.message
    assert "but neither IRSA nor EKS Pod Identity" in outcome.message
