"""Pulls with the injected pull Secrets as a container runtime does, a few namespaces at a time, each in its turn.

The login, the rights and the registry can all work for the operator, while the Secret of a namespace does not work for
its pods. This reads such Secrets back from the API server and uses what a kubelet finds in them. The manifest is
requested with HEAD: Harbor records a GET as a pull, in its audit log and for its retention rules.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import HarborRegistry, PullSecrets
from harbor_operator.checks.pull_proof import check_pulled, missing_entry, rejected_login
from harbor_operator.model.namespace import ObservedNamespace
from harbor_operator.model.pull_proof import UNAVAILABLE, Proof, ProofResult
from harbor_operator.plan.pull_sample import find_login, first_position, next_namespaces
from harbor_operator.plan.pull_secrets import image_hosts
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.harbor import RegistryProbe
from harbor_operator.ports.injected_secrets import InjectedSecrets
from harbor_operator.ports.injection import PullSecretInjection
from harbor_operator.steps.pull_claims import claim_of
from harbor_operator.steps.pull_images import PullImages, PullTargets

RETRY_SECONDS = 60.0
"""After which a namespace that cannot pull is tried again, so that its problem ends soon after its remedy."""
MAX_CONCURRENT_PROOFS = 4
MAX_UNPROVED_NAMESPACES = 20
"""Namespaces that are remembered to be tried again; all of them are in the status."""


class ProofMetrics(Protocol):
    """Counts the proofs of each registry."""

    def proved(self, registry_namespace: str, registry_name: str, result: ProofResult) -> None:
        """Counts one proof."""
        ...


@dataclass(frozen=True, slots=True)
class ProofDeps:
    """The size of a sample (0 = no proofs) and the seconds between two of them; the clock and the metrics."""

    namespaces: int
    interval_seconds: float
    clock: Callable[[], datetime]
    metrics: ProofMetrics


@dataclass
class _Progress:
    """Where the rotation of one registry is.

    `unproved` are the namespaces to try again, with their problem, which is empty if the last proof had no result.
    """

    unproved: dict[str, str]
    last: str | None = None
    sampled_at: datetime | None = None
    tried_at: datetime | None = None

    @property
    def problems(self) -> dict[str, str]:
        return {name: problem for name, problem in self.unproved.items() if problem}


@dataclass
class SampledPullProof:
    """Proves a sample of each registry every interval; between two samples, it sends no request."""

    injection: PullSecretInjection
    secrets: InjectedSecrets
    probe: RegistryProbe
    images: PullImages
    deps: ProofDeps
    _progress: dict[str, _Progress] = field(default_factory=dict)

    async def prove(self, registry: HarborRegistry, section: PullSecrets) -> Mapping[str, str]:
        """Proves the namespaces that are due; returns the problems of those that could not pull when last tried.

        A Harbor or an API server that does not answer leaves the problems as they are. Raises Refused if the rights to
        read the Secrets are missing.
        """
        if not self.deps.namespaces:
            return {}
        uid = registry.metadata.uid
        if uid not in self._progress:
            self._progress[uid] = _Progress(dict.fromkeys(registry.observed.unproved, ""))
        progress = self._progress[uid]
        if chosen := self._choose(registry, section, progress):
            await self._try(registry, section, progress, chosen)
        return progress.problems

    def forget(self, registry: HarborRegistry) -> None:
        """Drops the state of a registry; its next sample is due at once."""
        self._progress.pop(registry.metadata.uid, None)

    def _choose(
        self, registry: HarborRegistry, section: PullSecrets, progress: _Progress
    ) -> Sequence[ObservedNamespace]:
        """Returns the namespaces to try now, and notes when; forgets unproved ones that are not ready any more."""
        deps, now = self.deps, self.deps.clock()
        samples = _is_due(progress.sampled_at, deps.interval_seconds, now)
        retries = bool(progress.unproved) and _is_due(progress.tried_at, min(RETRY_SECONDS, deps.interval_seconds), now)
        if not samples and not retries:
            return ()
        ready = {one.name: one for one in self.injection.ready_namespaces(claim_of(registry, section))}
        progress.unproved = {name: problem for name, problem in progress.unproved.items() if name in ready}
        chosen = list(progress.unproved)
        if samples and ready:
            turn = int(now.timestamp() / deps.interval_seconds) * deps.namespaces
            last = first_position(ready, turn) if progress.last is None else progress.last
            chosen += (sample := next_namespaces(ready, last, deps.namespaces))
            progress.last, progress.sampled_at = sample[-1], now
        progress.tried_at = now
        return [ready[name] for name in dict.fromkeys(chosen)]

    async def _try(
        self,
        registry: HarborRegistry,
        section: PullSecrets,
        progress: _Progress,
        chosen: Sequence[ObservedNamespace],
    ) -> None:
        try:
            contents = [await self.secrets.read_pull_secret(one.name, section.secret_name) for one in chosen]
            targets = await self.images.find(registry, section, chosen)
        except Unavailable:
            proofs: list[Proof | None] = [UNAVAILABLE for _ in chosen]
        else:
            limit, host = asyncio.Semaphore(MAX_CONCURRENT_PROOFS), image_hosts(registry)[0]
            tried = zip(chosen, contents, strict=True)
            proofs = await asyncio.gather(
                *(self._prove(host, targets, one.name, content, limit) for one, content in tried)
            )
        ready = {one.name for one in self.injection.ready_namespaces(claim_of(registry, section))}
        for one, proof in zip(chosen, proofs, strict=True):
            self._record(registry, progress, one.name, proof if one.name in ready else None)

    def _record(self, registry: HarborRegistry, progress: _Progress, name: str, proof: Proof | None) -> None:
        """Notes a proof; None if the namespace or its Secret has changed meanwhile, so that nothing is proved."""
        if proof is None or proof.result is ProofResult.PASSED:
            progress.unproved.pop(name, None)
        elif name in progress.unproved or len(progress.unproved) < MAX_UNPROVED_NAMESPACES:
            progress.unproved[name] = proof.problem or progress.unproved.get(name, "")
        if proof is not None:
            self.deps.metrics.proved(registry.metadata.namespace, registry.metadata.name, proof.result)

    async def _prove(
        self, host: str, targets: PullTargets, namespace: str, content: SecretStr | None, limit: asyncio.Semaphore
    ) -> Proof | None:
        """Returns what a Secret proves; None without a Secret, because the injector sees that and creates it again."""
        if content is None:
            return None
        image = targets.images.get(namespace)
        login = find_login(content, host, image)
        if login is None:
            return missing_entry(host)
        client = targets.access.with_login(login)
        try:
            async with limit:
                # Harbor's token service answers 200 also to a wrong secret, so /v2/ decides.
                if not await self.probe.try_login(client):
                    return rejected_login()
                return check_pulled(await self.probe.try_pull(client, image), image)
        except (Unavailable, Refused):
            return UNAVAILABLE


def _is_due(last: datetime | None, seconds: float, now: datetime) -> bool:
    return last is None or now - last >= timedelta(seconds=seconds)
