"""The tasks on a real event loop with the fake cluster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from harbor_operator.injector.controller import REFUSAL_RETENTION_SECONDS, InjectorController, watch_forever
from harbor_operator.injector.deps import RuntimeDeps
from harbor_operator.model.injection import Claim
from harbor_operator.model.watch import Kind, Source
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from lab.process import scaled
from tests.fakes.cluster import FakeCluster
from tests.unit.injector.fixture import CLAIM, NAME, Clock, Metrics, desired


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(scaled(10)):
        while not condition():  # noqa: ASYNC110 - the fake has no event for this
            await asyncio.sleep(0)


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster()


@pytest.fixture
async def controller(cluster: FakeCluster) -> AsyncIterator[InjectorController]:
    async def sleep(seconds: float) -> None:
        await asyncio.sleep(0)

    clock = asyncio.get_running_loop().time
    controller = InjectorController(cluster, RuntimeDeps(clock, lambda: 0.0, sleep, Metrics()))
    running = asyncio.create_task(controller.run())
    yield controller
    running.cancel()
    await asyncio.wait([running])


async def test_hundred_namespaces_at_once(cluster: FakeCluster, controller: InjectorController) -> None:
    controller.injector.declare(desired())
    for index in range(100):
        cluster.add_namespace(f"ns-{index}")
        cluster.put_account(f"ns-{index}", "default")

    def done() -> bool:
        facts = controller.injector.read(CLAIM)
        return facts is not None and facts.ready == 100

    await until(done)
    assert controller.injector.ready
    assert len(cluster.writes) == 200
    assert controller.injector.gauges().queue_depth == 0


async def test_watches_start_and_end_with_the_claims(cluster: FakeCluster, controller: InjectorController) -> None:
    renamed = Claim("uid-a", "other-pull", ("*",))
    cluster.add_namespace("app")
    cluster.put_account("app", "builder")
    controller.injector.declare(desired())
    await until(lambda: ("app", NAME) in cluster.secrets)
    controller.injector.declare(desired(renamed))
    controller.injector.withdraw(CLAIM)
    await until(lambda: cluster.accounts["app", "builder"].references == ("other-pull",))
    await until(lambda: controller.injector.remaining(CLAIM) == 0)
    assert ("app", NAME) not in cluster.secrets
    await until(lambda: Source(Kind.SECRETS, NAME) not in controller.injector.sources())


async def test_refused_watch_is_retried(cluster: FakeCluster, controller: InjectorController) -> None:
    source = Source(Kind.SECRETS, NAME)
    cluster.refused_sources.add(source)
    cluster.add_namespace("app")
    controller.injector.declare(desired())

    def refused() -> bool:
        try:
            controller.injector.read(CLAIM)
        except Refused:
            return True
        return False

    await until(refused)
    assert controller.injector.ready
    cluster.refused_sources.clear()
    await until(lambda: ("app", NAME) in cluster.secrets)
    assert not refused()


async def test_refusals_that_are_not_in_a_row_are_not_reported() -> None:
    """Finding R15: an API server that restarts refuses a watch once, long after the last refusal."""
    clock, reported = Clock(), list[Refused]()
    runs = 0

    async def follow() -> None:
        nonlocal runs
        runs += 1
        if runs > 5:
            raise asyncio.CancelledError
        clock.now += REFUSAL_RETENTION_SECONDS + 1
        raise Refused(Reason.RIGHTS_MISSING, "not yet")

    with pytest.raises(asyncio.CancelledError):
        await watch_forever("pods", follow, reported.append, RuntimeDeps(clock, lambda: 0.5, clock.sleep, Metrics()))
    assert reported == []
