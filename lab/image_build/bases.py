"""The inputs of the Dockerfile, created on this machine: Debian with Python, the locked packages, and Go."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.debian import locate
from lab.gotools import PROGRAMS
from lab.process import LabError

ARCHITECTURES = {"amd64": "x86_64", "arm64": "aarch64"}
"""The names that images and Debian use, and those of wheels and the kernel."""

GLIBC_MINORS = range(17, 42)
"""The glibc versions 2.17 to 2.41 for which wheels are built; the Debian of the image has 2.41."""

DEBIAN_PACKAGES = ("ca-certificates", "python3", "python3-venv", "python-is-python3")
UNWANTED = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*")
RUNTIME_PACKAGES = (
    *("base-files", "ca-certificates", "media-types", "netbase", "tzdata", "tzdata-legacy"),
    *("libc-bin", "libc6", "libgcc-s1", "libgomp1", "libssl3t64", "libstdc++6", "libzstd1", "zlib1g"),
    *("libbz2-1.0", "libcom-err2", "libcrypt1", "libdb5.3t64", "libexpat1", "libffi8", "libgssapi-krb5-2"),
    *("libk5crypto3", "libkeyutils1", "libkrb5-3", "libkrb5support0", "liblzma5", "libncursesw6", "libnsl2"),
    *("libpython3.13-minimal", "libpython3.13-stdlib", "libreadline8t64", "libsqlite3-0", "libtinfo6"),
    *("libtirpc3t64", "libuuid1", "python3.13-minimal", "python3.13-venv"),
)
"""The packages of `gcr.io/distroless/python3-debian13`: static, base, cc and python3 of its source repository."""

RUNTIME_ENV = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt",
    "LANG": "C.UTF-8",
}
RUNTIME_HOOK = f"""
set -eu
mkdir -p "$1/var/lib/dpkg/status.d" "$1/etc/ssl/certs" "$1/home/nonroot"
for archive in "$1"/var/cache/apt/archives/*.deb; do
    package=$(dpkg-deb --field "$archive" Package)
    case " {" ".join(RUNTIME_PACKAGES)} " in
        *" $package "*) dpkg-deb --field "$archive" > "$1/var/lib/dpkg/status.d/$package" ;;
        *) dpkg-deb --fsys-tarfile "$archive" | tar --list | grep -v '/$' | (cd "$1" && xargs -d '\\n' rm -f) ;;
    esac
done
cat "$1"/usr/share/ca-certificates/mozilla/*.crt > "$1/etc/ssl/certs/ca-certificates.crt"
rm -r "$1/usr/share/ca-certificates"
echo root:x:0:0:root:/root:/sbin/nologin > "$1/etc/passwd"
echo nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin >> "$1/etc/passwd"
ln -s python3.13 "$1/usr/bin/python3"
ln -s python3.13 "$1/usr/bin/python"
ldconfig -r "$1"
"""
"""As distroless does it: packages are extracted, not configured, and without their dependencies."""

PYTHON_ENV = {"PATH": "/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin", "LANG": "C.UTF-8"}
GO_CACHE = "/go/cache"
GO_ENV = {
    **PYTHON_ENV,
    "PATH": f"/go/bin:/usr/local/go/bin:{PYTHON_ENV['PATH']}",
    "GOPATH": "/go",
    "GOCACHE": GO_CACHE,
}
"""As in the official images, except for the location of the build cache."""

SBOM_PINS = Path(__file__).parents[2] / "build/sbom"
SBOM_TOOL = "github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod"
GO_PLACES = {"GOROOT": "/usr/local/go:ro", "GOMODCACHE": "/go/pkg/mod", "GOCACHE": GO_CACHE}
ARGUMENT = re.compile(r"^ARG (\w+)_IMAGE=(\S+)$", re.MULTILINE)
PYTHON_NAME = re.compile(r".*/python:(?P<version>\d+\.\d+)-slim-(?P<suite>\w+)")
RUNTIME_NAME = re.compile(r".*/python3-debian13:nonroot")
MARKER = re.compile(r" ; .*(?= \\$)", re.MULTILINE)
MAX_SHOWN_LINES = 15


@dataclass(frozen=True)
class Bases:
    """The base images of the Dockerfile, and the releases in their names."""

    go: str
    python: str
    runtime: str
    python_version: str
    suite: str

    @classmethod
    def read(cls, dockerfile: str) -> Bases:
        """Parses the text of a Dockerfile. Raises LabError if an argument is missing."""
        names = dict(ARGUMENT.findall(dockerfile))
        promised = PYTHON_NAME.fullmatch(names.get("PYTHON", ""))
        runtime = names.get("RUNTIME", "")
        if promised is None or "GO" not in names or RUNTIME_NAME.fullmatch(runtime) is None:
            raise LabError(
                "the Dockerfile has no `ARG GO_IMAGE=...`, `ARG PYTHON_IMAGE=.../python:X.Y-slim-SUITE` and"
                " `ARG RUNTIME_IMAGE=.../python3-debian13:nonroot`"
            )
        return cls(names["GO"], names["PYTHON"], runtime, promised["version"], promised["suite"])


