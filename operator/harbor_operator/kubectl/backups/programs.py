"""The person's own programs: how they are found, run with a limit of time, and what their failure says."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence

from harbor_operator.kubectl.errors import CommandError


class ProgramFailed(Exception):  # noqa: N818 - named for what happened
    """A program ended with an error; the message is its own."""


def find_program(name: str) -> str:
    """Returns the path of a program. Raises CommandError if it is not installed."""
    found = shutil.which(name)
    if found is None:
        raise CommandError(f"there is no `{name}` on PATH: install it")
    return found


def run_program(argv: Sequence[str], timeout_seconds: float, content: bytes = b"") -> bytes:
    """Runs a program with this standard input, and returns its output. Raises ProgramFailed."""
    try:
        done = subprocess.run(  # noqa: S603 - programs of this package with checked arguments
            argv, input=content, capture_output=True, check=False, timeout=timeout_seconds
        )
    except subprocess.TimeoutExpired:
        raise ProgramFailed(f"it took longer than {timeout_seconds:g} s") from None
    if done.returncode:
        raise ProgramFailed(" ".join(done.stderr.decode(errors="replace").split()))
    return done.stdout
