"""Creates the images of a Harbor release under the names of the chart; nothing is pulled.

The registry is the real docker-registry. The portal and the proxy of `expose.type: clusterIP` are the real nginx. Both
use the configuration that the release mounts. The chart's internal database and cache are real PostgreSQL and Redis.
Core and registryctl are the stand-ins of `lab.harbor`. jobservice, Trivy and the exporter only answer the probes of the
chart. All images share the same layers, which are cached until their contents change.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from lab.cache import locked
from lab.chart import ResolvedChart
from lab.gotools import program
from lab.harbor.settings import VERSION_VARIABLE
from lab.node import rootfs
from lab.node.archive import Image, add_file, write_archive
from lab.node.programs import busybox
from lab.node.rootfs import SITE, requirements, write_python_layer
from lab.node.servers import servers_digest, write_servers_layer
from lab.process import LabError
from lab.progress import task

PROJECT_ROOT = Path(__file__).parents[2]
PACKAGES = (
    "aiohttp",
    "bcrypt",
    "cryptography",
    "psycopg",
    "psycopg-binary",
    "psycopg-pool",
    "pyjwt",
    "pyyaml",
    "redis",
)
SOURCES = ("lab/__init__.py", "lab/harbor/*.py", "lab/node/http_stub.py")
FILES = {
    "entry.sh": "app/entry.sh",
    "database.sh": "app/database.sh",
    "healthcheck.sh": "docker-healthcheck.sh",
    "index.html": "usr/share/nginx/html/index.html",
    "redis.conf": "etc/redis.conf",
}
"""Files of the folder `image`, and their paths in the images."""
HARBOR_USER, SERVER_USER = "10000", "999"
MAX_KEPT = 3
HTTP_STUB = ("/usr/bin/python3", "/app/lab/node/http_stub.py")
NGINX = ("/usr/sbin/nginx", "-e", "stderr", "-g", "daemon off;")
REDIS = ("/usr/bin/redis-server", "/etc/redis.conf")
COMMANDS = {
    "registry-photon": ("/usr/bin/docker-registry", "serve", "/etc/registry/config.yml"),
    "harbor-core": ("/usr/bin/python3", "-m", "lab.harbor", "--listen", "0.0.0.0:8080"),
    "harbor-portal": NGINX,
    "nginx-photon": NGINX,
    "harbor-jobservice": (*HTTP_STUB, "8080", "{}", "/api/v1/stats"),
    "harbor-registryctl": (
        *("/usr/bin/python3", "-m", "lab.harbor.registryctl", "0.0.0.0:8080"),
        *("/usr/bin/docker-registry", "/etc/registry/config.yml"),
    ),
    "harbor-exporter": (*HTTP_STUB, "8001", "", "/", "/metrics"),
    "trivy-adapter-photon": (*HTTP_STUB, "8080", "", "/probe/healthy", "/probe/ready"),
    "harbor-db": ("/usr/bin/sh", "/app/database.sh"),
    "redis-photon": REDIS,
    "valkey-photon": REDIS,
}
"""The commands of the images, by the last part of their names."""
SERVERS = {"harbor-db", "redis-photon", "valkey-photon"}
"""Images that the chart runs as a different user."""
PYTHON_IMAGE = "localhost/python:1"
"""An image with the same layers and plain Python, for pods of tests."""


def harbor_images(chart: ResolvedChart) -> Path:
    """Returns an archive with the images of this chart."""
    names = image_names(chart)
    sources = _sources()
    digest = _digest(names, sources)
    with locked("node-images") as root:
        folder = root / "images"
        archive = folder / f"harbor-{digest}.tar"
        if not archive.exists():
            with task("Creating the images of the release (once)"):
                folder.mkdir(exist_ok=True)
                _make(archive, names, sources)
        archive.touch()
        _remove_old(folder)
    return archive


def _make(archive: Path, names: dict[str, str], sources: dict[str, bytes]) -> None:
    app = _app_layer(archive.with_suffix(".app"), sources)
    layers = [*_machine_layers(archive.parent), app]
    env = {"PATH": "/usr/bin", "PYTHONPATH": f"/{SITE}:/app", "PYTHONDONTWRITEBYTECODE": "1"}
    images = {
        name: Image(layers, ["/usr/bin/sh", "/app/entry.sh", *COMMANDS[part]], env | _version(name), _user(part))
        for part, name in names.items()
    }
    images[PYTHON_IMAGE] = Image(layers, ["/usr/bin/python3"], env, HARBOR_USER)
    write_archive(archive, images)
    app.unlink()


def _version(name: str) -> dict[str, str]:
    """Returns the variable from which the stand-in for core knows which Harbor it stands for."""
    return {VERSION_VARIABLE: name.rpartition(":")[2]}


def _user(part: str) -> str:
    return SERVER_USER if part in SERVERS else HARBOR_USER


def _machine_layers(folder: Path) -> list[Path]:
    """Returns the slow layers; each is recreated only when its contents on this machine change."""
    python, servers = folder / f"python-{_packages_digest()}.layer", folder / f"servers-{servers_digest()}.layer"
    if not python.exists():
        write_python_layer(python.with_suffix(".partial"), PACKAGES, busybox()).replace(python)
    if not servers.exists():
        write_servers_layer(servers.with_suffix(".partial")).replace(servers)
    return [python, servers]


def _remove_old(folder: Path) -> None:
    """Keeps the most recently used files, because other checkouts share the cache."""
    for kind in ("harbor-*.tar", "python-*.layer", "servers-*.layer"):
        for old in sorted(folder.glob(kind), key=lambda path: path.stat().st_mtime)[:-MAX_KEPT]:
            old.unlink()


def _app_layer(path: Path, sources: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, content in sources.items():
            add_file(archive, name, content, 0o755 if name.endswith(".sh") else 0o644)
    return path


def image_names(chart: ResolvedChart) -> dict[str, str]:
    """Returns the full names of the supported images of a chart, by their last part."""
    argv = [str(program("helm")), "show", "values", chart.reference]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"`{' '.join(argv)}` ended with status {done.returncode}: {done.stderr.strip()}")
    names = {name.rpartition("/")[2].partition(":")[0]: name for name in _named(yaml.safe_load(done.stdout))}
    return {part: name for part, name in sorted(names.items()) if part in COMMANDS}


def _named(values: Any) -> Iterator[str]:
    """Yields every image in the values of a chart."""
    if isinstance(values, dict):
        if {"repository", "tag"} <= values.keys():
            yield f"{values['repository']}:{values['tag']}"
        for value in values.values():
            yield from _named(value)


def _sources() -> dict[str, bytes]:
    """Returns the files of this project in the images, by their path there."""
    code = {path for pattern in SOURCES for path in PROJECT_ROOT.glob(pattern)}
    found = {f"app/{path.relative_to(PROJECT_ROOT)}": path.read_bytes() for path in sorted(code)}
    folder = Path(__file__).with_name("image")
    return found | {place: (folder / name).read_bytes() for name, place in FILES.items()}


def _packages_digest() -> str:
    versions = {name: importlib.metadata.version(name) for name in requirements(PACKAGES)}
    interpreter, recipe = Path(sys.executable).resolve(), Path(rootfs.__file__).read_text()
    return hashlib.sha256(repr([sys.version, interpreter, versions, recipe]).encode()).hexdigest()[:12]


def _digest(names: dict[str, str], sources: dict[str, bytes]) -> str:
    parts = [_packages_digest(), servers_digest(), names, COMMANDS, sources]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]
