"""Runs the demo; with --keep it leaves everything up in the background until `make lab-down`."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path

from rich.console import Console

from demo.scenes import play
from lab import state
from lab.lab import Lab
from lab.process import LabError

ROOT = Path(__file__).parents[1]
WIDE = 200


def main() -> int:
    """Returns 0 only if everything the demo promises was seen."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the lab and the operator running")
    parser.add_argument("--tell", type=int, metavar="FD", help=argparse.SUPPRESS)
    options = parser.parse_args()
    return _detach() if options.keep else _perform(options.tell)


def _perform(tell: int | None) -> int:
    """Plays the demo; with a pipe to tell, reports the result there and stays until it is told to go."""
    console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else WIDE)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        with console.status("starting real servers: Kubernetes, PostgreSQL, Redis, Ceph RGW"):
            lab = Lab.start()
        with lab:
            play(lab, console)
            if tell is not None:
                _stay(lab, console, tell)
    except LabError as error:
        console.print(f"[bold red]failed[/]: {error}", markup=True, soft_wrap=True)
        return 1
    return 0


def _stay(lab: Lab, console: Console, tell: int) -> None:
    running = state.describe(lab)
    state.write(running)
    console.print("\nEverything stays up; `make lab-down` ends it.\n" + running.shell_lines(), markup=False)
    os.write(tell, b"\0")
    os.close(tell)
    with Path(os.devnull).open("wb") as nothing:
        os.dup2(nothing.fileno(), sys.stdout.fileno())
        os.dup2(nothing.fileno(), sys.stderr.fileno())
    signal.pause()


def _detach() -> int:
    """Starts the demo in a session of its own, so that it outlives this terminal, and waits for its result."""
    ours, theirs = os.pipe()
    command = [sys.executable, "-m", "demo", "--tell", str(theirs)]
    with subprocess.Popen(command, cwd=ROOT, pass_fds=[theirs], start_new_session=True) as child:
        os.close(theirs)
        told = os.read(ours, 1)
        if not told:
            return child.wait() or 1
        os._exit(0)  # leaving in the ordinary way would wait for the child, which is meant to stay


if __name__ == "__main__":
    sys.exit(main())
