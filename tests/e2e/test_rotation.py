"""The pull credential is replaced while namespaces pull with it, and while the operator is killed."""

from __future__ import annotations

import json
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from harbor_operator.kubectl.rights import Scope
from lab.observer import Observer
from lab.process import wait_until
from lab.registries import Registry
from tests.contract.kubectl_harbor import KubectlHarbor
from tests.e2e.pull_only import PullOnlyLab, lab_of_pull_only, pull_only_lab  # noqa: F401 - fixtures
from tests.e2e.queries import PULL_SECRET, create_namespace, pull_secret

pytestmark = pytest.mark.e2e

NAMESPACES = [f"tenant-{number}" for number in range(12)]
ROTATE, REVOKE = "harbor-operator.io/rotate-requested-at", "harbor-operator.io/revoke-requested-at"


@pytest.fixture(scope="module")
def registry(pull_only: PullOnlyLab) -> Iterator[Registry]:
    """A registry whose robot is in every namespace; a replaced robot ends after ten seconds."""
    registry = pull_only.prepare("t-rotation")
    observer = Observer(pull_only.lab.control_plane)
    for namespace in NAMESPACES:
        create_namespace(pull_only.lab, observer, namespace)
    registry.apply(pull_only.spec(credential={"robot": {"retireAfterSeconds": 10}}))
    registry.wait_ready()
    for namespace in NAMESPACES:
        observer.wait_injected(namespace)
    observer.close()
    yield registry
    pull_only.remove(registry)


def request(pull_only: PullOnlyLab, registry: Registry, annotation: str, value: str) -> None:
    plane = pull_only.lab.control_plane
    plane.kubectl("-n", registry.namespace, "annotate", "hreg", registry.name, f"{annotation}={value}", "--overwrite")


@dataclass
class Pulls:
    """Logins with the pull Secret of one namespace after the other, each as its node would read it."""

    pull_only: PullOnlyLab
    count: int = 0
    failed: list[str] = field(default_factory=list)
    robots: set[str] = field(default_factory=set)

    def run(self, stop: threading.Event) -> None:
        observer = Observer(self.pull_only.lab.control_plane)
        while not stop.is_set():
            for namespace in NAMESPACES:
                found = pull_secret(observer, namespace) or {"data": {".dockerconfigjson": ""}}
                config = json.loads(b64decode(found["data"][".dockerconfigjson"]))
                (entry,) = config["auths"].values()
                self.count += 1
                self.robots.add(entry["username"])
                if not self.pull_only.harbor.accepts(entry["username"], entry["password"]):
                    self.failed.append(f"{namespace}: {entry['username']}")
        observer.close()


@contextmanager
def pulling(pull_only: PullOnlyLab) -> Iterator[Pulls]:
    """Pulls until the block ends."""
    pulls, stop = Pulls(pull_only), threading.Event()
    thread = threading.Thread(target=pulls.run, args=(stop,))
    thread.start()
    try:
        yield pulls
    finally:
        stop.set()
        thread.join()


def test_a_rotation_fails_no_pull_and_keeps_every_secret(
    pull_only: PullOnlyLab, registry: Registry, observer: Observer
) -> None:
    """Also with the operator killed after the new robot exists, and again while the earlier one retires."""
    uids = {namespace: observer.read(path(namespace))["metadata"]["uid"] for namespace in NAMESPACES}  # type: ignore[index]
    (first,) = [robot["name"] for robot in pull_only.harbor.robots()]
    with pulling(pull_only) as pulls:
        request(pull_only, registry, ROTATE, "2026-11-28T00:00:00Z")
        wait_until(lambda: len(pull_only.harbor.robots()) == 2, "the next robot exists", deadline=60, interval=0.01)
        pull_only.running_operator.replace(sigkill=True)

        def is_handled() -> bool:
            status = registry.status()["pullSecrets"]
            return bool(status.get("lastHandledRotateAt") == "2026-11-28T00:00:00Z" and status["robot"] == f"{first}-2")

        wait_until(is_handled, "the status repeats the request", deadline=90)
        registry.wait_ready()
        wait_until(
            lambda: any(robot["disable"] for robot in pull_only.harbor.robots()), "the first is disabled", deadline=90
        )
        pull_only.running_operator.replace(sigkill=True)
        wait_until(lambda: len(pull_only.harbor.robots()) == 1, "the first is deleted", deadline=90)
        registry.wait_ready()
        seen = pulls.count
        wait_until(lambda: pulls.count > seen + len(NAMESPACES), "every namespace pulled again", deadline=60)
    print(f"{pulls.count} logins of {len(NAMESPACES)} namespaces, {len(pulls.failed)} failed")
    assert pulls.failed == []
    assert pulls.robots == {first, f"{first}-2"}
    after = {namespace: observer.read(path(namespace))["metadata"]["uid"] for namespace in NAMESPACES}  # type: ignore[index]
    assert after == uids


