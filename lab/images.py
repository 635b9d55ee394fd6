"""Creates small images, because the lab pulls nothing."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

MEDIA_TYPE = "application/vnd.oci.image."
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def make_image(directory: Path, *, size: int = 1 << 20, content: bytes | None = None) -> str:
    """Writes an image with one layer as OCI layout to `directory`, and returns the digest of its manifest.

    The layer contains `content`, or `size` random bytes, which cannot be compressed or deduplicated.
    """
    (directory / "blobs/sha256").mkdir(parents=True, exist_ok=True)
    raw = _archive(os.urandom(size) if content is None else content)
    layer = _blob(directory, gzip.compress(raw, 1, mtime=0), "layer.v1.tar+gzip")
    config = _blob(directory, _json(_config(_digest(raw))), "config.v1+json")
    manifest = {"schemaVersion": 2, "mediaType": f"{MEDIA_TYPE}manifest.v1+json", "config": config, "layers": [layer]}
    described = _blob(directory, _json(manifest), "manifest.v1+json")
    described["annotations"] = {"org.opencontainers.image.ref.name": "latest"}
    (directory / "index.json").write_bytes(_json({"schemaVersion": 2, "manifests": [described]}))
    (directory / "oci-layout").write_bytes(_json({"imageLayoutVersion": "1.0.0"}))
    return str(described["digest"])


def _archive(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo("data.bin")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _config(layer_digest: str) -> dict[str, Any]:
    return {
        "architecture": ARCHITECTURES.get(os.uname().machine, os.uname().machine),
        "os": "linux",
        "config": {"Cmd": ["/data.bin"]},
        "rootfs": {"type": "layers", "diff_ids": [layer_digest]},
        "history": [{"created_by": "the lab"}],
    }


def _blob(directory: Path, content: bytes, kind: str) -> dict[str, Any]:
    digest = _digest(content)
    (directory / "blobs" / digest.replace(":", "/")).write_bytes(content)
    return {"mediaType": MEDIA_TYPE + kind, "digest": digest, "size": len(content)}


def _digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()
