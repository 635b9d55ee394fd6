"""The warning about the other names of Harbor, and when they are requested again."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from typing_extensions import override

from harbor_operator.api.reconcile_request import RECONCILE_REQUESTED_AT
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.outcomes import Done, Outcome, Unknown
from harbor_operator.model.reachability import Certificate, TlsFault, V2Response
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from harbor_operator.steps.attempt import attempt
from harbor_operator.steps.extra_hosts import (
    DEADLINE_SECONDS,
    INTERVAL,
    RETRY_INTERVAL,
    HostCheckedReachabilityStep,
)
from harbor_operator.steps.reachability import ReachabilityStep
from tests.fakes.harbor import FakeHarbor
from tests.fakes.image_proof import FakeImageProof
from tests.fakes.kube import FakeKube

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
GOOD = Certificate(("mirror.example.com",), NOON + timedelta(days=90))


class HarborOfSeveralHosts(FakeHarbor):
    """A Harbor whose extra hosts answer as the test says; `requested` lists their URLs."""

    def __init__(self) -> None:
        super().__init__()
        self.certificates: dict[str, Certificate | Exception] = {}
        self.answers: dict[str, V2Response] = {}
        self.requested: list[str] = []
        self.silent: set[str] = set()

    @override
    async def read_certificate(self, endpoint: HarborEndpoint) -> Certificate | None:
        if endpoint.url == self.url:
            return await super().read_certificate(endpoint)
        self.requested.append(endpoint.url)
        if endpoint.url in self.silent:
            await asyncio.Event().wait()
        found = self.certificates.get(endpoint.url, GOOD)
        if isinstance(found, Exception):
            raise found
        return found

    @override
    async def read_v2_response(self, endpoint: HarborEndpoint) -> V2Response:
        return self.answers.get(endpoint.url) or await super().read_v2_response(endpoint)


class HostsFixture:
    """A registry with two names, of which `mirror` changes."""

    def __init__(self) -> None:
        self.now = NOON
        self.harbor = HarborOfSeveralHosts()
        self.limit(DEADLINE_SECONDS)
        self.mirror = "https://mirror.example.com:8443"

    def limit(self, seconds: float) -> None:
        """Makes a step that waits as long for each host."""
        kube = FakeKube()
        reachability = ReachabilityStep(kube, self.harbor, self.harbor, FakeImageProof(), lambda: self.now)
        self.step = HostCheckedReachabilityStep(reachability, kube, self.harbor, lambda: self.now, seconds)

    def registry(self, generation: int = 1, request: str = "", **secrets: Any) -> HarborRegistry:
        extra = {"extraHosts": ["mirror.example.com:8443", "[2001:db8::1]"], **secrets}
        spec = {"externalURL": self.harbor.url, "pullSecrets": {"credential": {"robot": {}}, **extra}}
        annotations = {RECONCILE_REQUESTED_AT: request} if request else {}
        names = {"name": "cr", "namespace": "intra", "uid": "uid-1"}
        metadata = {**names, "generation": generation, "annotations": annotations}
        return HarborRegistry.parse({"metadata": metadata, "spec": spec})

    async def reconcile(self, generation: int = 1) -> Outcome:
        return await attempt(self.step.reconcile, self.registry(generation))

    async def warning(self) -> str:
        outcome = await self.reconcile()
        assert isinstance(outcome, Done), outcome
        (warning,) = outcome.warnings
        assert warning.code is Reason.EXTRA_HOST_FAILED
        return warning.message


@pytest.fixture
def fixture() -> HostsFixture:
    return HostsFixture()


async def test_hosts_that_lead_to_this_harbor_are_fine(fixture: HostsFixture) -> None:
    outcome = await fixture.reconcile()
    assert isinstance(outcome, Done)
    assert outcome.warnings == ()
    assert fixture.harbor.requested == [fixture.mirror, "https://[2001:db8::1]"]


async def test_a_token_service_at_the_same_name_is_this_harbor(fixture: HostsFixture) -> None:
    fixture.harbor.answers[fixture.mirror] = V2Response(401, f'Bearer realm="{fixture.mirror}/service/token"')
    assert (await fixture.reconcile()).warnings == ()


@pytest.mark.parametrize(
    ("certificate", "said"),
    [
        (replace(GOOD, fault=TlsFault.UNTRUSTED, detail="self-signed"), "is not trusted (self-signed): add its CA"),
        (
            replace(GOOD, fault=TlsFault.HOST_MISMATCH),
            "is valid for 'mirror.example.com': issue one with 'mirror.example.com'",
        ),
        (replace(GOOD, fault=TlsFault.EXPIRED), "is not valid now (it expires 2027-01-30): renew it"),
        (replace(GOOD, not_after=NOON + timedelta(days=3)), "expires 2026-11-04: renew it"),
        (Unavailable("no route to host"), "no route to host"),
        (Refused(Reason.HOST_NOT_ALLOWED, "not among the allowed hosts"), "not among the allowed hosts"),
    ],
)
async def test_a_host_that_clients_cannot_use_is_a_warning(
    fixture: HostsFixture, certificate: Certificate | Exception, said: str
) -> None:
    fixture.harbor.certificates[fixture.mirror] = certificate
    message = await fixture.warning()
    assert message.startswith("pulls from these hosts (`spec.pullSecrets.extraHosts`) can fail: 'mirror.exa")
    assert said in message
    assert "2001" not in message


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (V2Response(301, redirect="https://other.example.com/v2/"), "/v2/ redirects to https://other.example.com/v2/"),
        (V2Response(404), "/v2/ answers HTTP 404 without a token service"),
        (
            V2Response(401, 'Bearer realm="https://hub.example.com/token"'),
            "https://hub.example.com/token, which is not",
        ),
    ],
)
async def test_a_host_of_another_server_is_a_warning(fixture: HostsFixture, answer: V2Response, said: str) -> None:
    fixture.harbor.answers[fixture.mirror] = answer
    assert said in await fixture.warning()


async def test_hosts_are_requested_again_after_an_hour_and_failing_ones_soon(fixture: HostsFixture) -> None:
    await fixture.reconcile()
    fixture.now += INTERVAL - timedelta(seconds=1)
    await fixture.reconcile()
    assert len(fixture.harbor.requested) == 2
    fixture.harbor.certificates[fixture.mirror] = replace(GOOD, fault=TlsFault.EXPIRED)
    fixture.now += timedelta(seconds=1)
    assert "renew it" in await fixture.warning()
    del fixture.harbor.certificates[fixture.mirror]
    assert "renew it" in await fixture.warning()
    assert len(fixture.harbor.requested) == 4
    fixture.now += RETRY_INTERVAL
    assert (await fixture.reconcile()).warnings == ()
    assert fixture.harbor.requested[4:] == [fixture.mirror]


async def test_a_host_that_does_not_answer_holds_a_pass_back_once_an_hour(fixture: HostsFixture) -> None:
    fixture.limit(0.05)
    fixture.harbor.silent.add(fixture.mirror)
    assert "does not answer within 0.05 seconds" in await fixture.warning()
    fixture.now += INTERVAL - timedelta(seconds=1)
    await fixture.reconcile(generation=2)
    assert fixture.harbor.requested.count(fixture.mirror) == 1
    fixture.harbor.silent.clear()
    fixture.harbor.certificates[fixture.mirror] = Unavailable("gone")
    fixture.now += timedelta(seconds=1)
    assert "gone" in await fixture.warning()
    fixture.now += RETRY_INTERVAL
    await fixture.reconcile()
    assert fixture.harbor.requested.count(fixture.mirror) == 2


async def test_a_change_of_the_spec_requests_only_what_it_changes(fixture: HostsFixture) -> None:
    await fixture.reconcile()
    await fixture.reconcile(generation=2)
    assert len(fixture.harbor.requested) == 2
    hosts = ["mirror.example.com:8443", "other.example.com"]
    await fixture.step.reconcile(fixture.registry(generation=3, extraHosts=hosts))
    assert fixture.harbor.requested[2:] == ["https://other.example.com"]


async def test_a_requested_pass_requests_all_hosts(fixture: HostsFixture) -> None:
    await fixture.reconcile()
    asked = fixture.registry(request="2026-11-01T12:00:00Z")
    await fixture.step.reconcile(asked)
    await fixture.step.reconcile(asked)
    assert len(fixture.harbor.requested) == 4


async def test_nothing_is_requested_while_harbor_is_not_reachable_or_has_one_name(fixture: HostsFixture) -> None:
    fixture.harbor.down = True
    assert isinstance(await fixture.reconcile(), Unknown)
    fixture.harbor.down = False
    one = fixture.registry(extraHosts=[])
    assert isinstance(await fixture.step.reconcile(one), Done)
    assert fixture.harbor.requested == []


async def test_a_deleted_registry_is_forgotten(fixture: HostsFixture) -> None:
    await fixture.reconcile()
    await fixture.step.teardown(fixture.registry())
    await fixture.reconcile()
    assert len(fixture.harbor.requested) == 4
