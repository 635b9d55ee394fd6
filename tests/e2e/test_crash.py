"""The operator is killed with SIGKILL, wherever it is, and the next one makes everything right."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from lab.observer import Observer
from lab.process import wait_until
from lab.stage import Stage
from tests.e2e.conftest import Shift
from tests.e2e.world import PULL_SECRET, World, descendants, listed, own_world, references, revisions, robots

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
def installed(stage: Stage) -> Stage:
    """The registry with everything True, as a test may begin."""
    if stage.registry.is_gone():
        stage.registry.apply(stage.spec)
    stage.registry.wait_ready()
    return stage


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


def is_uninstalling(observer: Observer) -> bool:
    selector = "labelSelector=owner%3Dhelm,status%3Duninstalling"
    return bool((observer.read(f"/api/v1/namespaces/intra/secrets?{selector}") or {})["items"])


def kill_container(shift: Shift) -> None:
    """Kills the operator and all that it has started, as the death of its container would."""
    children = descendants(shift.operator.process.pid)
    shift.operator.kill()
    for child in children:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


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


def test_killed_right_after_a_change_of_the_spec(installed: Stage, shift: Shift) -> None:
    installed.registry.patch({"projects": [{"name": "library", "public": True}, {"name": "team-b"}]})
    shift.replace(sigkill=True)
    installed.registry.wait_ready()
    assert "2 projects" in installed.registry.condition("Configured")["message"]
    assert_sound(installed)


def test_killed_while_namespaces_are_made(installed: Stage, shift: Shift, observer: Observer) -> None:
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
    installed.registry.wait_ready()
    installed.lab.control_plane.kubectl("delete", "namespace", *names, "--wait=false")
    assert_sound(installed)


def test_killed_together_with_helm_in_the_middle_of_an_upgrade(
    installed: Stage, shift: Shift, observer: Observer
) -> None:
    newest = len(revisions(installed))
    installed.registry.patch({"release": {"timeoutSeconds": TIMEOUT_SECONDS, "values": {"logLevel": "debug"}}})
    wait_moment(lambda: is_pending(observer, newest + 1), "Helm upgrades")
    kill_container(shift)
    assert is_pending(observer, newest + 1)
    shift.replace(sigkill=True)

    condition = installed.registry.wait_condition("ReleaseReady", "False", "ReleaseLocked")
    assert f"the lock is cleared after {TIMEOUT_SECONDS} s (`spec.release.timeoutSeconds`)" in condition["message"]
    installed.registry.wait_ready(deadline=TIMEOUT_SECONDS + 60)
    assert_sound(installed)
    assert revisions(installed)[f"sh.helm.release.v1.cr.v{newest + 2}"] == "deployed"
    assert installed.registry.status()["releaseRevision"] == newest + 2


def test_told_to_stop_in_the_middle_of_an_upgrade(installed: Stage, shift: Shift, observer: Observer) -> None:
    newest = len(revisions(installed))
    installed.registry.patch({"release": {"values": {"logLevel": "warning"}}})
    wait_moment(lambda: is_pending(observer, newest + 1), "Helm upgrades")
    stopped = shift.operator
    shift.replace()
    assert stopped.process.returncode == 0
    assert not is_pending(observer, newest + 1)  # Helm was given the time to write down how it ended
    installed.registry.wait_ready()
    assert_sound(installed)


def test_killed_in_the_middle_of_the_deletion(installed: Stage, shift: Shift, observer: Observer) -> None:
    installed.lab.control_plane.kubectl("-n", "intra", "delete", "hreg", "cr", "--wait=false")
    wait_moment(lambda: not is_stored(observer, PULL_SECRET), "the first pull Secrets are gone")
    shift.replace(sigkill=True)
    wait_moment(lambda: is_uninstalling(observer), "Helm uninstalls")
    kill_container(shift)
    shift.replace(sigkill=True)
    wait_until(installed.registry.is_gone, "the registry is gone", deadline=60)
    assert revisions(installed) == {}
    assert listed(installed.lab, "-n", "intra", "deployments,statefulsets,services,ingresses") == []
    assert listed(installed.lab, "secrets", "-A", f"--field-selector=metadata.name={PULL_SECRET}") == []
    assert references(observer, "default") == references(observer, "intra") == []
