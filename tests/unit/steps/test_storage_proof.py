"""The proof of a driver: made once for each configuration, repeated after a change, and nothing foreign is touched."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.harbor import HarborEndpoint, Login
from harbor_operator.model.image_proof import ProofFailure, ProofStep
from harbor_operator.model.release import GeneratedSecret
from harbor_operator.plan import names
from harbor_operator.reasons import Reason
from harbor_operator.steps.storage_proof import RETRY, Proof, StorageProof
from tests.fakes.image_proof import FakeImageProof
from tests.fakes.kube import FakeKube
from tests.fakes.release import NAMESPACE, registry
from tests.fakes.storage_driver import AZURE, CREDENTIALS

ADMIN = HarborEndpoint("https://cr.example.com", "", Login("admin", SecretStr("x")))
REFUSED = ProofFailure(ProofStep.UPLOAD, 500, "internal server error")


def with_driver(driver: dict[str, Any] = AZURE, version: str = "1.19.1") -> HarborRegistry:
    return registry(version, storage={"driver": driver})


def remembered(known: HarborRegistry, proof: Proof) -> HarborRegistry:
    """The registry with the proof in its status, as after a restart."""
    return known.model_copy(update={"observed": known.observed.model_copy(update={"storage_proof": proof.digest})})


@dataclass
class ProofFixture:
    """A registry with a deployed release, whose Secrets exist."""

    kube: FakeKube = field(default_factory=FakeKube)
    images: FakeImageProof = field(default_factory=FakeImageProof)
    now: datetime = datetime(2026, 11, 28, tzinfo=UTC)

    def __post_init__(self) -> None:
        self.steps = StorageProof(self.kube, self.images, lambda: self.now)
        owner = names.owner_labels(with_driver())
        self.kube.put(NAMESPACE, "hreg-cr-pins", {str(GeneratedSecret.DIGEST_KEY): "digest-key"}, owner)
        self.use(CREDENTIALS["azure"])

    def use(self, credential: dict[str, str]) -> None:
        self.kube.put(NAMESPACE, "hreg-cr-storage-login", credential, names.owner_labels(with_driver()))

    async def prove(self, wanted: HarborRegistry | None = None) -> Proof:
        proof = await self.steps.prove(wanted or with_driver(), ADMIN)
        assert proof is not None
        return proof


@pytest.fixture
def fixture() -> ProofFixture:
    return ProofFixture()


async def test_a_proof_leaves_nothing_and_is_made_once(fixture: ProofFixture) -> None:
    first = await fixture.prove()
    assert first.failure is None
    assert fixture.images.projects == {}
    assert [len(layer) for layer in fixture.images.pushed] == [512 << 10]
    assert await fixture.prove() == first
    assert len(fixture.images.pushed) == 1


async def test_a_restart_takes_the_proof_from_the_status(fixture: ProofFixture) -> None:
    proof = await fixture.prove()
    fixture.steps = StorageProof(fixture.kube, fixture.images, lambda: fixture.now)
    assert (await fixture.prove(remembered(with_driver(), proof))).digest == proof.digest
    assert len(fixture.images.pushed) == 1


@pytest.mark.parametrize(
    "changed",
    [
        with_driver({**AZURE, "parameters": {**AZURE["parameters"], "realm": "core.chinacloudapi.cn"}}),
        with_driver(version="1.19.0"),
    ],
    ids=["driver", "release"],
)
async def test_a_change_is_proved_with_other_content(fixture: ProofFixture, changed: HarborRegistry) -> None:
    proof = await fixture.prove()
    await fixture.prove(remembered(changed, proof))
    before, after = fixture.images.pushed
    assert before != after


async def test_another_credential_is_proved_and_not_shown(fixture: ProofFixture) -> None:
    proof = await fixture.prove()
    fixture.use({"AZURE_STORAGE_ACCESS_KEY": "another"})
    other = await fixture.prove(remembered(with_driver(), proof))
    assert other.digest != proof.digest
    assert len(fixture.images.pushed) == 2


@pytest.mark.parametrize("step", ProofStep)
async def test_a_failure_names_the_remedy_and_leaves_nothing(fixture: ProofFixture, step: ProofStep) -> None:
    fixture.images.failing = ProofFailure(step, 500, "internal server error")
    failure = (await fixture.prove()).failure
    assert failure is not None
    assert failure.reason is Reason.STORAGE_PROOF_FAILED
    assert f"could not {step} with driver 'azure' (HTTP 500 'internal server error')" in failure.message
    assert "kubectl -n intra logs -l release=cr,component=registry -c registry" in failure.message
    assert "Secret 'store'" in failure.message
    assert step is ProofStep.DELETE or fixture.images.projects == {}


async def test_a_failure_is_tried_again_after_a_while(fixture: ProofFixture) -> None:
    fixture.images.failing = REFUSED
    failed = await fixture.prove()
    fixture.images.failing = None
    fixture.now += RETRY - timedelta(seconds=1)
    assert await fixture.prove() == failed
    fixture.now += timedelta(seconds=1)
    assert (await fixture.prove()).failure is None


async def test_a_failure_is_tried_again_at_once_after_a_change(fixture: ProofFixture) -> None:
    fixture.images.failing = REFUSED
    await fixture.prove()
    fixture.images.failing = None
    fixture.use({"AZURE_STORAGE_ACCESS_KEY": "another"})
    assert (await fixture.prove()).failure is None


async def test_the_rest_of_a_killed_proof_is_removed(fixture: ProofFixture) -> None:
    fixture.images.projects[names.proof_project(with_driver())] = {"image"}
    assert (await fixture.prove()).failure is None
    assert fixture.images.projects == {}


async def test_a_project_with_other_repositories_is_not_touched(fixture: ProofFixture) -> None:
    project = names.proof_project(with_driver())
    fixture.images.projects[project] = {"image", "team/app"}
    failure = (await fixture.prove()).failure
    assert failure is not None
    assert failure.reason is Reason.PROJECT_REFUSED
    assert f"project '{project}' in Harbor" in failure.message
    assert "'team/app'" in failure.message
    assert fixture.images.projects == {project: {"image", "team/app"}}
    assert fixture.images.pushed == []


async def test_other_storage_has_no_proof(fixture: ProofFixture) -> None:
    assert await fixture.steps.prove(registry(), ADMIN) is None
    assert fixture.images.pushed == []
