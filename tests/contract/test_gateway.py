"""The Gateway API on a real API server, under the shipped rights; the test is the controller."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from harbor_operator.model.outcomes import Blocked, Done, Pending
from harbor_operator.plan.gateway import route_selector
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from lab.crds import remove_gateway_api
from tests.contract.gateway_fixture import (  # noqa: F401 - fixtures
    EXPOSE,
    HARBOR_CHART,
    PUBLIC,
    RELEASE_ACCOUNT,
    GatewayFixture,
    gateway_site,
    namespace_of_the_gateway,
    prepared_cluster,
)
from tests.fakes.release import NAMESPACE

pytestmark = pytest.mark.lab


def condition(kind: str, *, status: str = "True", reason: str = "OK", generation: int = 1) -> dict[str, Any]:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": "as the controller says",
        "observedGeneration": generation,
        "lastTransitionTime": "2026-11-01T12:00:00Z",
    }


async def test_what_the_operator_has_no_right_to_read_is_refused(site: GatewayFixture) -> None:
    site.put_gateway()
    for reading in (site.api.read_gateway(PUBLIC), site.api.read_routes(NAMESPACE, "a=b")):
        with pytest.raises(Refused) as refused:
            await reading
        assert refused.value.reason is Reason.RIGHTS_MISSING


async def test_a_gateway_is_read_with_the_generation_of_its_conditions(site: GatewayFixture) -> None:
    site.bind_gateway_view()
    assert await site.api.read_gateway(PUBLIC) is None
    site.put_gateway(condition("Programmed"), condition("Accepted", generation=0, status="False", reason="Invalid"))
    observed = await site.api.read_gateway(PUBLIC)
    assert observed
    assert observed.conditions["Programmed"].is_current
    accepted = observed.conditions["Accepted"]
    assert (accepted.status, accepted.reason, accepted.is_current) == ("False", "Invalid", False)
    with pytest.raises(Refused):
        await site.api.read_routes(PUBLIC.namespace, "")


async def test_without_the_gateway_api_there_is_no_route(site: GatewayFixture) -> None:
    site.bind_view()
    remove_gateway_api(site.plane)
    assert await site.api.read_routes(NAMESPACE, route_selector(site.registry())) == []
    assert await site.api.read_gateway(PUBLIC) is None


async def test_helm_needs_the_optional_role_and_the_condition_follows_the_controller(site: GatewayFixture) -> None:
    await site.release()
    failed = await site.release()
    assert failed.reason is Reason.RIGHTS_MISSING, failed
    assert "--clusterrole=harbor-operator-gateway-api --serviceaccount=" in failed.message
    site.bind("harbor-operator-gateway-api", RELEASE_ACCOUNT, NAMESPACE)
    site.site.late += timedelta(hours=1)
    await site.release()
    assert (await site.site.statuses())[-1] == "deployed"

    unreadable = await site.reach()
    assert isinstance(unreadable, Done), unreadable
    assert "the HTTPRoute in namespace 'intra' could not be checked" in unreadable.message

    site.bind_view()
    missing = await site.reach(down=True)
    assert isinstance(missing, Blocked), missing
    assert "does not exist" in missing.message
    site.put_gateway(condition("Programmed"))
    assert isinstance(await site.reach(down=True), Pending)
    site.report_route(
        condition("Accepted", status="False", reason="NoMatchingListenerHostname"), condition("ResolvedRefs")
    )
    refused = await site.reach(down=True)
    assert isinstance(refused, Blocked), refused
    assert refused.reason is Reason.ROUTE_NOT_ACCEPTED
    assert [warning.code for warning in (await site.reach()).warnings] == [Reason.ROUTE_NOT_ACCEPTED]
    site.report_route(condition("Accepted"), condition("ResolvedRefs"))
    accepted = await site.reach()
    assert isinstance(accepted, Done), accepted
    assert accepted.warnings == ()
    assert "could not be checked" not in accepted.message


@pytest.mark.skipif(not HARBOR_CHART, reason="the official chart is not here (HARBOR_CHART)")
async def test_the_route_of_the_official_chart_is_accepted_and_found(site: GatewayFixture) -> None:
    """A strict write: the API server refuses a field that the Gateway API does not have."""
    site.chart = HARBOR_CHART
    site.bind("harbor-operator-gateway-api", RELEASE_ACCOUNT, NAMESPACE)
    site.bind_view()
    await site.release()
    assert (await site.site.statuses())[-1] == "deployed"
    (route,) = await site.api.read_routes(NAMESPACE, route_selector(site.registry()))
    live = json.loads(site.plane.kubectl("-n", NAMESPACE, "get", "httproute", route.name, "-o", "json"))
    assert live["spec"]["hostnames"] == ["cr.example.com"]
    (parent,) = live["spec"]["parentRefs"]
    assert EXPOSE["parentRefs"] == [{key: parent[key] for key in ("name", "namespace", "sectionName")}]
    paths = {match["path"]["value"] for rule in live["spec"]["rules"] for match in rule["matches"]}
    assert {"/v2/", "/service/", "/api/", "/"} <= paths
    written = {"apiVersion": live["apiVersion"], "kind": "HTTPRoute", "spec": live["spec"]}
    metadata = {"name": "strict", "namespace": NAMESPACE}
    site.plane.kubectl(
        *("create", "--dry-run=server", "--validate=strict", "-f", "-"),
        input=json.dumps({**written, "metadata": metadata}),
    )
