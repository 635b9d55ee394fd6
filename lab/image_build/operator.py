"""The operator's image as an archive in the lab's cache."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from lab.cache import locked
from lab.image_build import bases
from lab.image_build.bases import Bases
from lab.image_build.buildah import Buildah
from lab.node import programs
from lab.progress import Task, task

PROJECT_ROOT = Path(__file__).parents[2]
DOCKERFILE = PROJECT_ROOT / "Dockerfile"
LOCK = PROJECT_ROOT / "requirements.lock"
SOURCES = PROJECT_ROOT / "operator"
PINS = PROJECT_ROOT / "build/helm"
NEEDED = {"go": "Go", "apt-get": "apt", "dpkg-deb": "dpkg", "perl": "perl"}
DEBIAN_KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
MAX_KEPT = 2
MAX_IMAGES = 60
"""Each change of the sources leaves two images of a few megabytes; beyond this number the storage is recreated."""


def missing_requirement() -> str:
    """Returns why the image cannot be built and run on this machine, or an empty string."""
    if reason := programs.missing_requirement():
        return reason
    missing = [package for program, package in NEEDED.items() if shutil.which(program) is None]
    if missing:
        return f"the operator's image needs {missing[0]}"
    return "" if DEBIAN_KEYS.exists() else "the base of the operator's image needs debian-archive-keyring"


def operator_image(name: str) -> Path:
    """Returns a docker archive with the image of this checkout under `name`."""
    with locked("operator-image") as root:
        folder = root / "operator-image"
        folder.mkdir(exist_ok=True)
        slow = _digest(bases.go_version(), DOCKERFILE, PROJECT_ROOT / ".dockerignore", LOCK, *sorted(PINS.iterdir()))
        home = folder / f"buildah-{slow}"
        archive = folder / f"operator-{_digest(slow, name, *_sources())}.tar"
        if not archive.exists():
            with task("Building the operator's image") as shown:
                _build(folder, home, name, shown)
                Buildah(home).save(name, archive)
        for used in (home, archive):
            os.utime(used)
        _remove_old(folder)
    return archive


def _build(folder: Path, home: Path, name: str, shown: Task) -> None:
    """Builds in the storage of `home`, after adding the base images to a new one."""
    wanted = Bases.read(DOCKERFILE.read_text())
    if home.exists() and Buildah(home).count() > MAX_IMAGES:
        shutil.rmtree(home)
    shown.update("fetching Python packages")
    wheels = bases.wheels(folder, LOCK.read_text(), wanted.python_version)
    if not home.exists():
        shown.update(f"creating a Debian '{wanted.suite}' with Python")
        _fill(home, wanted, bases.debian_root(folder, wanted.suite))
    mounts = bases.go_mounts()
    mounts[wheels] = "/wheels:ro"
    mounts[bases.pip_configuration(home / "pip.conf")] = "/etc/pip.conf:ro"
    shown.update("building the Dockerfile")
    Buildah(home).build(PROJECT_ROOT, name, mounts)


def _fill(home: Path, wanted: Bases, debian: Path) -> None:
    """Creates a storage with the base images; it appears only when it is complete."""
    partial = home.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    buildah = Buildah(partial)
    buildah.commit(wanted.python, bases.PYTHON_ENV, root=debian)
    buildah.commit(wanted.go, bases.GO_ENV, base=wanted.python)
    partial.rename(home)


def _sources() -> list[Path]:
    return sorted(path for path in SOURCES.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def _digest(*parts: str | Path) -> str:
    """Returns a digest of texts, and of files with their paths."""
    contents = [
        (str(part.relative_to(PROJECT_ROOT)), part.read_bytes()) if isinstance(part, Path) else part for part in parts
    ]
    return hashlib.sha256(repr(contents).encode()).hexdigest()[:12]


def _remove_old(folder: Path) -> None:
    """Keeps the newest few of each kind, because other checkouts share the cache."""
    for kind in ("buildah-*", "debian-*.tar", "operator-*.tar", "wheels-*"):
        for old in sorted(folder.glob(kind), key=lambda path: path.stat().st_mtime)[:-MAX_KEPT]:
            if old.is_dir():
                shutil.rmtree(old)
            else:
                old.unlink()
