"""What the view of pods tells -> pure judgement -> evictions; nothing here knows what a watch or a task is."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass

from harbor_operator.injector.backoff import REFUSED, STALE, UNAVAILABLE, Backoff, BackoffPolicy
from harbor_operator.injector.deps import RuntimeDeps
from harbor_operator.injector.stuck_pods.backoff import OwnerEvictionBackoff
from harbor_operator.model.outcomes import StuckPodFacts
from harbor_operator.model.pods import EvictionDecision, EvictionResult, ObservedPod, PodChange, StuckPodPolicy
from harbor_operator.model.watch import Deleted, Heartbeat, Synced
from harbor_operator.plan.stuck_pods import decide_eviction, is_candidate
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.pod_eviction import PodEvictionApi
from harbor_operator.reasons import Reason

LOG = logging.getLogger(__name__)
EVICTED_EVENT = "StuckPodEvicted"
RECHECK_SECONDS = 5.0
NEVER = math.inf
BUDGET_EXCEEDED = BackoffPolicy(10.0, 300.0)
SERVER = ("", "API server")
"""What is backed off from, beside single pods, when there is no answer."""

PullSecretsForNewPod = Callable[[str, str, str], tuple[str, ...]]
"""Registry's uid, namespace, service account -> the references of a new pod; nothing before the Secret is in place."""


@dataclass(slots=True)
class _Candidate:
    """A pod that pulls without the Secret; `seen` is its place in the order of things, `due` when to judge it."""

    pod: ObservedPod
    observed: int
    due: float
    held: bool = False
    told: bool = False


