"""The Gateway API in front of a release: whether the controllers serve its HTTPRoute."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.gateway import check_gateway, check_route, describe_unreadable
from harbor_operator.model.gateway import GatewayRef
from harbor_operator.model.outcomes import Blocked, Done, Outcome, Pending, StatusWarning
from harbor_operator.plan.gateway import gateways, route_selector, uses_route
from harbor_operator.ports import Refused
from harbor_operator.ports.gateway import GatewayApi
from harbor_operator.reasons import Reason
from harbor_operator.steps import Step
from harbor_operator.steps.attempt import attempt

SHORT_WAIT = timedelta(minutes=5)
"""How long the operator waits for a controller with frequent passes; a missing one may never come."""

Finding = Blocked | Pending | None


class GatewayCheckedReachabilityStep:
    """The Reachability step, and a check of the route: if Harbor is not reachable, the route can be the cause.

    If Harbor is reachable, what the check finds is a warning: another Gateway can serve the route, and a controller
    need not report `Programmed`. What the operator has no right to read is named in the message and blocks nothing.
    """

    def __init__(self, step: Step, api: GatewayApi, clock: Callable[[], datetime]) -> None:
        self.condition_type = step.condition_type
        self.depends_on = step.depends_on
        self._step = step
        self._api = api
        self._clock = clock
        self._waits: dict[str, tuple[int, datetime]] = {}

    async def reconcile(self, registry: HarborRegistry) -> Outcome:
        """Returns the outcome of requests as a client; if they fail, the first finding about a Gateway or the route."""
        if not uses_route(registry):
            return await self._step.reconcile(registry)
        unreadable: list[str] = []
        failure = self._limit_wait(registry, await self._check(registry, unreadable))
        outcome = await attempt(self._step.reconcile, registry)
        if failure and not isinstance(outcome, Done):
            # The request may have failed for a reason of its own.
            return replace(failure, message=f"{failure.message}; the request to Harbor: {outcome.message}")
        warnings = (*outcome.warnings, *([StatusWarning(failure.reason, failure.message)] if failure else []))
        message = outcome.message + describe_unreadable(unreadable, registry.metadata.namespace)
        return replace(outcome, message=message, warnings=warnings)

    async def teardown(self, registry: HarborRegistry) -> Outcome:
        """Undoes the step and forgets the registry; the check leaves nothing."""
        self._waits.pop(registry.metadata.uid, None)
        return await self._step.teardown(registry)

    def _limit_wait(self, registry: HarborRegistry, found: Finding) -> Finding:
        """Returns what was found; what lasts longer than SHORT_WAIT is checked at the interval of the registry."""
        uid, generation, now = registry.metadata.uid, registry.metadata.generation, self._clock()
        if not isinstance(found, Pending):
            self._waits.pop(uid, None)
            return found
        known = self._waits.get(uid)
        since = known[1] if known and known[0] == generation else now
        self._waits[uid] = (generation, since)
        interval = float(registry.spec.check_interval_seconds)
        return found if now - since < SHORT_WAIT else replace(found, requeue_after=interval)

    async def _check(self, registry: HarborRegistry, unreadable: list[str]) -> Finding:
        """Returns the first failure; adds what could not be read to `unreadable`."""
        parents = gateways(registry)
        for ref, sections in parents.items():
            if failure := await self._check_gateway(ref, sections, unreadable):
                return failure
        return await self._check_route(registry, list(parents), unreadable)

    async def _check_gateway(self, ref: GatewayRef, sections: list[str], unreadable: list[str]) -> Finding:
        try:
            return check_gateway(ref, await self._api.read_gateway(ref), sections)
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
