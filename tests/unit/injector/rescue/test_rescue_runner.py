"""The tasks themselves, on a real event loop and fake pods: who is watched when, and that a refusal is tried again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from harbor_operator.injector.deps import RuntimeDeps
from harbor_operator.injector.stuck_pods.controller import StuckPodController
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from tests.fakes.pods import FakePods
from tests.unit.injector.rescue.world import WISH, stuck
from tests.unit.injector.world import NAME, Metrics


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the fake has no event for this
            await asyncio.sleep(0)


@pytest.fixture
def pods() -> FakePods:
    return FakePods()


@pytest.fixture
async def runner(pods: FakePods) -> AsyncIterator[StuckPodController]:
    async def sleep(seconds: float) -> None:
        await asyncio.sleep(0)

    deps = RuntimeDeps(asyncio.get_running_loop().time, lambda: 0.0, sleep, Metrics())
    runner = StuckPodController(pods, lambda uid, namespace, account: (NAME,), deps)
    running = asyncio.create_task(runner.run())
    yield runner
    running.cancel()
    await asyncio.wait([running])


async def test_no_pod_is_watched_unless_a_registry_asks(pods: FakePods, runner: StuckPodController) -> None:
    pods.put(stuck("before"))
    for _ in range(10):
        await asyncio.sleep(0)
    assert pods.watches == 0
    runner.rescuer.declare(WISH)
    await until(lambda: len(pods.evicted) == 1)
    pods.put(stuck("after", owner=None))
    await until(lambda: bool(runner.rescuer.read("uid-a").left))
    runner.rescuer.withdraw("uid-a")
    await until(lambda: pods.watches == 0)
    pods.put(stuck("later"))
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(pods.evicted) == 1


async def test_a_second_registry_sees_the_pods_that_concerned_nobody(
    pods: FakePods, runner: StuckPodController
) -> None:
    elsewhere = "other.example.com/app"
    pods.put(stuck("elsewhere", images=(elsewhere,), refused=(elsewhere,)))
    runner.rescuer.declare(WISH)
    await until(lambda: pods.watches == 1)
    runner.rescuer.declare(type(WISH)("uid-b", NAME, "other.example.com"))
    await until(lambda: len(pods.evicted) == 1)
    assert pods.watches == 1


async def test_a_refused_view_is_told_and_tried_again(pods: FakePods, runner: StuckPodController) -> None:
    pods.blind = Refused(Reason.RIGHTS_MISSING, "no `list` pods")
    pods.put(stuck())
    runner.rescuer.declare(WISH)
    await until(lambda: runner.rescuer.read("uid-a").unable == "no `list` pods")
    pods.blind = None
    await until(lambda: len(pods.evicted) == 1)
    assert runner.rescuer.read("uid-a").unable == ""
