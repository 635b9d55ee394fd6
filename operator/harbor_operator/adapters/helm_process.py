"""One process of Helm: its arguments, files, environment and limits.

Helm reads a whole index and a whole archive into memory, and a chart can make it render gigabytes. Each process gets a
limit of memory and of file sizes, so that a repository or a chart ends its own run, and not the container.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import resource
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from harbor_operator.adapters.process_output import read_tail

MAX_FILE_BYTES = 32 << 20
"""Of each file that Helm writes; the index of the Harbor project has less than one MiB."""

_OWN_STATUSES = frozenset({0, 1})
_KILLED_SECONDS = 5.0
"""A process that left the session of the child can keep its pipe open; it is not waited for."""
_GC_SHARE = 0.75
"""From this share of the limit on, Go's garbage collector works harder instead of taking more memory."""

# YAML refuses some of these characters, and the surrogate pairs by which JSON could escape those beyond.
_NOT_ASCII = re.compile("[\u007f-\uffff]")


@dataclass(frozen=True, slots=True)
class HelmCommand:
    """What one process of Helm gets; it writes below `home` only, and inherits `stdin` and `files`."""

    program: str
    home: Path
    arguments: tuple[str, ...]
    max_memory_mib: int
    files: tuple[IO[bytes], ...] = ()
    stdin: IO[bytes] | None = None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    shows_output: bool = False


async def start_helm(command: HelmCommand) -> asyncio.subprocess.Process:
    """Starts Helm in a session of its own; raises OSError.

    Its errors are readable from `stderr`, together with its output if `shows_output`.
    """
    homes = {f"HELM_{kind}_HOME": str(command.home / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
    child = await asyncio.create_subprocess_exec(
        command.program,
        *command.arguments,
        pass_fds=[file.fileno() for file in command.files],
        cwd=_empty_directory(command.home),
        stdin=command.stdin or asyncio.subprocess.DEVNULL,
        # The output of a run is the notes of the chart, which can contain secrets.
        stdout=asyncio.subprocess.PIPE if command.shows_output else asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.STDOUT if command.shows_output else asyncio.subprocess.PIPE,
        # Discovery is cached per host and port; a shared folder could hold that of another cluster.
        env={
            "PATH": os.defpath,
            "HOME": str(command.home),
            "KUBECACHEDIR": str(command.home / "kube"),
            "GOMEMLIMIT": f"{int(command.max_memory_mib * _GC_SHARE)}MiB",
            **command.environment,
            **homes,
        },
        start_new_session=True,  # a signal for the operator must not reach Helm directly
    )
    _limit(child.pid, command.max_memory_mib << 20)
    return child


async def read_output(child: asyncio.subprocess.Process) -> tuple[bytes, bool]:
    """Returns the end of the child's output, and whether it is cut, once the child has ended."""
    stream = child.stderr or child.stdout
    tail = await read_tail(stream) if stream else (b"", False)
    await child.wait()
    return tail


def signal_helm(child: asyncio.subprocess.Process | None, number: signal.Signals) -> None:
    """Sends the signal to the child and its own children, if it still runs."""
    if child is not None and child.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, number)


async def kill_helm(child: asyncio.subprocess.Process | None) -> None:
    """Kills the child and its own children, if it still runs, and waits until it has ended and its pipe is closed."""
    signal_helm(child, signal.SIGKILL)
    if child is not None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(read_output(child), _KILLED_SECONDS)


def describe_crash(returncode: int | None, max_memory_mib: int) -> str:
    """Returns why Helm crashed, or an empty text if it ended by itself; its output is then a dump of its stacks.

    Helm ends with 0 or 1. The runtime of Go ends with 2 or by a signal when it gets no memory.
    """
    if returncode in _OWN_STATUSES:
        return ""
    return (
        f"it crashed (status {returncode}), as it does when it needs more than its limit of {max_memory_mib} MiB of"
        " memory: the index, the archive or the output of the chart is too large"
    )


def values_text(values: Any) -> str:
    """Returns the values as JSON that every YAML parser reads as the same strings and numbers.

    Not YAML: PyYAML writes `n`, `7e12` or `08` without quotes, which Helm's parser reads as booleans and numbers.
    """
    text = json.dumps(values, sort_keys=True, ensure_ascii=False)
    return _NOT_ASCII.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def _limit(pid: int, max_memory_bytes: int) -> None:
    # Not RLIMIT_AS: Go reserves a GiB of addresses that it never uses. One allocation can exceed RLIMIT_DATA, because
    # the kernel does not count what Go has reserved before; the next one then fails.
    limits = {resource.RLIMIT_DATA: max_memory_bytes, resource.RLIMIT_FSIZE: MAX_FILE_BYTES}
    for kind, value in limits.items():
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, kind, (value, value))


def _empty_directory(home: Path) -> Path:
    """Returns a directory without entries: Helm prefers an entry of its working directory to a chart of that name."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = home / "empty"
    path.mkdir(exist_ok=True, mode=0o500)
    return path
