"""Writes the files of a release to `dist/`, and pushes the chart: `make dist`, `make push-chart`.

    install.yaml                     CRD, roles, Deployment and the rest of `deploy/`, with the image of the release
    harbor-operator-VERSION.tgz      the Helm chart, if `deploy/chart` exists
    sbom.cdx.json, licenses.tar.gz   what the image contains; `make sbom` has written the SBOM and `licenses/` before
    kubectl-harbor                   the command line `kubectl harbor` as one file
    SHA256SUMS                       for `sha256sum --check`

kubectl and helm are those of the lab: on PATH, else built from the pinned Go modules. Two runs on the same commit write
the same files, except for the chart, into which helm writes the time.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path

import yaml

from lab.gotools import program
from lab.process import LabError
from tools.kubectl_archive import build

ROOT = Path(__file__).parents[1]
CHART = ROOT / "deploy" / "chart"
MANIFEST_IMAGE = "harbor-operator"
"""The image name in `deploy/`, without its tag."""

IMAGE = re.compile(r"(?P<name>[^@]+?)(?::(?P<tag>[\w][\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?")
HEADER = "# harbor-operator {version}: kubectl apply --server-side -f install.yaml\n"


def version() -> str:
    """Returns the version of the package."""
    declared: str = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    return declared


def install_manifest(image: str) -> str:
    """Returns the objects of `deploy/` as one YAML text that uses `image`. Raises LabError."""
    with tempfile.TemporaryDirectory() as home:
        overlay = Path(home).resolve()
        (overlay / "kustomization.yaml").write_text(yaml.safe_dump(_kustomization(overlay, image)), encoding="utf-8")
        return HEADER.format(version=version()) + _run([str(program("kubectl")), "kustomize", str(overlay)])


def _parts(image: str) -> dict[str, str]:
    found = IMAGE.fullmatch(image)
    if found is None or not (found["tag"] or found["digest"]):
        raise LabError(f"`IMAGE` is '{image}'; write NAME:TAG, NAME@sha256:DIGEST or NAME:TAG@sha256:DIGEST")
    return {key: value or "" for key, value in found.groupdict().items()}


def _kustomization(overlay: Path, image: str) -> dict[str, object]:
    parts = _parts(image)
    replaced = {"newName": parts["name"], "newTag": parts["tag"], "digest": parts["digest"]}
    entry = {"name": MANIFEST_IMAGE, **{key: value for key, value in replaced.items() if value}}
    return {"resources": [os.path.relpath(ROOT / "deploy", overlay)], "images": [entry]}


def chart_values(values: str, image: str) -> str:
    """Returns the default values of the chart with `image` in `image.repository`, `image.tag` and `image.digest`.

    The rest of the text, with its comments, stays as it is. Raises LabError if a key is missing.
    """
    parts = _parts(image)
    for key, value in {"repository": parts["name"], "tag": parts["tag"], "digest": parts["digest"]}.items():
        line = re.compile(rf"(^image:\n(?:(?: .*)?\n)*?  {key}:).*", re.MULTILINE)
        values, count = line.subn(rf'\g<1> "{value}"', values, count=1)
        if not count:
            raise LabError(f"the values of the chart have no `image.{key}`")
    return values


def package_chart(chart: Path, output: Path, image: str) -> Path | None:
    """Packages the chart with the version of the package and `image`, and returns the archive.

    Returns None if there is no chart. Raises LabError.
    """
    if not chart.is_dir():
        return None
    versions = (f"--version={version()}", f"--app-version={version()}")
    with tempfile.TemporaryDirectory() as home:
        copy = shutil.copytree(chart, Path(home) / chart.name)
        values = copy / "values.yaml"
        values.write_text(chart_values(values.read_text(encoding="utf-8"), image), encoding="utf-8")
        _run([str(program("helm")), "package", str(copy), *versions, f"--destination={output}"])
    return packaged_chart(output)


def packaged_chart(output: Path) -> Path:
    """Returns the archive that `package_chart` has written. Raises LabError."""
    archives = list(output.glob(f"*-{version()}.tgz"))
    if len(archives) != 1:
        raise LabError(f"'{output}' has {len(archives)} packaged charts of version {version()}: run `make dist`")
    return archives[0]


def push_chart(archive: Path, registry: str, options: Sequence[str] = ()) -> str:
    """Pushes a packaged chart to 'oci://HOST/PATH' and returns its digest. Raises LabError."""
    answer = _run([str(program("helm")), "push", str(archive), registry, *options])
    found = re.search(r"sha256:[0-9a-f]{64}", answer)
    if found is None:
        raise LabError(f"`helm push` printed no digest: {answer}")
    return found[0]


def archive_licences(folder: Path, archive: Path) -> Path:
    """Writes a tar archive of a folder, whose bytes depend on names, contents and SOURCE_DATE_EPOCH only."""
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH", "0"))

    def normalised(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        entry.mtime = epoch
        entry.mode = 0o755 if entry.isdir() else 0o644
        return entry

    with (
        archive.open("wb") as raw,
        gzip.GzipFile("", "wb", fileobj=raw, mtime=epoch) as packed,
        tarfile.open(fileobj=packed, mode="w") as content,
    ):
        for path in sorted(folder.rglob("*")):
            content.add(path, str(path.relative_to(folder.parent)), recursive=False, filter=normalised)
    return archive


def checksums(files: Sequence[Path]) -> str:
    """Returns the lines that `sha256sum --check` reads in the folder of the files."""
    digests = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items()))


def write(output: Path, image: str) -> list[Path]:
    """Writes the release files to a folder that contains those of `make sbom`, and returns them. Raises LabError."""
    sbom, licences = output / "sbom.cdx.json", output / "licenses"
    if not (sbom.is_file() and licences.is_dir()):
        raise LabError(f"'{output}' has no 'sbom.cdx.json' and 'licenses': run `make sbom`")
    for old in output.glob("*.tgz"):
        old.unlink()
    install = output / "install.yaml"
    install.write_text(install_manifest(image), encoding="utf-8")
    files = [install, sbom, archive_licences(licences, output / "licenses.tar.gz"), build(output / "kubectl-harbor")]
    if (chart := package_chart(CHART, output, image)) is not None:
        files.append(chart)
    (output / "SHA256SUMS").write_text(checksums(files), encoding="utf-8")
    return [*files, output / "SHA256SUMS"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0 if everything was written or pushed, else 1."""
    parser = argparse.ArgumentParser(description="Write and push the files of a release.")
    parser.add_argument("--output", type=Path, default=ROOT / "dist")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("write").add_argument("--image", required=True)
    commands.add_parser("push-chart").add_argument("registry")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "write":
            print("\n".join(str(path) for path in write(chosen.output, chosen.image)))
        else:
            print(push_chart(packaged_chart(chosen.output), chosen.registry))
    except LabError as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    return 0


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - programs of the lab
    if done.returncode:
        raise LabError(f"`{' '.join(command)}` ended with status {done.returncode}:\n{done.stderr.strip()}")
    return done.stdout + done.stderr if command[1] == "push" else done.stdout


if __name__ == "__main__":
    sys.exit(main())
