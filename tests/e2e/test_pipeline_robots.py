"""The robot of a pipeline: it pushes with the Secret that the operator writes, also while its login is replaced."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lab.images import make_image
from lab.process import LabError, wait_until
from lab.registries import Registry, example
from lab.skopeo import Skopeo
from tests.e2e.pull_only import PullOnlyLab, lab_of_pull_only, pull_only_lab  # noqa: F401 - fixtures

pytestmark = pytest.mark.e2e

ROTATE = "harbor-operator.io/rotate-requested-at"
NAMESPACE, SECRET = "ci", "harbor-login"
"""Those of deploy/examples/robot-secrets.yaml."""
PUSH = [{"resource": "repository", "action": action} for action in ("pull", "push")]


def spec(pull_only: PullOnlyLab, *robots: dict[str, Any]) -> dict[str, Any]:
    access = {key: value for key, value in pull_only.spec().items() if key != "pullSecrets"}
    return access | {"projects": [{"name": "team-a", "robots": list(robots)}]}


def robot(**secret: str) -> dict[str, Any]:
    return {"name": "ci", "access": PUSH, "secret": {"name": SECRET, **secret}, "retireAfterSeconds": 10}


@pytest.fixture(scope="module")
def registry(pull_only: PullOnlyLab) -> Iterator[Registry]:
    """A registry with a robot, whose login is in the namespace of the pipelines."""
    registry = pull_only.prepare("t-pipelines")
    plane = pull_only.lab.control_plane
    plane.kubectl("create", "namespace", NAMESPACE)
    plane.apply(*example("robot-secrets.yaml"))
    registry.apply(spec(pull_only, robot(namespace=NAMESPACE)))
    registry.wait_ready()
    yield registry
    pull_only.remove(registry)
    plane.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def login_of(registry: Registry, secret: str = SECRET, namespace: str = NAMESPACE) -> tuple[str, str]:
    (entry,) = json.loads(registry.secret(secret, namespace)[".dockerconfigjson"])["auths"].values()
    return entry["username"], entry["password"]


@dataclass
class Pipeline:
    """Logs in again and again with what the Secret has, as each new job does."""

    pull_only: PullOnlyLab
    registry: Registry
    logins: set[str] = field(default_factory=set)
    count: int = 0
    failed: list[str] = field(default_factory=list)

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            username, password = login_of(self.registry)
            self.count += 1
            self.logins.add(username)
            if not self.pull_only.harbor.accepts(username, password):
                self.failed.append(username)


@contextmanager
def running(pull_only: PullOnlyLab, registry: Registry) -> Iterator[Pipeline]:
    pipeline, stop = Pipeline(pull_only, registry), threading.Event()
    thread = threading.Thread(target=pipeline.run, args=(stop,))
    thread.start()
    try:
        yield pipeline
    finally:
        stop.set()
        thread.join()


def push(pull_only: PullOnlyLab, registry: Registry, directory: Path, project: str) -> str:
    """Pushes an image with the Secret unchanged; returns its digest. Raises LabError."""
    authfile, image = directory / "auth.json", directory / "image"
    authfile.write_text(registry.secret(SECRET, NAMESPACE)[".dockerconfigjson"])
    make_image(image)
    reference = f"{pull_only.harbor.url.removeprefix('https://')}/{project}/app:1"
    skopeo = Skopeo(directory / "skopeo")
    return skopeo.copy_in(image, reference, authfile=authfile, ca_dir=pull_only.lab.authority.ca_dir)


def test_a_pipeline_pushes_through_a_rotation(
    pull_only: PullOnlyLab, registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The operator is killed in the middle; the earlier login ends after it was unused for a while."""
    first = login_of(registry)
    assert first[0] == "robot$team-a+ci"
    push(pull_only, registry, tmp_path_factory.mktemp("first"), "team-a")
    with pytest.raises(LabError):
        push(pull_only, registry, tmp_path_factory.mktemp("library"), "library")
    with running(pull_only, registry) as pipeline:
        plane = pull_only.lab.control_plane
        plane.kubectl("-n", registry.namespace, "annotate", "hreg", registry.name, f"{ROTATE}=now", "--overwrite")
        wait_until(lambda: login_of(registry) != first, "the Secret has the next login", deadline=60, interval=0.05)
        pull_only.running_operator.replace(sigkill=True)
        wait_until(
            lambda: registry.status()["projectRobots"].get("lastHandledRotateAt") == "now", "it is echoed", deadline=60
        )
        push(pull_only, registry, tmp_path_factory.mktemp("second"), "team-a")
        wait_until(lambda: not pull_only.harbor.accepts(*first), "the first login has ended", deadline=90)
        seen = pipeline.count
        wait_until(lambda: pipeline.count > seen + 10, "jobs log in after that", deadline=60)
    print(f"{pipeline.count} logins, {len(pipeline.failed)} failed")
    assert pipeline.failed == []
    assert pipeline.logins == {first[0], f"{first[0]}_2"}
    registry.wait_ready()
    outside = f"{registry.read()} {pull_only.running_operator.all_logs()}"
    assert not [password for _, password in (first, login_of(registry)) if password in outside]


