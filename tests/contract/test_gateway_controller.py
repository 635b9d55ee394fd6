"""The step in front of a release with a route, and a real controller of the Gateway API: Traefik."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harbor_operator.model.outcomes import Blocked, Done, Outcome, Pending
from harbor_operator.reasons import Reason
from lab.certs import Authority
from lab.process import Processes, free_port, scaled
from lab.registries import Registry
from lab.traefik import Traefik, listener, put_class, put_gateway
from tests.contract.gateway_fixture import (  # noqa: F401 - fixtures
    PUBLIC,
    RELEASE_ACCOUNT,
    GatewayFixture,
    gateway_site,
    namespace_of_the_gateway,
    prepared_cluster,
)
from tests.fakes.release import NAMESPACE

pytestmark = pytest.mark.lab

DEADLINE = 30.0
SECRET = "cr-tls"
HOST = "cr.example.com"
FROM_REGISTRY = {
    "namespaces": {"from": "Selector", "selector": {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}}}
}


class ControlledFixture:
    """A release with a route, and the controller, for which there is no class and no Gateway yet."""

    def __init__(self, site: GatewayFixture, traefik: Traefik, authority: Authority) -> None:
        self.site = site
        self.port = traefik.port
        self._authority = authority

    def put_gateway(self, *listeners: dict[str, Any]) -> None:
        put_gateway(self.site.plane, PUBLIC.namespace, PUBLIC.name, *listeners)

    def put_class(self) -> None:
        put_class(self.site.plane)

    def put_certificate(self) -> None:
        issued = self._authority.issue("gateway", hosts=[HOST])
        values = {"tls.crt": issued.cert_path.read_text(), "tls.key": issued.key_path.read_text()}
        Registry(self.site.plane, PUBLIC.namespace, "cr").put_secret(SECRET, values)

    async def until(self, text: str) -> Outcome:
        """As many passes in front of a Harbor that does not answer as it takes the controller to report this."""
        return await self._pass(lambda outcome: text in outcome.message, text, down=True)

    async def until_accepted(self) -> Outcome:
        """As many passes in front of a Harbor that answers as it takes the controller to accept everything."""
        return await self._pass(lambda outcome: not outcome.warnings, "accepted", down=False)

    async def _pass(self, expected: Callable[[Outcome], bool], text: str, *, down: bool) -> Outcome:
        end = asyncio.get_running_loop().time() + scaled(DEADLINE)
        while not expected(outcome := await self.site.reach(down=down)):
            assert asyncio.get_running_loop().time() < end, f"{text}: {outcome}"
            await asyncio.sleep(0.2)
        return outcome


@pytest.fixture
async def cr(site: GatewayFixture, processes: Processes, tmp_path: Path) -> ControlledFixture:
    site.bind("harbor-operator-gateway-api", RELEASE_ACCOUNT, NAMESPACE)
    site.bind_view()
    await site.release()
    assert (await site.site.statuses())[-1] == "deployed"
    traefik = Traefik.start(site.plane, processes, free_port())
    return ControlledFixture(site, traefik, Authority.create(tmp_path / "ca"))


@pytest.fixture(autouse=True)
def secrets(cr: ControlledFixture) -> Iterator[None]:
    yield
    cr.site.plane.kubectl("-n", PUBLIC.namespace, "delete", "secret", SECRET, "--ignore-not-found")


async def test_the_condition_follows_a_real_controller_until_it_accepts_the_route(cr: ControlledFixture) -> None:
    cr.put_gateway(listener("https", cr.port, SECRET))
    waiting = await cr.until("no controller has programmed Gateway 't-networking/public' yet")
    assert isinstance(waiting, Pending)
    assert "check its `gatewayClassName`" in waiting.message

    cr.put_class()
    invalid = await cr.until("InvalidCertificateRef")
    assert isinstance(invalid, Blocked)
    assert invalid.reason is Reason.GATEWAY_NOT_PROGRAMMED
    assert (
        "listener 'https' of Gateway 't-networking/public' serves nothing: `ResolvedRefs` is False" in invalid.message
    )
    assert "create the Secret of the certificate, or correct `tls.certificateRefs`" in invalid.message

    cr.put_certificate()
    refused = await cr.until("NotAllowedByListeners")
    assert isinstance(refused, Blocked)
    assert refused.reason is Reason.ROUTE_NOT_ACCEPTED
    assert "allow the namespace of the route in `allowedRoutes` of the listener" in refused.message

    cr.put_gateway(listener("https", cr.port, SECRET, hostname="other.example.com", allowedRoutes=FROM_REGISTRY))
    assert "serve the host of `spec.externalURL`" in (await cr.until("NoMatchingListenerHostname")).message

    cr.put_gateway(listener("https", cr.port, SECRET, hostname=HOST, allowedRoutes=FROM_REGISTRY))
    assert isinstance(await cr.until_accepted(), Done)


async def test_a_listener_that_the_controller_cannot_serve_is_named_although_another_one_works(
    cr: ControlledFixture,
) -> None:
    """Traefik programs the Gateway, and its reason for refusing the route names another cause than the listener."""
    cr.put_class()
    cr.put_certificate()
    other = listener("other", cr.port, SECRET, allowedRoutes=FROM_REGISTRY)
    cr.put_gateway(other, listener("https", free_port(), SECRET, allowedRoutes=FROM_REGISTRY))
    found = await cr.until("PortUnavailable")
    assert isinstance(found, Blocked)
    assert found.reason is Reason.GATEWAY_NOT_PROGRAMMED
    assert "listener 'https' of Gateway 't-networking/public' serves nothing: `Accepted` is False" in found.message
    assert "choose a port of the listener that its controller serves" in found.message
    cr.site.unbind_gateway_view()
    for reason, https in (
        ("NotAllowedByListeners", listener("https", free_port(), SECRET, allowedRoutes=FROM_REGISTRY)),
        ("NoMatchingParent", listener("https", cr.port, "missing", hostname=HOST, allowedRoutes=FROM_REGISTRY)),
    ):
        cr.put_gateway(other, https)
        unreadable = await cr.until(reason)
        assert unreadable.reason is Reason.ROUTE_NOT_ACCEPTED
        assert "check the conditions of that listener in the status of the Gateway" in unreadable.message
