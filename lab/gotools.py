"""Go programs of the lab: found, downloaded, or built once from the modules that are pinned in `tools/`.

    program("kubectl")          -> Path, downloaded or built if necessary
    build(("etcd", "helm"))     -> {name: Path}; by default all of `PROGRAMS`
    kept("helm")                -> Path in the cache, or None; never builds

Sources, in this order: the directory `KUBEBUILDER_ASSETS` (any version); the cache; PATH (only the pinned version or
newer, because an old kubectl fails against a new API server in ways that look like errors of the operator); the release
of the project, if `tools/downloads.toml` has its digest; a build with the Go toolchain. Where `HARBOR_LAB_KUBERNETES`
selects a minor, the first and PATH are left out for Kubernetes.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab import versions
from lab.cache import cache_dir, locked
from lab.downloads import DownloadError, find_archive, install
from lab.gobuild import GO_ENV, compile_programs, numbers
from lab.process import LabError

if TYPE_CHECKING:
    from collections.abc import Iterable

TOOLS = Path(__file__).parent / "tools"
SHIPPED = Path(__file__).parents[1] / "build"
"""The pins of programs that are also in the operator's image."""
KUBERNETES_STAMP = "-X k8s.io/component-base/version.git"
ASSETS = "KUBEBUILDER_ASSETS"
MAX_BUILDS = 2
"""Modules that are downloaded or built at the same time: the second one uses the time in which the first one links."""

_failed_downloads: set[str] = set()


@dataclass(frozen=True)
class Program:
    """One program: its pinned module, its package, and the arguments that print its version."""

    module: str
    release: str
    package: str
    version_arguments: tuple[str, ...] = ("--version",)
    tags: str = ""

    @property
    def pins(self) -> Path:
        """The directory of the go.mod and go.sum that pin the program."""
        if self.minor not in ("", versions.KUBERNETES.versions[-1]):
            return TOOLS / f"{self.module}-{self.minor}"
        shipped = SHIPPED / self.module
        return shipped if shipped.is_dir() else TOOLS / self.module

    @property
    def minor(self) -> str:
        """The minor of Kubernetes that is selected for this program, or an empty string. Raises LabError."""
        return versions.KUBERNETES.selected() if self.module == "kubernetes" else ""

    @property
    def version(self) -> str:
        """The pinned version, without its leading 'v'."""
        found = re.search(rf"^\s*(?:require )?{re.escape(self.release)} v(\S+)", self._text("go.mod"), re.MULTILINE)
        if found is None:
            message = f"'{self.pins / 'go.mod'}' does not pin a version of '{self.release}'"
            raise LabError(message)
        return found[1]

    @property
    def ldflags(self) -> str:
        """Linker flags: no debug information, and the version where the source does not contain it.

        Helm charts read the version of the API server and fail without it.
        """
        major, minor = self.version.split(".")[:2]
        stamps = {
            "kubernetes": f"{KUBERNETES_STAMP}Version=v{self.version} {KUBERNETES_STAMP}Major={major}"
            f" {KUBERNETES_STAMP}Minor={minor}",
            "helm": f"-X helm.sh/helm/v4/internal/version.version=v{self.version}",
        }
        return f"-s -w {stamps.get(self.module, '')}".strip()

    @property
    def home(self) -> Path:
        """The directory of the built program in the cache; it depends on pins, own sources, flags and platform."""
        parts = (
            self._text("go.mod"),
            self._text("go.sum"),
            *(source.read_text() for source in sorted(self.pins.rglob("*.go"))),
            self.ldflags,
            *([self.tags] if self.tags else []),
            repr(GO_ENV),
            sys.platform,
            os.uname().machine,
        )
        digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
        return cache_dir() / "go" / f"{self.module}-{digest}"

    def _text(self, name: str) -> str:
        return (self.pins / name).read_text()


def _kubernetes(name: str, *version_arguments: str) -> Program:
    return Program(
        "kubernetes", "k8s.io/kubernetes", f"k8s.io/kubernetes/cmd/{name}", version_arguments or ("--version",)
    )


