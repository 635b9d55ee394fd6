"""The port ImageProof: the same cases against the fake, and a Harbor in front of a real registry."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
import pytest_asyncio
from pydantic import SecretStr

from harbor_operator.adapters.image_proof import MAX_WHOLE_BYTES, HttpImageProof
from harbor_operator.model.harbor import HarborEndpoint, Login
from harbor_operator.model.image_proof import ProofImage, ProofStep
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.image_proof import ImageProof
from harbor_operator.reasons import Reason
from tests.fakes.image_proof import FakeImageProof

if TYPE_CHECKING:
    from lab.harbor.standalone import Standalone

pytestmark = pytest.mark.lab

CHUNKS = (os.urandom(300_000), os.urandom(200_000))


@dataclass
class ProofFixture:
    """A Harbor behind the port, and an image of a project that does not exist yet."""

    images: ImageProof
    admin: HarborEndpoint
    image: ProofImage


@pytest_asyncio.fixture(params=["fake", "http"])
async def proof(request: pytest.FixtureRequest) -> AsyncIterator[ProofFixture]:
    image = ProofImage(f"contract-{uuid4().hex[:8]}", "image", CHUNKS)
    if request.param == "fake":
        admin = HarborEndpoint("https://cr.example.com", "", Login("admin", SecretStr("x")))
        yield ProofFixture(FakeImageProof(), admin, image)
        return
    made = ProofFixture(HttpImageProof(), request.getfixturevalue("harbor_endpoint"), image)
    yield made
    await made.images.remove_image(made.admin, image)
    await made.images.remove_project(made.admin, image.project)


async def test_an_image_is_stored_returned_and_deleted(proof: ProofFixture) -> None:
    images, admin, image = proof.images, proof.admin, proof.image
    assert await images.list_repositories(admin, image.project) is None
    await images.create_project(admin, image.project)
    assert await images.list_repositories(admin, image.project) == []

    assert await images.push_and_pull(admin, image) is None
    assert await images.list_repositories(admin, image.project) == ["image"]
    assert await images.pull(admin, f"{image.path}:proof") is None
    assert await images.push_and_pull(admin, image) is None
    with pytest.raises(Refused) as refused:
        await images.remove_project(admin, image.project)
    assert refused.value.reason is Reason.PROJECT_REFUSED

    assert await images.remove_image(admin, image) is None
    assert await images.list_repositories(admin, image.project) == []
    assert await images.remove_image(admin, image) is None
    await images.remove_project(admin, image.project)
    await images.remove_project(admin, image.project)
    assert await images.list_repositories(admin, image.project) is None


async def test_a_project_is_not_taken_from_another_client(proof: ProofFixture) -> None:
    await proof.images.create_project(proof.admin, proof.image.project)
    with pytest.raises(Refused) as refused:
        await proof.images.create_project(proof.admin, proof.image.project)
    assert refused.value.reason is Reason.PROJECT_REFUSED


async def test_a_store_that_cannot_be_written_is_a_failed_upload(standalone: Standalone) -> None:
    images, image = HttpImageProof(), ProofImage(f"contract-{uuid4().hex[:8]}", "image", CHUNKS)
    admin = HarborEndpoint(standalone.url, "", Login("admin", SecretStr(standalone.admin_password)))
    await images.create_project(admin, image.project)
    folder = standalone.images / "docker" / "registry" / "v2" / "repositories" / image.project
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_text("a file where the registry needs a folder")  # root, as the tests run, may write everywhere
    try:
        failure = await images.push_and_pull(admin, image)
        assert failure is not None
        assert failure.step is ProofStep.UPLOAD
        assert failure.status == 500
    finally:
        folder.unlink()
        await images.remove_project(admin, image.project)


async def test_a_damaged_layer_is_found(standalone: Standalone) -> None:
    images, image = HttpImageProof(), ProofImage(f"contract-{uuid4().hex[:8]}", "image", CHUNKS)
    admin = HarborEndpoint(standalone.url, "", Login("admin", SecretStr(standalone.admin_password)))
    await images.create_project(admin, image.project)
    try:
        assert await images.push_and_pull(admin, image) is None
        for stored in (path for path in _blobs(standalone.images) if path.stat().st_size == len(image.layer)):
            stored.write_bytes(b"x" * len(image.layer))
        failure = await images.push_and_pull(admin, image)
        assert failure is not None
        assert failure.step is ProofStep.PULL
        assert failure.status == 200
    finally:
        await images.remove_image(admin, image)
        await images.remove_project(admin, image.project)


@pytest.mark.parametrize("size", [1000, MAX_WHOLE_BYTES])
async def test_an_image_is_pulled_from_the_store_and_not_from_a_cache(standalone: Standalone, size: int) -> None:
    chunks = (os.urandom(size), os.urandom(1000))
    images, image = HttpImageProof(), ProofImage(f"contract-{uuid4().hex[:8]}", "image", chunks)
    admin = HarborEndpoint(standalone.url, "", Login("admin", SecretStr(standalone.admin_password)))
    await images.create_project(admin, image.project)
    try:
        assert await images.push_and_pull(admin, image) is None
        assert await images.pull(admin, f"{image.path}:proof") is None
        assert await images.pull(admin, f"{image.path}:absent") is not None
        (layer,) = (path for path in _blobs(standalone.images) if path.stat().st_size == len(image.layer))
        layer.unlink()
        with pytest.raises(Unavailable):
            await images.pull(admin, f"{image.path}:proof")
    finally:
        await images.remove_image(admin, image)
        await images.remove_project(admin, image.project)


def _blobs(directory: Path) -> list[Path]:
    return list(directory.glob("docker/registry/v2/blobs/sha256/*/*/data"))
