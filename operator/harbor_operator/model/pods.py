"""Pods that cannot pull their images, and what the operator may do about them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum

from harbor_operator.model.watch import Deleted, Heartbeat, Synced


@dataclass(frozen=True, slots=True)
class Owner:
    """The controller of a pod, which creates a replacement after the pod is evicted."""

    kind: str
    name: str
    uid: str


MAX_POD_CHARACTERS = 16384
"""A pod whose image references, pull Secrets and owner are longer is observed without them, so it is never evicted.

The API server limits neither their length nor their number, and each user who creates pods decides what they contain.
"""


@dataclass(frozen=True, slots=True)
class ObservedPod:
    """A pod that has not started; `refused` are those of its `images` that the node failed to pull.

    `images` are those of its containers and of its image volumes.
    """

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
    """A registry that wants its stuck pods evicted: the name of its pull Secret and the hosts of its images."""

    registry_uid: str
    secret_name: str
    host: str
    extra_hosts: tuple[str, ...] = ()

    def serves(self, host: str) -> bool:
        """Whether the host of an image is one of this registry."""
        return host == self.host or host in self.extra_hosts


class EvictionDecision(Enum):
    """What to do about a pod; the value of ALONE and REPEATS completes a message."""

    LEAVE = "it can pull, it does not use this registry, or its service account has no reference yet"
    EVICT = "its controller creates another pod, which pulls with the Secret"
    ALONE = "no controller would create another pod: delete it and create it again"
    REPEATS = (
        "it has `imagePullSecrets` of its own, so those of its service account are not copied and another pod would "
        "fail as well: add the pull Secret there, or remove the list from the pod template"
    )


PodEvent = ObservedPod | Deleted | Synced | Heartbeat
"""An observed pod is an upsert."""


class EvictionResult(StrEnum):
    """Result of an eviction; the value is the label in the metrics."""

    DONE = "evicted"
    STALE = "stale"
    """The pod has changed since it was observed."""
    BLOCKED = "blocked"
    """A PodDisruptionBudget does not allow the eviction now."""
