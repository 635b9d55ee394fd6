"""The lock that tells whether another pod of the DaemonSet runs on the node."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harbor_operator.node_trust.lock import NodeLock
from lab.process import wait_until


def waits_for(path: Path) -> bool:
    """Whether a process waits for the lock of a file: the kernel lists it with an arrow."""
    lines = Path("/proc/locks").read_text().splitlines()
    return any("->" in line and f":{path.stat().st_ino} " in line for line in lines)


def test_the_only_one_is_the_last_and_leaves_no_file(tmp_path: Path) -> None:
    lock = NodeLock.acquire(tmp_path, "a.b")
    assert [path.name for path in tmp_path.iterdir()] == [".node-trust.a.b.lock"]
    assert lock.is_last()
    lock.remove()
    assert [*tmp_path.iterdir()] == []


def test_the_former_one_is_not_the_last_and_the_next_one_is(tmp_path: Path) -> None:
    former, following = NodeLock.acquire(tmp_path, "a.b"), NodeLock.acquire(tmp_path, "a.b")
    assert not former.is_last()
    assert following.is_last()
    following.remove()


def test_another_daemonset_has_a_lock_of_its_own(tmp_path: Path) -> None:
    first, second = NodeLock.acquire(tmp_path, "a.b"), NodeLock.acquire(tmp_path, "c.d")
    for lock in (first, second):
        assert lock.is_last()
        lock.remove()


def test_one_that_starts_during_the_removal_waits_and_gets_a_new_file(tmp_path: Path) -> None:
    last = NodeLock.acquire(tmp_path, "a.b")
    assert last.is_last()
    with ThreadPoolExecutor() as pool:
        starting = pool.submit(NodeLock.acquire, tmp_path, "a.b")
        wait_until(lambda: waits_for(tmp_path / ".node-trust.a.b.lock"), "the lock is waited for", deadline=20)
        assert not starting.done()
        last.remove()
        following = starting.result()
    third = NodeLock.acquire(tmp_path, "a.b")
    assert not following.is_last()
    assert third.is_last()
    third.remove()
