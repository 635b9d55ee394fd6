"""The kubeconfig files of the lab."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from pathlib import Path


def read(path: Path) -> tuple[str, str, str]:
    """URL, certificate authority and token of a kubeconfig that `write` has written."""
    content = yaml.safe_load(path.read_text())
    cluster, user = content["clusters"][0]["cluster"], content["users"][0]["user"]
    return cluster["server"], base64.b64decode(cluster["certificate-authority-data"]).decode(), user["token"]


def write(path: Path, url: str, ca_path: Path, token: str) -> None:
    """Write a kubeconfig, readable by its owner only, that reaches `url` with `token`."""
    authority = base64.b64encode(ca_path.read_bytes()).decode()
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "lab", "cluster": {"server": url, "certificate-authority-data": authority}}],
        "users": [{"name": "lab", "user": {"token": token}}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "lab"}}],
        "current-context": "lab",
    }
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(content))
