"""The images of a Harbor release, made here under the names the chart gives them; nothing is pulled.

registry is the real docker-registry, which reads the configuration of the release as mounted; core is the stand-in of
`tests.lab.harbor`; portal, jobservice and registryctl answer the probes of the chart and do nothing else. All stand on
one layer, kept in the cache until anything in it changes.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import subprocess
import sys
import tarfile
from pathlib import Path

import yaml

from tests.lab.cache import locked
from tests.lab.chart import ResolvedChart
from tests.lab.debian import locate
from tests.lab.gotools import program
from tests.lab.node import rootfs
from tests.lab.node.archive import Image, add_file, write_archive
from tests.lab.node.programs import busybox
from tests.lab.node.rootfs import SITE, requirements, write_python_layer
from tests.lab.process import LabError
from tests.lab.progress import task

PROJECT_ROOT = Path(__file__).parents[3]
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
SOURCES = ("tests/__init__.py", "tests/lab/__init__.py", "tests/lab/harbor/*.py", "tests/lab/node/standin.py")
HARBOR_USER = "10000"
KEPT = 3
ENTRY = b"""#!/usr/bin/sh
# Harbor's own images add the certificates that are mounted here to those of the system when they start.
if [ -d /harbor_cust_cert ]; then
  /usr/bin/busybox cat /harbor_cust_cert/* > /tmp/ca-bundle.crt
  export SSL_CERT_FILE=/tmp/ca-bundle.crt
fi
exec "$@"
"""
STANDIN = ("/usr/bin/python3", "/app/tests/lab/node/standin.py", "8080")
COMMANDS = {
    "registry-photon": ("/usr/bin/docker-registry", "serve", "/etc/registry/config.yml"),
    "harbor-core": ("/usr/bin/python3", "-m", "tests.lab.harbor", "--listen", "0.0.0.0:8080"),
    "harbor-portal": (*STANDIN, "/", "Harbor's portal is not here: this is a lab.\n"),
    "harbor-jobservice": (*STANDIN, "/api/v1/stats", "{}\n"),
    "harbor-registryctl": (*STANDIN, "/api/health", "{}\n"),
}
"""What runs in the images, by the last part of their names."""
PYTHON_IMAGE = "localhost/python:1"
"""The layers of the others without a command of their own, for pods of tests."""


def harbor_images(chart: ResolvedChart) -> Path:
    """An archive with the images that this chart names."""
    names = _image_names(chart)
    sources = {str(path.relative_to(PROJECT_ROOT)): path.read_bytes() for path in _sources()}
    digest = _digest(names, sources)
    with locked("node-images") as root:
        folder = root / "images"
        archive = folder / f"harbor-{digest}.tar"
        if not archive.exists():
            with task("Making the images of the release (once)"):
                folder.mkdir(exist_ok=True)
                _make(archive, names, sources)
                _forget_old(folder)
    return archive


def _make(archive: Path, names: dict[str, str], sources: dict[str, bytes]) -> None:
    app = _app_layer(archive.with_suffix(".app"), sources)
    layers = [_python_layer(archive.parent), app]
    env = {"PATH": "/usr/bin", "PYTHONPATH": f"/{SITE}:/app", "PYTHONDONTWRITEBYTECODE": "1"}
    images = {
        name: Image(layers, ["/usr/bin/sh", "/app/entry.sh", *COMMANDS[part]], env, HARBOR_USER)
        for part, name in names.items()
    }
    images[PYTHON_IMAGE] = Image(layers, ["/usr/bin/python3"], env, HARBOR_USER)
    write_archive(archive, images)
    app.unlink()


def _python_layer(folder: Path) -> Path:
    """The costly layer, made anew only for another Python or other packages."""
    path = folder / f"python-{_packages_digest()}.layer"
    if not path.exists():
        programs = {"docker-registry": locate("docker-registry", ["docker-registry"]).path, "busybox": busybox()}
        write_python_layer(path.with_suffix(".partial"), PACKAGES, programs).replace(path)
    return path


def _forget_old(folder: Path) -> None:
    """Keep the newest few of each kind: other checkouts have theirs here too."""
    for kind in ("harbor-*.tar", "python-*.layer"):
        for old in sorted(folder.glob(kind), key=lambda path: path.stat().st_mtime)[:-KEPT]:
            old.unlink()


def _app_layer(path: Path, sources: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        add_file(archive, "app/entry.sh", ENTRY, 0o755)
        for name, content in sources.items():
            add_file(archive, f"app/{name}", content)
    return path


def _image_names(chart: ResolvedChart) -> dict[str, str]:
    """The full names, with the registry and the tag, by their last part."""
    argv = [str(program("helm")), "show", "values", chart.reference]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"`{' '.join(argv)}` ended with status {done.returncode}: {done.stderr.strip()}")
    values = yaml.safe_load(done.stdout)
    found = [
        values["core"],
        values["portal"],
        values["jobservice"],
        *map(values["registry"].get, ("registry", "controller")),
    ]
    names = [f"{one['image']['repository']}:{one['image']['tag']}" for one in found]
    return {name.rpartition("/")[2].partition(":")[0]: name for name in names}


def _sources() -> list[Path]:
    return sorted({path for pattern in SOURCES for path in PROJECT_ROOT.glob(pattern)})


def _packages_digest() -> str:
    versions = {name: importlib.metadata.version(name) for name in requirements(PACKAGES)}
    recipe = Path(rootfs.__file__).read_text()
    return hashlib.sha256(repr([sys.version, sys.executable, versions, recipe]).encode()).hexdigest()[:12]


def _digest(names: dict[str, str], sources: dict[str, bytes]) -> str:
    parts = [_packages_digest(), names, COMMANDS, ENTRY, sources]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]
