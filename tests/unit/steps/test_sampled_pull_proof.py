"""PullSecretsReady with proofs: samples of the injected Secrets are read back and tried against Harbor."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.outcomes import Done, Pending, Unknown
from harbor_operator.model.reachability import PullResult
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from harbor_operator.steps.sampled_pull_proof import MAX_UNPROVED_NAMESPACES, RETRY_SECONDS
from tests.unit.steps.pull_proof_fixture import ProofFixture, project
from tests.unit.steps.pull_secrets_fixture import (
    PROOF_INTERVAL_SECONDS,
    body,
    facts_of,
    registry,
)


async def test_each_interval_proves_the_next_namespaces_and_each_has_its_turn() -> None:
    fixture = ProofFixture("a", "b", "c", "d", "e", sample_size=2)
    assert isinstance(await fixture.run(), Done)
    seen = list(fixture.injected.reads)
    for _ in range(4):
        assert isinstance(await fixture.later(), Done)
        assert len(fixture.injected.reads) == 2
        seen += fixture.injected.reads
    assert sorted(seen) == sorted("abcde" * 2)
    assert fixture.proofs.results == {"passed": 10}


async def test_a_pass_within_the_interval_reads_no_secret_and_pulls_nothing() -> None:
    fixture = ProofFixture("a", "b")
    await fixture.run()
    await fixture.later(PROOF_INTERVAL_SECONDS - 1)
    assert fixture.injected.reads == []
    assert fixture.pulls.pulled == []


async def test_a_sample_of_zero_proves_nothing() -> None:
    fixture = ProofFixture("a", sample_size=0)
    assert isinstance(await fixture.run(), Done)
    assert fixture.injected.reads == []
    assert not fixture.proofs.results


async def test_the_hosts_of_other_registries_are_not_tried() -> None:
    other = {"host": "quay.io", "secretRef": {"name": "quay"}}
    section = {"credential": {"robot": {}}, "extraHosts": ["harbor.intra:8443"], "additionalCredentials": [other]}
    fixture = ProofFixture("a", wanted=registry(section))
    fixture.kube.put("intra", "quay", {"username": "quay-user", "password": "x"})
    assert isinstance(await fixture.run(), Done)
    assert {login for login, _ in fixture.pulls.pulled} == {fixture.login["username"]}


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda fixture: fixture.break_login("b"), "'b': Harbor rejects the login in its Secret"),
        (
            lambda fixture: fixture.injected.contents.update(b='{"auths": {"quay.io": {"auth": "YTpi"}}}'),
            "'b': its Secret has no login for 'cr.example.com'",
        ),
        (lambda fixture: fixture.injected.contents.update(b="no JSON"), "'b': its Secret has no login for"),
    ],
)
async def test_a_secret_that_does_not_pull_is_reported_until_it_does(
    spoil: Callable[[ProofFixture], None], problem: str
) -> None:
    fixture = ProofFixture("a", "b", "c")
    await fixture.run()
    good = fixture.injected.contents["b"]
    spoil(fixture)
    outcome = await fixture.later()
    assert isinstance(outcome, Pending)
    assert (outcome.reason, outcome.requeue_after) == (Reason.PULL_PROOF_FAILED, RETRY_SECONDS)
    assert problem in outcome.message
    assert [(one.namespace, one.reason) for one in facts_of(outcome).failures] == [("b", Reason.PULL_PROOF_FAILED)]
    assert fixture.proofs.results["failed"] == 1
    assert isinstance(await fixture.later(RETRY_SECONDS - 1), Pending)
    assert fixture.injected.reads == []
    fixture.injected.contents["b"] = good
    assert isinstance(await fixture.later(1), Done)
    assert fixture.injected.reads == ["b"]


async def test_a_login_without_the_right_to_pull_is_reported() -> None:
    fixture = ProofFixture("a")
    fixture.harbor.projects["team-a"] = project("team-a/app:1")
    await fixture.run()
    fixture.pulls.result = PullResult(200, 200, 401)
    outcome = await fixture.later()
    assert "'a': the login in its Secret has no right to pull 'team-a/app:1'" in outcome.message


async def test_no_message_contains_what_a_secret_says() -> None:
    fixture = ProofFixture("a")
    await fixture.run()
    fixture.injected.contents["a"] = '{"auths": {"cr.example.com": {"username": "Hidden-name", "password": "Hidden"}}}'
    outcome = await fixture.later()
    assert isinstance(outcome, Pending)
    assert "Hidden" not in repr(outcome)


@pytest.mark.parametrize("result", [PullResult(503), PullResult(200, 401), PullResult(200, 200, 429)])
async def test_an_error_of_harbor_is_no_failed_proof(result: PullResult) -> None:
    fixture = ProofFixture("a")
    await fixture.run()
    fixture.pulls.result = result
    assert isinstance(await fixture.later(), Done)
    assert fixture.proofs.results["unavailable"] == 1


async def test_a_silent_harbor_leaves_the_problems_as_they_are_and_is_tried_again() -> None:
    fixture = ProofFixture("a", "b")
    await fixture.run()
    fixture.break_login("a")
    assert isinstance(await fixture.later(), Pending)
    good = fixture.injected.contents["b"]
    fixture.injected.contents["a"] = good
    fixture.pulls.silent = True
    outcome = await fixture.later()
    assert "'a': Harbor rejects" in outcome.message
    assert "'b'" not in outcome.message
    fixture.pulls.silent = False
    assert isinstance(await fixture.later(RETRY_SECONDS), Done)
    assert fixture.injected.reads == ["a", "b"]


async def test_an_api_server_that_does_not_answer_is_no_failed_proof() -> None:
    fixture = ProofFixture("a")
    await fixture.run()
    fixture.injected.failure = Unavailable("the API server does not answer")
    assert isinstance(await fixture.later(), Done)
    assert fixture.proofs.results["unavailable"] == 1


async def test_missing_rights_are_reported() -> None:
    fixture = ProofFixture("a")
    await fixture.run()
    fixture.injected.failure = Refused(Reason.RIGHTS_MISSING, "the API server does not allow `list` secrets")
    with pytest.raises(Refused):
        await fixture.later()


async def test_a_namespace_that_is_gone_or_without_its_secret_is_forgotten() -> None:
    fixture = ProofFixture("a", "b")
    await fixture.run()
    fixture.break_login("a")
    fixture.break_login("b")
    assert isinstance(await fixture.later(), Pending)
    del fixture.injected.contents["a"]
    fixture.injection.ready = [one for one in fixture.injection.ready if one.name == "a"]
    assert isinstance(await fixture.later(), Done)


async def test_a_namespace_that_changes_meanwhile_is_not_reported() -> None:
    fixture = ProofFixture("a", "b")
    await fixture.run()
    fixture.break_login("a")

    fixture.pulls.before_login = fixture.injection.ready.clear
    assert isinstance(await fixture.later(), Done)


async def test_the_namespaces_to_try_again_are_limited() -> None:
    fixture = ProofFixture(*(f"n{number:02}" for number in range(MAX_UNPROVED_NAMESPACES + 5)), sample_size=100)
    await fixture.run()
    for one in fixture.injection.ready:
        fixture.break_login(one.name)
    outcome = await fixture.later()
    assert len(facts_of(outcome).failures) == MAX_UNPROVED_NAMESPACES
    await fixture.later(RETRY_SECONDS)
    assert len(fixture.injected.reads) == MAX_UNPROVED_NAMESPACES


async def test_a_restart_tries_what_the_status_names_first() -> None:
    fixture = ProofFixture("a", "b", "c", sample_size=1)
    await fixture.run()
    for name in ("b", "c"):
        fixture.break_login(name)
    failures = [{"namespace": name, "reason": "PullProofFailed", "message": "x"} for name in ("b", "c", "gone")]
    failures.append({"namespace": "a", "reason": "ForeignSecret", "message": "x"})
    fixture.wanted = HarborRegistry.parse(body(status={"secretName": "harbor-pull", "failures": failures}), "cluster-1")
    fixture.restart()
    outcome = await fixture.later(0)
    assert {"b", "c"} <= set(fixture.injected.reads)
    assert [one.namespace for one in facts_of(outcome).failures] == ["b", "c"]


async def test_a_suspended_registry_is_proved_at_once_when_it_is_resumed() -> None:
    fixture = ProofFixture("a")
    await fixture.run()
    fixture.step.suspend(fixture.wanted)
    await fixture.later(1)
    assert fixture.injected.reads == ["a"]


async def test_while_harbor_is_unhealthy_nothing_is_proved() -> None:
    fixture = ProofFixture("a")
    await fixture.run()
    fixture.injected.reads.clear()
    fixture.harbor.now += timedelta(seconds=PROOF_INTERVAL_SECONDS)
    assert not isinstance(await fixture.step.reconcile_degraded(fixture.wanted), Unknown)
    assert fixture.injected.reads == []
