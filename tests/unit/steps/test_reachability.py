"""One case per test: a Harbor as a client sees it, and the outcome."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.harbor import ObservedRobot
from harbor_operator.model.outcomes import Blocked, Done, Pending
from harbor_operator.model.reachability import AnnouncedBody, Component, TlsFault, UploadResult, V2Response
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from harbor_operator.steps.reachability import RECHECK_LIMIT, RETRY_BLOCKED, RETRY_PENDING, ReachabilityStep
from tests.fakes.harbor import FakeHarbor, StoredRobot
from tests.fakes.image_proof import FakeImageProof
from tests.fakes.kube import FakeKube

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def _registry(generation: int = 1, reachable: int = 0, **spec: Any) -> HarborRegistry:
    """A registry whose status says, if asked, that generation `reachable` was reachable."""
    metadata = {"name": "cr", "namespace": "intra", "uid": "uid-1", "generation": generation}
    desired = {"externalURL": "https://cr.example.com", "pullSecrets": {"credential": {"robot": {}}}, **spec}
    observed = {"type": "RegistryReachable", "status": "True", "observedGeneration": reachable}
    return HarborRegistry.parse({"metadata": metadata, "spec": desired, "status": {"conditions": [observed]}})


@dataclass
class ReachabilityFixture:
    kube: FakeKube = field(default_factory=FakeKube)
    harbor: FakeHarbor = field(default_factory=FakeHarbor)
    images: FakeImageProof = field(default_factory=FakeImageProof)
    now: datetime = NOON

    def __post_init__(self) -> None:
        self.kube.put("intra", "hreg-cr-admin-password", {"password": self.harbor.accounts["admin"][0]})
        self.step = ReachabilityStep(self.kube, self.harbor, self.harbor, self.images, lambda: self.now)

    def robot(self) -> StoredRobot:
        """A robot whose login is stored, as the PullSecrets step leaves it."""
        observed = ObservedRobot(9, "robot$intra-cr-pull-a222a995", "", frozenset({("*", "repository", "pull")}))
        robot = StoredRobot(observed, "Robot-pass-1")
        self.harbor.robots["intra-cr-pull-a222a995"] = robot
        login = {"username": "robot$intra-cr-pull-a222a995", "password": "Robot-pass-1"}
        self.kube.put("intra", "hreg-cr-pull-robot", login)
        return robot


@pytest.fixture
def fixture() -> ReachabilityFixture:
    return ReachabilityFixture()


async def test_a_registry_that_answers_is_done_with_its_version(fixture: ReachabilityFixture) -> None:
    outcome = await fixture.step.reconcile(_registry())
    assert isinstance(outcome, Done)
    assert outcome.facts.harbor_version == "2.15.2"
    assert outcome.warnings == ()


async def test_a_second_pass_writes_nothing_and_uploads_nothing(fixture: ReachabilityFixture) -> None:
    fixture.robot()
    first = await fixture.step.reconcile(_registry())
    uploads = list(fixture.harbor.uploads)
    assert uploads == ["library/harbor-operator-probe"]
    assert await fixture.step.reconcile(_registry()) == first
    assert fixture.harbor.uploads == uploads
    assert fixture.harbor.writes == fixture.kube.writes == []


async def test_after_a_restart_only_a_spec_that_was_not_reachable_is_tried_again(fixture: ReachabilityFixture) -> None:
    await fixture.step.reconcile(_registry(generation=2, reachable=2))
    assert fixture.harbor.uploads == []
    await fixture.step.reconcile(_registry(generation=3, reachable=2))
    assert fixture.harbor.uploads == ["library/harbor-operator-probe"]


async def test_a_changed_spec_is_tried_with_an_upload_again(fixture: ReachabilityFixture) -> None:
    await fixture.step.reconcile(_registry(1))
    await fixture.step.reconcile(_registry(2))
    assert len(fixture.harbor.uploads) == 2


async def test_without_a_password_it_observes_anonymously(fixture: ReachabilityFixture) -> None:
    fixture.kube.secrets.clear()
    outcome = await fixture.step.reconcile(_registry())
    assert isinstance(outcome, Done)
    assert outcome.facts.harbor_version is None
    assert fixture.harbor.uploads == []


async def test_a_wrong_admin_password_is_left_to_the_configuration_step(fixture: ReachabilityFixture) -> None:
    fixture.kube.put("intra", "hreg-cr-admin-password", {"password": "Wrong-pass-1"})
    assert isinstance(await fixture.step.reconcile(_registry()), Done)


async def test_a_rejected_robot_is_left_to_the_step_that_can_replace_it(fixture: ReachabilityFixture) -> None:
    fixture.robot().secret = "Changed-elsewhere-1"
    assert isinstance(await fixture.step.reconcile(_registry()), Done)


async def test_no_answer(fixture: ReachabilityFixture) -> None:
    fixture.harbor.down = True
    with pytest.raises(Unavailable) as unavailable:
        await fixture.step.reconcile(_registry())
    assert unavailable.value.reason is Reason.REGISTRY_UNREACHABLE


async def test_an_untrusted_certificate_blocks(fixture: ReachabilityFixture) -> None:
    assert fixture.harbor.certificate is not None
    fixture.harbor.certificate = replace(fixture.harbor.certificate, fault=TlsFault.UNTRUSTED, detail="self-signed")
    outcome = await fixture.step.reconcile(_registry())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.CERTIFICATE_UNTRUSTED


async def test_a_certificate_that_ends_soon_is_a_warning(fixture: ReachabilityFixture) -> None:
    assert fixture.harbor.certificate is not None
    fixture.harbor.certificate = replace(fixture.harbor.certificate, not_after=NOON + timedelta(days=3))
    outcome = await fixture.step.reconcile(_registry())
    assert isinstance(outcome, Done)
    assert [warning.code for warning in outcome.warnings] == [Reason.CERTIFICATE_EXPIRING]


async def test_a_missing_ca_is_refused_by_name(fixture: ReachabilityFixture) -> None:
    with pytest.raises(Refused) as refused:
        await fixture.step.reconcile(_registry(caSecretRef={"name": "cr-ca"}))
    assert refused.value.reason is Reason.SECRET_MISSING
    assert "'cr-ca'" in str(refused.value)
    fixture.kube.put("intra", "cr-ca", {"other": "x"})
    with pytest.raises(Refused) as refused:
        await fixture.step.reconcile(_registry(caSecretRef={"name": "cr-ca"}))
    assert refused.value.reason is Reason.SECRET_KEY_MISSING


async def test_a_token_service_elsewhere_blocks(fixture: ReachabilityFixture) -> None:
    fixture.harbor.v2_response = V2Response(
        401, 'Bearer realm="http://core:80/service/token",service="harbor-registry"'
    )
    outcome = await fixture.step.reconcile(_registry())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.TOKEN_SERVICE_MISMATCH


async def test_an_unhealthy_component_is_pending(fixture: ReachabilityFixture) -> None:
    fixture.harbor.health = (Component("jobservice", healthy=False),)
    outcome = await fixture.step.reconcile(_registry())
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.REGISTRY_UNHEALTHY
    assert "jobservice" in outcome.message


async def test_tokens_that_are_not_accepted_block(fixture: ReachabilityFixture) -> None:
    fixture.robot()
    fixture.harbor.accepts_tokens = False
    outcome = await fixture.step.reconcile(_registry())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.TOKEN_SERVICE_MISMATCH


async def test_an_image_is_pulled_where_there_is_one(fixture: ReachabilityFixture) -> None:
    fixture.robot()
    fixture.harbor.projects["library"].images.append("library/app:one")
    assert isinstance(await fixture.step.reconcile(_registry()), Done)


async def test_a_body_limit_blocks_until_it_is_lifted(fixture: ReachabilityFixture) -> None:
    good, fixture.harbor.upload = fixture.harbor.upload, UploadResult(413)
    outcome = await fixture.step.reconcile(_registry())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.PROXY_BODY_LIMIT
    fixture.harbor.upload = good
    assert isinstance(await fixture.step.reconcile(_registry()), Done)


async def test_a_started_upload_that_failed_is_tried_again_after_a_while(fixture: ReachabilityFixture) -> None:
    good, fixture.harbor.upload = fixture.harbor.upload, UploadResult(202, "http://cr.example.com/v2/x", 202)
    outcome = await fixture.step.reconcile(_registry())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.UPLOAD_LOCATION_MISMATCH
    fixture.harbor.upload = good
    assert await fixture.step.reconcile(_registry()) == outcome
    assert len(fixture.harbor.uploads) == 1
    fixture.now += RETRY_BLOCKED
    assert isinstance(await fixture.step.reconcile(_registry()), Done)


async def test_a_registry_that_was_just_replaced_is_tried_again_soon_and_one_that_stays_ill_ever_later(
    fixture: ReachabilityFixture,
) -> None:
    good, fixture.harbor.upload = fixture.harbor.upload, UploadResult(202, "https://cr.example.com/v2/x", 502)
    for tries, wait in enumerate((RETRY_PENDING, 2 * RETRY_PENDING, 4 * RETRY_PENDING), start=1):
        outcome = await fixture.step.reconcile(_registry())
        assert isinstance(outcome, Pending)
        assert outcome.reason is Reason.REGISTRY_UNHEALTHY
        fixture.now += wait - timedelta(seconds=1)
        assert await fixture.step.reconcile(_registry()) == outcome
        assert len(fixture.harbor.uploads) == tries
        fixture.now += timedelta(seconds=1)
    fixture.harbor.upload = good
    assert isinstance(await fixture.step.reconcile(_registry()), Done)


GIB = 1 << 30
MIB = 1 << 20


async def test_a_large_body_is_announced_once_in_a_while(fixture: ReachabilityFixture) -> None:
    """Finding F3."""
    first = await fixture.step.reconcile(_registry())
    assert isinstance(first, Done)
    assert "no proxy on the way refuses a body of 8 GiB" in first.message
    assert await fixture.step.reconcile(_registry()) == first
    assert fixture.harbor.announced == [8 * GIB]
    fixture.now += RECHECK_LIMIT
    await fixture.step.reconcile(_registry())
    await fixture.step.reconcile(_registry(2))
    assert fixture.harbor.announced == [8 * GIB] * 3


async def test_a_limit_for_large_bodies_is_a_warning_until_it_is_lifted(fixture: ReachabilityFixture) -> None:
    """Finding F3: pulls and small layers work, so the condition stays True."""
    fixture.harbor.max_body = 100 * MIB
    outcome = await fixture.step.reconcile(_registry())
    assert isinstance(outcome, Done)
    assert [warning.code for warning in outcome.warnings] == [Reason.PROXY_BODY_LIMIT]
    assert "a body of 128 MiB is refused, 16 MiB is accepted" in outcome.message
    assert fixture.harbor.announced == [8 * GIB, GIB, 128 * MIB, 16 * MIB]
    fixture.harbor.max_body = 0
    fixture.now += RETRY_BLOCKED
    outcome = await fixture.step.reconcile(_registry())
    assert isinstance(outcome, Done)
    assert outcome.warnings == ()


async def test_a_limit_below_every_announced_size_is_a_warning(fixture: ReachabilityFixture) -> None:
    fixture.harbor.max_body = MIB
    outcome = await fixture.step.reconcile(_registry())
    assert isinstance(outcome, Done)
    assert "a body of 16 MiB is refused" in outcome.message


async def test_a_server_that_ignores_the_announcement_proves_little(fixture: ReachabilityFixture) -> None:
    fixture.harbor.body_answer = AnnouncedBody.UNANSWERED
    outcome = await fixture.step.reconcile(_registry())
    assert isinstance(outcome, Done)
    assert "bodies above 2 MiB are not tried" in outcome.message


async def test_read_only_mode_does_not_make_it_unreachable(fixture: ReachabilityFixture) -> None:
    fixture.harbor.read_only = True
    assert isinstance(await fixture.step.reconcile(_registry()), Done)


async def test_teardown_drops_the_result_of_the_upload(fixture: ReachabilityFixture) -> None:
    await fixture.step.reconcile(_registry())
    assert isinstance(await fixture.step.teardown(_registry()), Done)
    await fixture.step.reconcile(_registry())
    assert len(fixture.harbor.uploads) == 2
