"""The images of a Harbor release, made here under the names the chart gives them; nothing is pulled.

The registry is the real docker-registry, the portal and the front of `expose.type: clusterIP` are the real nginx, each
with the configuration of the release as mounted; the chart's own database and cache are the real PostgreSQL and Redis.
Core is the stand-in of `lab.harbor`; jobservice, registryctl, Trivy and the exporter answer the probes of the
chart and do nothing else. All stand on the same layers, kept in the cache until anything in them changes.
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
SOURCES = ("tests/__init__.py", "lab/__init__.py", "lab/harbor/*.py", "lab/node/standin.py")
FILES = {
    "entry.sh": "app/entry.sh",
    "database.sh": "app/database.sh",
    "healthcheck.sh": "docker-healthcheck.sh",
    "index.html": "usr/share/nginx/html/index.html",
    "redis.conf": "etc/redis.conf",
}
"""Files of the folder `image`, and where the images have them."""
HARBOR_USER, SERVER_USER = "10000", "999"
KEPT = 3
STANDIN = ("/usr/bin/python3", "/app/lab/node/standin.py")
NGINX = ("/usr/sbin/nginx", "-e", "stderr", "-g", "daemon off;")
REDIS = ("/usr/bin/redis-server", "/etc/redis.conf")
COMMANDS = {
    "registry-photon": ("/usr/bin/docker-registry", "serve", "/etc/registry/config.yml"),
    "harbor-core": ("/usr/bin/python3", "-m", "lab.harbor", "--listen", "0.0.0.0:8080"),
    "harbor-portal": NGINX,
    "nginx-photon": NGINX,
    "harbor-jobservice": (*STANDIN, "8080", "{}", "/api/v1/stats"),
    "harbor-registryctl": (*STANDIN, "8080", "{}", "/api/health"),
    "harbor-exporter": (*STANDIN, "8001", "", "/", "/metrics"),
    "trivy-adapter-photon": (*STANDIN, "8080", "", "/probe/healthy", "/probe/ready"),
    "harbor-db": ("/usr/bin/sh", "/app/database.sh"),
    "redis-photon": REDIS,
    "valkey-photon": REDIS,
}
"""What runs in the images, by the last part of their names."""
SERVERS = {"harbor-db", "redis-photon", "valkey-photon"}
"""Those that the chart runs as a user of their own."""
PYTHON_IMAGE = "localhost/python:1"
"""The layers of the others without a command of their own, for pods of tests."""


def harbor_images(chart: ResolvedChart) -> Path:
    """An archive with the images that this chart names."""
    names = image_names(chart)
    sources = _sources()
    digest = _digest(names, sources)
    with locked("node-images") as root:
        folder = root / "images"
        archive = folder / f"harbor-{digest}.tar"
        if not archive.exists():
            with task("Making the images of the release (once)"):
                folder.mkdir(exist_ok=True)
                _make(archive, names, sources)
        archive.touch()
        _forget_old(folder)
    return archive


def _make(archive: Path, names: dict[str, str], sources: dict[str, bytes]) -> None:
    app = _app_layer(archive.with_suffix(".app"), sources)
    layers = [*_machine_layers(archive.parent), app]
    env = {"PATH": "/usr/bin", "PYTHONPATH": f"/{SITE}:/app", "PYTHONDONTWRITEBYTECODE": "1"}
    images = {
        name: Image(layers, ["/usr/bin/sh", "/app/entry.sh", *COMMANDS[part]], env, _user(part))
        for part, name in names.items()
    }
    images[PYTHON_IMAGE] = Image(layers, ["/usr/bin/python3"], env, HARBOR_USER)
    write_archive(archive, images)
    app.unlink()


def _user(part: str) -> str:
    return SERVER_USER if part in SERVERS else HARBOR_USER


def _machine_layers(folder: Path) -> list[Path]:
    """The costly layers, each made anew only when that changes of the machine which is in it."""
    python, servers = folder / f"python-{_packages_digest()}.layer", folder / f"servers-{servers_digest()}.layer"
    if not python.exists():
        write_python_layer(python.with_suffix(".partial"), PACKAGES, busybox()).replace(python)
    if not servers.exists():
        write_servers_layer(servers.with_suffix(".partial")).replace(servers)
    return [python, servers]


def _forget_old(folder: Path) -> None:
    """Keep what was used last: other checkouts have theirs here too."""
    for kind in ("harbor-*.tar", "python-*.layer", "servers-*.layer"):
        for old in sorted(folder.glob(kind), key=lambda path: path.stat().st_mtime)[:-KEPT]:
            old.unlink()


def _app_layer(path: Path, sources: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, content in sources.items():
            add_file(archive, name, content, 0o755 if name.endswith(".sh") else 0o644)
    return path


def image_names(chart: ResolvedChart) -> dict[str, str]:
    """The full names of what we can make, with the registry and the tag, by their last part."""
    argv = [str(program("helm")), "show", "values", chart.reference]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"`{' '.join(argv)}` ended with status {done.returncode}: {done.stderr.strip()}")
    names = {name.rpartition("/")[2].partition(":")[0]: name for name in _named(yaml.safe_load(done.stdout))}
    return {part: name for part, name in sorted(names.items()) if part in COMMANDS}


def _named(values: Any) -> Iterator[str]:
    """Every image in the values of a chart, wherever it is."""
    if isinstance(values, dict):
        if {"repository", "tag"} <= values.keys():
            yield f"{values['repository']}:{values['tag']}"
        for value in values.values():
            yield from _named(value)


def _sources() -> dict[str, bytes]:
    """Everything of this project that the images hold, by its name there."""
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
