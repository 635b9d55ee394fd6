"""The Gateway API in front of a release: whether the controllers serve its HTTPRoute."""

from __future__ import annotations

from dataclasses import replace

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.gateway import check_gateway, check_route, describe_unreadable
from harbor_operator.model.gateway import GatewayRef
from harbor_operator.model.outcomes import Blocked, Outcome, Pending
from harbor_operator.plan.gateway import gateways, route_selector, uses_route
from harbor_operator.ports import Refused
from harbor_operator.ports.gateway import GatewayApi
from harbor_operator.reasons import Reason
from harbor_operator.steps import Step

Finding = Blocked | Pending | None


class GatewayCheckedReachabilityStep:
    """The Reachability step, after a look at the route: a Gateway that serves nothing is the cause of what follows.

    What the operator has no right to read is named in the message and blocks nothing.
    """

    def __init__(self, step: Step, api: GatewayApi) -> None:
        self.condition_type = step.condition_type
        self.depends_on = step.depends_on
        self._step = step
        self._api = api

    async def reconcile(self, registry: HarborRegistry) -> Outcome:
        """Returns the first failure of a Gateway or the route, or else the outcome of the requests of a client."""
        if not uses_route(registry):
            return await self._step.reconcile(registry)
        unreadable: list[str] = []
        if failure := await self._check(registry, unreadable):
            return failure
        outcome = await self._step.reconcile(registry)
        return replace(outcome, message=outcome.message + describe_unreadable(unreadable, registry.metadata.namespace))

    async def teardown(self, registry: HarborRegistry) -> Outcome:
        """Undoes the step; the check leaves nothing."""
        return await self._step.teardown(registry)

    async def _check(self, registry: HarborRegistry, unreadable: list[str]) -> Finding:
        """Returns the first failure; adds what could not be read to `unreadable`."""
        parents = gateways(registry)
        for ref in parents:
            if failure := await self._check_gateway(ref, unreadable):
                return failure
        return await self._check_route(registry, parents, unreadable)

    async def _check_gateway(self, ref: GatewayRef, unreadable: list[str]) -> Finding:
        try:
            return check_gateway(ref, await self._api.read_gateway(ref))
        except Refused as refused:
            _note_missing_right(refused, f"Gateway '{ref}'", unreadable)
            return None

    async def _check_route(self, registry: HarborRegistry, parents: list[GatewayRef], unreadable: list[str]) -> Finding:
        home = registry.metadata.namespace
        try:
            routes = await self._api.read_routes(home, route_selector(registry))
        except Refused as refused:
            _note_missing_right(refused, f"the HTTPRoute in namespace '{home}'", unreadable)
            return None
        return check_route(home, parents, routes)


def _note_missing_right(refused: Refused, what: str, unreadable: list[str]) -> None:
    """Adds what could not be read to `unreadable`; raises another refusal again."""
    if refused.reason is not Reason.RIGHTS_MISSING:
        raise refused
    unreadable.append(what)
