"""The tasks on a real event loop with fake pods: when the watch is open, and that a refused watch is retried."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from harbor_operator.injector.deps import RuntimeDeps
from harbor_operator.injector.stuck_pods.controller import StuckPodController
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from lab.process import scaled
from tests.fakes.pods import FakePods
from tests.unit.injector.fixture import NAME, Metrics
from tests.unit.injector.stuck_pods.fixture import POLICY, stuck


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(scaled(10)):
        while not condition():  # noqa: ASYNC110 - the fake has no event for this
            await asyncio.sleep(0)


@pytest.fixture
def pods() -> FakePods:
    return FakePods()


@pytest.fixture
async def controller(pods: FakePods) -> AsyncIterator[StuckPodController]:
    async def sleep(seconds: float) -> None:
        await asyncio.sleep(0)

    deps = RuntimeDeps(asyncio.get_running_loop().time, lambda: 0.0, sleep, Metrics())
    controller = StuckPodController(pods, lambda uid, namespace, account: (NAME,), deps)
    running = asyncio.create_task(controller.run())
    yield controller
    running.cancel()
    await asyncio.wait([running])


async def test_no_pod_is_watched_unless_a_registry_wants_it(pods: FakePods, controller: StuckPodController) -> None:
    pods.put(stuck("before"))
    for _ in range(10):
        await asyncio.sleep(0)
    assert pods.watches == 0
    controller.evictor.declare(POLICY)
    await until(lambda: len(pods.evicted) == 1)
    pods.put(stuck("after", owner=None))
    await until(lambda: bool(controller.evictor.read("uid-a").left))
    controller.evictor.withdraw("uid-a")
    await until(lambda: pods.watches == 0)
    pods.put(stuck("later"))
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(pods.evicted) == 1


async def test_a_second_registry_gets_a_new_list_of_all_pods(pods: FakePods, controller: StuckPodController) -> None:
    elsewhere = "other.example.com/app"
    pods.put(stuck("elsewhere", images=(elsewhere,), refused=(elsewhere,)))
    controller.evictor.declare(POLICY)
    await until(lambda: pods.watches == 1)
    controller.evictor.declare(type(POLICY)("uid-b", NAME, "other.example.com"))
    await until(lambda: len(pods.evicted) == 1)
    assert pods.watches == 1


async def test_a_refused_watch_is_reported_and_retried(pods: FakePods, controller: StuckPodController) -> None:
    pods.watch_error = Refused(Reason.RIGHTS_MISSING, "no `list` pods")
    pods.put(stuck())
    controller.evictor.declare(POLICY)
    await until(lambda: controller.evictor.read("uid-a").unable == "no `list` pods")
    pods.watch_error = None
    await until(lambda: len(pods.evicted) == 1)
    assert controller.evictor.read("uid-a").unable == ""
