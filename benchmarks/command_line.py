"""How long `kubectl harbor` takes to start: help, completion and `status`, beside a bare Python and `kubectl get`.

    python -m benchmarks.command_line > docs/benchmarks/kubectl.json

Each turn runs every command once, in another order. `docs/benchmarks.md` shows minima and medians. Run nothing else
meanwhile.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks import machine
from benchmarks.program import started_at
from lab.gotools import program
from lab.lab import Lab, Part
from lab.registries import Registry
from lab.registry_fixture import install
from tools.kubectl_archive import build

ROOT = Path(__file__).parents[1]
TURNS = 25
WARM_UPS = 3
BASE = "python -c pass"
CONSOLE_SCRIPT = """\
import sys

from harbor_operator.kubectl.cli import main

if __name__ == "__main__":
    sys.exit(main())
"""
"""What an installer writes for the entry point `kubectl-harbor`."""

SPEC = {"externalURL": "https://127.0.0.1:1"}


class Time(NamedTuple):
    """Milliseconds until a command has ended, and of the processor for it and its children."""

    elapsed: float
    processor: float


def main() -> None:
    """Prints every time as JSON, and a table of the medians on standard error."""
    with Lab.start({Part.CONTROL_PLANE}) as lab, tempfile.TemporaryDirectory() as home:
        install(lab)
        registry = Registry(lab.control_plane, "intra", "cr")
        registry.prepare()
        registry.apply(SPEC)
        kubectl = program("kubectl")
        environment = {
            "PATH": os.pathsep.join([str(kubectl.parent), os.defpath]),
            "PYTHONPATH": str(ROOT / "operator"),
            "KUBECONFIG": str(lab.control_plane.kubeconfig),
            "HOME": home,
        }
        script = Path(home) / "console-script"
        script.write_text(CONSOLE_SCRIPT)
        times = measure(commands(script, build(Path(home) / "kubectl-harbor"), str(kubectl)), environment)
    medians = {name: Time(*map(median, zip(*each, strict=True))) for name, each in times.items()}
    base = medians[BASE]
    for name, found in medians.items():
        shortest, ratio = min(time.elapsed for time in times[name]), found.elapsed / base.elapsed
        cells = (f"{shortest:.0f} ms", f"{found.elapsed:.0f} ms", f"{ratio:.1f}", f"{found.processor:.0f} ms")
        sys.stderr.write(f"| {' | '.join((name, *cells))} |\n")
    milliseconds = {name: {key: [*each] for key, each in _columns(found)} for name, found in times.items()}
    results = {"date": started_at(), "machine": machine.describe(), "turns": TURNS, "milliseconds": milliseconds}
    sys.stdout.write(json.dumps(results, indent=1) + "\n")


def _columns(times: Sequence[Time]) -> Iterator[tuple[str, Sequence[float]]]:
    return zip(Time._fields, zip(*times, strict=True), strict=True)


def commands(script: Path, file: Path, kubectl: str) -> dict[str, list[str]]:
    """Returns the commands by their name: of the installed package with its script, and of the single file."""
    found = {BASE: [sys.executable, "-c", "pass"]}
    for form, path in (("package", script), ("single file", file)):
        start = [sys.executable, str(path)]
        found |= {
            f"{form}: --help": [*start, "--help"],
            f"{form}: completion of a verb": [*start, "__complete", "s"],
            f"{form}: completion of a name": [*start, "__complete", "status", "-n", "intra", ""],
            f"{form}: status": [*start, "status", "-n", "intra"],
        }
    return found | {
        "kubectl get harborregistries": [kubectl, "get", "harborregistries", "-n", "intra"],
        "kubectl get --raw": [
            kubectl,
            "get",
            "--raw",
            "/apis/harbor-operator.io/v1alpha1/namespaces/intra/harborregistries",
        ],
    }


def measure(argv: Mapping[str, Sequence[str]], environment: Mapping[str, str]) -> dict[str, list[Time]]:
    """Returns the time of each command in each turn."""
    times: dict[str, list[Time]] = {name: [] for name in argv}
    names = list(argv)
    for turn in range(WARM_UPS + TURNS):
        shift = turn % len(names)
        for name in names[shift:] + names[:shift]:
            began, used = time.perf_counter(), _processor_seconds()
            subprocess.run(argv[name], env=environment, stdout=subprocess.DEVNULL, check=False)
            if turn >= WARM_UPS:
                times[name].append(Time(_ms(time.perf_counter() - began), _ms(_processor_seconds() - used)))
    return times


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 2)


if __name__ == "__main__":
    main()
