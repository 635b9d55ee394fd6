"""The connection of a kubeconfig; loads the `kubernetes` package only when a kubeconfig is read.

The package costs tens of MiB. In a pod no kubeconfig is read, and the package must not be loaded.
"""

from __future__ import annotations

from pathlib import Path

from harbor_operator.adapters.kube_connection import ClusterConnection


def from_kubeconfig(path: Path, context: str = "") -> ClusterConnection:
    """Returns the connection of a kubeconfig's current (or the named) context; see `kubeconfig_reader`."""
    from harbor_operator.adapters.kubeconfig_reader import read_kubeconfig  # noqa: PLC0415

    return read_kubeconfig(path, context)
