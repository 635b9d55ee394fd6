"""Runs the benchmark; see docs/benchmarks.md for what the numbers mean."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import os
import time
from pathlib import Path

from tests.benchmarks import machine, report
from tests.benchmarks.contender import Contender
from tests.benchmarks.ours import Ours
from tests.benchmarks.peer import Peer, read_files
from tests.benchmarks.program import FULL, QUICK, Bench, Program, Record, started_at
from tests.lab.lab import Lab, Part

ROOT = Path(__file__).parents[2]


def main() -> None:
    """Measures, and writes results, plots and tables."""
    options = _parse()
    program = _program(options)
    given = os.environ.get("BENCH_PEERS", "")
    binaries = Path(given).expanduser() if given else None
    files = [file for file in read_files() if not options.only or file.name in options.only]
    present = [file for file in files if binaries is not None and (binaries / file.binary).is_file()]
    record = Record(lambda text: print(text, flush=True))
    for file in files:
        if file not in present:
            print(f"{file.name:>16}  absent: no '{file.binary}' in BENCH_PEERS", flush=True)
    began = time.monotonic()
    with Lab.start({Part.CONTROL_PLANE}) as lab:
        ours = Ours(lab)
        peers: list[Contender] = [Peer(lab, file, binaries) for file in present if binaries is not None]
        asyncio.run(Bench(lab, program, record).run(ours, peers))
        cards = [ours.card, *(peer.card for peer in peers)]
    results = {
        "date": started_at(),
        "minutes": round((time.monotonic() - began) / 60, 1),
        "program": dataclasses.asdict(program),
        "machine": machine.describe(),
        "contenders": [dataclasses.asdict(card) for card in cards],
        "absent": [dataclasses.asdict(file.card()) for file in files if file not in present],
        "rows": record.rows,
    }
    report.write(results, options.results, options.page)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--full", action="store_true", help="every size, long loads; takes hours")
    parser.add_argument("--size", type=int, help="one size instead of the program's")
    parser.add_argument("--runs", type=int, help="so many runs instead of the program's")
    parser.add_argument("--only", nargs="*", metavar="PEER", help="these peers only (by name)")
    parser.add_argument("--results", type=Path, default=ROOT / "docs" / "benchmarks", help="folder for JSON and plots")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "benchmarks.md", help="page to put the tables in")
    return parser.parse_args()


def _program(options: argparse.Namespace) -> Program:
    program = FULL if options.full else QUICK
    if options.size:
        program = dataclasses.replace(program, sizes=(options.size,), deep=options.size)
    if options.runs:
        program = dataclasses.replace(program, runs=options.runs, peer_runs=options.runs)
    return program


if __name__ == "__main__":
    main()
