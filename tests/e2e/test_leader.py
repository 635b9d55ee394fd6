"""Two replicas: one acts, the other waits, and takes over when the first is killed, stopped or frozen."""

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
from lab.stage import Stage
from tests.e2e.conftest import Shift
from tests.e2e.world import remove_namespace

pytestmark = pytest.mark.e2e

MARGIN_SECONDS = 4
NO_PASSES = "harbor_operator_reconcile_duration_seconds_count 0.0"


@pytest.fixture
def pair(stage: Stage, shift: Shift) -> Iterator[tuple[Operator, Operator]]:
    """The leader and its standby; whatever happens to them, one leads in the end and the other is gone."""
    leader = shift.operator
    standby = shift.begin()
    yield leader, standby
    if leader.process.alive():
        shift.operator = leader
        standby.stop()
    shift.logs.append((standby if leader.process.alive() else leader).log)
    shift.operator.wait_leading()


def lease(lab: Lab) -> Manifest:
    observer = Observer(lab.control_plane)
    found = observer.read(f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/{NAMESPACE}") or {}
    observer.close()
    spec: Manifest = found["spec"]
    return spec


def wait_takeover(standby: Operator) -> None:
    deadline = LEASE_SECONDS + MARGIN_SECONDS
    wait_until(standby.is_leading, "the other replica leads", deadline=deadline, process=standby.process)


def test_one_leads_and_the_other_only_waits(
    stage: Stage, observer: Observer, lab: Lab, pair: tuple[Operator, Operator]
) -> None:
    leader, standby = pair
    observer.create_namespace("under-the-leader")
    observer.wait_holds("under-the-leader")
    remove_namespace(lab, "under-the-leader")
    assert (leader.is_leading(), standby.is_leading()) == (True, False)
    assert lease(lab)["holderIdentity"] == leader.process.name
    assert standby.get("/readyz") == standby.get("/livez") == "ok\n"
    assert NO_PASSES in standby.get("/metrics")


def test_the_other_takes_over_from_a_leader_that_was_killed(
    stage: Stage, observer: Observer, lab: Lab, pair: tuple[Operator, Operator]
) -> None:
    leader, standby = pair
    leader.kill()
    observer.create_namespace("without-a-leader")
    assert not observer.holds("without-a-leader")
    wait_takeover(standby)
    observer.wait_holds("without-a-leader")
    remove_namespace(lab, "without-a-leader")
    assert lease(lab)["holderIdentity"] == standby.process.name
    stage.registry.wait_ready(deadline=30)


def test_a_leader_that_is_stopped_hands_over(
    stage: Stage, observer: Observer, lab: Lab, pair: tuple[Operator, Operator]
) -> None:
    leader, standby = pair
    leader.stop()
    assert leader.process.returncode == 0
    # Given back and not left to die: whoever has it by now, it is not the one that has stopped.
    assert lease(lab)["holderIdentity"] in {"", standby.process.name}
    wait_takeover(standby)
    observer.create_namespace("after-the-leader")
    observer.wait_holds("after-the-leader")
    remove_namespace(lab, "after-the-leader")


def test_a_standby_that_is_stopped_waits_for_nothing(stage: Stage, pair: tuple[Operator, Operator]) -> None:
    leader, standby = pair
    standby.stop()
    assert standby.process.returncode == 0
    assert leader.is_leading()


def test_a_leader_that_was_frozen_gives_up_when_it_wakes(
    stage: Stage, observer: Observer, lab: Lab, pair: tuple[Operator, Operator]
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
    observer.create_namespace("after-the-frost")
    observer.wait_holds("after-the-frost")
    remove_namespace(lab, "after-the-frost")
