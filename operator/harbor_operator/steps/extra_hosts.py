"""The other names of Harbor: `spec.pullSecrets.extraHosts` beside `spec.externalURL`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
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
"""Of hosts with a problem, so that a warning ends soon after its cause."""

Key = tuple[int, str]


@dataclass(frozen=True, slots=True)
class _Result:
    """What was found about the hosts of one generation with one CA, and when."""

    key: Key
    at: datetime
    problems: Mapping[str, str]

    def holds(self, key: Key, now: datetime) -> bool:
        interval = RETRY_INTERVAL if any(self.problems.values()) else INTERVAL
        return self.key == key and now - self.at < interval


class HostCheckedReachabilityStep:
    """The Reachability step, and two requests without a login to each extra host of a registry that is reachable.

    The hosts can be for other networks than the operator's, so what fails is a warning.
    """

    def __init__(
        self, step: Step, kube: NamespaceResources, probe: RegistryProbe, clock: Callable[[], datetime]
    ) -> None:
        self.condition_type = step.condition_type
        self.depends_on = step.depends_on
        self._step = step
        self._kube = kube
        self._probe = probe
        self._clock = clock
        self._results: dict[str, _Result] = {}

    async def reconcile(self, registry: HarborRegistry) -> Outcome:
        """Returns the outcome of the step, with a warning about the hosts."""
        outcome, secrets = await self._step.reconcile(registry), registry.spec.pull_secrets
        if not isinstance(outcome, Done) or secrets is None or not secrets.extra_hosts:
            return outcome
        warnings = extra_host_warnings(await self._problems(registry, secrets.extra_hosts))
        return replace(outcome, warnings=(*outcome.warnings, *warnings))

    async def teardown(self, registry: HarborRegistry) -> Outcome:
        """Undoes the step and forgets the hosts."""
        self._results.pop(registry.metadata.uid, None)
        return await self._step.teardown(registry)

    async def _problems(self, registry: HarborRegistry, hosts: list[str]) -> Mapping[str, str]:
        access = await read_access(self._kube, registry)
        key, now = (registry.metadata.generation, access.ca), self._clock()
        known = self._results.get(registry.metadata.uid)
        if known and known.holds(key, now):
            return known.problems
        # At the same time: a host that does not answer costs the deadline of a request.
        found = await asyncio.gather(*(self._check(registry, host, access.ca) for host in hosts))
        self._results[registry.metadata.uid] = _Result(key, now, dict(zip(hosts, found, strict=True)))
        return self._results[registry.metadata.uid].problems

    async def _check(self, registry: HarborRegistry, host: str, ca: str) -> str:
        """Returns what is wrong with the host; empty if nothing is."""
        endpoint = HarborEndpoint(f"{urlsplit(registry.spec.external_url).scheme}://{host}", ca)
        try:
            certificate = await self._probe.read_certificate(endpoint)
            problem = check_host_certificate(host, certificate, self._clock()) if certificate else ""
            if certificate and certificate.fault:
                return problem
            answer = await self._probe.read_v2_response(endpoint)
        except (Refused, Unavailable) as error:
            return str(error)
        return check_host_answer(registry, endpoint.url, answer) or problem
