"""Watch event -> pure decision -> evictions; without tasks, so that a test decides what happens when."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass

from typing_extensions import override

from harbor_operator.injector.deps import RuntimeDeps
from harbor_operator.injector.limits import REFUSED, STALE, UNAVAILABLE, Backoff, BackoffPolicy, Failure
from harbor_operator.injector.stuck_pods.backoff import OwnerEvictionBackoff
from harbor_operator.model.outcomes import StuckPodFacts
from harbor_operator.model.pods import EvictionDecision, EvictionResult, ObservedPod, PodEvent, StuckPodPolicy
from harbor_operator.model.watch import Deleted, Heartbeat, Synced
from harbor_operator.plan.stuck_pods import decide_eviction, is_candidate
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.pod_eviction import PodEvictionApi
from harbor_operator.ports.stuck_pods import StuckPodEviction
from harbor_operator.reasons import Reason

LOG = logging.getLogger(__name__)
EVICTED_EVENT = "StuckPodEvicted"
RECHECK_SECONDS = 5.0
EVICT_ERROR_RETENTION_SECONDS = 900.0
"""Longer than the back-off of a refused eviction: an older error is about a pod that no longer waits."""
NOT_SCHEDULED_SECONDS = math.inf
BUDGET_EXCEEDED = BackoffPolicy(10.0, 300.0)

PullSecretsForNewPod = Callable[[str, str, str], tuple[str, ...]]
"""Registry's uid, namespace, service account -> the references of a new pod; empty before the Secret is in place."""


@dataclass(slots=True)
class Candidate:
    """A pod that pulls without the Secret; `observed` numbers its first observation, `due` is the next examination."""

    pod: ObservedPod
    observed: int
    due: float
    failure: Failure | None = None
    blocked: bool = False
    reported: bool = False


