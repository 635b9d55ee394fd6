"""Pods on the real node that may or may not have got the reference: made, counted, and waited for."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from lab.lab import Lab
from lab.node.apps import REFUSED, deployment
from lab.node.kubelet import KubeletNode
from lab.process import LabError, wait_until
from tests.e2e.world import PULL_SECRET, listed

Manifest = dict[str, Any]

ROOM = 110
"""Pods that a kubelet takes if nobody says otherwise."""


@dataclass(frozen=True)
class Race:
    """The first pods of many namespaces: the names of those that got the reference, and of those that did not."""

    lucky: frozenset[str]
    unlucky: frozenset[str]
    seconds: float

    @override
    def __str__(self) -> str:
        count = len(self.lucky | self.unlucky)
        return f"{len(self.unlucky)} of {count} pods came too early; all had arrived after {self.seconds:.1f} s"


@dataclass(frozen=True)
class Track:
    """A node, and a private image that its pods pull."""

    lab: Lab
    node: KubeletNode
    image: str

    def pods(self, *arguments: str) -> list[Manifest]:
        """The pods that are not being deleted."""
        return [pod for pod in listed(self.lab, "pods", *arguments) if "deletionTimestamp" not in pod["metadata"]]

    def await_pods(self, namespace: str, arrived: Callable[[list[Manifest]], bool]) -> None:
        """Returns once the pods of a namespace are as they should be; LabError with what is known of them otherwise."""
        try:
            wait_until(lambda: arrived(self.pods("-n", namespace)), f"the pods of '{namespace}'", deadline=90)
        except LabError as error:
            raise LabError(f"{error}\n{self.node.describe(namespace)}") from None

    def race(self, name: str, count: int) -> Race:
        """Applies namespaces and Deployments at once; returns when each pod runs or has been refused its image."""
        wait_until(lambda: len(listed(self.lab, "pods", "-A")) + count <= ROOM, "the node has room", deadline=300)
        began = time.monotonic()
        objects: list[Manifest] = []
        for place in (f"{name}-{number:03}" for number in range(count)):
            metadata = {"name": place, "labels": {"race": name}}
            objects += [
                {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata},
                deployment(place, self.image, name),
            ]
        self.lab.control_plane.apply(*objects)
        found = self.await_race(name, count, lambda pod: is_running(pod) or is_refused(pod))
        seconds = time.monotonic() - began
        lucky = frozenset(name_of(pod) for pod in found if has_reference(pod))
        return Race(lucky, frozenset(map(name_of, found)) - lucky, seconds)

    def await_race(self, name: str, count: int, arrived: Callable[[Manifest], bool]) -> list[Manifest]:
        """Returns the pods of a race once there are so many and each has arrived."""
        deadline = 60.0 + 3 * count

        def look() -> list[Manifest]:
            found = self.pods("-A", "-l", f"app={name}")
            return found if len(found) == count and all(map(arrived, found)) else []

        try:
            return wait_until(look, f"every pod of '{name}' has arrived", deadline=deadline, interval=0.5)
        except LabError as error:
            lost = [pod["metadata"]["namespace"] for pod in self.pods("-A", "-l", f"app={name}") if not arrived(pod)]
            place = lost[0] if lost else f"{name}-000"
            raise LabError(f"{error}\n{self.node.describe(place)}") from None

    def end(self, name: str) -> None:
        """Takes the namespaces away, and does not wait for it."""
        self.lab.control_plane.kubectl("delete", "namespace", "-l", f"race={name}", "--wait=false")


def name_of(pod: Manifest) -> str:
    """Its name, which its controller made up."""
    return str(pod["metadata"]["name"])


def has_reference(pod: Manifest) -> bool:
    """Whether it was given the pull Secret when it was created."""
    return PULL_SECRET in [entry["name"] for entry in pod["spec"].get("imagePullSecrets", [])]


def is_refused(pod: Manifest) -> bool:
    """Whether the node was not given its image."""
    states = [status["state"].get("waiting", {}) for status in pod["status"].get("containerStatuses", [])]
    return any(state.get("reason") in REFUSED for state in states)


def is_running(pod: Manifest) -> bool:
    """Whether its containers have started."""
    return bool(pod["status"]["phase"] == "Running")
