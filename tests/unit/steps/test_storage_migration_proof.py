"""The proof of a migration's target: by images that could be pulled from the source."""

from __future__ import annotations

import pytest

from harbor_operator.model.image_proof import ProofFailure, ProofStep
from harbor_operator.model.outcomes import Blocked, Done
from harbor_operator.model.storage_migration import MigrationPhase
from harbor_operator.reasons import Reason
from tests.fakes.harbor import StoredProject
from tests.unit.steps.storage_migration_fixture import MIGRATING, MigrationFixture

PREVENTED = ProofFailure(ProofStep.PULL, 412, "current image with 3 vulnerabilities cannot be pulled")
BROKEN = ProofFailure(ProofStep.PULL, 404, "blob unknown to registry")


@pytest.fixture
def fixture() -> MigrationFixture:
    fixture = MigrationFixture()
    fixture.harbor.projects["other"] = StoredProject(3, public=True, images=["other/app:1"])
    return fixture


@pytest.mark.parametrize("failure", [PREVENTED, BROKEN])
async def test_an_image_that_could_not_be_pulled_before_proves_nothing(
    fixture: MigrationFixture, failure: ProofFailure
) -> None:
    fixture.images.refused["library/app:1"] = failure

    assert isinstance(await fixture.run(MIGRATING), Done)

    assert fixture.record["images"] == ["other/app:1"]
    assert fixture.images.pulled.count("other/app:1") == 2


async def test_a_policy_that_began_to_prevent_a_pull_leaves_the_proof_to_the_others(fixture: MigrationFixture) -> None:
    await fixture.until(MigrationPhase.SWITCHING)
    fixture.images.refused["library/app:1"] = PREVENTED

    assert isinstance(await fixture.run(MIGRATING), Done)


async def test_a_policy_that_prevents_every_pull_is_named_instead_of_the_keys(fixture: MigrationFixture) -> None:
    await fixture.until(MigrationPhase.SWITCHING)
    fixture.images.failing = PREVENTED

    stopped = await fixture.run(MIGRATING)

    assert isinstance(stopped, Blocked)
    assert stopped.reason is Reason.STORAGE_PROOF_FAILED
    assert "a policy of Harbor prevents the pull" in stopped.message
    assert "keys" not in stopped.message
    assert fixture.is_read_only
    fixture.images.failing = None
    assert isinstance(await fixture.run(MIGRATING), Done)