class StuckPodEvictor(StuckPodEviction):
    """Evicts stuck pods: `observe` takes the events of the watch, `evict_due` does what may be done now.

    `notify` is called when the policies or the candidates have changed.
    """

    def __init__(
        self,
        api: PodEvictionApi,
        pull_secrets_for_new_pod: PullSecretsForNewPod,
        deps: RuntimeDeps,
        notify: Callable[[], None],
    ) -> None:
        self._api = api
        self._pull_secrets_for_new_pod = pull_secrets_for_new_pod
        self._deps = deps
        self._notify = notify
        self._policies: dict[str, StuckPodPolicy] = {}
        # Pods that have the reference, or pull from elsewhere, are not stored: usually, this is empty.
        self._candidates: dict[tuple[str, str], Candidate] = {}
        self._owners = OwnerEvictionBackoff(deps.clock)
        self._backoff = Backoff(deps.clock, deps.random)
        self._server_failure: Failure | None = None
        self._paused_until = deps.clock()
        self._watch_error: Refused | None = None
        self._evict_error: Refused | None = None
        self._evict_error_at = 0.0

    def policies(self) -> frozenset[StuckPodPolicy]:
        """Returns the declared policies; without any, no watch is needed."""
        return frozenset(self._policies.values())

    @override
    def declare(self, desired: StuckPodPolicy) -> None:
        if self._policies.get(desired.registry_uid) != desired:
            self._policies[desired.registry_uid] = desired
            self._notify()

    @override
    def withdraw(self, registry_uid: str) -> None:
        if self._policies.pop(registry_uid, None):
            self._notify()

    @override
    def read(self, registry_uid: str) -> StuckPodFacts:
        desired = self._policies.get(registry_uid)
        if desired is None:
            return StuckPodFacts()
        problems = ((each.pod, self._problem(each, desired)) for each in self._candidates.values())
        left = sorted(f"pod '{pod.namespace}/{pod.name}': {problem}" for pod, problem in problems if problem)
        if self._deps.clock() - self._evict_error_at > EVICT_ERROR_RETENTION_SECONDS:
            self._evict_error = None
        return StuckPodFacts(tuple(left), str(self._watch_error or self._evict_error or ""))

    def observe(self, event: PodEvent) -> None:
        """Stores what the watch delivers."""
        self._watch_error = None
        match event:
            case ObservedPod():
                self._upsert(event)
            case Deleted():
                self._delete((event.namespace, event.name), event.revision)
            case Synced():
                for key in self._candidates.keys() - event.keys:
                    self._delete(key, event.revision)
            case Heartbeat():
                return

    def watch_refused(self, refused: Refused) -> None:
        """Records that the server refuses the watch."""
        self._watch_error = refused

    def reset(self) -> None:
        """Forgets all pods, because a new list follows; the back-off of their owners stays."""
        self._candidates.clear()
        self._watch_error = None

    async def evict_due(self) -> float | None:
        """Examines the candidates that are due; returns the seconds until the next is due, None if none will be."""
        now = self._deps.clock()
        for key in [key for key, candidate in self._candidates.items() if candidate.due <= now]:
            # Looked up again: an event may have changed it during the eviction of another pod.
            if candidate := self._candidates.get(key):
                await self._examine(candidate)
        due = min((candidate.due for candidate in self._candidates.values()), default=NOT_SCHEDULED_SECONDS)
        return None if due == NOT_SCHEDULED_SECONDS else max(0.0, due - self._deps.clock())

    async def _examine(self, candidate: Candidate) -> None:
        decision = self._decide(candidate.pod)
        if decision is EvictionDecision.EVICT:
            if not self._wait(candidate):
                await self._evict(candidate)
            candidate.due = self._deps.clock() + self._wait(candidate)
            return
        # No event says that a service account has got its reference. Usually it has it before a pull fails.
        candidate.due = self._deps.clock() + RECHECK_SECONDS if candidate.pod.refused else NOT_SCHEDULED_SECONDS
        if decision is not EvictionDecision.LEAVE and not candidate.reported:
            candidate.reported = True
            message = f"Pulls without the pull Secret; {decision.value}"
            await self._post_event(candidate.pod, "Warning", Reason.PODS_STUCK, message)

    async def _evict(self, candidate: Candidate) -> None:
        pod = candidate.pod
        # Before the request: the replacement of this pod is observed later than this.
        self._owners.record(_owner(pod), candidate.observed)
        result, policy = await self._try(pod)
        self._deps.metrics.evicted(result)
        candidate.blocked = result == EvictionResult.BLOCKED
        if policy is not None:
            candidate.failure = self._backoff.next(candidate.failure, policy)
            return
        if self._candidates.get((pod.namespace, pod.name)) is candidate:
            del self._candidates[pod.namespace, pod.name]
        message = f"Created before service account '{pod.account}' had the pull Secret's reference; the next pod has it"
        LOG.info("evicted pod '%s/%s': %s", pod.namespace, pod.name, message, extra={"namespace": pod.namespace})
        await self._post_event(pod, "Normal", EVICTED_EVENT, message)

    async def _try(self, pod: ObservedPod) -> tuple[str, BackoffPolicy | None]:
        try:
            result = await self._api.evict(pod)
        except Unavailable as unavailable:
            self._server_failure = self._backoff.next(self._server_failure, UNAVAILABLE)
            delay = max(self._backoff.wait(self._server_failure), unavailable.retry_after or 0.0)
            self._paused_until = self._deps.clock() + delay
            return "unavailable", UNAVAILABLE
        except Refused as refused:
            if self._evict_error is None:
                extra = {"namespace": pod.namespace, "reason": refused.reason}
                LOG.warning("pod '%s/%s' was not evicted: %s", pod.namespace, pod.name, refused, extra=extra)
            self._evict_error = self._evict_error or refused.with_traceback(None)
            self._evict_error_at = self._deps.clock()
            return "refused", REFUSED
        self._server_failure = self._evict_error = None
        match result:
            case EvictionResult.DONE:
                return result, None
            case EvictionResult.STALE:
                return result, STALE
            case EvictionResult.BLOCKED:
                return result, BUDGET_EXCEEDED

    async def _post_event(self, pod: ObservedPod, kind: str, reason: str, message: str) -> None:
        try:
            await self._api.post_event(pod, kind, reason, message)
        except (Unavailable, Refused) as error:
            extra = {"namespace": pod.namespace, "reason": error.reason}
            LOG.warning("no event about pod '%s/%s': %s", pod.namespace, pod.name, error, extra=extra)

    def _decide(self, pod: ObservedPod) -> EvictionDecision:
        decisions = {self._decide_for(desired, pod) for desired in self._policies.values()}
        order = (EvictionDecision.EVICT, EvictionDecision.ALONE, EvictionDecision.REPEATS)
        return next((decision for decision in order if decision in decisions), EvictionDecision.LEAVE)

    def _decide_for(self, desired: StuckPodPolicy, pod: ObservedPod) -> EvictionDecision:
        inherited = self._pull_secrets_for_new_pod(desired.registry_uid, pod.namespace, pod.account)
        return decide_eviction(pod, desired, inherited)

    def _wait(self, candidate: Candidate) -> float:
        paused = self._paused_until - self._deps.clock()
        owner_wait = self._owners.wait(_owner(candidate.pod), candidate.observed)
        return max(paused, owner_wait, self._backoff.wait(candidate.failure))

    def _problem(self, candidate: Candidate, desired: StuckPodPolicy) -> str:
        pod, decision = candidate.pod, self._decide_for(desired, candidate.pod)
        if decision is not EvictionDecision.EVICT:
            return "" if decision is EvictionDecision.LEAVE else decision.value
        if candidate.blocked:
            return "a PodDisruptionBudget does not allow its eviction: the operator tries again"
        if pod.owner and self._owners.has_returned(pod.owner.uid, candidate.observed):
            return (
                f"came back without the reference after another pod of {pod.owner.kind} '{pod.owner.name}' was "
                "evicted: find out what removes `imagePullSecrets` from its pods; the operator evicts them with "
                "increasing back-off"
            )
        return ""

    def _upsert(self, pod: ObservedPod) -> None:
        key = (pod.namespace, pod.name)
        known = self._candidates.get(key)
        if not any(is_candidate(pod, desired) for desired in self._policies.values()):
            self._delete(key, pod.revision)
        elif known is None or known.pod.uid != pod.uid:
            self._candidates[key] = Candidate(pod, self._owners.tick(), self._deps.clock())
            self._notify()
        elif known.pod.revision < pod.revision:
            known.pod, known.due = pod, self._deps.clock()
            self._notify()

    def _delete(self, key: tuple[str, str], revision: int) -> None:
        known = self._candidates.get(key)
        if known is not None and known.pod.revision <= revision:
            del self._candidates[key]


def _owner(pod: ObservedPod) -> str:
    return pod.owner.uid if pod.owner else ""
