"""The proof that a login pulls: what a container runtime does, with an image of this Harbor where there is one."""

from __future__ import annotations

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.reachability import check_pull
from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.outcomes import Blocked, Pending
from harbor_operator.plan.reachability import pull_project
from harbor_operator.ports.harbor import Harbor, RegistryProbe


class PullProof:
    """Requests a token and a manifest as a client."""

    def __init__(self, probe: RegistryProbe, harbor: Harbor) -> None:
        self._probe = probe
        self._harbor = harbor

    async def check(
        self, registry: HarborRegistry, client: HarborEndpoint, admin: HarborEndpoint | None
    ) -> Blocked | Pending | None:
        """Returns why the login of `client` does not pull; without `admin`, no image is known, and only its token."""
        project = pull_project(registry, await self._harbor.read_projects(admin)) if admin else None
        image = await self._harbor.read_image(admin, project) if admin and project else None
        return check_pull(registry, await self._probe.try_pull(client, image))
