"""Runs the benchmark; docs/benchmarks.md explains the numbers."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import os
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import machine, report
from benchmarks.injector import Injector, InjectorInfo
from benchmarks.operator import OperatorInjector, OperatorWithPolicy
from benchmarks.peer import Peer, read_files
from benchmarks.program import CHURN, FULL, QUICK, Bench, Program, Record, Round, started_at
from benchmarks.report import FOLDER, PAGE
from lab.lab import Lab, Part

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Measures, and writes results, plots and tables, also after an interruption."""
    options = _parse()
    program = _program(options)
    binaries = Path(os.environ.get("BENCH_PEERS") or os.devnull).expanduser()
    files = [file for file in read_files() if options.only is None or file.name in options.only]
    present = [file for file in files if (binaries / file.binary).is_file()]
    absent = [file for file in files if file not in present]
    for file in absent:
        print(f"{file.name:>16}  not measured: BENCH_PEERS has no '{file.binary}'", flush=True)
    record = Record(lambda text: print(text, flush=True))
    began = time.monotonic()
    infos: list[InjectorInfo] = []
    try:
        with Lab.start({Part.CONTROL_PLANE}) as lab:
            ours = OperatorInjector(lab)
            peers = [Peer(lab, file, binaries) for file in present]
            infos += [ours.info, *(peer.info for peer in peers)]
            asyncio.run(_measure(Bench(lab, program, record), ours, peers, OperatorWithPolicy(lab, ours)))
    finally:
        results = {
            "date": started_at(),
            "minutes": round((time.monotonic() - began) / 60, 1),
            "program": dataclasses.asdict(program),
            "machine": machine.describe(),
            "injectors": [dataclasses.asdict(info) for info in infos],
            "absent": [dataclasses.asdict(file.info()) for file in absent],
            "rows": record.rows,
        }
        report.write(results, options.results, options.page)


async def _measure(bench: Bench, ours: OperatorInjector, peers: Sequence[Injector], by_policy: Injector) -> None:
    if bench.program.rounds:
        await bench.run(ours, peers, by_policy)
    if bench.program.churn_seconds:
        await bench.run_churn(ours)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    programs = parser.add_mutually_exclusive_group()
    programs.add_argument("--full", action="store_true", help="every size, every load; more than an hour")
    programs.add_argument(
        "--churn", action="store_true", help="only half an hour of namespaces that are created and deleted"
    )
    parser.add_argument("--sizes", type=int, nargs="+", help="run these sizes once each")
    parser.add_argument("--only", nargs="*", metavar="PEER", help="only these peers, by name")
    parser.add_argument("--results", type=Path, help="folder for JSON and plots")
    parser.add_argument("--page", type=Path, help="page with the tables")
    options = parser.parse_args()
    recorded = options.full or options.churn
    options.results = options.results or ROOT / ("docs/benchmarks" if recorded else "dist/benchmarks")
    options.page = options.page or (PAGE if options.results == FOLDER else options.results / "README.md")
    return options


def _program(options: argparse.Namespace) -> Program:
    program = FULL if options.full else CHURN if options.churn else QUICK
    if options.sizes:
        rounds = tuple(Round(size, 1) for size in options.sizes)
        program = dataclasses.replace(program, rounds=rounds, deep=options.sizes[-1])
    return program


if __name__ == "__main__":
    main()
