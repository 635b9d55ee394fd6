"""Files without a name in any directory, which a child process inherits: values and kubeconfig of a Helm run.

Not a pipe: if the operator died while writing, Helm would install with half of the values. Not a file with a name: it
would outlive the operator.

Helm opens its kubeconfig several times during a run and never writes to it. A path below `/proc/self/fd` serves that:
each open of it starts at the beginning of the file, and only processes that inherit the descriptor have the path.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from pathlib import Path
from typing import IO


def anonymous_file(name: str, content: bytes, fallback_directory: Path) -> IO[bytes]:
    """Returns an open file with the content, at its beginning; the caller closes it.

    The file is sealed memory, and `name` only labels it in `/proc`. Where the kernel offers none, it is an unlinked
    file in `fallback_directory`, which only its owner can open.
    """
    try:
        descriptor = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    except (AttributeError, OSError):
        fallback_directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        unlinked = tempfile.TemporaryFile(dir=fallback_directory)  # noqa: SIM115 - the caller closes it
        unlinked.write(content)
        unlinked.seek(0)
        return unlinked
    file = os.fdopen(descriptor, "w+b")
    file.write(content)
    file.seek(0)
    seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    return file


def inherited_path(file: IO[bytes]) -> str:
    """Returns the path by which a child process that inherits the file opens it."""
    return f"/proc/self/fd/{file.fileno()}"
