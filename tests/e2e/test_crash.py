"""The operator is killed with SIGKILL, wherever it is, and the next one makes everything right."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.conftest import Shift
from tests.e2e.world import PULL_SECRET, World, descendants, listed, own_world, references, revisions, robots
from tests.lab.observer import Observer
from tests.lab.process import wait_until
from tests.lab.stage import Stage

pytestmark = pytest.mark.e2e

TIMEOUT_SECONDS = 30
"""The shortest that the spec allows; a lock that Helm left is cleared after it."""
MADE = {f"hreg-cr-{what}" for what in ("admin-password", "ca-bundle", "database-login", "pins", "pull-robot")} | {
    f"hreg-cr-{what}" for what in ("redis-urls", "storage-login")
}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with own_world() as world:
        yield world


@pytest.fixture(scope="module")
def shift(world: World) -> Shift:
    return world.shift


@pytest.fixture(scope="module")
def stage(world: World) -> Stage:
    return world.stage


@pytest.fixture
def observer(world: World) -> Iterator[Observer]:
    observer = Observer(world.lab.control_plane)
    yield observer
    observer.close()


def assert_sound(stage: Stage) -> None:
    """Nothing is there twice, nothing is left over, nothing is missing."""
    states = list(revisions(stage).values())
    assert states.count("deployed") == 1
    assert not [state for state in states if state.startswith("pending")]
    assert [robot["name"] for robot in robots(stage)] == ["robot$intra-cr-pull"]
    ours = "app.kubernetes.io/managed-by=harbor-operator,owner!=helm"
    found = listed(stage.lab, "-n", "intra", "secrets", "-l", ours)
    assert {item["metadata"]["name"] for item in found} - {PULL_SECRET} == MADE
    roles = stage.lab.services.postgres.query("SELECT rolname FROM pg_roles WHERE rolname LIKE 'harbor%'")
    assert roles == [("harbor_intra_cr",)]


def wait_moment(moment: Callable[[], object], what: str) -> None:
    """Returns as soon as something is there: the next writes of the operator have hardly begun."""
    wait_until(moment, what, deadline=60, interval=0.002)


def is_stored(observer: Observer, name: str) -> bool:
    return observer.read(f"/api/v1/namespaces/intra/secrets/{name}") is not None


def is_pending(observer: Observer, number: int) -> bool:
    found = observer.read(f"/api/v1/namespaces/intra/secrets/sh.helm.release.v1.cr.v{number}")
    return found is not None and found["metadata"]["labels"]["status"].startswith("pending")


def test_killed_again_and_again_during_the_installation(stage: Stage, shift: Shift, observer: Observer) -> None:
    stage.registry.apply(stage.spec)
    wait_moment(lambda: is_stored(observer, "hreg-cr-database-login"), "the login is stored, the role not yet made")
    shift.replace(sigkill=True)
    wait_moment(lambda: is_pending(observer, 1), "Helm installs")
    shift.replace(sigkill=True)  # Helm itself goes on, as it does on a node that is not in a container
    wait_moment(lambda: is_stored(observer, "hreg-cr-pull-robot"), "the robot's secret is stored, Harbor not yet told")
    shift.replace(sigkill=True)
    stage.registry.wait_ready()
    assert_sound(stage)
    assert revisions(stage) == {"sh.helm.release.v1.cr.v1": "deployed"}


def test_killed_right_after_a_change_of_the_spec(stage: Stage, shift: Shift) -> None:
    stage.registry.patch({"projects": [{"name": "library", "public": True}, {"name": "team-b"}]})
    shift.replace(sigkill=True)
    stage.registry.wait_ready()
    assert "2 projects" in stage.registry.condition("Configured")["message"]
    assert_sound(stage)


def test_killed_while_namespaces_are_made(stage: Stage, shift: Shift, observer: Observer) -> None:
    names = [f"crowd-{number}" for number in range(40)]
    for name in names[:20]:
        observer.create_namespace(name)
    shift.operator.kill()
    for name in names[20:]:
        observer.create_namespace(name)
    shift.replace(sigkill=True)
    for name in names:
        observer.wait_holds(name)
        assert references(observer, name) == [PULL_SECRET]
    stage.registry.wait_ready()
    stage.lab.control_plane.kubectl("delete", "namespace", *names, "--wait=false")
    assert_sound(stage)


def test_killed_together_with_helm_in_the_middle_of_an_upgrade(stage: Stage, shift: Shift, observer: Observer) -> None:
    newest = len(revisions(stage))
    stage.registry.patch({"release": {"timeoutSeconds": TIMEOUT_SECONDS, "values": {"logLevel": "debug"}}})
    wait_moment(lambda: is_pending(observer, newest + 1), "Helm upgrades")
    children = descendants(shift.operator.process.pid)
    shift.operator.kill()
    for child in children:  # as a container's death takes all that runs in it
        os.kill(child, signal.SIGKILL)
    assert is_pending(observer, newest + 1)
    shift.replace()

    condition = stage.registry.wait_condition("ReleaseReady", "False", "ReleaseLocked")
    assert f"the lock is cleared after {TIMEOUT_SECONDS} s (`spec.release.timeoutSeconds`)" in condition["message"]
    stage.registry.wait_ready(deadline=TIMEOUT_SECONDS + 60)
    assert_sound(stage)
    assert revisions(stage)[f"sh.helm.release.v1.cr.v{newest + 2}"] == "deployed"
    assert stage.registry.status()["releaseRevision"] == newest + 2
