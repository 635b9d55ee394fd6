"""Which loads at which size, how often, and in which order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from benchmarks.arena import Arena, arena, wipe
from benchmarks.baseline import Baseline
from benchmarks.contender import Contender
from benchmarks.loads.arrivals import Row, backlog, burst, trickle
from benchmarks.loads.quiet import churn, deletion, rest, restart
from benchmarks.loads.upkeep import foreign_writer, repair, rotation
from lab.lab import Lab
from lab.process import LabError

FLOORS = (8, 16, 32, 64)
LOADS = ("burst", "flood", "backlog")
FLOOR_RUNS = 2
WARM_UP = 100


@dataclass(frozen=True)
class Round:
    """Burst, flood and backlog at one size: how often, and in how many of these runs the peers take part."""

    size: int
    runs: int
    peer_runs: int = 1


@dataclass(frozen=True)
class Program:
    """How much of everything; seconds and namespaces a second."""

    name: str
    rounds: tuple[Round, ...]
    deep: int
    """How many namespaces there are already while the loads other than burst and backlog are done."""
    trickles: tuple[tuple[float, float], ...]
    repairs: int
    foreign_seconds: float
    rest_seconds: float
    churn_seconds: float
    patience: float
    """How long a burst may take before a contender counts as not finished; a second more for each fifty namespaces."""
    arrivals: float = 20.0
    """Namespaces a second that come beside a rotation and beside a foreign writer."""

    def patience_for(self, size: int) -> float:
        """How many seconds a load of so many namespaces may take."""
        return self.patience + size / 50


QUICK = Program(
    name="quick",
    rounds=(Round(100, 2), Round(400, 2)),
    deep=400,
    trickles=((2, 10), (20, 10)),
    repairs=20,
    foreign_seconds=5,
    rest_seconds=10,
    churn_seconds=0,
    patience=40,
)
FULL = Program(
    name="full",
    rounds=(Round(100, 3), Round(1000, 3), Round(5000, 2), Round(10000, 1)),
    deep=5000,
    trickles=((2, 90), (20, 60)),
    repairs=100,
    foreign_seconds=15,
    rest_seconds=30,
    churn_seconds=0,
    patience=40,
)
CHURN = Program(
    name="churn",
    rounds=(),
    deep=2000,
    trickles=(),
    repairs=0,
    foreign_seconds=0,
    rest_seconds=0,
    churn_seconds=1800,
    patience=600,
)
"""Only whether memory grows: nobody is compared, so it may run beside other work."""


@dataclass
class Record:
    """Everything that was measured, one row per load and run; `say` is told each as it comes in."""

    say: Callable[[str], None]
    rows: list[Row] = field(default_factory=list)

    def add(self, contender: str, load: str, size: int, row: Row) -> None:
        """Notes a row."""
        self.rows.append({"contender": contender, "load": load, "size": size, **row})
        self.say(f"{contender:>16}  {load:<9} {size:>6}  {_digest(row)}")

    def select(self, contender: str, load: str, size: int | None = None) -> list[Row]:
        """Returns the rows of one contender and load."""
        wanted = {"contender": contender, "load": load} | ({} if size is None else {"size": size})
        return [row for row in self.rows if wanted.items() <= row.items()]


class Bench:
    """Carries a program out on a lab; contenders take turns in every run, so that all meet the same weather."""

    def __init__(self, lab: Lab, program: Program, record: Record) -> None:
        self._lab = lab
        self.program = program
        self._record = record
        self._lost: set[str] = set()

    async def run(self, ours: Contender, peers: Sequence[Contender], by_policy: Contender) -> None:
        """Everything: the floor, then size by size arrivals and, at the size that is `deep`, everything else.

        `by_policy` is the same as `ours` with the admission policy: it only shows what a burst costs then.
        """
        floor = await self.find_floor()
        for stint in self.program.rounds:
            for run in range(stint.runs):
                some = peers if run < stint.peer_runs else ()
                for contender in (floor, ours, *some):
                    for load in LOADS:
                        await self._attempt(contender, load, stint.size, with_restart=run == 0)
            await self._attempt(by_policy, "burst", stint.size)
            if stint.size == self.program.deep:
                for contender in (ours, *peers):
                    await self._attempt(contender, "deep", stint.size)

    async def run_churn(self, ours: Contender) -> None:
        """Only the coming and going, over `deep` namespaces."""
        await self._attempt(ours, "churn", self.program.deep)

    async def find_floor(self) -> Baseline:
        """Returns the trivial client at its best concurrency."""
        await self._warm_up()
        size = min(1000, self.program.rounds[-1].size)
        floors = [Baseline(self._lab, concurrency) for concurrency in FLOORS]
        for floor in floors:
            for _ in range(FLOOR_RUNS):
                await self._attempt(floor, "backlog", size)
        return min(floors, key=lambda floor: median(self._seconds(floor, size)))

    def _seconds(self, floor: Baseline, size: int) -> list[float]:
        rows = self._record.select(floor.card.name, "backlog", size)
        return [row["seconds"] for row in rows if row["finished"]] or [float("inf")]

    async def _warm_up(self) -> None:
        async with self._turn(Baseline(self._lab, FLOORS[0])) as stage:
            await stage.start()
            await burst(stage, WARM_UP, self.program.patience_for(WARM_UP))

    async def _attempt(self, contender: Contender, load: str, size: int, *, with_restart: bool = False) -> None:
        """One contender's turn; one that fails is out of it, and the others go on."""
        name = contender.card.name
        if name in self._lost:
            return
        try:
            async with self._turn(contender) as stage:
                match load:
                    case "burst" | "flood":
                        await self._burst(stage, size, flood=load == "flood")
                        if load == "burst" and with_restart and not isinstance(contender, Baseline):
                            await self._quiet(stage, size)
                    case "backlog":
                        self._record.add(name, load, size, await backlog(stage, size, self.program.patience_for(size)))
                    case "churn":
                        await self._fill(stage, size)
                        self._record.add(name, load, size, await churn(stage, self.program.churn_seconds))
                    case _:
                        await self._deep(stage, size)
        except LabError as error:
            self._record.add(name, "failed", size, {"during": load, "error": str(error).splitlines()[0]})
        if any(not row.get("finished", True) for row in self._record.select(name, load)):
            self._lost.add(name)
            self._record.add(name, "gave up", size, {"during": load})

    @asynccontextmanager
    async def _turn(self, contender: Contender) -> AsyncIterator[Arena]:
        try:
            async with arena(self._lab, contender) as stage:
                try:
                    yield stage
                finally:
                    await stage.stop()
        finally:
            await asyncio.to_thread(wipe, self._lab.control_plane)

    async def _burst(self, stage: Arena, size: int, *, flood: bool) -> None:
        await stage.start()
        await stage.awake()
        row = await burst(stage, size, self.program.patience_for(size), flood=flood)
        self._record.add(stage.contender.card.name, "flood" if flood else "burst", size, row)

    async def _quiet(self, stage: Arena, size: int) -> None:
        name = stage.contender.card.name
        served = [one for one in stage.sightings.names() if stage.sightings[one].done is not None]
        self._record.add(name, "restart", size, await restart(stage, served))
        self._record.add(name, "rest", size, await rest(stage, self.program.rest_seconds))

    async def _deep(self, stage: Arena, size: int) -> None:
        program, name = self.program, stage.contender.card.name
        names = await self._fill(stage, size)
        for rate, seconds in program.trickles:
            self._record.add(name, "trickle", size, await trickle(stage, rate, seconds))
        row = await rotation(stage, names, program.arrivals, program.patience_for(size))
        self._record.add(name, "rotation", size, row)
        self._record.add(name, "repair", size, await repair(stage, names, program.repairs))
        row = await foreign_writer(stage, program.arrivals, program.foreign_seconds)
        self._record.add(name, "foreign", size, row)
        self._record.add(name, "deletion", size, await deletion(stage, program.patience_for(size)))

    async def _fill(self, stage: Arena, size: int) -> list[str]:
        """Starts the contender and has it serve so many namespaces; returns their names."""
        await stage.start()
        await stage.awake()
        names = stage.fresh_names(size)
        await stage.create(names, with_accounts=False)
        if not await stage.until_done(names, self.program.patience_for(size)):
            raise LabError(f"{stage.sightings.count_done(names)} of {size} namespaces were served in time")
        await stage.awake()  # the controller manager, too, has caught up with what was made
        return names


def _digest(row: Row) -> str:
    """The gist of a row for whoever watches."""
    parts = []
    for key, value in row.items():
        if isinstance(value, dict) and "p50" in value:
            parts.append(f"{key} p50 {value['p50']:.1f} p99 {value['p99']:.1f} ms")
        elif isinstance(value, float):
            parts.append(f"{key} {value:.2f}")
        elif isinstance(value, int | str):
            parts.append(f"{key} {value}")
    return ", ".join(parts)


def started_at() -> str:
    """The day of the run, as it is shown."""
    return time.strftime("%Y-%m-%d", time.gmtime())


Results = dict[str, Any]
