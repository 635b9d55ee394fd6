"""What the PullSecrets step does while Harbor is not healthy, and which login it injects then."""

from __future__ import annotations

from typing import Any

import pytest

from harbor_operator.model.injection import RemainingNamespaces
from harbor_operator.model.outcomes import Blocked, Done, Pending
from harbor_operator.reasons import Reason
from tests.unit.steps.pull_secrets_fixture import (
    BY_HAND,
    CLAIM,
    INJECTED,
    OLD,
    ROBOT_SECRET,
    PullSecretsFixture,
    body,
    facts_of,
    registry,
    without_section,
)

ACCEPTED = "hreg-cr-pull-accepted"
GIVEN = {"credential": BY_HAND}


@pytest.fixture
def fixture() -> PullSecretsFixture:
    return PullSecretsFixture()


async def restart_with_harbor_down(fixture: PullSecretsFixture) -> None:
    fixture.injection.desired.clear()
    fixture.restart()
    fixture.harbor.down = True


async def test_a_login_that_harbor_has_not_accepted_is_not_injected(fixture: PullSecretsFixture) -> None:
    """Finding S7: after a restart, any content of the Secret was injected, the administrator's login included."""
    fixture.account()
    await fixture.step.reconcile(registry(GIVEN))
    await restart_with_harbor_down(fixture)
    fixture.kube.put("intra", "pull-account", {"username": "admin", "password": "Admin-pass-1"})
    await fixture.step.reconcile_degraded(registry(GIVEN, status=INJECTED))
    assert fixture.injection.desired == {}
    fixture.account()
    await fixture.step.reconcile_degraded(registry(GIVEN, status=INJECTED))
    assert fixture.login["username"] == "puller"


@pytest.mark.parametrize("labels", [None, {"app": "theirs"}])
async def test_a_digest_without_our_labels_proves_nothing(
    fixture: PullSecretsFixture, labels: dict[str, str] | None
) -> None:
    """Finding S7: the record of the accepted login is the operator's own."""
    await fixture.step.reconcile(registry())
    fixture.kube.put("intra", ACCEPTED, fixture.kube.values("intra", ACCEPTED), labels)
    await restart_with_harbor_down(fixture)
    await fixture.step.reconcile_degraded(registry(status=INJECTED))
    assert fixture.injection.desired == {}


async def test_the_accepted_login_is_known_by_its_digest_only(fixture: PullSecretsFixture) -> None:
    """Finding S7: the record contains no secret."""
    await fixture.step.reconcile(registry())
    assert "Generated-1" not in str(fixture.kube.values("intra", ACCEPTED))


async def test_the_name_that_another_registry_holds_is_not_taken_while_harbor_is_down(
    fixture: PullSecretsFixture,
) -> None:
    """Finding S7: without Harbor, the Secret name was not checked."""
    await fixture.step.reconcile(registry())
    await restart_with_harbor_down(fixture)
    rival = body()
    rival["metadata"] |= {"name": "older", "uid": "uid-0", "creationTimestamp": "2026-11-23T11:00:00Z"}
    rival["status"] = {"pullSecrets": INJECTED}
    fixture.kube.registries = [body(), rival]
    await fixture.step.reconcile_degraded(registry(status=INJECTED))
    assert fixture.injection.desired == {}


async def test_the_removal_of_the_section_does_not_wait_for_harbor(fixture: PullSecretsFixture) -> None:
    """Finding R9: while Harbor was unhealthy, nothing was removed."""
    await fixture.step.reconcile(registry())
    fixture.harbor.down = True
    fixture.injection.left[CLAIM] = 2
    facts = await fixture.step.reconcile_degraded(without_section(INJECTED))
    assert fixture.injection.desired == {}
    assert fixture.injection.withdrawn == [CLAIM]
    assert facts.pull_secrets is not None
    assert facts.pull_secrets.secret_name == "harbor-pull"
    assert "intra-cr-pull-a222a995" in fixture.harbor.robots, "the robot waits for Harbor"


