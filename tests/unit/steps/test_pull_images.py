"""The image of a proof: one that the namespace is allowed to pull, from a project of this Harbor."""

from __future__ import annotations

from harbor_operator.model.namespace import ObservedNamespace
from harbor_operator.model.outcomes import Done
from tests.unit.steps.pull_proof_fixture import ProofFixture, project
from tests.unit.steps.pull_secrets_fixture import (
    BY_HAND,
    registry,
)


async def test_the_image_is_one_that_the_robot_may_pull_and_not_of_a_proxy_cache() -> None:
    fixture = ProofFixture("a")
    fixture.harbor.projects |= {
        "hub": project("hub/library/nginx:1", registry=4),
        "empty": project(),
        "team-a": project("team-a/app:1"),
    }
    await fixture.run()
    assert {image for _, image in fixture.pulls.pulled} == {"team-a/app:1"}


async def test_without_an_image_the_token_is_proved() -> None:
    fixture = ProofFixture("a")
    await fixture.run()
    assert {image for _, image in fixture.pulls.pulled} == {None}
    assert fixture.proofs.results["passed"]


async def test_an_existing_account_is_proved_with_an_image_that_it_sees() -> None:
    fixture = ProofFixture("a", wanted=registry({"credential": BY_HAND}))
    fixture.account()
    fixture.harbor.projects["library"].images.append("library/app:1")
    assert isinstance(await fixture.run(), Done)
    assert set(fixture.pulls.pulled) == {("puller", "library/app:1")}


async def test_an_existing_account_that_may_list_nothing_is_proved_with_a_token() -> None:
    fixture = ProofFixture("a", wanted=registry({"credential": BY_HAND}))
    fixture.account()
    fixture.harbor.projects["library"].images.append("library/app:1")
    del fixture.kube.secrets["intra", "hreg-cr-admin-password"]
    assert isinstance(await fixture.run(), Done)
    assert set(fixture.pulls.pulled) == {("puller", None)}


async def test_a_robot_of_a_namespace_is_proved_in_a_project_of_the_namespace() -> None:
    section = {"credential": {"robot": {"scope": "Namespace", "selectableProjects": ["extra-*"]}}}
    fixture = ProofFixture(wanted=registry(section))
    fixture.injection.ready = [
        ObservedNamespace("team-a", 1, {}),
        ObservedNamespace("team-b", 1, {}, projects="extra-1"),
        ObservedNamespace("team-c", 1, {}),
    ]
    fixture.injection.selected = fixture.injection.ready
    fixture.harbor.projects |= {
        "team-a": project("team-a/app:1"),
        "team-b": project("team-b/app:1"),
        "extra-1": project("extra-1/app:1"),
        "team-c": project("team-c/nginx:1", registry=4),
    }
    await fixture.step.reconcile(fixture.wanted)
    await fixture.manager.work_through()
    contents = fixture.injection.desired["uid-1"].contents
    assert contents is not None
    for one in fixture.injection.ready:
        content = contents.content(one)
        assert content is not None
        assert content.docker_config is not None
        fixture.injected.contents[one.name] = content.docker_config.get_secret_value()
    assert isinstance(await fixture.later(), Done)
    prefix = "robot$intra-cr-pull-a222a995"
    assert sorted(fixture.pulls.pulled, key=str) == [
        (f"{prefix}.team-a", "team-a/app:1"),
        (f"{prefix}.team-b", "extra-1/app:1"),
        (f"{prefix}.team-c", None),
    ]
    name = next(name for name in fixture.harbor.robots if name.endswith(".team-b"))
    stored = fixture.harbor.robots[name]
    stored.secret = "Another-pass-1"
    outcome = await fixture.later()
    assert "'team-b': Harbor rejects the login in its Secret" in outcome.message
