"""What the view of pods tells -> pure judgement -> evictions; nothing here knows what a watch or a task is."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass

from harbor_operator.injector.pace import MOVED_ON, REFUSED, UNAVAILABLE, Backoff, Patience
from harbor_operator.injector.rescue.waves import Waves
from harbor_operator.injector.surroundings import Surroundings
from harbor_operator.outcomes import StuckPodFacts
from harbor_operator.plan.stuck_pods import Fate, PodSeen, RescueWish, is_suspect, judge_pod
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.cluster import Alive, Complete, Vanished
from harbor_operator.ports.pods import Eviction, PodChange, Pods
from harbor_operator.reasons import Reason

LOG = logging.getLogger(__name__)
EVICTED = "StuckPodEvicted"
LOOK_EVERY = 5.0
NEVER = math.inf
HELD = Patience(10.0, 300.0)
SERVER = ("", "API server")
"""What is backed off from, beside single pods, when there is no answer."""

Offered = Callable[[str, str, str], tuple[str, ...]]
"""Registry's uid, namespace, service account -> the references of a new pod; nothing before the Secret is in place."""


@dataclass(slots=True)
class _Suspect:
    """A pod that pulls without the Secret; `seen` is its place in the order of things, `due` when to judge it."""

    pod: PodSeen
    seen: int
    due: float
    held: bool = False
    told: bool = False


