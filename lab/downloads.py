"""Release archives of the projects themselves, whose programs the lab need not build.

`tools/downloads.toml` pins the digest of each archive. `HARBOR_LAB_DOWNLOADS` is the address of a mirror, or `off`; a
mirror has the folders `kubernetes`, `etcd` and `helm` with the paths of the projects' own hosts. The usual variables
(`https_proxy`, `no_proxy`) name a proxy. What cannot be downloaded is built instead.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import sys
import tarfile
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from http.client import HTTPException, HTTPResponse
from pathlib import Path

from lab.process import LabError
from lab.progress import Task, task

PINS = Path(__file__).parent / "tools" / "downloads.toml"
VARIABLE = "HARBOR_LAB_DOWNLOADS"
OFF = "off"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
CHUNK_BYTES = 1 << 18
EXECUTABLE = 0o755


@dataclass(frozen=True)
class Upstream:
    """Where a project has its releases, and which programs the lab takes from an archive."""

    host: str
    mirror_folder: str
    path: str
    member: str
    programs: tuple[str, ...]


UPSTREAMS = {
    "k8s.io/kubernetes": Upstream(
        "https://dl.k8s.io",
        "kubernetes",
        "v{version}/kubernetes-server-{platform}.tar.gz",
        "kubernetes/server/bin/{name}",
        ("kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubectl", "kubelet"),
    ),
    "go.etcd.io/etcd/server/v3": Upstream(
        "https://github.com/etcd-io/etcd/releases/download",
        "etcd",
        "v{version}/etcd-v{version}-{platform}.tar.gz",
        "etcd-v{version}-{platform}/{name}",
        ("etcd",),
    ),
    "helm.sh/helm/v4": Upstream(
        "https://get.helm.sh", "helm", "helm-v{version}-{platform}.tar.gz", "{platform}/{name}", ("helm",)
    ),
}
"""By the Go module of the release."""


@dataclass(frozen=True)
class Limits:
    """What one download may take; to build takes about as long as `total_seconds`."""

    silent_seconds: float = 20.0
    total_seconds: float = 900.0
    max_bytes: int = 1 << 30


@dataclass(frozen=True)
class Archive:
    """One archive: its address, its digest as `ALGORITHM:HEX`, and its members by program."""

    url: str
    digest: str
    members: dict[str, str]


class DownloadError(Exception):
    """An archive that cannot be used; the message has its address and the reason."""


def find_archive(release: str, version: str) -> Archive | None:
    """Returns the archive of this version of a Go module, or None if it has no digest or downloads are off.

    Raises LabError for an invalid address in the environment.
    """
    system = f"{sys.platform}-{ARCHITECTURES.get(platform.machine(), platform.machine())}"
    digest = _pins().get(release, {}).get(version, {}).get(system)
    upstream = UPSTREAMS.get(release)
    mirror = _mirror_address()
    if digest is None or upstream is None or mirror == OFF:
        return None
    base = f"{mirror}/{upstream.mirror_folder}" if mirror else upstream.host
    return locate_archive(upstream, version, system, base, digest)


def locate_archive(upstream: Upstream, version: str, system: str, base: str, digest: str) -> Archive:
    """Returns the archive of this version for a system such as `linux-amd64`, below the address `base`."""
    values = {"version": version, "platform": system}
    members = {name: upstream.member.format(name=name, **values) for name in upstream.programs}
    return Archive(f"{base}/{upstream.path.format(**values)}", digest, members)


def install(title: str, archive: Archive, home: Path, limits: Limits = Limits()) -> None:
    """Downloads the archive, verifies it, and moves its programs to `home`. A failure leaves nothing there.

    Raises DownloadError.
    """
    partial = home / ".download"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        with task(f"Downloading {title}") as shown:
            _fetch(archive, partial / "archive", limits, shown)
            shown.update("unpacking")
            _unpack(partial / "archive", archive.members, partial)
        for name in archive.members:
            (partial / name).replace(home / name)
    except (OSError, HTTPException, tarfile.TarError, KeyError) as error:
        raise DownloadError(f"'{archive.url}': {error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _fetch(archive: Archive, target: Path, limits: Limits, shown: Task) -> None:
    algorithm, _, wanted = archive.digest.partition(":")
    digest = hashlib.new(algorithm)
    with _open(archive.url, limits.silent_seconds) as answer, target.open("wb") as file:
        for chunk in _chunks(answer, limits, shown):
            digest.update(chunk)
            file.write(chunk)
    if digest.hexdigest() != wanted:
        raise DownloadError(f"'{archive.url}' has the {algorithm} digest {digest.hexdigest()}, pinned is {wanted}")


def _open(url: str, timeout: float) -> HTTPResponse:
    try:
        return urllib.request.urlopen(url, timeout=timeout)  # type: ignore[no-any-return]  # noqa: S310 - see _mirror_address
    except urllib.error.HTTPError as error:
        error.close()
        raise


def _chunks(answer: HTTPResponse, limits: Limits, shown: Task) -> Iterator[bytes]:
    """Yields the body. Raises OSError if it is incomplete or exceeds a limit."""
    size = int(answer.headers["Content-Length"] or 0)
    end, done = time.monotonic() + limits.total_seconds, 0
    while chunk := answer.read1(CHUNK_BYTES):
        done += len(chunk)
        if max(size, done) > limits.max_bytes:
            raise OSError(f"it has more than {limits.max_bytes} bytes")
        if time.monotonic() > end:
            raise OSError(f"it is not complete after {limits.total_seconds:g} seconds")
        yield chunk
        shown.advance(f"{done >> 20} MiB", done, size)
    if done < size:
        raise OSError(f"the connection ended after {done} of {size} bytes")


def _unpack(file: Path, members: dict[str, str], folder: Path) -> None:
    """Extracts the programs. Raises KeyError if one is missing."""
    with tarfile.open(file) as archive:
        for name, member in members.items():
            source = archive.extractfile(member)
            if source is None:
                raise KeyError(f"'{member}' is no file")
            with (folder / name).open("wb") as target:
                shutil.copyfileobj(source, target)
            (folder / name).chmod(EXECUTABLE)


@cache
def _pins() -> dict[str, dict[str, dict[str, str]]]:
    """Returns the digests by Go module, version and system."""
    return tomllib.loads(PINS.read_text())


def _mirror_address() -> str:
    """Returns the address of the mirror without a slash at its end, `off`, or an empty string."""
    value = os.environ.get(VARIABLE, "").rstrip("/")
    if value and value != OFF and not value.startswith(("http://", "https://")):
        raise LabError(f"`{VARIABLE}` is '{value}'; allowed are '{OFF}' and an address that begins with http or https")
    return value
