"""The image that proves the storage of a registry, and what can fail with it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
CONFIG = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}).encode()


class ProofStep(StrEnum):
    """A part of the proof; the value completes "the registry could not ..."."""

    UPLOAD = "store a layer"
    MANIFEST = "store a manifest"
    PULL = "return what it had stored"
    DELETE = "delete the image"


@dataclass(frozen=True, slots=True)
class ProofFailure:
    """The part that failed, with the status of the answer and Harbor's message; status 200 = other bytes came back."""

    step: ProofStep
    status: int
    message: str = ""


@dataclass(frozen=True, slots=True)
class ProofImage:
    """An image with one layer, which is uploaded in two chunks."""

    project: str
    repository: str
    chunks: tuple[bytes, bytes]

    @property
    def path(self) -> str:
        """The repository with its project, as the registry names it."""
        return f"{self.project}/{self.repository}"

    @property
    def layer(self) -> bytes:
        """The whole layer."""
        return b"".join(self.chunks)

    @property
    def manifest(self) -> bytes:
        """The manifest, the same for the same layer."""
        layers = [_descriptor(LAYER_TYPE, self.layer)]
        content = {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": _descriptor(CONFIG_TYPE, CONFIG)}
        return json.dumps({**content, "layers": layers}).encode()


def digest(content: bytes) -> str:
    """Returns the digest as registries write it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _descriptor(media_type: str, content: bytes) -> dict[str, str | int]:
    return {"mediaType": media_type, "digest": digest(content), "size": len(content)}