class Rescuer:
    """Evicts pods that were made too early (it is a Rescue).

    `observe` takes what the view tells, `work` does what may be done now; `ring` is called when either has changed what
    there is to do.
    """

    def __init__(self, pods: Pods, offered: Offered, around: Surroundings, ring: Callable[[], None]) -> None:
        self._pods = pods
        self._offered = offered
        self._around = around
        self._ring = ring
        self._wishes: dict[str, RescueWish] = {}
        # Pods that have the reference or pull from elsewhere are not kept: at rest, this is empty.
        self._suspects: dict[tuple[str, str], _Suspect] = {}
        self._waves = Waves(around.clock)
        self._backoff = Backoff(around.clock, around.chance)
        self._quiet_until = around.clock()
        self._blind: Refused | None = None
        self._bound: Refused | None = None

    def wishes(self) -> frozenset[RescueWish]:
        """Returns what the registries ask for; without any, nobody need watch a pod."""
        return frozenset(self._wishes.values())

    def declare(self, wish: RescueWish) -> None:
        """Rescues the pods of this registry from now on; the same wish again changes nothing."""
        if self._wishes.get(wish.registry_uid) != wish:
            self._wishes[wish.registry_uid] = wish
            self._ring()

    def withdraw(self, registry_uid: str) -> None:
        """Leaves the pods of this registry alone."""
        if self._wishes.pop(registry_uid, None):
            self._ring()

    def read(self, registry_uid: str) -> StuckPodFacts:
        """Returns which stuck pods of a registry stay stuck, and why."""
        wish = self._wishes.get(registry_uid)
        if wish is None:
            return StuckPodFacts()
        told = ((suspect.pod, self._trouble(suspect, wish)) for suspect in self._suspects.values())
        left = sorted(f"pod '{pod.namespace}/{pod.name}': {why}" for pod, why in told if why)
        return StuckPodFacts(tuple(left), str(self._blind or self._bound or ""))

    def observe(self, change: PodChange) -> None:
        """Notes what the view tells."""
        self._blind = None
        match change:
            case PodSeen():
                self._note(change)
            case Vanished():
                self._lose((change.namespace, change.name), change.revision)
            case Complete():
                for place in self._suspects.keys() - change.keys:
                    self._lose(place, change.revision)
            case Alive():
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
        now = self._around.clock()
        for place in [place for place, suspect in self._suspects.items() if suspect.due <= now]:
            # One after the other, and looked up anew: what is known may have changed while another was worked on.
            if suspect := self._suspects.get(place):
                await self._attend(suspect)
        due = min((suspect.due for suspect in self._suspects.values()), default=NEVER)
        return None if due == NEVER else max(0.0, due - self._around.clock())

    async def _attend(self, suspect: _Suspect) -> None:
        fate = self._judge(suspect.pod)
        if fate is Fate.EVICT:
            if not self._wait(suspect):
                await self._evict(suspect)
            suspect.due = self._around.clock() + self._wait(suspect)
            return
        # Nobody tells when a service account has got its reference; it has it long before a pull has failed, as a rule.
        suspect.due = self._around.clock() + LOOK_EVERY if suspect.pod.refused else NEVER
        if fate is not Fate.LEAVE and not suspect.told:
            suspect.told = True
            await self._tell(suspect.pod, "Warning", Reason.PODS_STUCK, f"Pulls without the pull Secret; {fate.value}")

    async def _evict(self, suspect: _Suspect) -> None:
        pod = suspect.pod
        # Before the answer: whoever comes in this pod's place is seen later than this.
        self._waves.begin(_owner(pod), suspect.seen)
        result, patience = await self._try(pod)
        self._around.metrics.evicted(result)
        suspect.held = result == Eviction.HELD
        if patience is not None:
            self._backoff.fail(pod.namespace, pod.uid, patience)
            return
        if self._suspects.get((pod.namespace, pod.name)) is suspect:
            self._drop((pod.namespace, pod.name))
        message = f"Made before service account '{pod.account}' had the pull Secret's reference; the next pod has it"
        LOG.info("evicted pod '%s/%s': %s", pod.namespace, pod.name, message)
        await self._tell(pod, "Normal", EVICTED, message)

    async def _try(self, pod: PodSeen) -> tuple[str, Patience | None]:
        try:
            result = await self._pods.evict(pod)
        except Unavailable as unavailable:
            pause = self._backoff.fail(*SERVER, UNAVAILABLE)
            self._quiet_until = self._around.clock() + max(pause, unavailable.retry_after or 0.0)
            return "unavailable", UNAVAILABLE
        except Refused as refused:
            if self._bound is None:
                LOG.warning("pod '%s/%s' was not evicted: %s", pod.namespace, pod.name, refused)
            self._bound = self._bound or refused
            return "refused", REFUSED
        self._backoff.clear(*SERVER)
        self._bound = None
        match result:
            case Eviction.DONE:
                return result, None
            case Eviction.MOVED:
                return result, MOVED_ON
            case Eviction.HELD:
                return result, HELD

    async def _tell(self, pod: PodSeen, kind: str, reason: str, message: str) -> None:
        try:
            await self._pods.post_event(pod, kind, reason, message)
        except (Unavailable, Refused) as error:
            LOG.warning("no event about pod '%s/%s': %s", pod.namespace, pod.name, error)

    def _judge(self, pod: PodSeen) -> Fate:
        fates = {self._judge_for(wish, pod) for wish in self._wishes.values()}
        return next((fate for fate in (Fate.EVICT, Fate.ALONE, Fate.REPEATS) if fate in fates), Fate.LEAVE)

    def _judge_for(self, wish: RescueWish, pod: PodSeen) -> Fate:
        return judge_pod(pod, wish, self._offered(wish.registry_uid, pod.namespace, pod.account))

    def _wait(self, suspect: _Suspect) -> float:
        pod, quiet = suspect.pod, self._quiet_until - self._around.clock()
        return max(quiet, self._waves.wait(_owner(pod), suspect.seen), self._backoff.wait(pod.namespace, pod.uid))

    def _trouble(self, suspect: _Suspect, wish: RescueWish) -> str:
        pod, fate = suspect.pod, self._judge_for(wish, suspect.pod)
        if fate is not Fate.EVICT:
            return "" if fate is Fate.LEAVE else fate.value
        if suspect.held:
            return "a PodDisruptionBudget does not allow its eviction: it is tried again"
        if pod.owner and self._waves.has_returned(pod.owner.uid, suspect.seen):
            return (
                f"came back without the reference after another pod of {pod.owner.kind} '{pod.owner.name}' had been "
                "evicted: see what takes `imagePullSecrets` from its pods; it is evicted ever more slowly"
            )
        return ""

    def _note(self, pod: PodSeen) -> None:
        place = (pod.namespace, pod.name)
        known = self._suspects.get(place)
        if not any(is_suspect(pod, wish) for wish in self._wishes.values()):
            self._lose(place, pod.revision)
        elif known is None or known.pod.uid != pod.uid:
            self._drop(place)
            self._suspects[place] = _Suspect(pod, self._waves.tick(), self._around.clock())
            self._ring()
        elif known.pod.revision < pod.revision:
            known.pod, known.due = pod, self._around.clock()
            self._ring()

    def _lose(self, place: tuple[str, str], revision: int) -> None:
        known = self._suspects.get(place)
        if known is not None and known.pod.revision <= revision:
            self._drop(place)

    def _drop(self, place: tuple[str, str]) -> None:
        if suspect := self._suspects.pop(place, None):
            self._backoff.clear(suspect.pod.namespace, suspect.pod.uid)


def _owner(pod: PodSeen) -> str:
    return pod.owner.uid if pod.owner else ""
