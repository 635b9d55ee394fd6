"""Reads an image from a docker archive: its configuration, its files, and its size."""

from __future__ import annotations

import json
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.process import LabError

MIB = 1 << 20
GZIP_LEVEL = 6
"""The default of the builders."""


@dataclass(frozen=True)
class ImageFile:
    """A file, directory or link of an image."""

    path: str
    mode: int
    size: int
    is_directory: bool


class ImageArchive:
    """One image in a docker archive."""

    def __init__(self, path: Path) -> None:
        self._path = path
        (manifest,) = json.loads(self._read("manifest.json"))
        self._layers: list[str] = manifest["Layers"]
        self.names: list[str] = manifest["RepoTags"]
        self.configuration: dict[str, Any] = json.loads(self._read(manifest["Config"]))

    @property
    def labels(self) -> dict[str, str]:
        """The labels of the image."""
        labels: dict[str, str] = self.configuration["config"].get("Labels") or {}
        return labels

    @property
    def layer_digests(self) -> list[str]:
        """The digests of the uncompressed layers, from the base to the last one."""
        digests: list[str] = self.configuration["rootfs"]["diff_ids"]
        return digests

    def files(self) -> dict[str, ImageFile]:
        """Returns the content of all layers by absolute path; the last layer wins. The layers must remove nothing."""
        found: dict[str, ImageFile] = {}
        for layer in self._layers:
            with self._layer(layer) as content:
                for member in content:
                    path = "/" + member.name.removeprefix("./").strip("/")
                    found[path] = ImageFile(path, member.mode, member.size if member.isreg() else 0, member.isdir())
        return found

    def read(self, path: str) -> bytes:
        """Returns the content of a regular file by absolute path, from the last layer that has it. Raises LabError."""
        for layer in reversed(self._layers):
            with self._layer(layer) as content:
                for member in content:
                    if "/" + member.name.removeprefix("./") == path and (file := content.extractfile(member)):
                        return file.read()
        raise LabError(f"the image '{self.names}' has no file '{path}'")

    def unpacked_mib(self) -> float:
        """Returns the size of all files of all layers, as a node stores them."""
        return sum(file.size for file in self.files().values()) / MIB

    def compressed_mib(self) -> float:
        """Returns the size of all layers with gzip, as a registry stores and transfers them."""
        total = 0
        with tarfile.open(self._path) as archive:
            for layer in self._layers:
                compressor = zlib.compressobj(GZIP_LEVEL)
                content = archive.extractfile(layer)
                while content is not None and (block := content.read(MIB)):
                    total += len(compressor.compress(block))
                total += len(compressor.flush())
        return total / MIB

    def _read(self, name: str) -> bytes:
        with tarfile.open(self._path) as archive:
            content = archive.extractfile(name)
            if content is None:
                raise LabError(f"'{self._path}' has no '{name}': it is not a docker archive")
            return content.read()

    @contextmanager
    def _layer(self, name: str) -> Iterator[tarfile.TarFile]:
        with (
            tarfile.open(self._path) as archive,
            archive.extractfile(name) as content,  # type: ignore[union-attr]  # layers are regular files
            tarfile.open(fileobj=content) as layer,
        ):
            yield layer
