"""Children of the lab are watched, explained when they fail, and never survive their parent."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lab.cache import locked
from lab.process import LabError, Processes, free_port, wait_until

PARENT = """
import sys, time
from pathlib import Path
from lab.process import Processes
print(Processes(Path(sys.argv[1])).start("child", ["sleep", "600"]).pid, flush=True)
time.sleep(600)
"""


def running(pid: int) -> bool:
    """Whether the process exists and is no zombie waiting for its parent's notice."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(sys.platform != "linux", reason="the death signal of a parent is a Linux notion")
def test_a_child_dies_with_its_killed_parent(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", PARENT, tmp_path], cwd=root, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert running(child)
        parent.kill()
    wait_until(lambda: not running(child), "the child is gone", deadline=10)


@pytest.mark.skipif(sys.platform != "linux", reason="the death signal of a thread is a Linux notion")
def test_a_child_outlives_the_thread_that_asked_for_it(tmp_path: Path) -> None:
    children = Processes(tmp_path)
    with ThreadPoolExecutor(1) as pool:
        child = pool.submit(children.start, "sleeper", ["sleep", "600"]).result()
    assert child.alive()
    children.stop_all()
    assert not child.alive()


def test_a_dead_server_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    child = Processes(tmp_path).start("broken", ["sh", "-c", "echo no such disk; exit 3"])
    with pytest.raises(LabError, match=r"'broken' ended \(3\) before: the server answers(.|\n)*no such disk"):
        wait_until(lambda: False, "the server answers", deadline=10, process=child)


def test_a_missing_program_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="no-such-program"):
        Processes(tmp_path).run("absent", ["no-such-program"])


def test_a_child_that_ignores_the_request_is_killed(tmp_path: Path) -> None:
    children = Processes(tmp_path)
    child = children.start("stubborn", ["sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 1; done"])
    wait_until(lambda: "deaf" in child.log.read_text(), "the child is deaf", deadline=10, process=child)
    child.stop(timeout=0.1)
    assert child.returncode == -9


def test_ports_are_given_out_once() -> None:
    ports = [free_port() for _ in range(200)]
    assert len(set(ports)) == len(ports)


def test_a_lock_keeps_everybody_else_out_while_it_is_held() -> None:
    with locked("check") as root, (root / "locks/check.lock").open() as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with (root / "locks/check.lock").open() as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
