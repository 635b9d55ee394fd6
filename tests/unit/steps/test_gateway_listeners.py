"""What the condition says about a listener of a Gateway that its controller does not serve."""

from __future__ import annotations

import pytest

from harbor_operator.model.gateway import GatewayCondition
from harbor_operator.reasons import Reason
from tests.fakes.gateway import OK, FakeGatewayApi, outdated, parent, refused
from tests.unit.steps.test_gateway import EXPOSE, RouteFixture, failure, routed

NO_SECRET = refused("InvalidCertificateRef", "secret cr-tls not found")


@pytest.fixture
def api() -> FakeGatewayApi:
    made = FakeGatewayApi()
    made.serve(parent())
    return made


async def test_the_invalid_listener_of_a_gateway_that_is_not_programmed_is_the_cause(api: FakeGatewayApi) -> None:
    conditions = {"Programmed": refused("Invalid"), "Accepted": refused("ListenersNotValid", "no listener is valid")}
    api.program(conditions=conditions, http={"Accepted": OK}, https={"ResolvedRefs": NO_SECRET})
    found = await failure(api)
    assert found.reason is Reason.GATEWAY_NOT_PROGRAMMED
    assert (
        "listener 'https' of Gateway 'networking/public' serves nothing: `ResolvedRefs` is False"
        " (InvalidCertificateRef: secret cr-tls not found): create the Secret of the certificate" in found.message
    )


async def test_the_listener_that_the_spec_names_must_be_valid(api: FakeGatewayApi) -> None:
    """A Gateway is programmed as soon as one listener is valid; Traefik then reports NoMatchingParent for the route."""
    api.program(http={"Programmed": OK}, https={"ResolvedRefs": NO_SECRET, "Programmed": refused("Invalid")})
    api.serve(parent("https", {"Accepted": refused("NoMatchingParent")}))
    fixture = RouteFixture(api)
    fixture.harbor.down = True
    named = {"type": "route", "parentRefs": [{**EXPOSE["parentRefs"][0], "sectionName": "https"}]}
    found = await fixture.step.reconcile(routed(expose=named))
    assert found.reason is Reason.GATEWAY_NOT_PROGRAMMED
    assert "(InvalidCertificateRef: secret cr-tls not found)" in found.message
    unnamed = await failure(api)
    assert unnamed.reason is Reason.ROUTE_NOT_ACCEPTED
    assert "check the conditions of that listener" in unnamed.message


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({"Accepted": refused("PortUnavailable")}, "choose a port of the listener that its controller serves"),
        ({"Conflicted": GatewayCondition("True", "HostnameConflict", "", is_current=True)}, "`Conflicted` is True"),
        ({"Programmed": refused("Invalid")}, "correct what its controller reports"),
    ],
)
async def test_a_condition_of_a_listener_has_a_remedy(
    api: FakeGatewayApi, conditions: dict[str, GatewayCondition], expected: str
) -> None:
    api.program(conditions={"Programmed": refused("Invalid")}, https=conditions)
    assert expected in (await failure(api)).message


async def test_a_condition_of_a_listener_about_an_earlier_generation_is_no_cause(api: FakeGatewayApi) -> None:
    api.program(conditions={"Programmed": refused("Invalid")}, https={"ResolvedRefs": outdated(NO_SECRET)})
    assert "InvalidCertificateRef" not in (await failure(api)).message
