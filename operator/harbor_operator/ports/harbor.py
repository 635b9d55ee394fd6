"""What we may ask of a Harbor: its API as an administrator, and its front door as a client."""

from __future__ import annotations

from typing import Protocol

from pydantic import SecretStr

from harbor_operator.model.harbor import (
    DesiredProject,
    DesiredRobot,
    HarborEndpoint,
    Identity,
    ObservedProject,
    ObservedQuota,
    ObservedRobot,
    SystemInfo,
)
from harbor_operator.model.reachability import Certificate, Component, PullResult, UploadResult, V2Response


class RegistryProbe(Protocol):
    """The registry as a client meets it.

    Every call has a deadline. Raises Unavailable(REGISTRY_UNREACHABLE) when nobody answers.
    """

    async def read_certificate(self, access: HarborEndpoint) -> Certificate | None:
        """Returns what a handshake shows; None for plain HTTP."""
        ...

    async def read_entrance(self, access: HarborEndpoint) -> V2Response:
        """Returns the anonymous answer to GET /v2/."""
        ...

    async def read_health(self, access: HarborEndpoint) -> tuple[Component, ...]:
        """Returns every part of Harbor with its health."""
        ...

    async def try_login(self, access: HarborEndpoint) -> bool:
        """Returns whether GET /v2/ lets the login in: the surest check of a pull credential."""
        ...

    async def try_upload(self, access: HarborEndpoint, repository: str, size: int) -> UploadResult:
        """Starts an upload, sends one body of `size` bytes, and cancels it: no blob and no repository remains."""
        ...

    async def try_pull(self, access: HarborEndpoint, manifest: str | None) -> PullResult:
        """Fetches a token, shows it at /v2/, and asks for the manifest ('project/name:tag'), if one is given."""
        ...


class Harbor(Protocol):
    """Harbor's API 2.0; `access` carries the administrator's login.

    Every call has a deadline. Raises Unavailable when Harbor does not answer, Refused(ADMIN_CREDENTIALS_REJECTED) when
    it does not know us, and Refused with the reason of the matter when it says no.
    """

    async def read_identity(self, access: HarborEndpoint) -> Identity:
        """Returns whom Harbor takes the login for; never raises Refused for a wrong one."""
        ...

    async def read_system(self, access: HarborEndpoint) -> SystemInfo:
        """Returns the version and whether Harbor is read-only."""
        ...

    async def read_projects(self, access: HarborEndpoint) -> list[ObservedProject]:
        """Returns the first hundred projects."""
        ...

    async def read_project(self, access: HarborEndpoint, name: str) -> ObservedProject | None:
        """Returns the project of that name, or None if there is none."""
        ...

    async def read_quota(self, access: HarborEndpoint, project: ObservedProject) -> ObservedQuota | None:
        """Returns the quota of the project; None where Harbor keeps none."""
        ...

    async def read_image(self, access: HarborEndpoint, project: str) -> str | None:
        """Returns some image of the project as 'project/name:tag', or None if there is none."""
        ...

    async def create_project(self, access: HarborEndpoint, desired: DesiredProject) -> None:
        """Makes the project; one that is there already is a success."""
        ...

    async def set_public(self, access: HarborEndpoint, desired: DesiredProject) -> None:
        """Opens or closes the project for anonymous pulls."""
        ...

    async def set_quota(self, access: HarborEndpoint, quota: ObservedQuota, storage_limit: int) -> None:
        """Sets the limit in bytes; -1 lifts it."""
        ...

    async def find_robot(self, access: HarborEndpoint, name: str) -> ObservedRobot | None:
        """Returns the system-level robot of that name (without Harbor's prefix), or None if there is none."""
        ...

    async def create_robot(self, access: HarborEndpoint, desired: DesiredRobot) -> ObservedRobot:
        """Makes the robot, with a secret that nobody knows."""
        ...

    async def update_robot(self, access: HarborEndpoint, robot: ObservedRobot, desired: DesiredRobot) -> None:
        """Gives the robot the wished rights, enables it, and lets it never expire."""
        ...

    async def set_robot_secret(self, access: HarborEndpoint, robot: ObservedRobot, secret: SecretStr) -> None:
        """Makes this the robot's secret; the old one is dead at once."""
        ...

    async def remove_robot(self, access: HarborEndpoint, robot: ObservedRobot) -> None:
        """Deletes the robot; one that is gone is a success."""
        ...
