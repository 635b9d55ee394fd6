from __future__ import annotations

import asyncio

from harbor_operator.adapters.helm_slots import HelmSlots
from lab.process import scaled


async def spin() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_namespace_holds_one_slot_and_others_go_on() -> None:
    """Finding R13."""
    slots, active, end = HelmSlots(2), [], asyncio.Event()

    async def run(namespace: str, name: str) -> None:
        async with slots.hold(namespace):
            active.append(name)
            await end.wait()

    tasks = [
        asyncio.create_task(run(*who)) for who in (("a", "a1"), ("a", "a2"), ("a", "a3"), ("b", "b1"), ("c", "c1"))
    ]
    await spin()
    assert active == ["a1", "b1"]
    assert slots.is_busy("d")
    end.set()
    await asyncio.gather(*tasks)
    assert sorted(active) == ["a1", "a2", "a3", "b1", "c1"]
    assert not slots.is_busy("a")
    assert slots._turns == {}


async def test_a_run_that_is_cancelled_while_it_waits_leaves_nothing() -> None:
    slots = HelmSlots(1)
    async with slots.hold("a"):
        waiting = asyncio.create_task(slots.hold("a").__aenter__())
        await spin()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    assert not slots.is_busy("a")
    async with asyncio.timeout(scaled(5)), slots.hold("a"):
        assert slots.is_busy("b")
    assert slots._turns == {}
