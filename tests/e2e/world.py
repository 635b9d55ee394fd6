"""A lab, an operator and one full registry that a test module has for itself, because it is going to spoil them."""

from __future__ import annotations

import base64
import json
import ssl
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.lab import Lab
from lab.observer import Observer
from lab.process import wait_until
from lab.registries import Manifest
from lab.stage import Stage, install
from tests.e2e.conftest import Shift

PULL_SECRET = "harbor-pull"
PROMPT: Manifest = {
    "core": {"startupProbe": {"initialDelaySeconds": 1, "periodSeconds": 1}},
    "jobservice": {"readinessProbe": {"initialDelaySeconds": 1, "periodSeconds": 2}},
}
"""Chart values with which pods are looked at as soon as they run; left alone, the chart waits for half a minute."""


@dataclass
class World:
    """Everything that is there; the registry is prepared and not applied."""

    lab: Lab
    shift: Shift
    stage: Stage


@contextmanager
def own_world() -> Iterator[World]:
    """Starts a world that ends with the block."""
    with Lab.start() as lab:
        install(lab)
        shift = Shift(lab)
        try:
            shift.operator.wait_leading()
            yield World(lab, shift, Stage.set_up(lab, values=PROMPT))
        finally:
            shift.end()


def listed(lab: Lab, *arguments: str) -> list[Manifest]:
    """What `kubectl get` with these arguments finds."""
    found: list[Manifest] = json.loads(lab.control_plane.kubectl("get", *arguments, "-o", "json"))["items"]
    return found


def references(observer: Observer, namespace: str, account: str = "default") -> list[str]:
    """The names of the Secrets with which pods of a service account pull, in order."""
    found = observer.read(f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}") or {}
    return [entry["name"] for entry in found.get("imagePullSecrets", [])]


def pull_secret(observer: Observer, namespace: str, name: str = PULL_SECRET) -> Manifest | None:
    """The Secret of that name in a namespace, whoever made it."""
    return observer.read(f"/api/v1/namespaces/{namespace}/secrets/{name}")


def create_namespace(lab: Lab, observer: Observer, name: str) -> None:
    """Makes a namespace that has its default service account."""
    observer.create_namespace(name)
    account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
    wait_until(lambda: lab.control_plane.answers(account), f"'{name}' has its default account", deadline=10)


def remove_namespace(lab: Lab, name: str) -> None:
    """Deletes a namespace and does not wait for it."""
    lab.control_plane.kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")


def wait_spread(stage: Stage) -> None:
    """Returns once everything is True and the status counts exactly the namespaces that there are now."""

    def is_spread() -> bool:
        namespaces = [item for item in listed(stage.lab, "namespaces") if item["status"]["phase"] == "Active"]
        total = len([item for item in namespaces if not item["metadata"]["name"].startswith("kube-")])
        facts = stage.registry.status()["pullSecrets"]
        return facts["namespaces"] == facts["ready"] == total and stage.registry.is_settled()

    wait_until(is_spread, "the status counts every namespace", deadline=30, interval=0.2)


def robots(stage: Stage) -> list[Manifest]:
    """All robots of the whole Harbor, asked as its administrator."""
    password = stage.registry.secret(f"hreg-{stage.registry.name}-admin-password")["password"]
    login = base64.b64encode(f"admin:{password}".encode()).decode()
    url = f"{stage.front.url}/api/v2.0/robots?page_size=100"
    request = urllib.request.Request(url, headers={"Authorization": f"Basic {login}"})  # noqa: S310 - always https
    tls = ssl.create_default_context(cafile=str(stage.lab.authority.ca_path))
    with urllib.request.urlopen(request, timeout=10, context=tls) as answer:  # noqa: S310
        found: list[Manifest] = json.load(answer)
    return found


def revisions(stage: Stage) -> dict[str, Any]:
    """Status of each Helm revision of the registry's release, by the name of its Secret."""
    found = listed(stage.lab, "-n", stage.registry.namespace, "secrets", "-l", "owner=helm")
    return {item["metadata"]["name"]: item["metadata"]["labels"]["status"] for item in found}


def descendants(pid: int) -> list[int]:
    """The ids of all children of a process, and of theirs."""
    found: list[int] = []
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, thread.read_text().split()):
                found += [child, *descendants(child)]
    return found
