"""Builds images from a Dockerfile with buildah, without an engine or a pull, with private settings and storage.

Steps run with `--isolation chroot`, which needs only root. Each command runs in a private mount namespace, so that no
mount remains after a killed build.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from lab.debian import locate
from lab.process import LabError

STORAGE = '[storage]\ndriver = "overlay"\ngraphroot = "{home}/storage"\nrunroot = "{home}/run"\n'
POLICY = {"default": [{"type": "insecureAcceptAnything"}]}
LOADER_CACHE = "/etc/ld.so.cache"
TIMEOUT_SECONDS = 900.0
MAX_SHOWN_LINES = 30


class Buildah:
    """buildah with its storage in `home`; a later instance reuses the layers there."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._tool = locate("buildah", ["buildah"])
        home.mkdir(parents=True, exist_ok=True)
        policy = home / "policy.json"
        policy.write_text(json.dumps(POLICY))
        self._signature_policy = f"--signature-policy={policy}"
        (home / "storage.conf").write_text(STORAGE.format(home=home))
        (home / "registries.conf").touch()
        self._loader_cache = self._make_loader_cache()

    def commit(
        self, name: str, env: Mapping[str, str], *, base: str = "scratch", root: Path | None = None, architecture: str
    ) -> None:
        """Creates an image from a base image, a root file system as a tar file, and environment variables."""
        container = self._buildah("from", "--pull-never", self._signature_policy, base)
        if root is not None:
            self._buildah("add", "--quiet", container, str(root), "/")
        variables = (f"--env={key}={value}" for key, value in env.items())
        self._buildah("config", *variables, f"--arch={architecture}", container)
        self._buildah("commit", "--quiet", "--rm", self._signature_policy, container, name)

    def build(self, arguments: Sequence[str], mounts: Mapping[Path, str], epoch: int = 0) -> None:
        """Runs `buildah build`; `mounts` (source to target) exist during its steps only.

        `epoch` is the time of the image and of its files, in seconds since 1970: the same input gives the same layers.
        """
        volumes = (f"--volume={source}:{target}" for source, target in mounts.items())
        options = ("--isolation=chroot", "--layers", "--pull-never", self._signature_policy, f"--timestamp={epoch}")
        self._buildah("build", *options, *volumes, *arguments)

    def save(self, name: str, archive: Path) -> Path:
        """Writes a named image to a docker archive; the file appears only when it is complete."""
        partial = archive.with_suffix(".partial")
        partial.unlink(missing_ok=True)
        target = f"docker-archive:{partial}:{name}"
        self._buildah("push", "--quiet", self._signature_policy, name, target)
        return partial.replace(archive)

    def count(self) -> int:
        """Returns the number of stored images, including unnamed ones."""
        return len(self._buildah("images", "--quiet").splitlines())

    def _make_loader_cache(self) -> Path | None:
        """Writes a loader cache for an unpacked buildah, which re-executes itself without its environment."""
        libraries = self._tool.env.get("LD_LIBRARY_PATH")
        if libraries is None:
            return None
        listing, cache = self._home / "ld.so.conf", self._home / "ld.so.cache"
        listing.write_text("\n".join([*libraries.split(os.pathsep), "include /etc/ld.so.conf", ""]))
        _run(["ldconfig", "-X", "-f", str(listing), "-C", str(cache)], dict(os.environ))
        return cache

    def _buildah(self, *arguments: str) -> str:
        command = ["unshare", "--mount", str(self._tool.path), *arguments]
        if self._loader_cache is not None:
            script = f'mount --bind "$0" {LOADER_CACHE} && exec "$@"'
            command[2:2] = ["sh", "-c", script, str(self._loader_cache)]
        return _run(command, self._environment()).strip()

    def _environment(self) -> dict[str, str]:
        """Returns an environment without the user's settings and credentials."""
        return {
            "PATH": f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin",
            "HOME": str(self._home),
            "TMPDIR": str(self._home),
            "CONTAINERS_CONF": os.devnull,
            "CONTAINERS_STORAGE_CONF": str(self._home / "storage.conf"),
            "CONTAINERS_REGISTRIES_CONF": str(self._home / "registries.conf"),
        }


def _run(command: list[str], env: Mapping[str, str]) -> str:
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=TIMEOUT_SECONDS)
    if done.returncode:
        lines = (done.stdout + done.stderr).splitlines()[-MAX_SHOWN_LINES:]
        raise LabError(f"`{' '.join(command)}` ended with status {done.returncode}:\n" + "\n".join(lines))
    return done.stdout
