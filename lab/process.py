"""Child processes of the lab: start, logs, polling, stop. No child outlives the lab."""

from __future__ import annotations

import fcntl
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, TypeVar
from urllib.error import HTTPError

from lab.addresses import HOST
from lab.cache import lock_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

T = TypeVar("T")

MAX_TAIL_LINES = 25
TIMEOUT_FACTOR = "HARBOR_LAB_TIMEOUT_FACTOR"
MIN_POLL_SECONDS, MAX_POLL_SECONDS = 0.01, 0.5
PORTS = range(15000, 30000)
"""Below the kernel's range for outgoing connections, so that these never take one of our ports."""

_SPAWNER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lab-spawner")
"""The single thread that starts children: on Linux the parent-death signal depends on the thread that created the
child, so a child of a short-lived thread would end with that thread."""

_used_ports: set[int] = set()
_ports_lock = threading.Lock()


class LabError(Exception):
    """A part of the lab cannot be found, started or used; the message names it and the remedy."""


class Process:
    """A child process with its log."""

    def __init__(self, name: str, popen: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.log = log
        self.stop_signal = signal.SIGTERM
        self._popen = popen

    @property
    def pid(self) -> int:
        """The process id, which is also the id of the child's process group."""
        return self._popen.pid

    @property
    def returncode(self) -> int | None:
        """The exit status (negative: the signal that ended it), or None while it runs."""
        return self._popen.poll()

    def alive(self) -> bool:
        """Whether the child runs."""
        return self._popen.poll() is None

    def stop(self, timeout: float = 5.0) -> None:
        """Ends the child with its `stop_signal`, and with SIGKILL after `timeout` seconds."""
        self.send_stop_signal()
        self.finish(timeout)

    def send_stop_signal(self) -> None:
        """Sends the `stop_signal` and does not wait."""
        self._popen.send_signal(self.stop_signal)

    def finish(self, timeout: float) -> None:
        """Waits for the end of the child, and kills it after `timeout` seconds."""
        try:
            self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Kills the child and its process group."""
        if self.alive():
            os.killpg(self.pid, signal.SIGKILL)
        self._popen.wait()

    def tail(self) -> str:
        """Returns the last lines of the log, for messages."""
        lines = self.log.read_text(errors="replace").splitlines()[-MAX_TAIL_LINES:]
        return "\n".join(f"    {line}" for line in lines) or "    (the log is empty)"


class Processes:
    """All children of one lab; each has a log file in `log_dir`."""

    def __init__(self, log_dir: Path) -> None:
        self.log_dir = log_dir
        self._children: list[Process] = []
        log_dir.mkdir(parents=True, exist_ok=True)

    def start(
        self,
        name: str,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        user: str | int | None = None,
        cwd: Path | None = None,
    ) -> Process:
        """Starts `argv` as a child that ends with this program; `env` is added to the inherited environment.

        The log is `NAME.log`; a later child of the same name appends to it. With `user` (root only) the child runs as
        that user, for servers that refuse to run as root, and can still access the lab's directories. Raises LabError.
        """
        log = self.log_dir / f"{name}.log"
        command = [*_prefix(user), *map(str, argv)]
        try:
            spawning = _SPAWNER.submit(_spawn, command, log, {**os.environ, **(env or {})}, cwd)
            child = Process(name, spawning.result(), log)
        except OSError as error:
            raise LabError(f"cannot start '{name}' ({argv[0]}): {error.strerror or error}") from error
        self._children.append(child)
        return child

    def run(
        self, name: str, argv: Sequence[str | Path], *, env: Mapping[str, str] | None = None, user: str | None = None
    ) -> None:
        """Runs `argv` to completion. Raises LabError if it fails or takes more than a minute."""
        child = self.start(name, argv, env=env, user=user)
        wait_until(lambda: not child.alive(), f"the end of '{name}'", deadline=60)
        if child.returncode:
            raise LabError(f"'{name}' failed with status {child.returncode}; the end of {child.log}:\n{child.tail()}")

    def stop_all(self, timeout: float = 5.0) -> None:
        """Stops every child, the latest first, within about `timeout` seconds."""
        for child in reversed(self._children):
            child.send_stop_signal()
        end = time.monotonic() + timeout
        for child in self._children:
            child.finish(max(0.0, end - time.monotonic()))
        self._children.clear()


def _spawn(command: Sequence[str], log: Path, env: Mapping[str, str], cwd: Path | None) -> subprocess.Popen[bytes]:
    """Starts the child in its own session, so that Ctrl-C reaches only this program, which stops it in order."""
    with log.open("ab") as out:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=cwd,
            start_new_session=True,
        )


def _prefix(user: str | int | None) -> list[str]:
    """Returns a `setpriv` command that ends the child with this program and optionally changes its user.

    The user keeps the capability to read closed directories, because root's cache and temporary directories are closed.
    The secure bit keeps it in access(2) as well, with which initdb looks for its programs.
    """
    setpriv = _setpriv()
    if setpriv is None:
        if user is not None:
            raise LabError(f"'setpriv' (util-linux) is not on PATH: install it, or run as '{user}' instead of root")
        return []
    drop = []
    if user is not None:
        entry = _user(user)
        keep = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--securebits=+no_setuid_fixup"]
        drop = [f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups", *keep]
    return [setpriv, *drop, "--pdeathsig", "KILL", "--"]


@cache
def _setpriv() -> str | None:
    found = shutil.which("setpriv")
    if found is None:
        print(
            "lab: 'setpriv' (util-linux) is not on PATH; if this program is killed, its servers keep running",
            file=sys.stderr,
        )
    return found


def _user(user: str | int) -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(user) if isinstance(user, int) else pwd.getpwnam(user)
    except KeyError:
        raise LabError(f"there is no user '{user}' on this machine to run a server as") from None


def scaled(seconds: float) -> float:
    """Returns a deadline for this machine: `seconds` times `HARBOR_LAB_TIMEOUT_FACTOR` (default 1)."""
    return seconds * float(os.environ.get(TIMEOUT_FACTOR, "1"))


def wait_until(
    probe: Callable[[], T],
    what: str,
    *,
    deadline: float,
    process: Process | None = None,
    interval: float | None = None,
) -> T:
    """Polls until `probe` returns a true value, and returns that value.

    Without an `interval` each pause is a tenth of the time waited so far, within bounds: a short wait ends at once, and
    a long one takes little of the processor from what it waits for.
    An OSError of the probe means "not yet". Raises LabError after `deadline` seconds times `HARBOR_LAB_TIMEOUT_FACTOR`,
    or when `process` has ended; the message names the condition and shows the end of the log.
    """
    begin = time.monotonic()
    deadline = scaled(deadline)
    while True:
        cause: OSError | None = None
        try:
            seen = probe()
        except OSError as error:
            cause = error
            if isinstance(error, HTTPError):
                error.close()
        else:
            if seen:
                return seen
        if process is not None and not process.alive():
            raise _timeout_error(f"'{process.name}' ended ({process.returncode}) before: {what}", process) from cause
        waited = time.monotonic() - begin
        if waited > deadline:
            raise _timeout_error(f"waited {deadline:g} s without success for: {what}", process) from cause
        time.sleep(interval or min(max(MIN_POLL_SECONDS, waited / 10), MAX_POLL_SECONDS))


def _timeout_error(reason: str, process: Process | None) -> LabError:
    if process is None:
        return LabError(reason)
    return LabError(f"{reason}; the end of {process.log}:\n{process.tail()}")


def free_port(*, second: int = 0) -> int:
    """Returns an unused TCP port, which no other lab of this user gets while this program runs. Raises LabError.

    With `second`, the port at this distance is unused as well, and reserved.
    """
    with _ports_lock:
        for _ in range(1000):
            port = secrets.choice(PORTS)
            wanted = {port, port + second}
            if all(number in PORTS and _is_free(number) and _claim(number) for number in wanted):
                _used_ports.update(wanted)
                return port
    raise LabError(f"no free TCP port found on '{HOST}' between {PORTS.start} and {PORTS.stop}")


def _is_free(port: int) -> bool:
    return port not in _used_ports and all(_bindable(address, port) for address in (HOST, ""))


def _bindable(address: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def _claim(port: int) -> bool:
    """Whether this program now owns the port: it holds a lock of one byte, which the kernel releases at its end."""
    try:
        fcntl.lockf(_claims(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except (BlockingIOError, PermissionError):
        return False
    return True


@cache
def _claims() -> int:
    """Returns the file whose bytes are the ports; to close any handle of it would release every lock."""
    return os.open(lock_file("ports"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
