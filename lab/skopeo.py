"""Push, pull and delete with skopeo, verified by the digest of the manifest."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from typing import TYPE_CHECKING

from lab.debian import locate
from lab.process import LabError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

POLICY = {"default": [{"type": "insecureAcceptAnything"}]}
TIMEOUT_SECONDS = 300.0


class Skopeo:
    """skopeo with policy, credentials and caches in `directory`, independent of the user's.

    `enter` is the beginning of the command line, for another network.
    """

    def __init__(self, directory: Path, enter: Sequence[str] = ()) -> None:
        self._directory = directory
        self._enter = enter
        self._tool = locate("skopeo", ["skopeo"])
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "policy.json").write_text(json.dumps(POLICY))
        (directory / "no-credentials.json").write_text("{}")

    def copy_in(
        self, image_dir: Path, reference: str, *, authfile: Path | None = None, ca_dir: Path | None = None
    ) -> str:
        """Pushes the OCI layout `image_dir` as `reference` (`host:port/name:tag`), and returns the manifest's digest.

        `authfile` is a `.dockerconfigjson`; without `ca_dir` plain HTTP is allowed. Raises LabError.
        """
        digest_file = self._directory / "digest"
        tls = _tls("dest", ca_dir)
        self._copy(authfile, [*tls, f"--digestfile={digest_file}", f"oci:{image_dir}", f"docker://{reference}"])
        return digest_file.read_text().strip()

    def copy_out(
        self, reference: str, directory: Path, *, authfile: Path | None = None, ca_dir: Path | None = None
    ) -> str:
        """Pulls `reference` into `directory`, and returns the digest of the received manifest. Raises LabError."""
        self._copy(authfile, [*_tls("src", ca_dir), f"docker://{reference}", f"dir:{directory}"])
        return "sha256:" + hashlib.sha256((directory / "manifest.json").read_bytes()).hexdigest()

    def delete(self, reference: str, *, authfile: Path, ca_dir: Path | None = None) -> None:
        """Deletes the manifest that `reference` names. Raises LabError."""
        tls = ["--tls-verify=false"] if ca_dir is None else [f"--cert-dir={ca_dir}"]
        done = self._run("delete", authfile, [*tls, f"docker://{reference}"])
        if done.returncode:
            raise LabError(f"skopeo cannot delete {reference}:\n{done.stderr.strip()}")

    def inspect(self, reference: str, *, home: Path, authfile: Path | None = None) -> str:
        """Returns why a user with this home directory cannot read `reference`; empty if it can."""
        done = self._run("inspect", authfile, ["--no-tags", f"docker://{reference}"], HOME=str(home))
        return done.stderr if done.returncode else ""

    def _copy(self, authfile: Path | None, arguments: list[str]) -> None:
        done = self._run("copy", authfile, ["--quiet", *arguments])
        if done.returncode:
            raise LabError(f"skopeo cannot copy {' to '.join(arguments[-2:])}:\n{done.stderr.strip()}")

    def _run(
        self, verb: str, authfile: Path | None, arguments: list[str], **variables: str
    ) -> subprocess.CompletedProcess[str]:
        credentials = authfile or self._directory / "no-credentials.json"
        command = [*self._enter, str(self._tool.path), f"--policy={self._directory / 'policy.json'}", verb]
        return subprocess.run(
            [*command, f"--authfile={credentials}", *arguments],
            env={**os.environ, **self._tool.env, **self._private_directories(), **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_SECONDS,
        )

    def _private_directories(self) -> dict[str, str]:
        """Returns variables that keep the blob cache in the private directory, also for root.

        With a shared cache skopeo would skip blobs that an earlier registry on the same port had.
        """
        return {"XDG_DATA_HOME": str(self._directory), "_CONTAINERS_ROOTLESS_UID": "1000"}


def _tls(side: str, ca_dir: Path | None) -> list[str]:
    return [f"--{side}-tls-verify=false"] if ca_dir is None else [f"--{side}-cert-dir={ca_dir}"]
