"""Builds the Dockerfile without an engine and without a pull: `make image IMAGE_BUILDER=lab`.

python -m lab.image_build build [OPTIONS] FOLDER      as `buildah build`; --platform=linux/arm64 builds for arm64
python -m lab.image_build save NAME FILE              writes an image that was built to a docker archive
python -m lab.image_build reproducible                builds twice without a cache, and compares the layers
python -m lab.image_build size [--platform=...]       prints the sizes of the image; fails above the limit

The arguments of `build` are those of every OCI builder, so that the Makefile is the same for all of them. The time of
the image is the build argument SOURCE_DATE_EPOCH.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from lab.image_build import bases
from lab.image_build.archive import ImageArchive
from lab.image_build.operator import PROJECT_ROOT, OperatorBuild, image_cache, operator_image
from lab.process import LabError
from lab.progress import task

NAME = "harbor-operator:dev"
MAX_MIB = 200
"""What a node may have to store for the image."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0 if the command succeeded, 1 if it failed, 2 for wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m lab.image_build", description="Build the operator's image.")
    commands = parser.add_subparsers(dest="command", required=True)
    build_parser = commands.add_parser("build", help="build the Dockerfile; unknown options are those of buildah")
    build_parser.add_argument("--platform", default=f"linux/{bases.own_architecture()}")
    save_parser = commands.add_parser("save", help="write an image that was built to a docker archive")
    save_parser.add_argument("name")
    save_parser.add_argument("file", type=Path)
    commands.add_parser("reproducible", help="build twice without a cache, and compare the layers")
    size_parser = commands.add_parser("size", help="print the sizes of the image; fails above the limit")
    size_parser.add_argument("--platform", default=f"linux/{bases.own_architecture()}")
    chosen, options = parser.parse_known_args(arguments)
    if options and chosen.command != "build":
        parser.error(f"unknown arguments: {' '.join(options)}")
    try:
        match chosen.command:
            case "build":
                build(chosen.platform, options)
            case "save":
                save(chosen.name, chosen.file)
            case "size":
                return size(chosen.platform)
            case _:
                return reproducible()
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0


def build(platform: str, options: Sequence[str]) -> None:
    """Builds for 'linux/ARCHITECTURE'; the image stays in the lab's storage. Raises LabError."""
    architecture = _architecture(platform)
    epoch = re.search(r"\bSOURCE_DATE_EPOCH=(\d+)", " ".join(options))
    with image_cache() as folder, task(f"Building the image for {architecture}") as shown:
        OperatorBuild(folder, architecture).run(options, shown, int(epoch[1]) if epoch else 0)


def save(name: str, file: Path) -> None:
    """Writes an image of this machine's architecture to a docker archive. Raises LabError."""
    with image_cache() as folder:
        OperatorBuild(folder, bases.own_architecture()).buildah.save(name, file)


def size(platform: str) -> int:
    """Prints the sizes of the image of this checkout; returns 1 if it exceeds MAX_MIB, else 0. Raises LabError."""
    image = ImageArchive(operator_image(NAME, _architecture(platform)))
    print(f"compressed: {image.compressed_mib():.0f} MiB, unpacked: {image.unpacked_mib():.0f} MiB")
    return int(image.unpacked_mib() >= MAX_MIB)


def reproducible() -> int:
    """Returns 0 if two builds without a cache have the same layers, else 1, and prints them. Raises LabError."""
    first, second = (_layers_of_new_build() for _ in range(2))
    for one, other in zip(first, second, strict=True):
        print(one if one == other else f"DIFFERENT: {one} and {other}")
    return int(first != second)


def _architecture(platform: str) -> str:
    architecture = platform.removeprefix("linux/")
    if architecture not in bases.ARCHITECTURES:
        raise LabError(
            f"`--platform` is '{platform}'; possible: {', '.join(f'linux/{a}' for a in bases.ARCHITECTURES)}"
        )
    return architecture


def _layers_of_new_build() -> list[str]:
    with image_cache() as folder, tempfile.TemporaryDirectory() as home:
        building = OperatorBuild(folder, bases.own_architecture())
        with task("Building the operator's image without a cache") as shown:
            building.run(["--no-cache", f"--tag={NAME}-again", str(PROJECT_ROOT)], shown)
            return ImageArchive(building.buildah.save(f"{NAME}-again", Path(home) / "image.tar")).layer_digests


if __name__ == "__main__":
    sys.exit(main())
