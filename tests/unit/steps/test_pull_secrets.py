"""One case per test: earlier claims, the outcome, and what is declared and withdrawn after it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.injection import Claim
from harbor_operator.model.outcomes import NOT_REQUESTED, Blocked, CredentialFacts, Done, Pending, StuckPodFacts
from harbor_operator.model.pods import StuckPodPolicy
from harbor_operator.ports import Unavailable
from harbor_operator.reasons import Reason
from tests.unit.steps.pull_secrets_fixture import (
    ALL_READY,
    BY_HAND,
    CLAIM,
    OLD,
    ROBOT,
    ROBOT_SECRET,
    PullSecretsFixture,
    body,
    facts_of,
    registry,
    without_section,
)

BY_HAND_SECTION = {"credential": BY_HAND}


@pytest.fixture
def fixture() -> PullSecretsFixture:
    return PullSecretsFixture()


async def test_a_robot_is_made_with_the_stored_secret_and_declared(fixture: PullSecretsFixture) -> None:
    outcome = await fixture.step.reconcile(registry())
    assert isinstance(outcome, Done)
    assert outcome.message == "3 namespaces hold Secret 'harbor-pull'"
    assert facts_of(outcome) == replace(
        ALL_READY,
        secret_name="harbor-pull",
        service_accounts=("default",),
        credential=CredentialFacts(ROBOT, rotated_at=fixture.harbor.now),
    )
    stored = fixture.kube.values("intra", ROBOT_SECRET)
    assert stored == {
        "username": ROBOT,
        "password": "Generated-1",
        "generation": "1",
        "rotated-at": "2026-11-23T12:00:00+00:00",
    }
    assert (fixture.login["username"], fixture.login["password"]) == (ROBOT, "Generated-1")
    assert fixture.injection.desired["uid-1"].claim == CLAIM


async def test_a_second_pass_writes_nothing_even_after_a_restart(fixture: PullSecretsFixture) -> None:
    first = await fixture.step.reconcile(registry())
    before = (list(fixture.harbor.writes), list(fixture.kube.writes), fixture.injection.changes)
    assert await fixture.step.reconcile(registry()) == first
    fixture.restart()
    status = {"secretName": "harbor-pull", "serviceAccounts": ["default"]}
    assert await fixture.step.reconcile(registry(status=status)) == first
    assert (fixture.harbor.writes, fixture.kube.writes, fixture.injection.changes) == before


async def test_the_time_of_a_changed_account_is_reported(fixture: PullSecretsFixture) -> None:
    fixture.account()
    first = facts_of(await fixture.step.reconcile(registry(BY_HAND_SECTION))).credential
    fixture.account()
    second = facts_of(await fixture.step.reconcile(registry(BY_HAND_SECTION))).credential
    assert second.rotated_at == fixture.kube.secrets["intra", "pull-account"].changed_at
    assert first.rotated_at is not None
    assert second.rotated_at is not None
    assert second.rotated_at > first.rotated_at


def rival(created: str, **changes: Any) -> dict[str, Any]:
    """Another registry that wants the same Secret name."""
    manifest = body()
    manifest["metadata"] |= {"name": "early", "uid": "uid-0", "creationTimestamp": created, **changes}
    return manifest


async def test_the_registry_that_injects_the_name_keeps_it(fixture: PullSecretsFixture) -> None:
    """Finding S5."""
    await fixture.step.reconcile(registry())
    younger = rival("2026-11-23T11:00:00Z")
    fixture.kube.registries = [body(), younger]
    outcome = await fixture.step.reconcile(HarborRegistry.parse(younger))
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.SECRET_NAME_TAKEN
    assert set(fixture.injection.desired) == {"uid-1"}
    assert isinstance(await fixture.step.reconcile(registry()), Done)


async def test_a_registry_without_a_grant_injects_nothing_and_blocks_no_one(fixture: PullSecretsFixture) -> None:
    """Finding S5: the older registry of a tenant, whatever its policy and status say."""
    early = rival("2026-11-23T11:00:00Z", namespace="tenant")
    early["spec"]["pullSecrets"]["conflictPolicy"] = "Adopt"
    early["status"] = {"pullSecrets": {"secretName": "harbor-pull", "serviceAccounts": ["default"]}}
    fixture.kube.registries = [early, body()]
    outcome = await fixture.step.reconcile(HarborRegistry.parse(early))
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.INJECTION_NOT_GRANTED
    await fixture.step.reconcile_degraded(HarborRegistry.parse(early))
    assert fixture.injection.desired == {}
    assert isinstance(await fixture.step.reconcile(registry()), Done)


async def test_a_grant_that_is_taken_back_stops_the_injection(fixture: PullSecretsFixture) -> None:
    """Finding S5."""
    await fixture.step.reconcile(registry())
    fixture.granted = ("platform-*",)
    fixture.restart()
    outcome = await fixture.step.reconcile(registry())
    assert isinstance(outcome, Blocked)
    assert fixture.injection.desired == {}
    assert fixture.injection.withdrawn == []


async def test_before_the_first_sync_it_is_pending(fixture: PullSecretsFixture) -> None:
    fixture.injection.progress = None
    outcome = await fixture.step.reconcile(registry())
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.NAMESPACES_PENDING
    assert facts_of(outcome).secret_name == "harbor-pull"


async def test_a_renamed_secret_is_removed_and_the_old_name_is_reported_until_then(fixture: PullSecretsFixture) -> None:
    renamed = registry(status={"secretName": "old-pull", "serviceAccounts": ["default"]})
    fixture.injection.left[OLD] = 2
    outcome = await fixture.step.reconcile(renamed)
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.PULL_SECRETS_CLEANING_UP
    assert facts_of(outcome).secret_name == "old-pull"
    assert fixture.injection.withdrawn == [OLD]
    fixture.injection.left[OLD] = 0
    outcome = await fixture.step.reconcile(renamed)
    assert isinstance(outcome, Done)
    assert facts_of(outcome).secret_name == "harbor-pull"


async def test_a_second_rename_removes_all_of_the_names(fixture: PullSecretsFixture) -> None:
    fixture.injection.left = {OLD: 1, CLAIM: 1}
    await fixture.step.reconcile(registry(status={"secretName": "old-pull", "serviceAccounts": ["default"]}))
    third = {"secretName": "third-pull", "credential": {"robot": {}}}
    await fixture.step.reconcile(registry(third, status={"secretName": "old-pull", "serviceAccounts": ["default"]}))
    assert set(fixture.injection.withdrawn) == {OLD, CLAIM}


async def test_service_accounts_removed_from_the_spec_are_cleaned_up_and_added_ones_are_not(
    fixture: PullSecretsFixture,
) -> None:
    status = {"secretName": "harbor-pull", "serviceAccounts": ["ci", "default"]}
    await fixture.step.reconcile(registry(status=status))
    assert fixture.injection.withdrawn == [Claim("uid-1", "harbor-pull", ("ci", "default"))]
    fixture.injection.withdrawn.clear()
    fixture.restart()
    every = {"serviceAccounts": ["*"], "credential": {"robot": {}}}
    await fixture.step.reconcile(registry(every, status=status))
    assert fixture.injection.withdrawn == []


async def test_a_section_taken_out_is_cleaned_up_and_then_not_requested(fixture: PullSecretsFixture) -> None:
    await fixture.step.reconcile(registry())
    status = {"secretName": "harbor-pull", "serviceAccounts": ["default"]}
    fixture.injection.left[CLAIM] = None
    outcome = await fixture.step.reconcile(without_section(status))
    assert isinstance(outcome, Pending)
    assert facts_of(outcome).secret_name == "harbor-pull"
    assert fixture.injection.desired == {}
    fixture.injection.left[CLAIM] = 0
    assert await fixture.step.reconcile(without_section(status)) == NOT_REQUESTED
    assert fixture.harbor.robots == {}
    assert ("intra", ROBOT_SECRET) not in fixture.kube.secrets


async def test_nothing_requested_sends_no_request(fixture: PullSecretsFixture) -> None:
    fixture.harbor.down = True
    assert await fixture.step.reconcile(without_section()) == NOT_REQUESTED
    assert fixture.kube.writes == []


async def test_teardown_removes_secrets_before_the_robot(fixture: PullSecretsFixture) -> None:
    await fixture.step.reconcile(registry())
    fixture.injection.left[CLAIM] = 3
    outcome = await fixture.step.teardown(registry())
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.PULL_SECRETS_CLEANING_UP
    assert "intra-cr-pull-a222a995" in fixture.harbor.robots
    fixture.injection.left[CLAIM] = 0
    assert isinstance(await fixture.step.teardown(registry()), Done)
    assert fixture.harbor.robots == {}
    assert ("intra", ROBOT_SECRET) not in fixture.kube.secrets
    assert isinstance(await fixture.step.teardown(registry()), Done)


async def test_teardown_after_a_restart_reads_the_claim_from_the_spec(fixture: PullSecretsFixture) -> None:
    fixture.injection.left[CLAIM] = 1
    assert isinstance(await fixture.step.teardown(registry()), Pending)
    assert fixture.injection.withdrawn == [CLAIM]


async def test_an_api_server_that_is_down_does_delay_the_deletion(fixture: PullSecretsFixture) -> None:
    await fixture.step.reconcile(registry())
    fixture.kube.down = True
    with pytest.raises(Unavailable):
        await fixture.step.teardown(registry())


async def test_the_deletion_policy_retains_everything(fixture: PullSecretsFixture) -> None:
    await fixture.step.reconcile(registry(keep=True))
    outcome = await fixture.step.teardown(registry(keep=True))
    assert isinstance(outcome, Done)
    assert fixture.injection.withdrawn == []
    assert "intra-cr-pull-a222a995" in fixture.harbor.robots


async def test_after_a_restart_with_harbor_down_the_known_login_is_injected(fixture: PullSecretsFixture) -> None:
    await fixture.step.reconcile(registry())
    fixture.injection.desired.clear()
    fixture.restart()
    fixture.harbor.down = True
    status = {"secretName": "harbor-pull", "serviceAccounts": ["default"]}
    facts = await fixture.step.reconcile_degraded(registry(status=status))
    assert fixture.login["password"] == "Generated-1"
    assert facts.pull_secrets is not None
    assert facts.pull_secrets.ready == 3
    assert facts.pull_secrets.credential == CredentialFacts(ROBOT, rotated_at=fixture.harbor.now)


async def test_nothing_is_injected_before_a_login_has_ever_worked(fixture: PullSecretsFixture) -> None:
    fixture.kube.put("intra", ROBOT_SECRET, {"password": "Generated-1"})
    status = {"secretName": "harbor-pull", "serviceAccounts": ["default"]}
    await fixture.step.reconcile_degraded(registry(status=status))
    await fixture.step.reconcile_degraded(registry())
    assert fixture.injection.desired == {}


async def test_what_is_retained_is_not_injected_any_further(fixture: PullSecretsFixture) -> None:
    await fixture.step.reconcile(registry())
    await fixture.step.teardown(registry(keep=True))
    assert fixture.injection.desired == {}
    assert fixture.injection.withdrawn == []


async def test_a_suspended_registry_injects_nothing_and_removes_nothing(fixture: PullSecretsFixture) -> None:
    await fixture.step.reconcile(registry())
    fixture.step.suspend(registry())
    assert fixture.injection.desired == {}
    assert fixture.injection.withdrawn == []
    await fixture.step.reconcile(registry())
    assert set(fixture.injection.desired) == {"uid-1"}


async def test_stuck_pods_are_evicted_where_the_spec_says_so(fixture: PullSecretsFixture) -> None:
    asked = {"credential": {"robot": {}}, "stuckPods": "Evict"}
    await fixture.step.reconcile(registry(asked))
    assert fixture.stuck_pods.desired == {"uid-1": StuckPodPolicy("uid-1", "harbor-pull", "cr.example.com")}
    await fixture.step.reconcile(registry())
    assert fixture.stuck_pods.desired == {}
    await fixture.step.reconcile(registry(asked))
    await fixture.step.reconcile(without_section())
    assert fixture.stuck_pods.desired == {}
    await fixture.step.reconcile(registry(asked))
    fixture.step.suspend(registry(asked))
    assert fixture.stuck_pods.desired == {}
    await fixture.step.reconcile(registry(asked))
    await fixture.step.teardown(registry(asked))
    assert fixture.stuck_pods.desired == {}


async def test_after_a_restart_with_harbor_down_pods_are_still_evicted(fixture: PullSecretsFixture) -> None:
    asked = {"credential": {"robot": {}}, "stuckPods": "Evict"}
    await fixture.step.reconcile(registry(asked))
    fixture.injection.desired.clear()
    fixture.stuck_pods.desired.clear()
    fixture.restart()
    await fixture.step.reconcile_degraded(
        registry(asked, status={"secretName": "harbor-pull", "serviceAccounts": ["default"]})
    )
    assert set(fixture.stuck_pods.desired) == {"uid-1"}


async def test_pods_that_stay_stuck_are_warnings(fixture: PullSecretsFixture) -> None:
    fixture.stuck_pods.facts = StuckPodFacts(("pod 'shop/bare': why",), "no `list` pods")
    outcome = await fixture.step.reconcile(registry({"credential": {"robot": {}}, "stuckPods": "Evict"}))
    assert isinstance(outcome, Done)
    assert [warning.code for warning in outcome.warnings] == [Reason.EVICTION_RIGHTS_MISSING, Reason.PODS_STUCK]
