"""Runs the demo; with --keep the lab stays up in the background until `python -m lab down`."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path

from rich.console import Console

from demo.steps import run_demo
from lab import state
from lab.lab import Lab
from lab.process import LabError

ROOT = Path(__file__).parents[1]
WIDTH_COLUMNS = 200


def main() -> int:
    """Returns 0 only if every step of the demo succeeds."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the lab and the operator running")
    parser.add_argument("--ready-fd", type=int, metavar="FD", help=argparse.SUPPRESS)
    options = parser.parse_args()
    return _detach() if options.keep else _run(options.ready_fd)


def _run(ready_fd: int | None) -> int:
    """Runs the demo; with `ready_fd`, writes there on success and keeps the lab running until SIGTERM."""
    console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else WIDTH_COLUMNS)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        with console.status("starting real servers: Kubernetes, PostgreSQL, Redis, Ceph RGW"):
            lab = Lab.start()
        with lab:
            run_demo(lab, console)
            if ready_fd is not None:
                _keep_running(lab, console, ready_fd)
    except LabError as error:
        console.print(f"[bold red]failed[/]: {error}", markup=True, soft_wrap=True)
        return 1
    return 0


def _keep_running(lab: Lab, console: Console, ready_fd: int) -> None:
    running = state.describe(lab)
    state.write(running)
    console.print("\nEverything stays up; `python -m lab down` stops it.\n" + running.shell_lines(), markup=False)
    os.write(ready_fd, b"\0")
    os.close(ready_fd)
    with Path(os.devnull).open("wb") as null_device:
        os.dup2(null_device.fileno(), sys.stdout.fileno())
        os.dup2(null_device.fileno(), sys.stderr.fileno())
    signal.pause()


def _detach() -> int:
    """Starts the demo in its own session, so that it outlives this terminal, and waits for its result."""
    read_fd, write_fd = os.pipe()
    command = [sys.executable, "-m", "demo", "--ready-fd", str(write_fd)]
    with subprocess.Popen(command, cwd=ROOT, pass_fds=[write_fd], start_new_session=True) as child:
        os.close(write_fd)
        ready = os.read(read_fd, 1)
        if not ready:
            return child.wait() or 1
        os._exit(0)  # a normal exit would wait for the child, which stays


if __name__ == "__main__":
    sys.exit(main())
