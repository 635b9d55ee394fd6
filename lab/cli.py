"""Runs the lab in the background.

python -m lab up        starts it, and prints shell lines: eval "$(python -m lab up)"
python -m lab status    prints whether it runs, and the same lines
python -m lab down      stops it and removes its directory
python -m lab build     only builds and unpacks its programs
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lab import gotools, state
from lab.lab import Lab, Part, programs
from lab.node.choice import choose
from lab.process import LabError
from lab.progress import Task, task

ROOT = Path(__file__).parents[1]
START_SECONDS = 900.0  # the first start also fetches and unpacks packages
STOP_SECONDS = 20.0


def main() -> int:
    """Runs one of the commands and returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m lab", description="Real servers for the Harbor operator.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("up", "start the lab in the background"),
        ("down", "stop it"),
        ("status", "print whether it runs"),
        ("build", "only build and unpack its programs"),
    ):
        commands.add_parser(name, help=text)
    commands.add_parser("supervise").add_argument("directory", type=Path)
    arguments = parser.parse_args()
    actions = {"up": up, "down": down, "status": status, "build": build}
    try:
        if arguments.command == "supervise":
            return supervise(arguments.directory)
        return actions[arguments.command]()
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1


def up() -> int:
    """Starts the lab, unless it runs, and prints how to use it."""
    running = state.read()
    if running is None:
        gotools.build(programs(frozenset(Part), choose()))
        running = _launch()
    print(running.shell_lines())
    return 0


def down() -> int:
    """Stops the lab that runs in the background."""
    running = state.read()
    if running is None:
        print("lab: not running", file=sys.stderr)
        return 0
    os.kill(running.pid, signal.SIGTERM)
    end = time.monotonic() + STOP_SECONDS
    while state.is_alive(running) and time.monotonic() < end:
        time.sleep(0.05)
    if state.is_alive(running):
        os.kill(running.pid, signal.SIGKILL)  # its children end with it
    state.forget()
    shutil.rmtree(running.directory, ignore_errors=True)
    print("lab: stopped", file=sys.stderr)
    return 0


def status() -> int:
    """Prints how to use the running lab; returns 1 if none runs."""
    running = state.read()
    if running is None:
        print("lab: not running; start it with `python -m lab up`", file=sys.stderr)
        return 1
    print(running.shell_lines())
    return 0


def build() -> int:
    """Builds the Go programs, and starts the lab once, which unpacks the other programs and creates the images."""
    gotools.build(programs(frozenset(Part), choose()))
    Lab.start().stop()
    return 0


def supervise(directory: Path) -> int:
    """Runs as the process that owns the lab: starts it, writes the state file, and waits for SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with Lab.start(frozenset(Part), directory=directory) as lab:
        state.write(state.describe(lab))
        signal.pause()
    return 0


def _launch() -> state.Running:
    """Starts the supervisor in its own session, and shows its progress until the lab is up. Raises LabError."""
    directory = Path(tempfile.mkdtemp(prefix="harbor-operator-lab-"))
    directory.chmod(0o711)
    log = directory / "supervisor.log"
    with log.open("wb") as out:
        child = subprocess.Popen(
            [sys.executable, "-m", "lab", "supervise", str(directory)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    with task("Starting the lab") as shown:
        return _await(child, log, shown)


def _await(child: subprocess.Popen[bytes], log: Path, shown: Task) -> state.Running:
    deadline, shown_line = time.monotonic() + START_SECONDS, ""
    while (running := state.read()) is None:
        text = log.read_text()
        if child.poll() is not None or time.monotonic() > deadline:
            child.kill()
            raise LabError(f"the lab did not start; its log is '{log}':\n{text[-4000:]}")
        last = text.strip().rpartition("\n")[2]
        if last != shown_line:
            shown_line = last
            shown.update(last)
        time.sleep(0.1)
    return running
