"""Child processes: failures are reported with the log, and no child survives its parent."""

from __future__ import annotations

import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lab.process import LabError, Processes, free_port, wait_until

PARENT = """
import sys, time
from pathlib import Path
from lab.process import Processes
print(Processes(Path(sys.argv[1])).start("child", ["sleep", "600"]).pid, flush=True)
time.sleep(600)
"""


def running(pid: int) -> bool:
    """Whether the process exists and is not a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal exists on Linux only")
def test_a_child_ends_with_its_killed_parent(tmp_path: Path) -> None:
    root = Path(__file__).parents[3]
    with subprocess.Popen([sys.executable, "-c", PARENT, tmp_path], cwd=root, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        # `setpriv` sets the parent-death signal and then executes the program.
        comm = Path(f"/proc/{child}/comm")
        wait_until(lambda: comm.read_text() == "sleep\n", "the program runs", deadline=10)
        parent.kill()
    wait_until(lambda: not running(child), "the child is gone", deadline=10)


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal exists on Linux only")
def test_a_child_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    children = Processes(tmp_path)
    with ThreadPoolExecutor(1) as pool:
        child = pool.submit(children.start, "sleeper", ["sleep", "600"]).result()
    assert child.alive()
    children.stop_all()
    assert not child.alive()


def test_a_failed_server_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    child = Processes(tmp_path).start("broken", ["sh", "-c", "echo no such disk; exit 3"])
    with pytest.raises(LabError, match=r"'broken' ended \(3\) before: the server answers(.|\n)*no such disk"):
        wait_until(lambda: False, "the server answers", deadline=10, process=child)


def test_a_missing_program_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="no-such-program"):
        Processes(tmp_path).run("absent", ["no-such-program"])


def test_a_child_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    children = Processes(tmp_path)
    child = children.start("stubborn", ["sh", "-c", "trap '' TERM; echo trapped; while :; do sleep 1; done"])
    wait_until(lambda: "trapped" in child.log.read_text(), "the child ignores SIGTERM", deadline=10, process=child)
    child.stop(timeout=0.1)
    assert child.returncode == -9


def test_each_port_is_returned_once() -> None:
    ports = [free_port() for _ in range(200)]
    assert len(set(ports)) == len(ports)


def test_another_program_does_not_get_the_same_port() -> None:
    port = free_port()
    root = Path(__file__).parents[3]
    claim = f"from lab import process; process.PORTS = range({port}, {port + 1}); process.free_port()"
    done = subprocess.run([sys.executable, "-c", claim], cwd=root, capture_output=True, text=True, check=False)
    assert f"no free TCP port found on '127.0.0.1' between {port}" in done.stderr


def test_a_second_port_at_a_distance_is_free_as_well() -> None:
    port = free_port(second=10000)
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", port))
        second.bind(("127.0.0.1", port + 10000))