async def test_an_exclusion_does_not_wait_for_harbor(fixture: PullSecretsFixture) -> None:
    """Finding R9: while Harbor was unhealthy, an excluded namespace kept its Secret."""
    await fixture.step.reconcile(registry())
    fixture.harbor.down = True
    excluded: dict[str, Any] = {"credential": {"robot": {}}, "namespaces": {"exclude": ["shop"]}}
    await fixture.step.reconcile_degraded(registry(excluded, status=INJECTED))
    assert fixture.injection.desired["uid-1"].namespaces.exclude == ["shop"]


async def test_a_rename_does_not_wait_for_harbor(fixture: PullSecretsFixture) -> None:
    """Finding R9: while Harbor was unhealthy, the Secret kept its old name."""
    old: dict[str, Any] = {"credential": {"robot": {}}, "secretName": "old-pull"}
    await fixture.step.reconcile(registry(old))
    await restart_with_harbor_down(fixture)
    status = {"secretName": "old-pull", "serviceAccounts": ["default"]}
    fixture.injection.left[OLD] = 1
    facts = await fixture.step.reconcile_degraded(registry(status=status))
    assert fixture.injection.desired["uid-1"].claim == CLAIM
    assert fixture.injection.withdrawn == [OLD]
    assert facts.pull_secrets is not None
    assert facts.pull_secrets.secret_name == "old-pull", "the status names the old Secret until it is gone"


async def test_a_changed_credential_is_tried_although_harbor_is_not_healthy(fixture: PullSecretsFixture) -> None:
    """Finding R9: a leaked credential stayed in every namespace while one component of Harbor was unhealthy."""
    fixture.account()
    await fixture.step.reconcile(registry(GIVEN))
    fixture.harbor.accounts["puller"] = ("Rotated-pass-1", False)
    fixture.kube.put("intra", "pull-account", {"username": "puller", "password": "Rotated-pass-1"})
    await fixture.step.reconcile_degraded(registry(GIVEN, status=INJECTED))
    assert fixture.login["password"] == "Rotated-pass-1"


async def test_a_deleted_robot_secret_is_replaced_although_harbor_is_not_healthy(fixture: PullSecretsFixture) -> None:
    """Finding R9: the documented rotation had no effect while one component of Harbor was unhealthy."""
    await fixture.step.reconcile(registry())
    fixture.harbor.robots["intra-cr-pull-a222a995"].secret = "Leaked-pass-1"
    del fixture.kube.secrets["intra", ROBOT_SECRET]
    await fixture.step.reconcile_degraded(registry(status=INJECTED))
    assert fixture.harbor.robots["intra-cr-pull-a222a995"].secret == "Generated-2"
    assert fixture.login["password"] == "Generated-2"


async def test_no_credential_is_sent_to_a_url_that_never_worked(fixture: PullSecretsFixture) -> None:
    """Finding R9: before the first accepted login, nothing proves that the server is Harbor."""
    fixture.account()
    await fixture.step.reconcile_degraded(registry(GIVEN, status=INJECTED))
    assert fixture.injection.desired == {}
    assert fixture.kube.writes == []


async def test_the_earlier_login_stays_while_a_changed_one_cannot_be_tried(fixture: PullSecretsFixture) -> None:
    """Finding R9: an exclusion takes effect although the new credential is not proved."""
    fixture.account()
    await fixture.step.reconcile(registry(GIVEN))
    fixture.harbor.down = True
    fixture.kube.put("intra", "pull-account", {"username": "puller", "password": "Unproved-pass-1"})
    excluded: dict[str, Any] = {**GIVEN, "namespaces": {"exclude": ["shop"]}}
    await fixture.step.reconcile_degraded(registry(excluded, status=INJECTED))
    assert fixture.login["password"] == "Account-pass-1"
    assert fixture.injection.desired["uid-1"].namespaces.exclude == ["shop"]


def successor(fixture: PullSecretsFixture, **spec: Any) -> None:
    """Another registry with the same Secret name."""
    other = body()
    other["metadata"] |= {"name": "next", "uid": "uid-2"}
    other["spec"] |= spec
    fixture.kube.registries = [body(), other]


