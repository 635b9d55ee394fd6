"""The other names of Harbor: `spec.pullSecrets.extraHosts` beside `spec.externalURL`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.extra_hosts import check_host_answer, check_host_certificate, extra_host_warnings
from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.outcomes import Done, Outcome
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.harbor import RegistryProbe
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.steps import Step
from harbor_operator.steps.harbor_access import read_access

INTERVAL = timedelta(hours=1)
RETRY_INTERVAL = timedelta(minutes=5)
"""Of hosts that answer and have a problem, so that a warning ends soon after its cause."""

DEADLINE_SECONDS = 5.0
"""For both requests to one host: a pass waits as long for hosts that only other networks can reach."""


@dataclass(frozen=True, slots=True)
class _Finding:
    """What is wrong with one host, or an empty text, and when it was found."""

    problem: str
    at: datetime
    answers: bool = True

    def holds(self, now: datetime) -> bool:
        interval = RETRY_INTERVAL if self.problem and self.answers else INTERVAL
        return now - self.at < interval


@dataclass(frozen=True, slots=True)
class _Findings:
    """What was found about each host; another `cause` asks for all of them again."""

    cause: tuple[str, str, str]
    hosts: Mapping[str, _Finding] = field(default_factory=dict)


class HostCheckedReachabilityStep:
    """The Reachability step, and two requests without a login to each extra host of a registry that is reachable.

    The hosts can be for other networks than the operator's, so what fails is a warning.
    """

    def __init__(
        self,
        step: Step,
        kube: NamespaceResources,
        probe: RegistryProbe,
        clock: Callable[[], datetime],
        deadline: float = DEADLINE_SECONDS,
    ) -> None:
        self.condition_type = step.condition_type
        self.depends_on = step.depends_on
        self._step = step
        self._kube = kube
        self._probe = probe
        self._clock = clock
        self._deadline = deadline
        self._findings: dict[str, _Findings] = {}

    async def reconcile(self, registry: HarborRegistry) -> Outcome:
        """Returns the outcome of the step, with a warning about the hosts."""
        outcome, secrets = await self._step.reconcile(registry), registry.spec.pull_secrets
        if not isinstance(outcome, Done) or secrets is None or not secrets.extra_hosts:
            return outcome
        warnings = extra_host_warnings(await self._problems(registry, secrets.extra_hosts))
        return replace(outcome, warnings=(*outcome.warnings, *warnings))

    async def teardown(self, registry: HarborRegistry) -> Outcome:
        """Undoes the step and forgets the hosts."""
        self._findings.pop(registry.metadata.uid, None)
        return await self._step.teardown(registry)

    async def _problems(self, registry: HarborRegistry, hosts: list[str]) -> Mapping[str, str]:
        access = await read_access(self._kube, registry)
        cause, now = (registry.spec.external_url, access.ca, registry.metadata.reconcile_request), self._clock()
        known = self._findings.get(registry.metadata.uid)
        before = known.hosts if known and known.cause == cause else {}
        held = {host: before[host] for host in hosts if host in before and before[host].holds(now)}
        missing = [host for host in hosts if host not in held]
        # At the same time: a host that does not answer costs the deadline.
        found = await asyncio.gather(*(self._check(registry, host, access.ca) for host in missing))
        findings = held | dict(zip(missing, found, strict=True))
        self._findings[registry.metadata.uid] = _Findings(cause, findings)
        return {host: findings[host].problem for host in hosts}

    async def _check(self, registry: HarborRegistry, host: str, ca: str) -> _Finding:
        now, endpoint = self._clock(), HarborEndpoint(f"{urlsplit(registry.spec.external_url).scheme}://{host}", ca)
        try:
            async with asyncio.timeout(self._deadline):
                return _Finding(await self._find_problem(registry, host, endpoint), now)
        except Refused as error:
            return _Finding(str(error), now)
        except Unavailable as error:
            return _Finding(str(error), now, answers=False)
        except TimeoutError:
            return _Finding(f"it does not answer within {self._deadline:g} seconds", now, answers=False)

    async def _find_problem(self, registry: HarborRegistry, host: str, endpoint: HarborEndpoint) -> str:
        """Returns what is wrong with the host; empty if nothing is. Raises Refused and Unavailable."""
        certificate = await self._probe.read_certificate(endpoint)
        problem = check_host_certificate(host, certificate, self._clock()) if certificate else ""
        if certificate and certificate.fault:
            return problem
        answer = await self._probe.read_v2_response(endpoint)
        return check_host_answer(registry, endpoint.url, answer) or problem
