"""Harbor during a storage migration: its read-only mode, and the images that prove the target."""

from __future__ import annotations

from dataclasses import dataclass

from harbor_operator.checks.storage_migration import READ_ONLY, is_prevented, not_kept, unproved, unsettable
from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.storage_migration import MigrationRecord
from harbor_operator.ports.harbor import Harbor
from harbor_operator.ports.harbor_configuration import HarborConfiguration
from harbor_operator.ports.image_proof import ImageProof
from harbor_operator.steps.outcomes import BlockedError

MAX_PROVED_IMAGES, MAX_TRIED_PROJECTS = 5, 50


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

    async def find_images(self, admin: HarborEndpoint) -> tuple[str, ...]:
        """Returns one image of each of a few projects, each of which can be pulled now.

        None of a mirror, whose manifests are another registry's. The policy of a project can prevent a pull, and an
        image can lack a layer: both would say nothing about another storage.
        """
        found: list[str] = []
        for project in (await self.projects.read_projects(admin))[:MAX_TRIED_PROJECTS]:
            if not project.is_proxy_cache and len(found) < MAX_PROVED_IMAGES:
                image = await self.projects.read_image(admin, project.name)
                if image and await self.images.pull(admin, image) is None:
                    found.append(image)
        return tuple(found)

    async def prove(self, admin: HarborEndpoint, record: MigrationRecord) -> Blocked | None:
        """Pulls the images of the record; returns what failed. One that a policy prevents since then is left out."""
        prevented: Blocked | None = None
        is_proved = False
        for image in record.images:
            failure = await self.images.pull(admin, image)
            if failure is None:
                is_proved = True
            elif is_prevented(failure):
                prevented = unproved(image, record.target, failure)
            else:
                return unproved(image, record.target, failure)
        return None if is_proved else prevented