async def test_a_deleted_registry_waits_until_its_successor_injects(fixture: PullSecretsFixture) -> None:
    """Finding R8: the Secrets were removed before another registry of the same Secret name could take them over."""
    await fixture.step.reconcile(registry())
    successor(fixture)
    outcome = await fixture.step.teardown(registry(status=INJECTED))
    assert isinstance(outcome, Pending)
    assert "another HarborRegistry takes over Secret 'harbor-pull'" in outcome.message
    assert fixture.injection.withdrawn == []
    fixture.injection.desired["uid-2"] = fixture.injection.desired["uid-1"]
    assert isinstance(await fixture.step.teardown(registry(status=INJECTED)), Done)
    assert fixture.injection.withdrawn == [CLAIM]


async def test_a_deleted_registry_does_not_wait_for_a_successor_that_never_injects(fixture: PullSecretsFixture) -> None:
    """Finding R8: the wait is bounded."""
    await fixture.step.reconcile(registry())
    successor(fixture)
    outcomes = [await fixture.step.teardown(registry(status=INJECTED)) for _ in range(6)]
    assert [isinstance(outcome, Done) for outcome in outcomes] == [False] * 5 + [True]


async def test_a_suspended_registry_is_no_successor(fixture: PullSecretsFixture) -> None:
    """Finding R8: a suspended registry injects nothing."""
    await fixture.step.reconcile(registry())
    successor(fixture, suspend=True)
    assert isinstance(await fixture.step.teardown(registry(status=INJECTED)), Done)


async def test_a_lingering_secret_does_not_block_the_deletion_and_is_reported(fixture: PullSecretsFixture) -> None:
    """Finding R4: a finalizer on the pull Secret of one namespace blocked the deletion."""
    await fixture.step.reconcile(registry())
    fixture.injection.left_in[CLAIM] = RemainingNamespaces(lingering=("shop",))
    outcome = await fixture.step.teardown(registry(status=INJECTED))
    assert isinstance(outcome, Done)
    assert "Secret 'harbor-pull' in namespace 'shop'" in outcome.message
    assert ("intra", ACCEPTED) not in fixture.kube.secrets


async def test_a_lingering_secret_is_a_warning_after_a_rename_and_after_the_section(
    fixture: PullSecretsFixture,
) -> None:
    """Finding R4: a lingering Secret kept the registry pending."""
    fixture.injection.left_in[OLD] = RemainingNamespaces(lingering=("shop",))
    status = {"secretName": "old-pull", "serviceAccounts": ["default"]}
    for wanted in (registry(status=status), without_section(status)):
        outcome = await fixture.step.reconcile(wanted)
        assert isinstance(outcome, Done)
        assert [warning.code for warning in outcome.warnings] == [Reason.PULL_SECRET_LINGERS]


async def test_an_unchanged_clean_up_is_checked_with_increasing_back_off(fixture: PullSecretsFixture) -> None:
    """Finding R4: the whole pipeline ran every two seconds."""
    fixture.injection.left[OLD] = 1
    fixture.injection.left_in[OLD] = RemainingNamespaces(("shop",))
    renamed = registry(status={"secretName": "old-pull", "serviceAccounts": ["default"]})
    outcomes = [await fixture.step.reconcile(renamed) for _ in range(7)]
    delays = [outcome.requeue_after for outcome in outcomes if isinstance(outcome, Pending)]
    assert delays == [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    assert "('shop')" in outcomes[-1].message
    assert facts_of(outcomes[-1]).secret_name == "old-pull"
    fixture.injection.left[OLD] = 0
    assert isinstance(await fixture.step.reconcile(renamed), Done)


async def test_missing_rights_in_the_teardown_are_reported_with_what_lingers(fixture: PullSecretsFixture) -> None:
    """Finding R2: the clean-up after a failed removal of the robot raised inside its error handler."""
    fixture.injection.left_in[CLAIM] = RemainingNamespaces(lingering=("shop",))
    fixture.kube.forbidden = True
    outcome = await fixture.step.teardown(registry())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.RIGHTS_MISSING
    assert "Secret 'harbor-pull' in namespace 'shop'" in outcome.message
