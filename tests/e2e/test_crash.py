"""The operator is killed with SIGKILL at many points, and its successor reaches the desired state."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress

import pytest

from lab.observer import Observer
from lab.process import wait_until
from lab.registry_fixture import RegistryFixture
from tests.e2e.canaries import canaries_in
from tests.e2e.dedicated import dedicated_lab, lab_of_module, operator_of_module, registry_of_module  # noqa: F401 - fixtures
from tests.e2e.queries import PULL_SECRET, descendants, listed, pull_secrets, references, revisions, robots
from tests.e2e.running_operator import RunningOperator

pytestmark = pytest.mark.e2e

TIMEOUT_SECONDS = 60
"""Longer than a killed operator needs to start again and to see the lock, on a busy machine."""
"""The minimum of the spec; a release lock that Helm left is cleared after it."""
LOGINS = ("admin-accepted", "admin-password", "database-login", "endpoint-logins", "pull-accepted", "pull-robot")
CREATED_SECRETS = {f"hreg-cr-{what}" for what in (*LOGINS, "ca-bundle", "pins", "redis-urls", "storage-login")}


@pytest.fixture
def installed(full_registry: RegistryFixture) -> RegistryFixture:
    """The full registry, installed and ready."""
    if full_registry.registry.is_gone():
        full_registry.registry.apply(full_registry.spec)
    full_registry.registry.wait_ready()
    canaries_in(full_registry.lab).add_registry(full_registry)
    return full_registry


def assert_consistent(full_registry: RegistryFixture) -> None:
    """Asserts that nothing is duplicated, left over or missing."""
    states = list(revisions(full_registry).values())
    assert states.count("deployed") == 1
    assert not [state for state in states if state.startswith("pending")]
    (robot,) = robots(full_registry)
    assert robot["name"].startswith("robot$intra-cr-pull-")
    ours = "app.kubernetes.io/managed-by=harbor-operator,owner!=helm"
    found = listed(full_registry.lab, "-n", "intra", "secrets", "-l", ours)
    assert {item["metadata"]["name"] for item in found} - {PULL_SECRET} == CREATED_SECRETS
    roles = full_registry.lab.services.postgres.query("SELECT rolname FROM pg_roles WHERE rolname LIKE 'harbor%'")
    assert roles == [(full_registry.registry.secret("hreg-cr-database-login")["username"],)]


def wait_for_state(state: Callable[[], object], what: str) -> None:
    """Polls at a short interval, so that the operator has barely started its next step."""
    wait_until(state, what, deadline=60, interval=0.002)


def is_stored(observer: Observer, name: str) -> bool:
    return observer.read(f"/api/v1/namespaces/intra/secrets/{name}") is not None


def is_pending(observer: Observer, number: int) -> bool:
    found = observer.read(f"/api/v1/namespaces/intra/secrets/sh.helm.release.v1.cr.v{number}")
    return found is not None and found["metadata"]["labels"]["status"].startswith("pending")


def is_uninstalling(observer: Observer) -> bool:
    selector = "labelSelector=owner%3Dhelm,status%3Duninstalling"
    return bool((observer.read(f"/api/v1/namespaces/intra/secrets?{selector}") or {})["items"])


def kill_container(running_operator: RunningOperator) -> None:
    """Kills the operator and all its child processes, as the end of its container would."""
    children = descendants(running_operator.operator.process.pid)
    running_operator.operator.kill()
    for child in children:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


def test_killed_several_times_during_the_installation(
    full_registry: RegistryFixture, running_operator: RunningOperator, observer: Observer
) -> None:
    full_registry.registry.apply(full_registry.spec)
    wait_for_state(
        lambda: is_stored(observer, "hreg-cr-database-login"), "the login is stored, the role does not exist yet"
    )
    running_operator.replace(sigkill=True)
    wait_for_state(lambda: is_pending(observer, 1), "Helm installs")
    running_operator.replace(sigkill=True)  # Helm continues: it is a process of its own
    wait_for_state(
        lambda: is_stored(observer, "hreg-cr-pull-robot"), "the robot's secret is stored, the robot does not exist yet"
    )
    running_operator.replace(sigkill=True)
    full_registry.registry.wait_ready()
    assert_consistent(full_registry)
    assert revisions(full_registry) == {"sh.helm.release.v1.cr.v1": "deployed"}


def test_killed_right_after_a_change_of_the_spec(installed: RegistryFixture, running_operator: RunningOperator) -> None:
    installed.registry.patch({"projects": [{"name": "library", "public": True}, {"name": "team-b"}]})
    running_operator.replace(sigkill=True)
    installed.registry.wait_ready()
    assert "2 projects" in installed.registry.condition("Configured")["message"]
    assert_consistent(installed)


def test_killed_while_namespaces_are_created(
    installed: RegistryFixture, running_operator: RunningOperator, observer: Observer
) -> None:
    names = [f"burst-{number}" for number in range(40)]
    for name in names[:20]:
        observer.create_namespace(name)
    running_operator.operator.kill()
    for name in names[20:]:
        observer.create_namespace(name)
    running_operator.replace(sigkill=True)
    for name in names:
        observer.wait_injected(name)
        assert references(observer, name) == [PULL_SECRET]
    installed.registry.wait_ready()
    installed.lab.control_plane.kubectl("delete", "namespace", *names, "--wait=false")
    assert_consistent(installed)


def test_killed_together_with_helm_in_the_middle_of_an_upgrade(
    installed: RegistryFixture, running_operator: RunningOperator, observer: Observer
) -> None:
    newest = len(revisions(installed))
    installed.registry.patch({"release": {"timeoutSeconds": TIMEOUT_SECONDS, "values": {"logLevel": "debug"}}})
    wait_for_state(lambda: is_pending(observer, newest + 1), "Helm upgrades")
    kill_container(running_operator)
    assert is_pending(observer, newest + 1)
    running_operator.replace(sigkill=True)

    condition = installed.registry.wait_condition("ReleaseReady", "False", "ReleaseLocked")
    assert f"the lock is cleared after {TIMEOUT_SECONDS} s (`spec.release.timeoutSeconds`)" in condition["message"]
    installed.registry.wait_ready(deadline=TIMEOUT_SECONDS + 60)
    assert_consistent(installed)
    assert revisions(installed)[f"sh.helm.release.v1.cr.v{newest + 2}"] == "deployed"
    assert installed.registry.status()["releaseRevision"] == newest + 2


def test_stopped_in_the_middle_of_an_upgrade(
    installed: RegistryFixture, running_operator: RunningOperator, observer: Observer
) -> None:
    newest = len(revisions(installed))
    installed.registry.patch({"release": {"values": {"logLevel": "warning"}}})
    wait_for_state(lambda: is_pending(observer, newest + 1), "Helm upgrades")
    stopped = running_operator.operator
    running_operator.replace()
    assert stopped.process.returncode == 0
    assert not is_pending(observer, newest + 1)  # Helm had time to store its result
    installed.registry.wait_ready()
    assert_consistent(installed)


def test_killed_in_the_middle_of_the_deletion(
    installed: RegistryFixture, running_operator: RunningOperator, observer: Observer
) -> None:
    installed.lab.control_plane.kubectl("-n", "intra", "delete", "hreg", "cr", "--wait=false")
    wait_for_state(lambda: not is_stored(observer, PULL_SECRET), "the first pull Secrets are gone")
    running_operator.replace(sigkill=True)
    wait_for_state(lambda: is_uninstalling(observer), "Helm uninstalls")
    kill_container(running_operator)
    running_operator.replace(sigkill=True)
    wait_until(installed.registry.is_gone, "the registry is gone", deadline=60)
    assert revisions(installed) == {}
    assert listed(installed.lab, "-n", "intra", "deployments,statefulsets,services,ingresses") == []
    assert pull_secrets(installed.lab) == []
    assert references(observer, "default") == references(observer, "intra") == []
