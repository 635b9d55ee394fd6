"""The first pods of new namespaces on the real node: created, and counted by whether they have the reference."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from lab.lab import Lab
from lab.node.apps import PULL_FAILED, deployment
from lab.node.kubelet import KubeletNode
from lab.process import LabError, wait_until
from tests.e2e.queries import PULL_SECRET, listed

Manifest = dict[str, Any]

MAX_PODS = 110
"""The default limit of a kubelet."""


@dataclass(frozen=True)
class FirstPods:
    """The names of the pods that were created with the reference, and of those that were created without it."""

    with_secret: frozenset[str]
    without_secret: frozenset[str]
    seconds: float

    @override
    def __str__(self) -> str:
        missing, count = len(self.without_secret), len(self.with_secret | self.without_secret)
        return f"{missing} of {count} pods have no reference; all were scheduled after {self.seconds:.1f} s"


@dataclass(frozen=True)
class PodLauncher:
    """Creates pods that pull a private image on a node."""

    lab: Lab
    node: KubeletNode
    image: str

    def pods(self, *arguments: str) -> list[Manifest]:
        """Returns the pods that are not being deleted."""
        return [pod for pod in listed(self.lab, "pods", *arguments) if "deletionTimestamp" not in pod["metadata"]]

    def wait_pods(self, namespace: str, condition: Callable[[list[Manifest]], bool]) -> None:
        """Waits until the pods of a namespace meet a condition. Raises LabError with their state."""
        try:
            wait_until(lambda: condition(self.pods("-n", namespace)), f"the pods of '{namespace}'", deadline=90)
        except LabError as error:
            raise LabError(f"{error}\n{self.node.describe(namespace)}") from None

    def launch(self, name: str, count: int) -> FirstPods:
        """Creates namespaces and Deployments in one request; waits until each pod runs or fails to pull its image."""
        wait_until(
            lambda: len(listed(self.lab, "pods", "-A")) + count <= MAX_PODS, "the node accepts more pods", deadline=300
        )
        began = time.monotonic()
        objects: list[Manifest] = []
        for namespace in (f"{name}-{number:03}" for number in range(count)):
            metadata = {"name": namespace, "labels": {"first-pods": name}}
            objects += [
                {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata},
                deployment(namespace, self.image, name),
            ]
        self.lab.control_plane.apply(*objects)
        found = self.wait_all(name, count, lambda pod: is_running(pod) or is_pull_refused(pod))
        seconds = time.monotonic() - began
        with_secret = frozenset(name_of(pod) for pod in found if has_reference(pod))
        return FirstPods(with_secret, frozenset(map(name_of, found)) - with_secret, seconds)

    def wait_all(self, name: str, count: int, condition: Callable[[Manifest], bool]) -> list[Manifest]:
        """Waits until there are `count` pods and each meets the condition; returns them. Raises LabError."""
        deadline = 60.0 + 3 * count

        def matching() -> list[Manifest]:
            found = self.pods("-A", "-l", f"app={name}")
            return found if len(found) == count and all(map(condition, found)) else []

        try:
            return wait_until(matching, f"every pod of '{name}' meets the condition", deadline=deadline)
        except LabError as error:
            others = [pod for pod in self.pods("-A", "-l", f"app={name}") if not condition(pod)]
            namespace = others[0]["metadata"]["namespace"] if others else f"{name}-000"
            raise LabError(f"{error}\n{self.node.describe(namespace)}") from None

    def end(self, name: str) -> None:
        """Deletes the namespaces and does not wait for their end."""
        self.lab.control_plane.kubectl("delete", "namespace", "-l", f"first-pods={name}", "--wait=false")


def name_of(pod: Manifest) -> str:
    """Returns the name, which the controller generated."""
    return str(pod["metadata"]["name"])


def has_reference(pod: Manifest) -> bool:
    """Whether the pod was created with the pull Secret."""
    return PULL_SECRET in [entry["name"] for entry in pod["spec"].get("imagePullSecrets", [])]


def is_pull_refused(pod: Manifest) -> bool:
    """Whether the kubelet cannot pull the image."""
    states = [status["state"].get("waiting", {}) for status in pod["status"].get("containerStatuses", [])]
    return any(state.get("reason") in PULL_FAILED for state in states)


def is_running(pod: Manifest) -> bool:
    """Whether the containers have started."""
    return bool(pod["status"]["phase"] == "Running")
