"""Questions that the end-to-end tests ask of the cluster, of Harbor and of the machine."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from lab.kubernetes_client import Manifest
from lab.lab import Lab
from lab.observer import Observer
from lab.operator import Operator
from lab.process import wait_until
from lab.registry_fixture import RegistryFixture
from tests.e2e.harbor_api import call_harbor

PULL_SECRET = "harbor-pull"
CANARY_NAMESPACE = "kube-canary"
"""An excluded namespace with a Secret of another owner that has the name of the pull Secret."""
PASSES = re.compile(r"^harbor_operator_reconcile_duration_seconds_count (\d+)", re.MULTILINE)
PASS_SECONDS = 15


def listed(lab: Lab, *arguments: str) -> list[Manifest]:
    """Returns the objects that `kubectl get` prints with these arguments."""
    found: list[Manifest] = json.loads(lab.control_plane.kubectl("get", *arguments, "-o", "json"))["items"]
    return found


def references(observer: Observer, namespace: str, account: str = "default") -> list[str]:
    """Returns the `imagePullSecrets` of a service account, in order."""
    found = observer.read(f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}") or {}
    return [entry["name"] for entry in found.get("imagePullSecrets", [])]


def pull_secret(observer: Observer, namespace: str, name: str = PULL_SECRET) -> Manifest | None:
    """Returns the Secret of this name, from any creator, or None."""
    return observer.read(f"/api/v1/namespaces/{namespace}/secrets/{name}")


def pull_secrets(lab: Lab) -> list[Manifest]:
    """Returns every Secret with the name of the pull Secret, from any creator."""
    found = listed(lab, "secrets", "-A", f"--field-selector=metadata.name={PULL_SECRET}")
    return [secret for secret in found if secret["metadata"]["namespace"] != CANARY_NAMESPACE]


def create_namespace(lab: Lab, observer: Observer, name: str) -> None:
    """Creates a namespace and waits for its default service account."""
    observer.create_namespace(name)
    account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
    client = lab.control_plane.client
    wait_until(lambda: client.answers(account), f"'{name}' has its default account", deadline=10)


def remove_namespace(lab: Lab, name: str) -> None:
    """Deletes a namespace and does not wait for its end."""
    lab.control_plane.kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")


def wait_all_injected(fixture: RegistryFixture) -> None:
    """Waits until the registry is ready and its status counts exactly the present namespaces. Raises LabError."""

    def all_injected() -> bool:
        namespaces = fixture.lab.control_plane.client.items("/api/v1/namespaces")
        active = [item["metadata"]["name"] for item in namespaces if item["status"]["phase"] == "Active"]
        total = len([name for name in active if not name.startswith("kube-")])
        counts = fixture.registry.status()["pullSecrets"]
        return counts["namespaces"] == counts["ready"] == total and fixture.registry.is_settled()

    wait_until(all_injected, "the status counts every namespace", deadline=30)


def passes(operator: Operator) -> int:
    """Returns the number of reconciliations so far."""
    found = PASSES.search(operator.get("/metrics"))
    return int(found[1]) if found else 0


def wait_passes(operators: Operator | list[Operator], number: int) -> None:
    """Waits until each operator has made this number of further passes, all of which start after the current one."""
    several = operators if isinstance(operators, list) else [operators]
    wanted = {operator: passes(operator) + number + 1 for operator in several}
    wait_until(
        lambda: all(passes(operator) >= count for operator, count in wanted.items()),
        f"{number} more passes",
        deadline=PASS_SECONDS * number,
    )


def robots(fixture: RegistryFixture) -> list[Manifest]:
    """Returns the robot accounts of Harbor whose name is one that the operator gives."""
    found: list[Manifest] = call_harbor(fixture, "GET", "/robots?page_size=100")
    return [robot for robot in found if "-pull-" in robot["name"]]


def container_mark(lab: Lab, container: str) -> dict[str, str]:
    """Returns the metadata of the proof object, which names the owner of a container."""
    found = lab.services.ceph.admin("object", "stat", f"--bucket={container}", "--object=harbor-operator/proof")
    prefix = "user.rgw.x-amz-meta-harbor-operator-"
    return {key.removeprefix(prefix): value for key, value in found["attrs"].items() if key.startswith(prefix)}


def revisions(fixture: RegistryFixture) -> dict[str, Any]:
    """Returns the status of each Helm revision of the release, by the name of its Secret."""
    path = f"/api/v1/namespaces/{fixture.registry.namespace}/secrets?labelSelector=owner%3Dhelm"
    found = fixture.lab.control_plane.client.items(path)
    return {item["metadata"]["name"]: item["metadata"]["labels"]["status"] for item in found}


def descendants(pid: int) -> list[int]:
    """Returns the ids of all descendants of a process."""
    found: list[int] = []
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, thread.read_text().split()):
                found += [child, *descendants(child)]
    return found
