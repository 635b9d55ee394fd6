"""A registry that stores the test image in memory."""

from __future__ import annotations

from typing_extensions import override

from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.image_proof import ProofFailure, ProofImage, ProofStep
from harbor_operator.ports import Refused
from harbor_operator.ports.image_proof import ImageProof
from harbor_operator.reasons import Reason


class FakeImageProof(ImageProof):
    """Projects with their repositories; `pushed` lists the layers.

    The step named in `failing` fails, and the pull of an image that is in `refused`.
    """

    def __init__(self) -> None:
        self.projects: dict[str, set[str]] = {}
        self.failing: ProofFailure | None = None
        self.pushed: list[bytes] = []
        self.pulled: list[str] = []
        self.refused: dict[str, ProofFailure] = {}

    @override
    async def list_repositories(self, endpoint: HarborEndpoint, project: str) -> list[str] | None:
        return sorted(self.projects[project]) if project in self.projects else None

    @override
    async def create_project(self, endpoint: HarborEndpoint, project: str) -> None:
        if project in self.projects:
            raise Refused(Reason.PROJECT_REFUSED, f"project {project} exists")
        self.projects[project] = set()

    @override
    async def push_and_pull(self, endpoint: HarborEndpoint, image: ProofImage) -> ProofFailure | None:
        if failure := self._failure(ProofStep.UPLOAD, ProofStep.MANIFEST):
            return failure
        self.pushed.append(image.layer)
        self.projects[image.project].add(image.repository)
        return self._failure(ProofStep.PULL)

    @override
    async def pull(self, endpoint: HarborEndpoint, image: str) -> ProofFailure | None:
        self.pulled.append(image)
        return self.refused.get(image) or self._failure(ProofStep.PULL)

    @override
    async def remove_image(self, endpoint: HarborEndpoint, image: ProofImage) -> ProofFailure | None:
        if failure := self._failure(ProofStep.DELETE):
            return failure
        self.projects[image.project].discard(image.repository)
        return None

    @override
    async def remove_project(self, endpoint: HarborEndpoint, project: str) -> None:
        if self.projects.get(project):
            raise Refused(Reason.PROJECT_REFUSED, f"the project {project} contains repositories, can not be deleted")
        self.projects.pop(project, None)

    def _failure(self, *steps: ProofStep) -> ProofFailure | None:
        return self.failing if self.failing and self.failing.step in steps else None
