"""Harbor during a storage migration: its read-only mode, and the images that prove the target."""

from __future__ import annotations

from dataclasses import dataclass

from harbor_operator.checks.storage_migration import READ_ONLY, not_kept, unsettable
from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.ports.harbor import Harbor
from harbor_operator.ports.harbor_configuration import HarborConfiguration
from harbor_operator.ports.image_proof import ImageProof
from harbor_operator.steps.outcomes import BlockedError

MAX_PROVED_IMAGES = 5


@dataclass(frozen=True, slots=True)
class MigrationHarbor:
    """What a migration needs of Harbor: its settings, its projects, and pulls; each method raises as the ports do."""

    settings: HarborConfiguration
    projects: Harbor
    images: ImageProof

    async def is_read_only(self, admin: HarborEndpoint) -> bool:
        """Whether Harbor refuses pushes."""
        observed = (await self.settings.read_configuration(admin)).get(READ_ONLY)
        return bool(observed and observed.value)

    async def check_settable(self, admin: HarborEndpoint) -> bool:
        """Returns whether Harbor is read-only already; raises BlockedError if it is not, and cannot become it."""
        observed = (await self.settings.read_configuration(admin)).get(READ_ONLY)
        if observed and not observed.value and not observed.is_editable:
            raise BlockedError(unsettable())
        return bool(observed and observed.value)

    async def set_read_only(self, admin: HarborEndpoint) -> None:
        """Makes Harbor read-only; raises BlockedError if it does not keep the setting."""
        await self.settings.write_configuration(admin, {READ_ONLY: True})
        if not await self.is_read_only(admin):
            raise BlockedError(not_kept())

    async def end_read_only(self, admin: HarborEndpoint) -> None:
        """Makes Harbor writable."""
        await self.settings.write_configuration(admin, {READ_ONLY: False})

    async def find_images(self, admin: HarborEndpoint) -> list[str]:
        """Returns one image of each of a few projects; none of a mirror, whose manifests are another registry's."""
        found: list[str] = []
        for project in await self.projects.read_projects(admin):
            if not project.is_proxy_cache and len(found) < MAX_PROVED_IMAGES:
                image = await self.projects.read_image(admin, project.name)
                found += [image] if image else []
        return found
