"""The proof of a storage that only the registry can use: the registry stores, returns and deletes an image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from harbor_operator.api.storage_driver import StorageDriver
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.storage_driver import check_proof, check_proof_project
from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.image_proof import ProofImage
from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.release import GeneratedSecret
from harbor_operator.plan import names
from harbor_operator.plan.storage_proof import dependency_digest, proof_image
from harbor_operator.ports import Refused
from harbor_operator.ports.image_proof import ImageProof
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.steps.own_secret import OwnSecret

RETRY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof that was tried with the digest of what it depends on; without a failure, it holds for this digest."""

    digest: str
    at: datetime
    failure: Blocked | None = None

    def holds(self, digest: str, now: datetime) -> bool:
        """Whether the result still counts."""
        return self.digest == digest and (self.failure is None or now - self.at < RETRY)


class StorageProof:
    """Proves the storage of the spec once for each storage configuration and release.

    The result is kept in memory, and the status has the proof after a restart. A failure is tried again after RETRY.
    """

    def __init__(self, kube: NamespaceResources, images: ImageProof, clock: Callable[[], datetime]) -> None:
        self._credential = OwnSecret(kube, names.storage_secret)
        self._generated = OwnSecret(kube, names.generated_secrets)
        self._images = images
        self._clock = clock
        self._proofs: dict[str, Proof] = {}

    async def prove(self, registry: HarborRegistry, admin: HarborEndpoint) -> Proof | None:
        """Returns the present proof, which may be an earlier one; None if the operator can use the storage itself."""
        section = registry.spec.storage.registry_only if registry.spec.storage else None
        generated = await self._generated.read(registry) if section else {}
        if section is None or GeneratedSecret.DIGEST_KEY not in generated:
            return None
        has_secret = isinstance(section, StorageDriver) and section.secret_ref is not None
        credential = await self._credential.read(registry) if has_secret else {}
        digest = dependency_digest(registry, section, credential, generated[GeneratedSecret.DIGEST_KEY])
        if registry.observed.storage_proof == digest:
            return Proof(digest, self._clock())
        known = self._proofs.get(registry.metadata.uid)
        if known and known.holds(digest, self._clock()):
            return known
        proof = Proof(digest, self._clock(), await self._try(registry, admin, proof_image(registry, digest)))
        self._proofs[registry.metadata.uid] = proof
        return proof

    def forget(self, registry: HarborRegistry) -> None:
        """Drops the result of the last proof."""
        self._proofs.pop(registry.metadata.uid, None)

    async def _try(self, registry: HarborRegistry, admin: HarborEndpoint, image: ProofImage) -> Blocked | None:
        """Returns why the proof failed; what it created is removed, also after a failure."""
        try:
            return await self._exchange(registry, admin, image)
        except Refused as error:
            return Blocked(error.reason, str(error))

    async def _exchange(self, registry: HarborRegistry, admin: HarborEndpoint, image: ProofImage) -> Blocked | None:
        repositories = await self._images.list_repositories(admin, image.project)
        if blocked := check_proof_project(image, repositories):
            return blocked
        if repositories is None:
            await self._images.create_project(admin, image.project)
        failure = await self._images.push_and_pull(admin, image)
        left = await self._images.remove_image(admin, image)
        if left is None:
            await self._images.remove_project(admin, image.project)
        return check_proof(registry, names.release(registry), failure or left)
