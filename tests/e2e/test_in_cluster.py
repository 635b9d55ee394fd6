"""The operator in the cluster: its own image, `deploy/` as shipped, and replicas that die, vanish and are replaced."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from lab.image_build.operator import obstacle
from lab.in_cluster import InCluster, Lease
from lab.lab import Lab
from lab.observer import Observer
from lab.operator import NAMESPACE
from lab.process import LabError, wait_until
from lab.registries import merged
from lab.stage import Stage

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(bool(obstacle()), reason=f"no operator in a cluster: {obstacle()}")]

TAKEOVER_SECONDS = 60
GRACE_SECONDS = 60
"""What a replica gets to end in order; one that is not listening ends only after them."""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab.start(kubelet=True) as lab:
        yield lab


@pytest.fixture(scope="module")
def operator(lab: Lab) -> InCluster:
    return InCluster.deploy(lab)


@pytest.fixture(scope="module")
def stage(lab: Lab, operator: InCluster) -> Stage:
    """The full registry of deploy/examples, its chart from the operator's `CHARTS_DIR`, with everything True."""
    stage = Stage.set_up(lab)
    chart = {"release": {"chart": "harbor"}}
    stage.registry.apply(merged(stage.spec, chart))
    stage.registry.wait_ready(deadline=300)
    return stage


def create(observer: Observer, prefix: str, count: int = 5) -> list[str]:
    names = [f"{prefix}-{number}" for number in range(count)]
    for name in names:
        observer.create_namespace(name)
    return names


def wait_lease(operator: InCluster, former: Lease) -> Lease:
    """The Lease once another replica holds it."""

    def taken() -> bool:
        return operator.lease().holder not in {"", former.holder}

    wait_until(taken, "another replica holds the Lease", deadline=TAKEOVER_SECONDS)
    return operator.lease()


def test_both_replicas_are_ready_and_one_acts(operator: InCluster) -> None:
    replicas = operator.replicas()
    assert [replica.ready for replica in replicas.values()] == [True, True]
    assert [replica.restarts for replica in replicas.values()] == [0, 0]
    assert operator.leader() in replicas


def test_nothing_less_restricted_is_let_in(lab: Lab, operator: InCluster) -> None:
    run = ("run", "loose", "--image=localhost/pause:1", "--dry-run=server")
    with pytest.raises(LabError, match="violates PodSecurity"):
        lab.control_plane.kubectl("-n", NAMESPACE, *run)


def test_helm_in_the_pod_makes_the_release(lab: Lab, stage: Stage) -> None:
    status = stage.registry.status()
    assert {item["status"] for item in status["conditions"]} == {"True"}
    assert status["chartVersion"] == lab.chart.version


def test_a_new_namespace_holds_the_secret_and_the_reference(stage: Stage, observer: Observer) -> None:
    observer.create_namespace("fresh")
    observer.wait_holds("fresh")


def test_a_leader_whose_process_dies_goes_on_in_its_place(
    stage: Stage, operator: InCluster, observer: Observer
) -> None:
    before, leader = operator.lease(), operator.leader()
    operator.kill_process(leader)
    names = create(observer, "died")
    wait_until(lambda: operator.replicas()[leader].restarts == 1, "its container starts again", deadline=60)
    for name in names:
        observer.wait_holds(name)
    after = operator.lease()
    assert (after.holder, after.transitions) == (leader, before.transitions)


def test_another_takes_over_from_a_leader_that_is_lost(stage: Stage, operator: InCluster, observer: Observer) -> None:
    operator.lose(operator.leader())
    last = operator.lease()
    names = create(observer, "lost")
    after = wait_lease(operator, last)
    assert after.transitions == last.transitions + 1
    lease = timedelta(seconds=last.duration)
    # Never before the Lease has run out, and then within a few looks at it; the rest is for a machine under load.
    assert lease < after.acquired - last.renewed < 2 * lease
    for name in names:
        observer.wait_holds(name)
    operator.wait_rolled_out()


def test_a_rollout_misses_nothing_and_ends_in_order(stage: Stage, operator: InCluster, observer: Observer) -> None:
    former, before = set(operator.replicas()), operator.lease()
    operator.restart()
    names = create(observer, "early")
    operator.wait_rolled_out()
    names += create(observer, "late")
    gone = "the former replicas end before they must be killed"
    wait_until(lambda: not former & set(operator.replicas()), gone, deadline=GRACE_SECONDS / 2)
    names += create(observer, "after")
    for name in names:
        observer.wait_holds(name)
    after = wait_lease(operator, before)
    assert after.holder in operator.replicas()
    assert [replica.restarts for replica in operator.replicas().values()] == [0, 0]
    stage.registry.wait_ready()