PROGRAMS = {
    "etcd": Program("etcd", "go.etcd.io/etcd/server/v3", "go.etcd.io/etcd/server/v3"),
    "kube-apiserver": _kubernetes("kube-apiserver"),
    "kubectl": _kubernetes("kubectl", "version", "--client"),
    "kube-controller-manager": _kubernetes("kube-controller-manager"),
    "kube-scheduler": _kubernetes("kube-scheduler"),
    "kwok": Program("kwok", "sigs.k8s.io/kwok", "sigs.k8s.io/kwok/cmd/kwok"),
    "versitygw": Program("versitygw", "github.com/versity/versitygw", "github.com/versity/versitygw/cmd/versitygw"),
    "helm": Program("helm", "helm.sh/helm/v4", "helm.sh/helm/v4/cmd/helm", ("version", "--short")),
    "registry-health": Program(
        "registry-health", "github.com/fluxcd/cli-utils", "harbor-operator.io/lab/registry-health"
    ),
    "oidc-provider": Program("oidc-provider", "github.com/zitadel/oidc/v3", "harbor-operator.io/lab/oidc-provider"),
    "registry": Program(
        "distribution",
        "github.com/docker/distribution",
        "github.com/docker/distribution/cmd/registry",
        tags="include_gcs,include_oss",
    ),
    "cert-manager": Program(
        "cert-manager", "github.com/cert-manager/cert-manager", "harbor-operator.io/lab/cert-manager"
    ),
    "traefik": Program("traefik", "github.com/traefik/traefik/v3", "harbor-operator.io/lab/traefik"),
}
"""In build order: the programs of the API server are first."""


def program(name: str) -> Path:
    """Returns the program `name`, downloaded or built if necessary. Raises LabError."""
    return build((name,))[name]


def build(names: Iterable[str] = PROGRAMS) -> dict[str, Path]:
    """Returns all programs of these names, downloaded or built if necessary. Raises LabError."""
    wanted = set(names)
    found = {name: kept(name) or _on_path(name) for name in PROGRAMS if name in wanted}
    missing: dict[Path, list[str]] = {}
    for name in [name for name, path in found.items() if path is None]:
        missing.setdefault(PROGRAMS[name].home, []).append(name)
    with ThreadPoolExecutor(MAX_BUILDS) as pool:
        made = [path for paths in pool.map(_made, missing.values()) for path in paths.items()]
    return {**{name: path for name, path in found.items() if path}, **dict(made)}


def kept(name: str) -> Path | None:
    """Returns the program from `KUBEBUILDER_ASSETS` or from the cache, or None."""
    assets = "" if PROGRAMS[name].minor else os.environ.get(ASSETS)
    folders = [Path(assets)] if assets else []
    for folder in (*folders, PROGRAMS[name].home):
        candidate = folder / name
        if os.access(candidate, os.X_OK):
            return candidate.resolve()
    return None


def _on_path(name: str) -> Path | None:
    found = shutil.which(name)
    if found is None or PROGRAMS[name].minor:
        return None
    wanted, seen = PROGRAMS[name].version, _version_of(found, PROGRAMS[name].version_arguments)
    if seen is not None and numbers(seen) >= numbers(wanted):
        return Path(found)
    print(
        f"lab: not using '{found}': it is version {seen or 'unknown'}, required is {wanted} or newer", file=sys.stderr
    )
    return None


def _version_of(path: str, arguments: tuple[str, ...]) -> str | None:
    try:
        answer = subprocess.run([path, *arguments], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"\bv?(\d+\.\d+\.\d+)", answer.stdout + answer.stderr)
    return found[1] if found else None


def _made(names: list[str]) -> dict[str, Path]:
    """Downloads or builds these programs of one module, unless another process has done so meanwhile."""
    spec = PROGRAMS[names[0]]
    title = f"{spec.module} {spec.version}"
    with locked(f"go-{spec.module}"):
        if any(kept(name) is None for name in names):
            _download(title, spec)
        if missing := {name: PROGRAMS[name].package for name in names if kept(name) is None}:
            compile_programs(title, spec.pins, missing, spec.ldflags, spec.home, tags=spec.tags)
    return {name: spec.home / name for name in names}


def _download(title: str, spec: Program) -> None:
    """Puts the programs of the project's release into the cache, if there is one with a known digest."""
    archive = find_archive(spec.release, spec.version)
    if archive is None or archive.url in _failed_downloads:
        return
    try:
        install(title, archive, spec.home)
    except DownloadError as error:
        _failed_downloads.add(archive.url)
        print(f"lab: building {title}, because its release cannot be downloaded: {error}", file=sys.stderr)
