"""The proof of a storage that the operator has no client for: with which image, and when it must be repeated."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from pydantic import SecretStr

from harbor_operator.api.s3 import S3
from harbor_operator.api.storage_driver import StorageDriver
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.image_proof import ProofImage
from harbor_operator.model.release import keyed_digest
from harbor_operator.plan import names

CHUNK_BYTES = 256 << 10
"""Two of them are less than the largest answer that the operator reads."""
REPOSITORY = "image"


def dependency_digest(
    registry: HarborRegistry, section: StorageDriver | S3, credential: Mapping[str, SecretStr], key: SecretStr
) -> str:
    """Returns a digest of what the result depends on: the section of the storage, its credential and the release.

    It stands in the status, and is keyed, because it is derived from a password as well.
    """
    release = registry.spec.release
    values = (value.get_secret_value() for _, value in sorted(credential.items()))
    return keyed_digest(key, section.model_dump_json(), release.model_dump_json() if release else "", *values)


def proof_image(registry: HarborRegistry, proof: str) -> ProofImage:
    """Returns the image of one proof: another digest gives another layer, so that nothing older is read."""
    content = hashlib.shake_256(f"{registry.metadata.uid}/{proof}".encode()).digest(2 * CHUNK_BYTES)
    return ProofImage(names.proof_project(registry), REPOSITORY, (content[:CHUNK_BYTES], content[CHUNK_BYTES:]))
