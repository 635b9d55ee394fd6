"""Which loads run, at which size, how often, and in which order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from benchmarks.baseline import Baseline
from benchmarks.environment import BenchmarkEnvironment, open_environment, reset_cluster
from benchmarks.injector import Injector
from benchmarks.loads.arrivals import Row, backlog, burst, trickle
from benchmarks.loads.maintenance import foreign_writer, repair, rotation
from benchmarks.loads.steady_state import churn, deletion, rest, restart
from lab.lab import Lab
from lab.process import LabError

FLOOR_CONCURRENCIES = (8, 16, 32, 64)
LOADS = ("burst", "flood", "backlog")
FLOOR_RUNS = 2
WARM_UP_NAMESPACES = 100


@dataclass(frozen=True)
class Round:
    """Burst, flood and backlog at one size: the number of runs, and the number of runs that include the peers."""

    size: int
    runs: int
    peer_runs: int = 1


@dataclass(frozen=True)
class Program:
    """The size of each load, in namespaces, seconds, and namespaces per second."""

    name: str
    rounds: tuple[Round, ...]
    deep: int
    """The number of existing namespaces during the loads other than burst, flood and backlog."""
    trickles: tuple[tuple[float, float], ...]
    repairs: int
    foreign_seconds: float
    rest_seconds: float
    churn_seconds: float
    timeout_seconds: float
    """The time limit of a burst, plus one second for each fifty namespaces."""
    arrivals: float = 20.0
    """New namespaces per second during a rotation and beside a foreign writer."""

    def timeout_for(self, size: int) -> float:
        """Returns the time limit in seconds for a load of this size."""
        return self.timeout_seconds + size / 50


QUICK = Program(
    name="quick",
    rounds=(Round(100, 2), Round(400, 2)),
    deep=400,
    trickles=((2, 10), (20, 10)),
    repairs=20,
    foreign_seconds=5,
    rest_seconds=10,
    churn_seconds=0,
    timeout_seconds=40,
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
    timeout_seconds=40,
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
    timeout_seconds=600,
)
"""Measures only memory growth and compares nothing, so it can run beside other work."""


@dataclass
class Record:
    """All results, one row per load and run; `say` prints each new row."""

    say: Callable[[str], None]
    rows: list[Row] = field(default_factory=list)

    def add(self, injector: str, load: str, size: int, row: Row) -> None:
        """Adds a row."""
        self.rows.append({"injector": injector, "load": load, "size": size, **row})
        self.say(f"{injector:>16}  {load:<9} {size:>6}  {_digest(row)}")

    def select(self, injector: str, load: str, size: int | None = None) -> list[Row]:
        """Returns the rows of one injector and load."""
        wanted = {"injector": injector, "load": load} | ({} if size is None else {"size": size})
        return [row for row in self.rows if wanted.items() <= row.items()]


class Bench:
    """Runs a program on a lab; injectors alternate within each run, so that all see the same state of the machine."""

    def __init__(self, lab: Lab, program: Program, record: Record) -> None:
        self._lab = lab
        self.program = program
        self._record = record
        self._excluded: set[str] = set()

    async def run(self, ours: Injector, peers: Sequence[Injector], by_policy: Injector) -> None:
        """Runs everything: the floor, then the arrivals for each size, and all other loads at the size `deep`.

        `by_policy` is `ours` with the admission policy; only its burst is measured.
        """
        floor = await self.find_floor()
        for round_ in self.program.rounds:
            for run in range(round_.runs):
                some = peers if run < round_.peer_runs else ()
                for injector in (floor, ours, *some):
                    for load in LOADS:
                        await self._attempt(injector, load, round_.size, with_restart=run == 0)
            await self._attempt(by_policy, "burst", round_.size)
            if round_.size == self.program.deep:
                for injector in (ours, *peers):
                    await self._attempt(injector, "deep", round_.size)

    async def run_churn(self, ours: Injector) -> None:
        """Runs only the churn, with `deep` existing namespaces."""
        await self._attempt(ours, "churn", self.program.deep)

    async def find_floor(self) -> Baseline:
        """Returns the floor with the best concurrency."""
        await self._warm_up()
        size = min(1000, self.program.rounds[-1].size)
        floors = [Baseline(self._lab, concurrency) for concurrency in FLOOR_CONCURRENCIES]
        for floor in floors:
            for _ in range(FLOOR_RUNS):
                await self._attempt(floor, "backlog", size)
        return min(floors, key=lambda floor: median(self._seconds(floor, size)))

    def _seconds(self, floor: Baseline, size: int) -> list[float]:
        rows = self._record.select(floor.info.name, "backlog", size)
        return [row["seconds"] for row in rows if row["finished"]] or [float("inf")]

    async def _warm_up(self) -> None:
        async with self._turn(Baseline(self._lab, FLOOR_CONCURRENCIES[0])) as environment:
            await environment.start()
            await burst(environment, WARM_UP_NAMESPACES, self.program.timeout_for(WARM_UP_NAMESPACES))

    async def _attempt(self, injector: Injector, load: str, size: int, *, with_restart: bool = False) -> None:
        """Runs one load for one injector; an injector that does not finish is excluded from later runs."""
        name = injector.info.name
        if name in self._excluded:
            return
        try:
            async with self._turn(injector) as environment:
                match load:
                    case "burst" | "flood":
                        await self._burst(environment, size, flood=load == "flood")
                        if load == "burst" and with_restart and not isinstance(injector, Baseline):
                            await self._steady_state(environment, size)
                    case "backlog":
                        self._record.add(
                            name, load, size, await backlog(environment, size, self.program.timeout_for(size))
                        )
                    case "churn":
                        await self._fill(environment, size)
                        self._record.add(name, load, size, await churn(environment, self.program.churn_seconds))
                    case _:
                        await self._deep(environment, size)
        except LabError as error:
            self._record.add(name, "failed", size, {"during": load, "error": str(error).splitlines()[0]})
        if any(not row.get("finished", True) for row in self._record.select(name, load)):
            self._excluded.add(name)
            self._record.add(name, "excluded", size, {"during": load})

    @asynccontextmanager
    async def _turn(self, injector: Injector) -> AsyncIterator[BenchmarkEnvironment]:
        try:
            async with open_environment(self._lab, injector) as environment:
                try:
                    yield environment
                finally:
                    await environment.stop()
        finally:
            await asyncio.to_thread(reset_cluster, self._lab.control_plane)

    async def _burst(self, environment: BenchmarkEnvironment, size: int, *, flood: bool) -> None:
        await environment.start()
        await environment.wait_serving()
        row = await burst(environment, size, self.program.timeout_for(size), flood=flood)
        self._record.add(environment.injector.info.name, "flood" if flood else "burst", size, row)

    async def _steady_state(self, environment: BenchmarkEnvironment, size: int) -> None:
        name = environment.injector.info.name
        served = [one for one in environment.observations.names() if environment.observations[one].done is not None]
        self._record.add(name, "restart", size, await restart(environment, served))
        self._record.add(name, "rest", size, await rest(environment, self.program.rest_seconds))

    async def _deep(self, environment: BenchmarkEnvironment, size: int) -> None:
        program, name = self.program, environment.injector.info.name
        names = await self._fill(environment, size)
        for rate, seconds in program.trickles:
            self._record.add(name, "trickle", size, await trickle(environment, rate, seconds))
        row = await rotation(environment, names, program.arrivals, program.timeout_for(size))
        self._record.add(name, "rotation", size, row)
        self._record.add(name, "repair", size, await repair(environment, names, program.repairs))
        row = await foreign_writer(environment, program.arrivals, program.foreign_seconds)
        self._record.add(name, "foreign", size, row)
        self._record.add(name, "deletion", size, await deletion(environment, program.timeout_for(size)))

    async def _fill(self, environment: BenchmarkEnvironment, size: int) -> list[str]:
        """Starts the injector, lets it serve `size` namespaces, and returns their names. Raises LabError."""
        await environment.start()
        await environment.wait_serving()
        names = environment.new_names(size)
        await environment.create(names, with_accounts=False)
        if not await environment.until_done(names, self.program.timeout_for(size)):
            raise LabError(f"{environment.observations.count_done(names)} of {size} namespaces were served in time")
        await environment.wait_serving()  # the controller manager has also processed all namespaces
        return names


def _digest(row: Row) -> str:
    """Returns a one-line summary of a row for the console."""
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
    """Returns the date of the run."""
    return time.strftime("%Y-%m-%d", time.gmtime())


Results = dict[str, Any]