def test_a_revoked_credential_fails_at_once(pull_only: PullOnlyLab, registry: Registry) -> None:
    leaked = registry.secret("hreg-cr-pull-robot")
    request(pull_only, registry, REVOKE, "leaked-1")
    accepts = pull_only.harbor.accepts
    wait_until(lambda: not accepts(leaked["username"], leaked["password"]), "Harbor refuses it", deadline=60)
    wait_until(
        lambda: registry.status()["pullSecrets"].get("lastHandledRevokeAt") == "leaked-1", "it is echoed", deadline=60
    )
    fresh = registry.secret("hreg-cr-pull-robot")["password"]

    def is_replaced() -> bool:
        secrets = [registry.secret(PULL_SECRET, namespace)[".dockerconfigjson"] for namespace in NAMESPACES]
        return all(fresh in secret for secret in secrets)

    wait_until(is_replaced, "every namespace has the new password", deadline=60)
    registry.wait_ready()


def test_another_prefix_of_robots_reaches_every_namespace(pull_only: PullOnlyLab, registry: Registry) -> None:
    """Harbor rejects the earlier login at once; no password changes."""
    harbor, before = pull_only.harbor, registry.secret("hreg-cr-pull-robot")
    for prefix in ("bot.", "robot$"):
        harbor.configure(robot_name_prefix=prefix)
        username = prefix + before["username"].removeprefix("robot$")

        def is_rewritten(username: str = username) -> bool:
            secrets = [registry.secret(PULL_SECRET, namespace)[".dockerconfigjson"] for namespace in NAMESPACES]
            return all(f'"username":"{username}"' in text for text in secrets)

        wait_until(is_rewritten, "every namespace has the new login", deadline=60)
        assert harbor.accepts(username, before["password"])
    registry.wait_ready()


@pytest.fixture(scope="module")
def kubectl_harbor(pull_only: PullOnlyLab, registry: Registry) -> KubectlHarbor:
    return KubectlHarbor(pull_only.lab.control_plane, {Scope.REGISTRY: registry.namespace})


def test_kubectl_harbor_rotates_and_waits_for_every_namespace(
    kubectl_harbor: KubectlHarbor, registry: Registry
) -> None:
    before = registry.secret("hreg-cr-pull-robot")
    done = kubectl_harbor.run("rotate", "-n", registry.namespace, "--wait", "--timeout", "90", "-o", "json")
    assert (done.code, done.json["rotated"]) == (0, True), done.err
    after = registry.secret("hreg-cr-pull-robot")
    assert done.json["pullSecrets"]["robot"] == after["username"] != before["username"]
    for namespace in NAMESPACES:
        assert after["password"] in registry.secret(PULL_SECRET, namespace)[".dockerconfigjson"]


def test_kubectl_harbor_says_why_a_rotation_fails(
    kubectl_harbor: KubectlHarbor, pull_only: PullOnlyLab, registry: Registry
) -> None:
    stem, _, generation = registry.secret("hreg-cr-pull-robot")["username"].partition("$")[2].rpartition("-")
    foreign = f"{stem}-{int(generation) + 1}"
    pull_only.harbor.create_robot(foreign)
    arguments = ("rotate", "cr", "-n", registry.namespace, "--wait", "--timeout", "90")
    done = kubectl_harbor.run(*arguments)
    assert done.code == 1, done.err
    assert "the rotation is not complete" in done.out
    assert foreign in done.out
    pull_only.harbor.delete_robot(foreign)
    done = kubectl_harbor.run(*arguments)
    assert done.code == 0, done.out
    assert f"{foreign}' is in use" in done.out


def path(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/secrets/{PULL_SECRET}"
