"""Pods that were made a moment too early: which of them may be evicted, so that their controller makes a luckier one.

Kubernetes copies the references of a service account into a pod when the pod is created, and never again. A pod that
was there before its service account had ours pulls without a credential for ever; the next pod would pull with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class Owner:
    """The controller of a pod: the one that makes another when this one goes."""

    kind: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class PodSeen:
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
    leaving: bool = False


@dataclass(frozen=True, slots=True)
class RescueWish:
    """What a registry whose stuck pods are evicted calls its own: its pull Secret and the host of its images."""

    registry_uid: str
    secret_name: str
    host: str


class Fate(Enum):
    """What becomes of a pod."""

    LEAVE = "nothing is wrong with it, it is not ours to judge, or the time has not come"
    EVICT = "its controller makes another, which pulls with the Secret"
    ALONE = "no controller would make another: delete it and create it again"
    REPEATS = (
        "it names `imagePullSecrets` of its own, so its service account's are not copied and another would be the "
        "same: add ours there, or remove the list from the template"
    )


def is_suspect(pod: PodSeen, wish: RescueWish) -> bool:
    """Whether the pod pulls from the registry without its Secret: it is stuck, or may soon be."""
    if pod.leaving or wish.secret_name in pod.references:
        return False
    return wish.host in map(host_of, pod.images)


def judge_pod(pod: PodSeen, wish: RescueWish, offered: Sequence[str]) -> Fate:
    """Returns what becomes of a pod; `offered` is what its service account gives a new one, nothing if not settled."""
    if not is_suspect(pod, wish) or wish.host not in map(host_of, pod.refused):
        return Fate.LEAVE
    if wish.secret_name not in offered:
        return Fate.LEAVE
    if not set(pod.references) <= set(offered):
        return Fate.REPEATS
    return Fate.EVICT if pod.owner else Fate.ALONE


def host_of(image: str) -> str:
    """Returns host and port of an image reference as they stand there; nothing if it begins with a repository."""
    host, slash, _ = image.partition("/")
    return host if slash else ""