def test_a_registry_without_a_grant_writes_no_secret_of_pipelines(pull_only: PullOnlyLab, registry: Registry) -> None:
    """The operator itself could: a registry of another namespace must not use its rights."""
    tenant, before = pull_only.prepare("t-tenant"), registry.secret(SECRET, NAMESPACE)
    tenant.apply(spec(pull_only, robot(namespace=NAMESPACE) | {"name": "other"}))
    tenant.wait_condition("Configured", "False")
    assert tenant.condition("Configured")["reason"] == "RobotSecretNotAllowed"
    assert registry.secret(SECRET, NAMESPACE) == before
    pull_only.remove(tenant)


def test_a_secret_that_the_operator_does_not_own_stays(pull_only: PullOnlyLab) -> None:
    tenant = pull_only.prepare("t-owner")
    tenant.put_secrets({"theirs": {"token": "x"}})
    tenant.apply(spec(pull_only, robot(name="theirs") | {"name": "owner"}))
    tenant.wait_condition("Configured", "False")
    assert "exists and was not created for it" in tenant.condition("Configured")["message"]
    assert tenant.secret("theirs") == {"token": "x"}
    pull_only.remove(tenant)


def test_two_robots_exchange_their_secrets(pull_only: PullOnlyLab) -> None:
    tenant = pull_only.prepare("t-exchange")

    def exchange(*secrets: str) -> list[tuple[str, str]]:
        """Applies robots 'one' and 'two' with these Secrets, and returns their logins."""
        robots = [robot(name=secret) | {"name": name} for name, secret in zip(("one", "two"), secrets, strict=True)]
        tenant.apply(spec(pull_only, *robots))
        tenant.wait_ready()
        return [login_of(tenant, secret, tenant.namespace) for secret in secrets]

    before = exchange("login-1", "login-2")
    assert exchange("login-2", "login-1") == before
    assert [pull_only.harbor.accepts(*login) for login in before] == [True, True]
    pull_only.remove(tenant)


REFUSED: dict[str, dict[str, Any]] = {
    "Harbor has no such `action` on this `resource`": {"access": [{"resource": "scan", "action": "push"}]},
    "`access` to push also needs repository pull": {"access": PUSH[1:]},
    "`rotateAfterDays` must be smaller": {"rotateAfterDays": 30, "expireAfterDays": 30},
    'missing required field "access"': {"access": None},
    "`name` begins with 'hreg-'": {"secret": {"name": "hreg-cr-robot"}},
    "Unsupported value": {"access": [{"resource": "member", "action": "create"}]},
}


def test_a_robot_that_harbor_cannot_keep_is_rejected(pull_only: PullOnlyLab) -> None:
    for message, change in REFUSED.items():
        refused = {key: value for key, value in {**robot(), **change}.items() if value is not None}
        with pytest.raises(LabError, match=message):
            Registry(pull_only.lab.control_plane, "default", "refused").apply(spec(pull_only, refused))
