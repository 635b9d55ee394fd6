"""Registries whose public URL or whose API the operator cannot reach."""

from __future__ import annotations

from typing import Any

import pytest
from typing_extensions import override

from harbor_operator.model.harbor import HarborEndpoint, Identity
from harbor_operator.model.outcomes import Done
from harbor_operator.model.reachability import Component, V2Response
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from harbor_operator.steps.reachability import ReachabilityStep
from tests.fakes.harbor import FakeHarbor
from tests.fakes.image_proof import FakeImageProof
from tests.fakes.kube import FakeKube
from tests.unit.steps.pull_secrets_fixture import BY_HAND, PullSecretsFixture
from tests.unit.steps.pull_secrets_fixture import registry as pull_registry
from tests.unit.steps.test_reachability import NOON, _registry

PULL_ONLY: dict[str, Any] = {"pullSecrets": {"credential": BY_HAND}}


class HarborWithoutApi(FakeHarbor):
    """Only /v2/ and /service/ are exposed; every answer of /api/ is `failure`."""

    def __init__(self, failure: Exception) -> None:
        super().__init__()
        self.failure = failure

    @override
    async def read_health(self, endpoint: HarborEndpoint) -> tuple[Component, ...]:
        raise self.failure

    @override
    async def read_identity(self, endpoint: HarborEndpoint) -> Identity:
        raise self.failure


class HarborAt(FakeHarbor):
    """Records the URLs of the requests."""

    def __init__(self) -> None:
        super().__init__()
        self.requested: set[str] = set()

    @override
    async def read_v2_response(self, endpoint: HarborEndpoint) -> V2Response:
        self.requested.add(endpoint.url)
        return await super().read_v2_response(endpoint)

    @override
    async def read_health(self, endpoint: HarborEndpoint) -> tuple[Component, ...]:
        self.requested.add(endpoint.url)
        return await super().read_health(endpoint)


NOT_HARBOR = Refused(Reason.REGISTRY_NOT_HARBOR, "HTTP 404 without a health report")
SILENT = Unavailable("no answer", Reason.REGISTRY_UNREACHABLE)


def step(harbor: FakeHarbor) -> ReachabilityStep:
    kube = FakeKube()
    kube.put("intra", "hreg-cr-admin-password", {"password": "Admin-pass-1"})
    return ReachabilityStep(kube, harbor, harbor, FakeImageProof(), lambda: NOON)


@pytest.mark.parametrize("failure", [NOT_HARBOR, SILENT], ids=["not Harbor", "silent"])
async def test_a_pull_needs_no_api(failure: Exception) -> None:
    """Finding F13."""
    outcome = await step(HarborWithoutApi(failure)).reconcile(_registry(**PULL_ONLY))
    assert isinstance(outcome, Done)
    assert "/api/ does not answer there" in outcome.message


@pytest.mark.parametrize(
    "spec",
    [
        {"pullSecrets": {"credential": {"robot": {}}}},
        {**PULL_ONLY, "projects": [{"name": "a"}]},
        {**PULL_ONLY, "release": {"version": "1.19.1"}},
    ],
)
async def test_everything_else_needs_the_api(spec: dict[str, Any]) -> None:
    """Finding F13."""
    with pytest.raises(Refused, match="health report"):
        await step(HarborWithoutApi(NOT_HARBOR)).reconcile(_registry(**spec))


async def test_the_pull_account_is_injected_without_the_api() -> None:
    """Finding F13."""
    fixture = PullSecretsFixture(harbor=HarborWithoutApi(NOT_HARBOR))
    fixture.account()
    assert isinstance(await fixture.step.reconcile(pull_registry({"credential": BY_HAND})), Done)
    assert fixture.login["username"] == "puller"


async def test_an_account_is_not_injected_while_the_api_is_only_unavailable() -> None:
    """Finding F13: an administrator must not pass because of one failed request."""
    fixture = PullSecretsFixture(harbor=HarborWithoutApi(SILENT))
    fixture.account()
    with pytest.raises(Unavailable):
        await fixture.step.reconcile(pull_registry({"credential": BY_HAND}))


async def test_the_internal_url_is_used_for_requests_and_the_external_one_for_tokens() -> None:
    """Finding F13."""
    harbor = HarborAt()
    outcome = await step(harbor).reconcile(_registry(internalURL="http://cr-core.intra:80"))
    assert isinstance(outcome, Done)
    assert harbor.requested == {"http://cr-core.intra"}
    assert "https://cr.example.com itself is not checked (`spec.internalURL`)" in outcome.message


async def test_the_message_says_up_to_which_size_uploads_are_tried() -> None:
    """Finding F3."""
    outcome = await step(FakeHarbor()).reconcile(_registry())
    assert "no proxy on the way refuses a body of 8 GiB" in outcome.message
