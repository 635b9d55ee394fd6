"""Writes images as docker archives and OCI layouts, without a registry; images of an archive share layers."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab.images import ARCHITECTURES, MEDIA_TYPE


@dataclass(frozen=True)
class Image:
    """The layers (tar files), command, environment and user of an image."""

    layers: Sequence[Path]
    entrypoint: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    user: str = "0"


def write_archive(path: Path, images: Mapping[str, Image]) -> Path:
    """Writes `images`, by their full names, to one archive; the file appears only when it is complete."""
    partial = path.with_suffix(".partial")
    digests = {layer: _digest(layer) for image in images.values() for layer in image.layers}
    manifest = []
    with tarfile.open(partial, "w") as archive:
        for layer, digest in digests.items():
            archive.add(layer, f"{digest}/layer.tar")
        for name, image in images.items():
            config = _config(image, [digests[layer] for layer in image.layers])
            config_name = f"{hashlib.sha256(config).hexdigest()}.json"
            add_file(archive, config_name, config)
            layers = [f"{digests[layer]}/layer.tar" for layer in image.layers]
            manifest.append({"Config": config_name, "RepoTags": [name], "Layers": layers})
        add_file(archive, "manifest.json", json.dumps(manifest).encode())
    return partial.replace(path)


def add_file(archive: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    """Adds a file with fixed metadata to an archive, so that digests are reproducible."""
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), mode
    archive.addfile(member, io.BytesIO(content))


def busybox_layer(path: Path, busybox: Path) -> Path:
    """Writes a layer with a static busybox as `/bin/busybox` and `/bin/sh` only."""
    with tarfile.open(path, "w") as archive:
        add_file(archive, "bin/busybox", busybox.read_bytes(), 0o755)
        link = tarfile.TarInfo("bin/sh")
        link.type, link.linkname = tarfile.SYMTYPE, "busybox"
        archive.addfile(link)
    return path


def _config(image: Image, diff_ids: list[str]) -> bytes:
    machine = os.uname().machine
    return json.dumps(
        {
            "architecture": ARCHITECTURES.get(machine, machine),
            "os": "linux",
            "config": {
                "Entrypoint": list(image.entrypoint),
                "Env": [f"{name}={value}" for name, value in image.env.items()],
                "User": image.user,
            },
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in diff_ids]},
        }
    ).encode()


def _digest(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def write_layout(directory: Path, image: Image) -> None:
    """Writes one image as an OCI layout, for a push."""
    blobs = directory / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def blob(content: bytes, kind: str) -> dict[str, object]:
        digest = hashlib.sha256(content).hexdigest()
        (blobs / digest).write_bytes(content)
        return {"mediaType": f"{MEDIA_TYPE}{kind}", "digest": f"sha256:{digest}", "size": len(content)}

    layers = [blob(layer.read_bytes(), "layer.v1.tar") for layer in image.layers]
    config = blob(_config(image, [_digest(layer) for layer in image.layers]), "config.v1+json")
    manifest = {"schemaVersion": 2, "mediaType": f"{MEDIA_TYPE}manifest.v1+json", "config": config, "layers": layers}
    described = blob(json.dumps(manifest).encode(), "manifest.v1+json")
    described["annotations"] = {"org.opencontainers.image.ref.name": "latest"}
    (directory / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [described]}))
    (directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
