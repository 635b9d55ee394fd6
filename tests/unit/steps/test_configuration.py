"""Each test is one row: projects before, an outcome, projects after."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.outcomes import NOT_REQUESTED, Blocked, Done
from harbor_operator.plan.configuration import GIB
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from harbor_operator.steps.configuration import ConfigurationStep
from tests.fakes.harbor import FakeHarbor, StoredProject
from tests.fakes.kube import FakeKube

WISHED = [{"name": "library", "public": True}, {"name": "team", "quotaGiB": 50}]


def _registry(projects: list[dict[str, Any]] | None = None, **spec: Any) -> HarborRegistry:
    metadata = {"name": "cr", "namespace": "intra", "uid": "uid-1"}
    desired = {"externalURL": "https://cr.example.com", "projects": WISHED if projects is None else projects, **spec}
    return HarborRegistry.parse({"metadata": metadata, "spec": desired})


@dataclass
class World:
    kube: FakeKube = field(default_factory=FakeKube)
    harbor: FakeHarbor = field(default_factory=FakeHarbor)

    def __post_init__(self) -> None:
        self.kube.put("intra", "hreg-cr-admin-password", {"password": self.harbor.accounts["admin"][0]})
        self.step = ConfigurationStep(self.kube, self.harbor)


@pytest.fixture
def world() -> World:
    return World()


async def test_a_missing_project_is_made_and_a_second_pass_writes_nothing(world: World) -> None:
    first = await world.step.reconcile(_registry())
    assert first == Done("2 projects are as the spec says")
    assert world.harbor.writes == ["create project team"]
    assert world.harbor.projects["team"].storage_limit == 50 * GIB
    assert not world.harbor.projects["team"].public
    world.harbor.writes.clear()
    assert await world.step.reconcile(_registry()) == first
    assert world.harbor.writes == []


async def test_only_what_differs_is_written(world: World) -> None:
    world.harbor.projects["library"].public = False
    world.harbor.projects["team"] = StoredProject(8, public=False, storage_limit=GIB)
    await world.step.reconcile(_registry())
    assert world.harbor.writes == ["set public library", "set quota 8"]


async def test_a_quota_that_is_no_longer_wished_is_lifted(world: World) -> None:
    world.harbor.projects["team"] = StoredProject(8, public=False, storage_limit=GIB)
    await world.step.reconcile(_registry([{"name": "team"}]))
    assert world.harbor.projects["team"].storage_limit == -1


async def test_projects_of_others_are_never_touched(world: World) -> None:
    world.harbor.projects["theirs"] = StoredProject(8, public=True, storage_limit=GIB)
    await world.step.reconcile(_registry())
    outcome = await world.step.teardown(_registry())
    assert isinstance(outcome, Done)
    assert {"theirs", "team", "library"} == set(world.harbor.projects)


async def test_no_projects_are_not_requested_and_nothing_is_asked(world: World) -> None:
    world.harbor.down = True
    assert await world.step.reconcile(_registry([])) == NOT_REQUESTED


async def test_the_secret_is_missing(world: World) -> None:
    world.kube.secrets.clear()
    with pytest.raises(Refused) as refused:
        await world.step.reconcile(_registry(adminPasswordSecretRef={"name": "cr-admin"}))
    assert refused.value.reason is Reason.SECRET_MISSING
    assert "'cr-admin'" in str(refused.value)


async def test_a_wrong_password_says_why_it_may_be_wrong(world: World) -> None:
    world.kube.put("intra", "hreg-cr-admin-password", {"password": "Wrong-pass-1"})
    outcome = await world.step.reconcile(_registry())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.ADMIN_CREDENTIALS_REJECTED
    assert "at the first start only" in outcome.message
    assert "Wrong-pass-1" not in outcome.message


async def test_a_read_only_harbor_blocks_changes_only(world: World) -> None:
    world.harbor.read_only = True
    outcome = await world.step.reconcile(_registry())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.REGISTRY_READ_ONLY
    done = await world.step.reconcile(_registry(WISHED[:1]))
    assert isinstance(done, Done)
    assert [caution.code for caution in done.warnings] == [Reason.REGISTRY_READ_ONLY]
    assert world.harbor.writes == []


async def test_a_quota_where_none_are_kept_is_refused(world: World) -> None:
    world.harbor.keeps_quotas = False
    world.harbor.projects["team"] = StoredProject(8, public=False)
    with pytest.raises(Refused) as refused:
        await world.step.reconcile(_registry())
    assert refused.value.reason is Reason.PROJECT_REFUSED


async def test_a_project_named_twice_is_refused_before_anything_is_written(world: World) -> None:
    outcome = await world.step.reconcile(_registry([{"name": "a"}, {"name": "a", "public": True}]))
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.PROJECT_REFUSED
    assert world.harbor.writes == []


async def test_a_harbor_that_is_down_is_unavailable(world: World) -> None:
    world.harbor.down = True
    with pytest.raises(Unavailable):
        await world.step.reconcile(_registry())
