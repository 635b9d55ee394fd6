"""Leader election: the standby takes over when the leader is killed, stopped or paused."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from lab.lab import Lab
from lab.observer import Observer
from lab.operator import LEASE_SECONDS, NAMESPACE, Operator
from lab.process import wait_until
from lab.registries import Manifest
from lab.registry_fixture import RegistryFixture
from tests.e2e.queries import remove_namespace
from tests.e2e.running_operator import RunningOperator

pytestmark = pytest.mark.e2e

MARGIN_SECONDS = 4
NO_PASSES = "harbor_operator_reconcile_duration_seconds_count 0.0"


@pytest.fixture
def pair(full_registry: RegistryFixture, running_operator: RunningOperator) -> Iterator[tuple[Operator, Operator]]:
    """The leader and its standby; after the test one of them leads and the other has ended."""
    leader = running_operator.operator
    standby = running_operator.start_replica()
    yield leader, standby
    if leader.process.alive():
        running_operator.operator = leader
        standby.stop()
    running_operator.logs.append((standby if leader.process.alive() else leader).log)
    running_operator.operator.wait_leading()


def lease(lab: Lab) -> Manifest:
    observer = Observer(lab.control_plane)
    found = observer.read(f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/{NAMESPACE}") or {}
    observer.close()
    spec: Manifest = found["spec"]
    return spec


def wait_takeover(standby: Operator) -> None:
    deadline = LEASE_SECONDS + MARGIN_SECONDS
    wait_until(standby.is_leading, "the standby leads", deadline=deadline, process=standby.process)


def test_one_replica_leads_and_the_standby_writes_nothing(
    full_registry: RegistryFixture, observer: Observer, lab: Lab, pair: tuple[Operator, Operator]
) -> None:
    leader, standby = pair
    observer.create_namespace("under-the-leader")
    observer.wait_injected("under-the-leader")
    remove_namespace(lab, "under-the-leader")
    assert (leader.is_leading(), standby.is_leading()) == (True, False)
    assert lease(lab)["holderIdentity"] == leader.process.name
    assert standby.get("/readyz") == standby.get("/livez") == "ok\n"
    assert NO_PASSES in standby.get("/metrics")


def test_the_standby_takes_over_from_a_killed_leader(
    full_registry: RegistryFixture, observer: Observer, lab: Lab, pair: tuple[Operator, Operator]
) -> None:
    leader, standby = pair
    leader.kill()
    observer.create_namespace("without-a-leader")
    assert not observer.is_injected("without-a-leader")
    wait_takeover(standby)
    observer.wait_injected("without-a-leader")
    remove_namespace(lab, "without-a-leader")
    assert lease(lab)["holderIdentity"] == standby.process.name
    full_registry.registry.wait_ready(deadline=30)


def test_a_stopped_leader_releases_the_lease(
    full_registry: RegistryFixture, observer: Observer, lab: Lab, pair: tuple[Operator, Operator]
) -> None:
    leader, standby = pair
    leader.stop()
    assert leader.process.returncode == 0
    # The Lease was released: its holder is empty or already the standby.
    assert lease(lab)["holderIdentity"] in {"", standby.process.name}
    wait_takeover(standby)
    observer.create_namespace("after-the-leader")
    observer.wait_injected("after-the-leader")
    remove_namespace(lab, "after-the-leader")


def test_a_stopped_standby_ends_at_once(full_registry: RegistryFixture, pair: tuple[Operator, Operator]) -> None:
    leader, standby = pair
    standby.stop()
    assert standby.process.returncode == 0
    assert leader.is_leading()


def test_a_paused_leader_ends_when_it_resumes(
    full_registry: RegistryFixture, observer: Observer, lab: Lab, pair: tuple[Operator, Operator]
) -> None:
    leader, standby = pair
    os.kill(leader.process.pid, signal.SIGSTOP)
    try:
        wait_takeover(standby)
    finally:
        os.kill(leader.process.pid, signal.SIGCONT)
    wait_until(lambda: not leader.process.alive(), "the former leader ends", deadline=40)
    assert leader.process.returncode == 1
    assert "another replica goes on" in leader.log
    assert lease(lab)["holderIdentity"] == standby.process.name
    observer.create_namespace("after-the-pause")
    observer.wait_injected("after-the-pause")
    remove_namespace(lab, "after-the-pause")
