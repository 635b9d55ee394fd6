"""The delay of the event loop is the time by which a timer is late."""

from __future__ import annotations

import asyncio

from harbor_operator.event_loop import SAMPLE_INTERVAL_SECONDS, sampled_delay


class Timeline:
    """A clock whose sleeps end late by given seconds; `ended` is set when no further one is given."""

    def __init__(self, late: list[float]) -> None:
        self.now = 100.0
        self.ended = asyncio.Event()
        self._late = iter(late)

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        for late in self._late:
            self.now += seconds + late
            return
        self.ended.set()
        await asyncio.Event().wait()


async def test_a_late_timer_is_observed() -> None:
    timeline, observed = Timeline([0.0, 0.125, -0.01]), list[float]()
    async with sampled_delay(observed.append, timeline.clock, timeline.sleep):
        await timeline.ended.wait()
    assert [round(seconds, 6) for seconds in observed] == [0.0, 0.125, 0.0]
    assert round(timeline.now - 100.0, 6) == round(3 * SAMPLE_INTERVAL_SECONDS + 0.115, 6)


async def test_nothing_is_observed_after_the_end() -> None:
    timeline, observed = Timeline([0.0]), list[float]()
    async with sampled_delay(observed.append, timeline.clock, timeline.sleep):
        await timeline.ended.wait()
    await asyncio.sleep(0)
    assert len(observed) == 1
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "event-loop-delay"]
