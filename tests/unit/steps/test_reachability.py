"""Each test is one row: a Harbor as a client meets it, and the outcome."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.harbor import ObservedRobot
from harbor_operator.model.outcomes import Blocked, Done, Pending
from harbor_operator.model.reachability import Component, TlsFault, UploadResult, V2Response
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from harbor_operator.steps.reachability import RETRY_UNWELL, RETRY_UPLOAD, ReachabilityStep
from tests.fakes.harbor import FakeHarbor, StoredRobot
from tests.fakes.kube import FakeKube

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def _registry(generation: int = 1, reachable: int = 0, **spec: Any) -> HarborRegistry:
    """A registry whose status says, if asked, that generation `reachable` was reachable."""
    metadata = {"name": "cr", "namespace": "intra", "uid": "uid-1", "generation": generation}
    desired = {"externalURL": "https://cr.example.com", "pullSecrets": {"credential": {"robot": {}}}, **spec}
    observed = {"type": "RegistryReachable", "status": "True", "observedGeneration": reachable}
    return HarborRegistry.parse({"metadata": metadata, "spec": desired, "status": {"conditions": [observed]}})


@dataclass
class World:
    kube: FakeKube = field(default_factory=FakeKube)
    harbor: FakeHarbor = field(default_factory=FakeHarbor)
    now: datetime = NOON

    def __post_init__(self) -> None:
        self.kube.put("intra", "hreg-cr-admin-password", {"password": self.harbor.accounts["admin"][0]})
        self.step = ReachabilityStep(self.kube, self.harbor, self.harbor, lambda: self.now)

    def robot(self) -> StoredRobot:
        """A robot whose login is stored, as the PullSecrets step leaves it."""
        observed = ObservedRobot(9, "robot$intra-cr-pull", "", frozenset({("*", "repository", "pull")}))
        robot = StoredRobot(observed, "Robot-pass-1")
        self.harbor.robots["intra-cr-pull"] = robot
        login = {"username": "robot$intra-cr-pull", "password": "Robot-pass-1"}
        self.kube.put("intra", "hreg-cr-pull-robot", login)
        return robot


@pytest.fixture
def world() -> World:
    return World()


async def test_a_registry_that_answers_is_done_with_its_version(world: World) -> None:
    outcome = await world.step.reconcile(_registry())
    assert isinstance(outcome, Done)
    assert outcome.facts.harbor_version == "2.15.2"
    assert outcome.warnings == ()


async def test_a_second_pass_writes_nothing_and_uploads_nothing(world: World) -> None:
    world.robot()
    first = await world.step.reconcile(_registry())
    uploads = list(world.harbor.uploads)
    assert uploads == ["library/harbor-operator-probe"]
    assert await world.step.reconcile(_registry()) == first
    assert world.harbor.uploads == uploads
    assert world.harbor.writes == world.kube.writes == []


async def test_after_a_restart_only_a_spec_that_was_not_reachable_is_tried_again(world: World) -> None:
    await world.step.reconcile(_registry(generation=2, reachable=2))
    assert world.harbor.uploads == []
    await world.step.reconcile(_registry(generation=3, reachable=2))
    assert world.harbor.uploads == ["library/harbor-operator-probe"]


async def test_a_changed_spec_is_tried_with_an_upload_again(world: World) -> None:
    await world.step.reconcile(_registry(1))
    await world.step.reconcile(_registry(2))
    assert len(world.harbor.uploads) == 2


async def test_without_a_password_it_looks_as_anybody(world: World) -> None:
    world.kube.secrets.clear()
    outcome = await world.step.reconcile(_registry())
    assert isinstance(outcome, Done)
    assert outcome.facts.harbor_version is None
    assert world.harbor.uploads == []


async def test_a_wrong_admin_password_is_not_its_business(world: World) -> None:
    world.kube.put("intra", "hreg-cr-admin-password", {"password": "Wrong-pass-1"})
    assert isinstance(await world.step.reconcile(_registry()), Done)


async def test_a_rejected_robot_is_left_to_the_step_that_can_mend_it(world: World) -> None:
    world.robot().secret = "Somebody-changed-1"
    assert isinstance(await world.step.reconcile(_registry()), Done)


async def test_nobody_answers(world: World) -> None:
    world.harbor.down = True
    with pytest.raises(Unavailable) as unavailable:
        await world.step.reconcile(_registry())
    assert unavailable.value.reason is Reason.REGISTRY_UNREACHABLE


async def test_an_untrusted_certificate_blocks(world: World) -> None:
    assert world.harbor.certificate is not None
    world.harbor.certificate = replace(world.harbor.certificate, fault=TlsFault.UNTRUSTED, detail="self-signed")
    outcome = await world.step.reconcile(_registry())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.CERTIFICATE_UNTRUSTED


async def test_a_certificate_that_ends_soon_is_a_caution(world: World) -> None:
    assert world.harbor.certificate is not None
    world.harbor.certificate = replace(world.harbor.certificate, not_after=NOON + timedelta(days=3))
    outcome = await world.step.reconcile(_registry())
    assert isinstance(outcome, Done)
    assert [caution.code for caution in outcome.warnings] == [Reason.CERTIFICATE_EXPIRING]


async def test_a_missing_ca_is_refused_by_name(world: World) -> None:
    with pytest.raises(Refused) as refused:
        await world.step.reconcile(_registry(caSecretRef={"name": "cr-ca"}))
    assert refused.value.reason is Reason.SECRET_MISSING
    assert "'cr-ca'" in str(refused.value)
    world.kube.put("intra", "cr-ca", {"other": "x"})
    with pytest.raises(Refused) as refused:
        await world.step.reconcile(_registry(caSecretRef={"name": "cr-ca"}))
    assert refused.value.reason is Reason.SECRET_KEY_MISSING


async def test_a_token_service_elsewhere_blocks(world: World) -> None:
    world.harbor.v2_response = V2Response(401, 'Bearer realm="http://core:80/service/token",service="harbor-registry"')
    outcome = await world.step.reconcile(_registry())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.TOKEN_SERVICE_MISMATCH


async def test_an_ill_part_is_pending(world: World) -> None:
    world.harbor.health = (Component("jobservice", healthy=False),)
    outcome = await world.step.reconcile(_registry())
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.REGISTRY_UNHEALTHY
    assert "jobservice" in outcome.message


async def test_tokens_that_are_not_accepted_block(world: World) -> None:
    world.robot()
    world.harbor.accepts_tokens = False
    outcome = await world.step.reconcile(_registry())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.TOKEN_SERVICE_MISMATCH


async def test_an_image_is_pulled_where_there_is_one(world: World) -> None:
    world.robot()
    world.harbor.projects["library"].images.append("library/app:one")
    assert isinstance(await world.step.reconcile(_registry()), Done)


async def test_a_body_limit_blocks_until_it_is_lifted(world: World) -> None:
    good, world.harbor.upload = world.harbor.upload, UploadResult(413)
    outcome = await world.step.reconcile(_registry())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.PROXY_BODY_LIMIT
    world.harbor.upload = good
    assert isinstance(await world.step.reconcile(_registry()), Done)


async def test_a_started_upload_that_failed_is_tried_again_after_a_while(world: World) -> None:
    good, world.harbor.upload = world.harbor.upload, UploadResult(202, "http://cr.example.com/v2/x", 202)
    outcome = await world.step.reconcile(_registry())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.UPLOAD_LOCATION_MISMATCH
    world.harbor.upload = good
    assert await world.step.reconcile(_registry()) == outcome
    assert len(world.harbor.uploads) == 1
    world.now += RETRY_UPLOAD
    assert isinstance(await world.step.reconcile(_registry()), Done)


async def test_a_registry_that_was_just_replaced_is_tried_again_soon_and_one_that_stays_ill_ever_later(
    world: World,
) -> None:
    good, world.harbor.upload = world.harbor.upload, UploadResult(202, "https://cr.example.com/v2/x", 502)
    for tries, wait in enumerate((RETRY_UNWELL, 2 * RETRY_UNWELL, 4 * RETRY_UNWELL), start=1):
        outcome = await world.step.reconcile(_registry())
        assert isinstance(outcome, Pending)
        assert outcome.reason is Reason.REGISTRY_UNHEALTHY
        world.now += wait - timedelta(seconds=1)
        assert await world.step.reconcile(_registry()) == outcome
        assert len(world.harbor.uploads) == tries
        world.now += timedelta(seconds=1)
    world.harbor.upload = good
    assert isinstance(await world.step.reconcile(_registry()), Done)


async def test_read_only_mode_does_not_make_it_unreachable(world: World) -> None:
    world.harbor.read_only = True
    assert isinstance(await world.step.reconcile(_registry()), Done)


async def test_dismantling_forgets_what_was_tried(world: World) -> None:
    await world.step.reconcile(_registry())
    assert isinstance(await world.step.teardown(_registry()), Done)
    await world.step.reconcile(_registry())
    assert len(world.harbor.uploads) == 2