class StuckPodEvictor:
    """Evicts pods that were made too early (it is a Rescue).

    `observe` takes what the view tells, `work` does what may be done now; `ring` is called when either has changed what
    there is to do.
    """

    def __init__(
        self, pods: PodEvictionApi, offered: PullSecretsForNewPod, deps: RuntimeDeps, ring: Callable[[], None]
    ) -> None:
        self._pods = pods
        self._offered = offered
        self._deps = deps
        self._ring = ring
        self._wishes: dict[str, StuckPodPolicy] = {}
        # Pods that have the reference or pull from elsewhere are not kept: at rest, this is empty.
        self._suspects: dict[tuple[str, str], _Candidate] = {}
        self._waves = OwnerEvictionBackoff(deps.clock)
        self._backoff = Backoff(deps.clock, deps.random)
        self._quiet_until = deps.clock()
        self._blind: Refused | None = None
        self._bound: Refused | None = None

    def wishes(self) -> frozenset[StuckPodPolicy]:
        """Returns what the registries ask for; without any, nobody need watch a pod."""
        return frozenset(self._wishes.values())

    def declare(self, desired: StuckPodPolicy) -> None:
        """Rescues the pods of this registry from now on; the same wish again changes nothing."""
        if self._wishes.get(desired.registry_uid) != desired:
            self._wishes[desired.registry_uid] = desired
            self._ring()

    def withdraw(self, registry_uid: str) -> None:
        """Leaves the pods of this registry alone."""
        if self._wishes.pop(registry_uid, None):
            self._ring()

    def read(self, registry_uid: str) -> StuckPodFacts:
        """Returns which stuck pods of a registry stay stuck, and why."""
        desired = self._wishes.get(registry_uid)
        if desired is None:
            return StuckPodFacts()
        told = ((suspect.pod, self._trouble(suspect, desired)) for suspect in self._suspects.values())
        left = sorted(f"pod '{pod.namespace}/{pod.name}': {why}" for pod, why in told if why)
        return StuckPodFacts(tuple(left), str(self._blind or self._bound or ""))

    def observe(self, change: PodChange) -> None:
        """Notes what the view tells."""
        self._blind = None
        match change:
            case ObservedPod():
                self._note(change)
            case Deleted():
                self._lose((change.namespace, change.name), change.revision)
            case Synced():
                for place in self._suspects.keys() - change.keys:
                    self._lose(place, change.revision)
            case Heartbeat():
                return

    def refuse(self, refused: Refused) -> None:
        """Notes that the view cannot be had."""
        self._blind = refused

    def reset(self) -> None:
        """Forgets all pods, because another view begins; who has been evicted is remembered."""
        for place in list(self._suspects):
            self._drop(place)
        self._blind = None

    async def work(self) -> float | None:
        """Does what is due; returns in how many seconds something will be, None if only news can change anything."""
        now = self._deps.clock()
        for place in [place for place, suspect in self._suspects.items() if suspect.due <= now]:
            # One after the other, and looked up anew: what is known may have changed while another was worked on.
            if suspect := self._suspects.get(place):
                await self._attend(suspect)
        due = min((suspect.due for suspect in self._suspects.values()), default=NEVER)
        return None if due == NEVER else max(0.0, due - self._deps.clock())

    async def _attend(self, suspect: _Candidate) -> None:
        fate = self._judge(suspect.pod)
        if fate is EvictionDecision.EVICT:
            if not self._wait(suspect):
                await self._evict(suspect)
            suspect.due = self._deps.clock() + self._wait(suspect)
            return
        # Nobody tells when a service account has got its reference; it has it long before a pull has failed, as a rule.
        suspect.due = self._deps.clock() + RECHECK_SECONDS if suspect.pod.refused else NEVER
        if fate is not EvictionDecision.LEAVE and not suspect.told:
            suspect.told = True
            await self._tell(suspect.pod, "Warning", Reason.PODS_STUCK, f"Pulls without the pull Secret; {fate.value}")

    async def _evict(self, suspect: _Candidate) -> None:
        pod = suspect.pod
        # Before the answer: whoever comes in this pod's place is seen later than this.
        self._waves.begin(_owner(pod), suspect.observed)
        result, policy = await self._try(pod)
        self._deps.metrics.evicted(result)
        suspect.held = result == EvictionResult.BLOCKED
        if policy is not None:
            self._backoff.fail(pod.namespace, pod.uid, policy)
            return
        if self._suspects.get((pod.namespace, pod.name)) is suspect:
            self._drop((pod.namespace, pod.name))
        message = f"Made before service account '{pod.account}' had the pull Secret's reference; the next pod has it"
        LOG.info("evicted pod '%s/%s': %s", pod.namespace, pod.name, message)
        await self._tell(pod, "Normal", EVICTED_EVENT, message)

    async def _try(self, pod: ObservedPod) -> tuple[str, BackoffPolicy | None]:
        try:
            result = await self._pods.evict(pod)
        except Unavailable as unavailable:
            pause = self._backoff.fail(*SERVER, UNAVAILABLE)
            self._quiet_until = self._deps.clock() + max(pause, unavailable.retry_after or 0.0)
            return "unavailable", UNAVAILABLE
        except Refused as refused:
            if self._bound is None:
                LOG.warning("pod '%s/%s' was not evicted: %s", pod.namespace, pod.name, refused)
            self._bound = self._bound or refused
            return "refused", REFUSED
        self._backoff.clear(*SERVER)
        self._bound = None
        match result:
            case EvictionResult.DONE:
                return result, None
            case EvictionResult.STALE:
                return result, STALE
            case EvictionResult.BLOCKED:
                return result, BUDGET_EXCEEDED

    async def _tell(self, pod: ObservedPod, kind: str, reason: str, message: str) -> None:
        try:
            await self._pods.post_event(pod, kind, reason, message)
        except (Unavailable, Refused) as error:
            LOG.warning("no event about pod '%s/%s': %s", pod.namespace, pod.name, error)

    def _judge(self, pod: ObservedPod) -> EvictionDecision:
        fates = {self._judge_for(desired, pod) for desired in self._wishes.values()}
        return next(
            (
                fate
                for fate in (EvictionDecision.EVICT, EvictionDecision.ALONE, EvictionDecision.REPEATS)
                if fate in fates
            ),
            EvictionDecision.LEAVE,
        )

    def _judge_for(self, desired: StuckPodPolicy, pod: ObservedPod) -> EvictionDecision:
        return decide_eviction(pod, desired, self._offered(desired.registry_uid, pod.namespace, pod.account))

    def _wait(self, suspect: _Candidate) -> float:
        pod, quiet = suspect.pod, self._quiet_until - self._deps.clock()
        return max(quiet, self._waves.wait(_owner(pod), suspect.observed), self._backoff.wait(pod.namespace, pod.uid))

    def _trouble(self, suspect: _Candidate, desired: StuckPodPolicy) -> str:
        pod, fate = suspect.pod, self._judge_for(desired, suspect.pod)
        if fate is not EvictionDecision.EVICT:
            return "" if fate is EvictionDecision.LEAVE else fate.value
        if suspect.held:
            return "a PodDisruptionBudget does not allow its eviction: it is tried again"
        if pod.owner and self._waves.has_returned(pod.owner.uid, suspect.observed):
            return (
                f"came back without the reference after another pod of {pod.owner.kind} '{pod.owner.name}' had been "
                "evicted: see what takes `imagePullSecrets` from its pods; it is evicted ever more slowly"
            )
        return ""

    def _note(self, pod: ObservedPod) -> None:
        place = (pod.namespace, pod.name)
        known = self._suspects.get(place)
        if not any(is_candidate(pod, desired) for desired in self._wishes.values()):
            self._lose(place, pod.revision)
        elif known is None or known.pod.uid != pod.uid:
            self._drop(place)
            self._suspects[place] = _Candidate(pod, self._waves.tick(), self._deps.clock())
            self._ring()
        elif known.pod.revision < pod.revision:
            known.pod, known.due = pod, self._deps.clock()
            self._ring()

    def _lose(self, place: tuple[str, str], revision: int) -> None:
        known = self._suspects.get(place)
        if known is not None and known.pod.revision <= revision:
            self._drop(place)

    def _drop(self, place: tuple[str, str]) -> None:
        if suspect := self._suspects.pop(place, None):
            self._backoff.clear(suspect.pod.namespace, suspect.pod.uid)


def _owner(pod: ObservedPod) -> str:
    return pod.owner.uid if pod.owner else ""