def own_architecture() -> str:
    """Returns the architecture of this machine, as images name it. Raises LabError for an unknown one."""
    for name, machine in ARCHITECTURES.items():
        if machine == platform.machine():
            return name
    raise LabError(f"the operator's image exists for {' and '.join(ARCHITECTURES)}, not for '{platform.machine()}'")


def debian_root(folder: Path, suite: str) -> Path:
    """Returns a tar file with a Debian and its Python; created once."""
    options = [f"--include={','.join(DEBIAN_PACKAGES)}", *(f"--dpkgopt=path-exclude={path}" for path in UNWANTED)]
    return _mmdebstrap(folder, "debian", ["--variant=minbase", *options, suite])


def runtime_root(folder: Path, suite: str, architecture: str) -> Path:
    """Returns a tar file with the base of the last stage: Python without a shell and a package manager; created once.

    No program of the architecture runs, so it can differ from the one of this machine.
    """
    options = [f"--include={','.join(RUNTIME_PACKAGES)}", f"--extract-hook={RUNTIME_HOOK}"]
    return _mmdebstrap(folder, "runtime", ["--variant=extract", f"--architectures={architecture}", *options, suite])


def _mmdebstrap(folder: Path, kind: str, arguments: list[str]) -> Path:
    target = folder / f"{kind}-{_digest((arguments, platform.machine()))}.tar"
    if not target.exists():
        tool = locate("mmdebstrap", ["mmdebstrap"])
        partial = target.with_suffix(".partial.tar")
        path = f"{tool.path.parent}:{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
        command = [str(tool.path), "--quiet", "--mode=root", *arguments, str(partial)]
        _run(command, {**tool.env, "PATH": path})
        partial.replace(target)
    return target


def wheels(folder: Path, lock: str, python_version: str, architecture: str) -> Path:
    """Returns a directory with every package of the lock for an architecture; pip in the image selects from it."""
    target = folder / f"wheels-{_digest((lock, python_version, architecture))}"
    if not target.exists():
        partial = target.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        everything = partial / "requirements.txt"
        everything.write_text(MARKER.sub("", lock))
        machine = ARCHITECTURES[architecture]
        options = [
            "--quiet",
            "--no-deps",
            "--require-hashes",
            "--only-binary=:all:",
            f"--python-version={python_version}",
            *(f"--platform=manylinux_2_{minor}_{machine}" for minor in GLIBC_MINORS),
        ]
        _run([sys.executable, "-m", "pip", "download", *options, "--dest", str(partial), "-r", str(everything)])
        partial.replace(target)
    return target


def pip_mounts(home: Path, *folders: Path) -> dict[Path, str]:
    """Returns mounts for directories of wheels and for a pip configuration that installs from them without an index."""
    mounts = {folder: f"/wheels/{number}" for number, folder in enumerate(folders)}
    configuration = home / "pip.conf"
    configuration.write_text(f"[global]\nno-index = true\nfind-links = {' '.join(mounts.values())}\n")
    return {source: f"{target}:ro" for source, target in {**mounts, configuration: "/etc/pip.conf"}.items()}


def go_mounts(architecture: str) -> dict[Path, str]:
    """Returns mounts for this machine's Go and its caches, which contain all modules of the Go programs."""
    spec = PROGRAMS["helm"]
    for package, pins in ((spec.package, spec.pins), (SBOM_TOOL, SBOM_PINS)):
        env = {"GOFLAGS": "-mod=readonly", "GOWORK": "off", "GOARCH": architecture}
        _run(["go", "list", "-deps", package], env, pins)
    places = _run(["go", "env", *GO_PLACES]).split()
    return {Path(place): target for place, target in zip(places, GO_PLACES.values(), strict=True)}


def go_version() -> str:
    """Returns the Go version of this machine."""
    return _run(["go", "env", "GOVERSION"]).strip()


def _digest(parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


def _run(command: list[str], env: Mapping[str, str] | None = None, cwd: Path | None = None) -> str:
    full_env = {**os.environ, **(env or {})}
    done = subprocess.run(command, env=full_env, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stdout + done.stderr).splitlines()[-MAX_SHOWN_LINES:]
        raise LabError(f"`{' '.join(command)}` ended with status {done.returncode}:\n" + "\n".join(lines))
    return done.stdout
