"""Pods that cannot pull, and what may be done about them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum

from harbor_operator.model.watch import Deleted, Heartbeat, Synced


@dataclass(frozen=True, slots=True)
class Owner:
    """The controller of a pod: the one that makes another when this one goes."""

    kind: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class ObservedPod:
    """A pod that has not started yet; `refused` are those of its images that the node was not given."""

    namespace: str
    name: str
    uid: str
    revision: int
    account: str
    references: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    owner: Owner | None = None
    terminating: bool = False


@dataclass(frozen=True, slots=True)
class StuckPodPolicy:
    """What a registry whose stuck pods are evicted calls its own: its pull Secret and the host of its images."""

    registry_uid: str
    secret_name: str
    host: str


class EvictionDecision(Enum):
    """What becomes of a pod."""

    LEAVE = "nothing is wrong with it, it is not ours to judge, or the time has not come"
    EVICT = "its controller makes another, which pulls with the Secret"
    ALONE = "no controller would make another: delete it and create it again"
    REPEATS = (
        "it names `imagePullSecrets` of its own, so its service account's are not copied and another would be the "
        "same: add ours there, or remove the list from the template"
    )


PodChange = ObservedPod | Deleted | Synced | Heartbeat


class EvictionResult(StrEnum):
    """How an eviction went; the value is the word in the metrics."""

    DONE = "evicted"
    STALE = "stale"
    """The pod is not as it was seen any more: look again."""
    BLOCKED = "blocked"
    """A PodDisruptionBudget does not allow it now."""
