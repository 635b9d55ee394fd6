"""A test image in the registry, as a client of Harbor stores it."""

from __future__ import annotations

from typing import Protocol

from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.image_proof import ProofFailure, ProofImage


class ImageProof(Protocol):
    """The test image and its project; `endpoint` carries the administrator's login.

    Every call has a deadline and raises as the port `Harbor` does, with PROJECT_REFUSED for what Harbor rejects.
    """

    async def list_repositories(self, endpoint: HarborEndpoint, project: str) -> list[str] | None:
        """Returns the names of up to a hundred repositories without the project; None if the project is absent."""
        ...

    async def create_project(self, endpoint: HarborEndpoint, project: str) -> None:
        """Creates a private project; raises Refused(PROJECT_REFUSED) if it exists."""
        ...

    async def push_and_pull(self, endpoint: HarborEndpoint, image: ProofImage) -> ProofFailure | None:
        """Uploads the layer in two chunks and the manifest, and reads both; returns what failed, or None.

        An upload that fails is cancelled.
        """
        ...

    async def pull(self, endpoint: HarborEndpoint, image: str) -> ProofFailure | None:
        """Reads the manifest, the configuration and up to 20 layers of 'project/name:tag', of large ones the end.

        Returns what failed, also that a digest or a size is another one; of an index, its first manifest is read.
        """
        ...

    async def remove_image(self, endpoint: HarborEndpoint, image: ProofImage) -> ProofFailure | None:
        """Deletes the repository of the image; an absent one is a success. Layers stay until garbage collection."""
        ...

    async def remove_project(self, endpoint: HarborEndpoint, project: str) -> None:
        """Deletes the project, which Harbor does only while it has no repository; an absent one is a success."""
        ...
