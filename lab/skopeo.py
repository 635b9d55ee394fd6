"""Push and pull with skopeo, each proven by the digest of the manifest."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from typing import TYPE_CHECKING

from lab.debian import locate
from lab.process import LabError

if TYPE_CHECKING:
    from pathlib import Path

POLICY = {"default": [{"type": "insecureAcceptAnything"}]}
DEADLINE = 300.0


class Skopeo:
    """skopeo with its own policy, credentials and caches in `directory`, so that it never looks at the user's."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._tool = locate("skopeo", ["skopeo"])
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "policy.json").write_text(json.dumps(POLICY))
        (directory / "no-credentials.json").write_text("{}")

    def copy_in(
        self, image_dir: Path, reference: str, *, authfile: Path | None = None, ca_dir: Path | None = None
    ) -> str:
        """Push the OCI layout `image_dir` as `reference` (`host:port/name:tag`) and give the manifest's digest.

        `authfile` is a `.dockerconfigjson`; without `ca_dir` the registry may speak plain HTTP.
        """
        digest_file = self._directory / "digest"
        tls = _tls("dest", ca_dir)
        self._copy(authfile, [*tls, f"--digestfile={digest_file}", f"oci:{image_dir}", f"docker://{reference}"])
        return digest_file.read_text().strip()

    def copy_out(
        self, reference: str, directory: Path, *, authfile: Path | None = None, ca_dir: Path | None = None
    ) -> str:
        """Pull `reference` into `directory` and give the digest of the manifest that arrived."""
        self._copy(authfile, [*_tls("src", ca_dir), f"docker://{reference}", f"dir:{directory}"])
        return "sha256:" + hashlib.sha256((directory / "manifest.json").read_bytes()).hexdigest()

    def _copy(self, authfile: Path | None, arguments: list[str]) -> None:
        credentials = authfile or self._directory / "no-credentials.json"
        command = [str(self._tool.path), f"--policy={self._directory / 'policy.json'}", "copy", "--quiet"]
        done = subprocess.run(
            [*command, f"--authfile={credentials}", *arguments],
            env={**os.environ, **self._tool.env, **self._private_places()},
            capture_output=True,
            text=True,
            check=False,
            timeout=DEADLINE,
        )
        if done.returncode:
            raise LabError(f"skopeo cannot copy {' to '.join(arguments[-2:])}:\n{done.stderr.strip()}")

    def _private_places(self) -> dict[str, str]:
        """Variables that keep its cache of known blobs in our directory, for root as well.

        A shared cache would let it skip blobs that an earlier registry on the same port had.
        """
        return {"XDG_DATA_HOME": str(self._directory), "_CONTAINERS_ROOTLESS_UID": "1000"}


def _tls(side: str, ca_dir: Path | None) -> list[str]:
    return [f"--{side}-tls-verify=false"] if ca_dir is None else [f"--{side}-cert-dir={ca_dir}"]
