"""The kubeconfig of one Helm run: in memory, without a name, readable only through an open file descriptor.

Helm opens `--kubeconfig` several times during a run and never writes to it. A path below `/proc/self/fd` serves that:
each open of it starts at the beginning of the file, and only processes that inherit the descriptor have the path.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import tempfile
from pathlib import Path
from typing import IO

from pydantic import SecretStr

from harbor_operator.adapters.kube_connection import ClusterConnection

_NAME = "release"


def release_kubeconfig(connection: ClusterConnection, token: SecretStr, namespace: str) -> bytes:
    """Returns a kubeconfig that reaches the operator's own API server as the holder of `token`.

    No credential of the operator's connection is part of it. Raises OSError when the file with the certificate
    authorities cannot be read.
    """
    cluster: dict[str, str] = {"server": connection.server}
    if authorities := _authorities(connection):
        cluster["certificate-authority-data"] = base64.b64encode(authorities).decode()
    if connection.tls_server_name:
        cluster["tls-server-name"] = connection.tls_server_name
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": _NAME, "cluster": cluster}],
        "users": [{"name": _NAME, "user": {"token": token.get_secret_value()}}],
        "contexts": [{"name": _NAME, "context": {"cluster": _NAME, "user": _NAME, "namespace": namespace}}],
        "current-context": _NAME,
    }
    return json.dumps(content).encode()


def anonymous_file(content: bytes, fallback_directory: Path) -> IO[bytes]:
    """Returns an open file with the content that has no name in any directory; the caller closes it.

    The file is sealed memory. Where the kernel offers none, it is an unlinked file in `fallback_directory`, which only
    its owner can open.
    """
    try:
        descriptor = os.memfd_create(_NAME, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    except (AttributeError, OSError):
        fallback_directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        unlinked = tempfile.TemporaryFile(dir=fallback_directory)  # noqa: SIM115 - the caller closes it
        unlinked.write(content)
        unlinked.flush()
        return unlinked
    file = os.fdopen(descriptor, "w+b")
    file.write(content)
    file.flush()
    seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    return file


def inherited_path(file: IO[bytes]) -> str:
    """Returns the path by which a child process that inherits the file opens it."""
    return f"/proc/self/fd/{file.fileno()}"


def _authorities(connection: ClusterConnection) -> bytes:
    if connection.ca_data:
        return connection.ca_data.encode()
    return connection.ca_path.read_bytes() if connection.ca_path else b""
