"""Go programs of the lab: found, or built once from the modules that are pinned in `tools/`.

    program("kubectl")          -> Path, built if necessary
    build(("etcd", "helm"))     -> {name: Path}; by default all of `PROGRAMS`
    kept("helm")                -> Path in the cache, or None; never builds

Sources, in this order: the directory `KUBEBUILDER_ASSETS` (any version); the cache; PATH (only the pinned version or
newer, because an old kubectl fails against a new API server in ways that look like errors of the operator); a build
with the Go toolchain.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab.cache import cache_dir, locked
from lab.process import LabError
from lab.progress import Task, task

if TYPE_CHECKING:
    from collections.abc import Iterable

TOOLS = Path(__file__).parent / "tools"
SHIPPED = Path(__file__).parents[1] / "build"
"""The pins of programs that are also in the operator's image."""
KUBERNETES_STAMP = "-X k8s.io/component-base/version.git"
GO_ENV = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -trimpath -buildvcs=false", "GOWORK": "off"}
ASSETS = "KUBEBUILDER_ASSETS"
LINE_INTERVAL_SECONDS = 20.0


@dataclass(frozen=True)
class Program:
    """One program: its pinned module, its package, and the arguments that print its version."""

    module: str
    release: str
    package: str
    version_arguments: tuple[str, ...] = ("--version",)

    @property
    def pins(self) -> Path:
        """The directory of the go.mod and go.sum that pin the program."""
        shipped = SHIPPED / self.module
        return shipped if shipped.is_dir() else TOOLS / self.module

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
            *(source.read_text() for source in sorted(self.pins.glob("*.go"))),
            self.ldflags,
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
    "helm": Program("helm", "helm.sh/helm/v4", "helm.sh/helm/v4/cmd/helm", ("version", "--short")),
    "registry-health": Program(
        "registry-health", "github.com/fluxcd/cli-utils", "harbor-operator.io/lab/registry-health"
    ),
}
"""In build order: the programs of the API server are first."""


def program(name: str) -> Path:
    """Returns the program `name`, built if necessary. Raises LabError."""
    return kept(name) or _on_path(name) or _built(name)


def build(names: Iterable[str] = PROGRAMS) -> dict[str, Path]:
    """Returns all programs of these names, built if necessary. Raises LabError."""
    wanted = set(names)
    return {name: program(name) for name in PROGRAMS if name in wanted}


def kept(name: str) -> Path | None:
    """Returns the program from `KUBEBUILDER_ASSETS` or from the cache, or None."""
    folders = [Path(os.environ[ASSETS])] if os.environ.get(ASSETS) else []
    for folder in (*folders, PROGRAMS[name].home):
        candidate = folder / name
        if os.access(candidate, os.X_OK):
            return candidate.resolve()
    return None


def _on_path(name: str) -> Path | None:
    found = shutil.which(name)
    if found is None:
        return None
    wanted, seen = PROGRAMS[name].version, _version_of(found, PROGRAMS[name].version_arguments)
    if seen is not None and _numbers(seen) >= _numbers(wanted):
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


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


def _built(name: str) -> Path:
    with locked(f"go-{PROGRAMS[name].module}"):
        return kept(name) or _build(name)


def _build(name: str) -> Path:
    spec = PROGRAMS[name]
    go = _go_for(spec)
    spec.home.mkdir(parents=True, exist_ok=True)
    target, part = spec.home / name, spec.home / f".{name}.part"
    argv = [go, "build", "-v", "-ldflags", spec.ldflags, "-o", str(part), spec.package]
    with task(f"Building {name} {spec.version}") as shown:
        _run_go(name, argv, spec, shown)
    part.replace(target)
    return target


def _run_go(name: str, argv: list[str], spec: Program, shown: Task) -> None:
    env = {**os.environ, **GO_ENV}
    directory = spec.pins
    with subprocess.Popen(argv, cwd=directory, env=env, stderr=subprocess.PIPE, text=True) as child:
        tail = _show_progress(child, shown)
    if child.returncode:
        raise LabError(
            f"building '{name}' with Go failed; the modules come from the Go module proxy or the local module cache.\n"
            f"  To reproduce it: cd {directory} && go build {spec.package}\n"
            + "\n".join(f"    {line}" for line in tail)
        )


def _show_progress(child: subprocess.Popen[str], shown: Task) -> list[str]:
    """Shows the progress of Go at intervals, and returns its last lines for a message."""
    pause = 0.2 if sys.stderr.isatty() else LINE_INTERVAL_SECONDS
    shown_at, packages, tail = time.monotonic(), 0, list[str]()
    for line in child.stderr or ():
        tail = [*tail[-14:], line.rstrip()]
        downloading = line.startswith("go: downloading")
        packages += not downloading
        if time.monotonic() - shown_at > pause:
            shown.update(line[4:].strip() if downloading else f"{packages} packages compiled")
            shown_at = time.monotonic()
    return tail


def _go_for(spec: Program) -> str:
    """Returns the Go command. Raises LabError if there is none or if it is too old for `spec`."""
    found = re.search(r"^go (\S+)", (spec.pins / "go.mod").read_text(), re.MULTILINE)
    wanted = found[1] if found else "1.26"
    go = shutil.which("go")
    if go is None:
        raise LabError(
            f"the lab needs '{Path(spec.package).name}' {spec.version}, which is neither in {ASSETS}, in the cache nor"
            f" on PATH, and there is no Go to build it; install Go {wanted} or newer, or set {ASSETS}"
        )
    env = {**os.environ, **GO_ENV}
    answer = subprocess.run(
        [go, "env", "GOVERSION"], cwd=spec.pins, env=env, capture_output=True, text=True, check=False
    )
    if answer.returncode or _numbers(answer.stdout) < _numbers(wanted):
        seen = answer.stdout.strip() or answer.stderr.strip()
        raise LabError(
            f"'{go}' is too old to build '{spec.module}': its version is '{seen}', required is Go {wanted} or newer"
        )
    return go
