"""Release archives: verified against a pinned digest, bounded, and replaced by a build where they cannot be had."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from typing_extensions import override

from lab.downloads import UPSTREAMS, VARIABLE, Archive, DownloadError, Limits, Upstream, install, locate_archive
from lab.gotools import PROGRAMS
from lab.process import free_port
from tests.fakes.hostile import Attack, attacking

ROOT = Path(__file__).parents[3]
KUBERNETES = "k8s.io/kubernetes"
SYSTEMS = ("linux-amd64", "linux-arm64")


class ReleaseServer:
    """An HTTP server with a few files, which is a proxy too; `requests` are the addresses that were asked for."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.lengths: dict[str, int] = {}
        self.requests: list[str] = []
        releases = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                releases.requests.append(self.path)
                path = urlsplit(self.path).path
                body = releases.files.get(path)
                self.send_response(404 if body is None else 200)
                self.send_header("Content-Length", str(releases.lengths.get(path, len(body or b""))))
                self.end_headers()
                self.wfile.write(body or b"")

            @override
            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def releases() -> Iterator[ReleaseServer]:
    releases = ReleaseServer()
    with releases.server as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        yield releases
        server.shutdown()
        thread.join()


def archive_with(members: dict[str, str]) -> bytes:
    """Returns an archive in which each program, by member, is a script that prints its name."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, member in members.items():
            content = f"#!/bin/sh\necho {name}\n".encode()
            entry = tarfile.TarInfo(member)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def sha512(content: bytes) -> str:
    return f"sha512:{hashlib.sha512(content).hexdigest()}"


def served(releases: ReleaseServer, content: bytes = archive_with({"etcd": "etcd"}), digest: str = "") -> Archive:
    """Serves this content and returns its archive, by default with the right digest."""
    releases.files["/archive.tar.gz"] = content
    return Archive(f"{releases.url}/archive.tar.gz", digest or sha512(content), {"etcd": "etcd"})


@pytest.mark.parametrize(
    "upstream", UPSTREAMS.values(), ids=[upstream.mirror_folder for upstream in UPSTREAMS.values()]
)
@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_the_programs_of_a_release_are_installed(
    tmp_path: Path, releases: ReleaseServer, upstream: Upstream, algorithm: str
) -> None:
    planned = locate_archive(upstream, "1.2.3", SYSTEMS[0], f"{releases.url}/{upstream.mirror_folder}", "")
    content = archive_with(planned.members)
    releases.files[urlsplit(planned.url).path] = content
    install(
        "it",
        Archive(planned.url, f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}", planned.members),
        tmp_path,
    )
    for name in upstream.programs:
        assert subprocess.run([tmp_path / name], capture_output=True, text=True, check=True).stdout == f"{name}\n"
    assert {path.name for path in tmp_path.iterdir()} == set(upstream.programs)


def refused(archive: Archive, home: Path, limits: Limits | None = None) -> str:
    """Returns why the archive is refused; nothing is left of it."""
    with pytest.raises(DownloadError) as error:
        install("it", archive, home, limits or Limits())
    assert list(home.iterdir()) == []
    return str(error.value)


def test_another_digest_is_refused(tmp_path: Path, releases: ReleaseServer) -> None:
    message = refused(served(releases, digest=sha512(b"something else")), tmp_path)
    assert f"pinned is {hashlib.sha512(b'something else').hexdigest()}" in message


def test_a_truncated_archive_is_refused(tmp_path: Path, releases: ReleaseServer) -> None:
    archive = served(releases)
    size = len(releases.files["/archive.tar.gz"])
    releases.lengths["/archive.tar.gz"] = size + 1
    assert f"the connection ended after {size} of {size + 1} bytes" in refused(archive, tmp_path)


def test_an_absent_archive_is_refused(tmp_path: Path, releases: ReleaseServer) -> None:
    archive = served(releases)
    releases.files.clear()
    assert "HTTP Error 404" in refused(archive, tmp_path)


def test_a_host_that_refuses_the_connection_is_named(tmp_path: Path) -> None:
    archive = Archive(f"http://127.0.0.1:{free_port()}/archive.tar.gz", sha512(b""), {"etcd": "etcd"})
    assert "Connection refused" in refused(archive, tmp_path)


def test_an_archive_without_a_program_is_refused(tmp_path: Path, releases: ReleaseServer) -> None:
    assert "etcd" in refused(served(releases, archive_with({"other": "other"})), tmp_path)


def test_what_is_no_archive_is_refused(tmp_path: Path, releases: ReleaseServer) -> None:
    refused(served(releases, b"<html>maintenance</html>"), tmp_path)


def test_an_archive_that_says_it_is_too_large_is_refused(tmp_path: Path, releases: ReleaseServer) -> None:
    assert "more than 10 bytes" in refused(served(releases), tmp_path, Limits(max_bytes=10))


async def silence() -> AsyncIterator[bytes]:
    await asyncio.Event().wait()
    yield b""


@pytest.mark.parametrize(
    ("answer", "limits", "reason"),
    [
        (Attack.ENDLESS_BODY.answer, Limits(max_bytes=1 << 20), f"it has more than {1 << 20} bytes"),
        (Attack.SLOW_BODY.answer, Limits(total_seconds=0.2), "it is not complete after 0.2 seconds"),
        (silence, Limits(silent_seconds=0.2), "timed out"),
    ],
    ids=["endless", "slow", "silent"],
)
async def test_a_download_is_bounded(
    tmp_path: Path, answer: Callable[[], AsyncIterator[bytes]], limits: Limits, reason: str
) -> None:
    async with attacking(answer) as server:
        archive = Archive(f"{server.url}/archive.tar.gz", sha512(b""), {"etcd": "etcd"})
        assert reason in await asyncio.to_thread(refused, archive, tmp_path, limits)


class Checkout:
    """A copy of the lab with its own pins, an empty cache, and neither Go nor programs on PATH."""

    def __init__(self, path: Path) -> None:
        self._path = path
        shutil.copytree(ROOT / "lab", path / "lab", ignore=shutil.ignore_patterns("__pycache__"))

    def pin(self, release: str, version: str, digest: str) -> None:
        entries = "\n".join(f'{system} = "{digest}"' for system in SYSTEMS)
        (self._path / "lab/tools/downloads.toml").write_text(f'["{release}"."{version}"]\n{entries}\n')

    def program(self, name: str, **env: str) -> subprocess.CompletedProcess[str]:
        clean = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
        cache = {"HARBOR_LAB_CACHE": str(self._path / "cache"), "PATH": "/nowhere", "KUBEBUILDER_ASSETS": ""}
        return subprocess.run(
            [sys.executable, "-c", f"from lab.gotools import program; print(program({name!r}))"],
            cwd=self._path,
            env={**clean, **cache, **env},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def serve_release(releases: ReleaseServer, base: str, version: str) -> bytes:
    """Serves the same archive as the Kubernetes release of both architectures, and returns it."""
    archives = [locate_archive(UPSTREAMS[KUBERNETES], version, system, base, "") for system in SYSTEMS]
    content = archive_with(archives[0].members)
    releases.files.update({urlsplit(archive.url).path: content for archive in archives})
    return content


def test_a_missing_program_is_downloaded_once(checkout: Checkout, releases: ReleaseServer) -> None:
    version = PROGRAMS["kubectl"].version
    content = serve_release(releases, f"{releases.url}/kubernetes", version)
    checkout.pin(KUBERNETES, version, sha512(content))
    for name in ("kubectl", "kube-apiserver"):
        done = checkout.program(name, **{VARIABLE: f"{releases.url}/"})
        assert subprocess.run([done.stdout.strip()], capture_output=True, text=True, check=True).stdout == f"{name}\n"
    assert len(releases.requests) == 1


def test_a_proxy_is_used(checkout: Checkout, releases: ReleaseServer) -> None:
    version = PROGRAMS["kubectl"].version
    content = serve_release(releases, "http://mirror.invalid/kubernetes", version)
    checkout.pin(KUBERNETES, version, sha512(content))
    done = checkout.program("kubectl", http_proxy=releases.url, **{VARIABLE: "http://mirror.invalid"})
    assert done.stdout.strip().endswith("/kubectl")
    assert releases.requests[0].startswith("http://mirror.invalid/kubernetes/v")


def test_a_release_that_cannot_be_downloaded_is_built(checkout: Checkout, releases: ReleaseServer) -> None:
    done = checkout.program("kubectl", **{VARIABLE: releases.url})
    assert f"building kubernetes {PROGRAMS['kubectl'].version}, because its release cannot be downloaded" in done.stderr
    assert "HTTP Error 404" in done.stderr
    assert "there is no Go to build it" in done.stderr


@pytest.mark.parametrize("variables", [{VARIABLE: "off"}, {}])
def test_downloads_can_be_turned_off_or_have_no_digest(
    checkout: Checkout, releases: ReleaseServer, variables: dict[str, str]
) -> None:
    if not variables:
        checkout.pin(KUBERNETES, "0.0.1", sha512(b""))
    done = checkout.program("kubectl", http_proxy=releases.url, https_proxy=releases.url, **variables)
    assert releases.requests == []
    assert "there is no Go to build it" in done.stderr


def test_an_invalid_address_is_named(checkout: Checkout) -> None:
    done = checkout.program("kubectl", **{VARIABLE: "file:///srv"})
    assert f"`{VARIABLE}` is 'file:///srv'" in done.stderr


def test_the_pinned_kubernetes_has_a_digest_for_both_architectures() -> None:
    pins = (ROOT / "lab/tools/downloads.toml").read_text()
    assert f'["{KUBERNETES}"."{PROGRAMS["kubectl"].version}"]\nlinux-amd64 = "sha512:' in pins
