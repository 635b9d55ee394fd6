"""Scope Namespace in the PullSecrets step: what it asks Harbor for, and what it removes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from harbor_operator.api.request_annotations import ROTATE_REQUESTED_AT
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.harbor import DesiredRobot, HarborEndpoint, Login, ObservedRobot
from harbor_operator.model.namespace import ObservedNamespace
from harbor_operator.model.outcomes import Blocked, Done, Pending
from harbor_operator.ports import Unavailable
from harbor_operator.reasons import Reason
from tests.fakes.harbor import StoredProject
from tests.unit.steps.pull_secrets_fixture import ALL_READY, CLUSTER, ROBOT_SECRET, PullSecretsFixture, body, facts_of

STEM = "intra-cr-pull-a222a995"
KEY_SECRET = "hreg-cr-robot-key"


def registry(*, rotate: str = "", **robot: Any) -> HarborRegistry:
    manifest = body({"credential": {"robot": {"scope": "Namespace", **robot}}})
    manifest["metadata"]["annotations"] = {ROTATE_REQUESTED_AT: rotate} if rotate else {}
    return HarborRegistry.parse(manifest, CLUSTER)


@pytest.fixture
def fixture() -> PullSecretsFixture:
    fixture = PullSecretsFixture()
    fixture.harbor.projects["shop"] = StoredProject(2, public=False)
    fixture.injection.selected = [ObservedNamespace("shop", 1, {})]
    return fixture


async def converged(fixture: PullSecretsFixture, wanted: HarborRegistry) -> None:
    await fixture.step.reconcile(wanted)
    await fixture.manager.work_through()


async def test_each_selected_namespace_gets_a_robot(fixture: PullSecretsFixture) -> None:
    await converged(fixture, registry())
    assert set(fixture.harbor.robots) == {f"{STEM}.shop"}
    declared = fixture.injection.desired["uid-1"]
    assert declared.docker_config is None
    assert declared.contents is not None
    content = declared.contents.content(ObservedNamespace("shop", 1, {}))
    assert content is not None
    assert content.ready
    assert fixture.injection.changed == ["shop"]


async def test_a_second_pass_declares_the_same_and_writes_nothing(fixture: PullSecretsFixture) -> None:
    await converged(fixture, registry())
    changes, writes = fixture.injection.changes, list(fixture.harbor.writes)
    for _ in range(2):
        await converged(fixture, registry())
    assert fixture.harbor.writes == writes
    assert fixture.injection.changes <= changes + 1, "the first list shows the prefix of robots"


async def test_a_shared_project_that_does_not_exist_blocks(fixture: PullSecretsFixture) -> None:
    outcome = await fixture.step.reconcile(registry(projects=["base", "shop"]))
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.ROBOT_REFUSED
    assert "'base'" in outcome.message
    assert "'shop'" not in outcome.message


async def test_a_wrong_admin_password_deletes_nothing(fixture: PullSecretsFixture) -> None:
    """An anonymous list contains public projects only."""
    await converged(fixture, registry())
    fixture.restart()
    fixture.kube.put("intra", "hreg-cr-admin-password", {"password": "Wrong-pass-1"})
    outcome = await fixture.step.reconcile(registry())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.ADMIN_CREDENTIALS_REJECTED
    assert set(fixture.harbor.robots) == {f"{STEM}.shop"}


async def test_the_scope_is_changed_in_place(fixture: PullSecretsFixture) -> None:
    cluster = HarborRegistry.parse(body({"credential": {"robot": {}}}), CLUSTER)
    assert isinstance(await fixture.step.reconcile(cluster), Done)
    fixture.injection.progress = replace(ALL_READY, ready=0)
    assert isinstance(await fixture.step.reconcile(registry()), Pending)
    await fixture.manager.work_through()
    assert set(fixture.harbor.robots) == {STEM, f"{STEM}.shop"}, "both work until every namespace has its own"
    fixture.injection.progress = ALL_READY
    assert isinstance(await fixture.step.reconcile(registry()), Done)
    assert set(fixture.harbor.robots) == {f"{STEM}.shop"}
    assert ("intra", ROBOT_SECRET) not in fixture.kube.secrets
    assert isinstance(await fixture.step.reconcile(cluster), Done)
    assert set(fixture.harbor.robots) == {STEM}
    assert ("intra", KEY_SECRET) not in fixture.kube.secrets


async def test_the_deletion_removes_the_robots_of_this_registry_only(fixture: PullSecretsFixture) -> None:
    await converged(fixture, registry())
    admin = HarborEndpoint(fixture.harbor.url, login=Login("admin", SecretStr("Admin-pass-1")))
    await fixture.harbor.create_robot(admin, DesiredRobot(f"{STEM}.bank", "theirs", ("*",)))
    assert isinstance(await fixture.step.teardown(registry()), Done)
    assert set(fixture.harbor.robots) == {f"{STEM}.bank"}
    assert ("intra", KEY_SECRET) not in fixture.kube.secrets


async def test_what_is_injected_stays_while_harbor_is_down(fixture: PullSecretsFixture) -> None:
    await converged(fixture, registry())
    before = fixture.injection.desired["uid-1"]
    fixture.harbor.down = True
    await fixture.step.reconcile_degraded(registry())
    assert fixture.injection.desired["uid-1"] == before
    fixture.injection.desired.clear()
    fixture.restart()
    await fixture.step.reconcile_degraded(registry())
    assert fixture.injection.desired == {}, "the passwords are known, the robots are not"


async def test_a_requested_rotation_is_repeated_in_the_status_once_every_namespace_has_the_new_login(
    fixture: PullSecretsFixture,
) -> None:
    await converged(fixture, registry())
    outcome = await fixture.step.reconcile(registry(rotate="now"))
    assert isinstance(outcome, Pending)
    assert "1 namespaces are being replaced" in outcome.message
    await fixture.manager.work_through()
    fixture.injection.progress = replace(ALL_READY, ready=2)
    assert facts_of(await fixture.step.reconcile(registry(rotate="now"))).credential.rotate_request == ""
    fixture.injection.progress = ALL_READY
    outcome = await fixture.step.reconcile(registry(rotate="now"))
    assert isinstance(outcome, Done)
    assert facts_of(outcome).credential.rotate_request == "now"
    assert facts_of(outcome).credential.rotated_at == fixture.harbor.now
    assert f"{STEM}.shop.2" in fixture.harbor.robots


async def test_a_request_from_before_the_first_robot_creates_no_second_one(fixture: PullSecretsFixture) -> None:
    for _ in range(2):
        await converged(fixture, registry(rotate="earlier"))
    assert set(fixture.harbor.robots) == {f"{STEM}.shop"}
    assert facts_of(await fixture.step.reconcile(registry(rotate="earlier"))).credential.rotate_request == "earlier"


async def test_a_restart_continues_a_requested_rotation(fixture: PullSecretsFixture) -> None:
    await converged(fixture, registry())
    await fixture.step.reconcile(registry(rotate="now"))
    fixture.restart()
    await converged(fixture, registry(rotate="now"))
    outcome = await fixture.step.reconcile(registry(rotate="now"))
    assert facts_of(outcome).credential.rotate_request == "now"
    assert set(fixture.harbor.robots) == {f"{STEM}.shop", f"{STEM}.shop.2"}


async def test_a_key_that_is_deleted_while_a_rotation_begins_does_not_come_back(
    fixture: PullSecretsFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    await converged(fixture, registry())
    leaked = fixture.kube.values("intra", KEY_SECRET)["key"]
    read_robots = fixture.harbor.read_robots

    async def delete_key(endpoint: HarborEndpoint, contained: str) -> Sequence[ObservedRobot]:
        fixture.kube.secrets.pop(("intra", KEY_SECRET), None)
        return await read_robots(endpoint, contained)

    with monkeypatch.context() as patched:
        patched.setattr(fixture.harbor, "read_robots", delete_key)
        with suppress(Unavailable):
            await fixture.step.reconcile(registry(rotate="now"))
    assert ("intra", KEY_SECRET) not in fixture.kube.secrets
    await converged(fixture, registry(rotate="now"))
    assert fixture.kube.values("intra", KEY_SECRET)["key"] != leaked
