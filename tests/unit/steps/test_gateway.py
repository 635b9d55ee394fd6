"""What the condition says about the HTTPRoute of a release and its Gateways."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from typing_extensions import override

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.gateway import GatewayCondition, GatewayRef, RouteParent
from harbor_operator.model.outcomes import Blocked, Done, Outcome, Pending
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from harbor_operator.steps.gateway import SHORT_WAIT, GatewayCheckedReachabilityStep
from harbor_operator.steps.reachability import ReachabilityStep
from tests.fakes.gateway import GATEWAY, FakeGatewayApi, outdated, parent, refused
from tests.fakes.harbor import FakeHarbor
from tests.fakes.image_proof import FakeImageProof
from tests.fakes.kube import FakeKube
from tests.fakes.release import registry

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
EXPOSE: dict[str, Any] = {"type": "route", "parentRefs": [{"name": "public", "namespace": "networking"}]}
OTHER = GatewayRef("networking", "other")


@pytest.fixture
def api() -> FakeGatewayApi:
    made = FakeGatewayApi()
    made.program()
    made.serve(parent())
    return made


class RouteFixture:
    """The step in front of a Harbor that answers while `harbor` is not down."""

    def __init__(self, api: FakeGatewayApi) -> None:
        self.now = NOON
        self.harbor = FakeHarbor()
        reachability = ReachabilityStep(FakeKube(), self.harbor, self.harbor, FakeImageProof(), lambda: self.now)
        self.step = GatewayCheckedReachabilityStep(reachability, api, lambda: self.now)

    async def requeue_after(self, wanted: HarborRegistry | None = None) -> float:
        found = await self.step.reconcile(wanted or routed())
        assert isinstance(found, Pending), found
        return found.requeue_after


async def check(api: FakeGatewayApi, wanted: HarborRegistry | None = None) -> Outcome:
    """One pass in front of a Harbor that answers."""
    return await RouteFixture(api).step.reconcile(wanted or routed())


def routed(**spec: Any) -> HarborRegistry:
    return registry(**{"expose": EXPOSE, "caSecretRef": None, **spec})


async def failure(api: FakeGatewayApi) -> Blocked | Pending:
    """One pass in front of a Harbor that does not answer."""
    fixture = RouteFixture(api)
    fixture.harbor.down = True
    found = await fixture.step.reconcile(routed())
    assert isinstance(found, Blocked | Pending), found
    return found


async def test_an_accepted_route_of_a_programmed_gateway_is_fine(api: FakeGatewayApi) -> None:
    assert isinstance(await check(api), Done)
    assert api.selectors == ["harbor-operator.io/registry-name=cr"]


@pytest.mark.parametrize("expose", [{}, {"type": "clusterIP"}])
async def test_without_a_route_nothing_is_read(expose: dict[str, Any]) -> None:
    api = FakeGatewayApi()
    assert isinstance(await check(api, routed(expose=expose)), Done)
    assert isinstance(await check(api, routed(release=None)), Done)
    assert api.selectors == []


@pytest.mark.parametrize(
    ("conditions", "remedy"),
    [
        (
            {"Accepted": refused("NoMatchingListenerHostname", "no listener\nhas it")},
            "(NoMatchingListenerHostname: no listener has it): let a listener of the Gateway serve the host",
        ),
        ({"Accepted": refused("NotAllowedByListeners")}, "(NotAllowedByListeners): allow the namespace of the route"),
        (
            {"ResolvedRefs": refused("BackendNotFound")},
            "`ResolvedRefs` is False (BackendNotFound): check that the Services of core and portal",
        ),
        ({"Accepted": refused("Special")}, "(Special): correct what its controller reports"),
    ],
)
async def test_a_refused_route_names_what_the_controller_reports(
    api: FakeGatewayApi, conditions: dict[str, GatewayCondition], remedy: str
) -> None:
    api.serve(parent("https", conditions))
    found = await failure(api)
    assert isinstance(found, Blocked)
    assert found.reason is Reason.ROUTE_NOT_ACCEPTED
    assert "Gateway 'networking/public', listener 'https', does not serve HTTPRoute 'cr-harbor-route'" in found.message
    assert remedy in found.message


async def test_one_listener_that_serves_the_route_suffices(api: FakeGatewayApi) -> None:
    api.serve(parent("http", {"Accepted": refused("NotAllowedByListeners")}), parent("https"))
    assert isinstance(await check(api), Done)


@pytest.mark.parametrize(
    "parents",
    [
        (),
        (parent(gateway=GatewayRef("networking", "other")),),
        (parent("", {"Accepted": outdated(refused("NotAllowedByListeners"))}),),
        (RouteParent(GATEWAY, "", {}),),
    ],
    ids=["none", "of another gateway", "of an earlier generation", "without conditions"],
)
async def test_a_route_without_a_current_report_is_waited_for(
    api: FakeGatewayApi, parents: tuple[RouteParent, ...]
) -> None:
    api.serve(*parents)
    found = await failure(api)
    assert isinstance(found, Pending)
    assert found.reason is Reason.ROUTE_NOT_ACCEPTED


async def test_a_deleted_route_is_reported(api: FakeGatewayApi) -> None:
    api.routes.clear()
    found = await failure(api)
    assert isinstance(found, Pending)
    assert "there is no HTTPRoute of this registry in namespace 'intra'" in found.message
    assert "set `spec.release.drift` to 'Repair'" in found.message


async def test_a_gateway_that_does_not_exist_is_reported_before_its_route(api: FakeGatewayApi) -> None:
    api.gateways.clear()
    api.serve()
    found = await failure(api)
    assert isinstance(found, Blocked)
    assert found.reason is Reason.GATEWAY_NOT_PROGRAMMED
    assert "Gateway 'networking/public' of `spec.expose.parentRefs` does not exist" in found.message
    assert "; the request to Harbor: " in found.message


async def test_a_gateway_that_is_not_programmed_names_the_cause(api: FakeGatewayApi) -> None:
    api.program(conditions={"Programmed": refused("AddressNotAssigned", "no address")})
    assert "is not programmed (AddressNotAssigned: no address)" in (await failure(api)).message
    conditions = {"Programmed": refused("Invalid"), "Accepted": refused("InvalidParameters", "unknown class")}
    api.program(conditions=conditions)
    assert "(InvalidParameters: unknown class)" in (await failure(api)).message


async def test_a_gateway_without_a_controller_is_waited_for(api: FakeGatewayApi) -> None:
    api.program(conditions={"Programmed": GatewayCondition("Unknown", "Pending", "", is_current=True)})
    assert isinstance(await failure(api), Pending)
    api.program(conditions={})
    found = await failure(api)
    assert isinstance(found, Pending)
    assert "`gatewayClassName`" in found.message


async def test_a_harbor_that_answers_is_reachable_whatever_one_of_its_gateways_reports(api: FakeGatewayApi) -> None:
    api.program(OTHER, {"Programmed": refused("AddressNotAssigned")})
    both = [*EXPOSE["parentRefs"], {"name": OTHER.name, "namespace": OTHER.namespace}]
    found = await check(api, routed(expose={**EXPOSE, "parentRefs": both}))
    assert isinstance(found, Done), found
    (warning,) = found.warnings
    assert warning.code is Reason.GATEWAY_NOT_PROGRAMMED
    assert "Gateway 'networking/other' is not programmed" in warning.message


async def test_a_controller_that_does_not_report_programmed_is_a_warning(api: FakeGatewayApi) -> None:
    api.program(conditions={"Accepted": refused("Special")})
    found = await check(api)
    assert isinstance(found, Done), found
    assert [warning.code for warning in found.warnings] == [Reason.GATEWAY_NOT_PROGRAMMED]


async def test_without_a_finding_the_requests_alone_decide(api: FakeGatewayApi) -> None:
    fixture = RouteFixture(api)
    fixture.harbor.down = True
    assert (await fixture.step.reconcile(routed())).reason is Reason.REGISTRY_UNREACHABLE


async def test_a_controller_that_stays_away_is_checked_at_the_interval(api: FakeGatewayApi) -> None:
    api.program(conditions={})
    fixture = RouteFixture(api)
    fixture.harbor.down = True
    interval = routed().spec.check_interval_seconds
    soon = await fixture.requeue_after()
    assert soon < interval
    fixture.now += SHORT_WAIT - timedelta(seconds=1)
    assert await fixture.requeue_after() == soon
    fixture.now += timedelta(seconds=1)
    assert await fixture.requeue_after() == interval
    changed = routed()
    changed = changed.model_copy(update={"metadata": changed.metadata.model_copy(update={"generation": 2})})
    assert await fixture.requeue_after(changed) == soon
    fixture.now += SHORT_WAIT
    await fixture.step.teardown(changed)
    assert await fixture.requeue_after(changed) == soon


async def test_a_wait_that_has_ended_is_not_counted(api: FakeGatewayApi) -> None:
    api.program(conditions={})
    fixture = RouteFixture(api)
    fixture.harbor.down = True
    soon = await fixture.requeue_after()
    api.program()
    await fixture.step.reconcile(routed())
    fixture.now += SHORT_WAIT
    api.program(conditions={})
    assert await fixture.requeue_after() == soon


async def test_a_message_of_a_controller_is_bounded(api: FakeGatewayApi) -> None:
    api.serve(parent("", {"Accepted": refused("Special", "x" * 5000)}))
    assert len((await failure(api)).message) < 600


async def test_what_the_operator_has_no_right_to_read_is_named_and_blocks_nothing(api: FakeGatewayApi) -> None:
    api.forbidden = {"networking"}
    found = await check(api)
    assert isinstance(found, Done)
    assert "answers /v2/" in found.message
    assert "Gateway 'networking/public' could not be checked" in found.message
    assert "`registryNamespaces.intra.gatewayAPI`" in found.message
    api.forbidden = {"networking", "intra"}
    message = (await check(api)).message
    assert "Gateway 'networking/public' and the HTTPRoute in namespace 'intra' could not be checked" in message


async def test_a_route_is_checked_without_the_right_to_read_its_gateway(api: FakeGatewayApi) -> None:
    api.forbidden = {"networking"}
    api.serve(parent("", {"Accepted": refused("NotAllowedByListeners")}))
    assert (await failure(api)).reason is Reason.ROUTE_NOT_ACCEPTED


async def test_another_refusal_is_not_taken_for_a_missing_right(api: FakeGatewayApi) -> None:
    class Broken(FakeGatewayApi):
        @override
        async def read_gateway(self, ref: GatewayRef) -> None:
            raise Refused(Reason.INTERNAL_ERROR, f"broken {ref}")

    with pytest.raises(Refused, match="broken networking/public"):
        await check(Broken())
