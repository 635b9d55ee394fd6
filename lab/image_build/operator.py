"""The operator's image, built for this or another architecture, as an archive in the lab's cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
SBOM_LOCK = PROJECT_ROOT / "build/sbom/requirements.lock"
BASES = Path(bases.__file__)
SOURCES = PROJECT_ROOT / "operator"
PINS = (PROJECT_ROOT / "build/helm", PROJECT_ROOT / "build/sbom")
OTHER_INPUTS = tuple(
    PROJECT_ROOT / name for name in ("tools/image_documents.py", "tools/image_packages.py", "LICENSE", "NOTICE")
)
NEEDED = {"go": "Go", "apt-get": "apt", "dpkg-deb": "dpkg", "perl": "perl"}
DEBIAN_KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
KEPT = ("buildah-*", "debian-*.tar", "runtime-*.tar", "operator-*.tar", "wheels-*")
MAX_KEPT = 4
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


def operator_image(name: str, architecture: str = "") -> Path:
    """Returns a docker archive with the image of this checkout under `name`; by default for this machine."""
    with image_cache() as folder:
        inputs = OperatorBuild(folder, architecture or bases.own_architecture())
        archive = folder / f"operator-{_digest(inputs.home.name, name, *OTHER_INPUTS, *_sources())}.tar"
        if not archive.exists():
            with task("Building the operator's image") as shown:
                inputs.run([f"--build-arg=VERSION={_version()}", f"--tag={name}", str(PROJECT_ROOT)], shown)
                inputs.buildah.save(name, archive)
        os.utime(archive)
    return archive


@contextmanager
def image_cache() -> Iterator[Path]:
    """Yields the directory of bases, packages and images, which one process uses at a time, and removes old ones."""
    with locked("operator-image") as root:
        folder = root / "operator-image"
        folder.mkdir(exist_ok=True)
        yield folder
        _remove_old(folder)


class OperatorBuild:
    """Builds of the Dockerfile for one architecture."""

    def __init__(self, folder: Path, architecture: str) -> None:
        self._folder = folder
        self._architecture = architecture
        pins = sorted(path for pins in PINS for path in pins.iterdir())
        digest = _digest(bases.go_version(), DOCKERFILE, PROJECT_ROOT / ".dockerignore", LOCK, *pins, BASES)
        self.home = folder / f"buildah-{architecture}-{digest}"

    @property
    def buildah(self) -> Buildah:
        """The builder with the storage of this architecture."""
        return Buildah(self.home)

    def run(self, arguments: Sequence[str], shown: Task, epoch: int = 0) -> None:
        """Runs `buildah build` with these arguments, after adding the base images to a new storage."""
        wanted = Bases.read(DOCKERFILE.read_text())
        if self.home.exists() and self.buildah.count() > MAX_IMAGES:
            shutil.rmtree(self.home)
        if not self.home.exists():
            self._fill(wanted, shown)
        shown.update("fetching Python packages")
        own, lock, tools = bases.own_architecture(), LOCK.read_text(), SBOM_LOCK.read_text()
        mounts = bases.go_mounts(self._architecture) | bases.pip_mounts(
            self.home,
            bases.wheels(self._folder, lock, wanted.python_version, self._architecture),
            bases.wheels(self._folder, tools, wanted.python_version, own),
        )
        shown.update("building the Dockerfile")
        # buildah 1.28 does not know BUILDPLATFORM: without it, it looks for a Go and a Python of the target.
        platforms = [f"--platform=linux/{self._architecture}", f"--build-arg=BUILDPLATFORM=linux/{own}"]
        self.buildah.build([*platforms, *arguments], mounts, epoch)
        os.utime(self.home)

    def _fill(self, wanted: Bases, shown: Task) -> None:
        """Creates a storage with the base images; it appears only when it is complete."""
        partial = self.home.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        own = bases.own_architecture()
        shown.update(f"creating a Debian '{wanted.suite}' with Python")
        debian = bases.debian_root(self._folder, wanted.suite)
        shown.update(f"creating a Python for '{self._architecture}' without a shell")
        runtime = bases.runtime_root(self._folder, wanted.suite, self._architecture)
        buildah = Buildah(partial)
        buildah.commit(wanted.python, bases.PYTHON_ENV, root=debian, architecture=own)
        buildah.commit(wanted.go, bases.GO_ENV, base=wanted.python, architecture=own)
        buildah.commit(wanted.runtime, bases.RUNTIME_ENV, root=runtime, architecture=self._architecture)
        partial.rename(self.home)


def _version() -> str:
    declared: str = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["project"]["version"]
    return declared


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
    for kind in KEPT:
        for old in sorted(folder.glob(kind), key=lambda path: path.stat().st_mtime)[:-MAX_KEPT]:
            if old.is_dir():
                shutil.rmtree(old)
            else:
                old.unlink()
