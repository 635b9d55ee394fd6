"""A Harbor as the operator uses it: its API as an administrator, and the registry as a client."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from pydantic import SecretStr

from harbor_operator.model.harbor import (
    AccountSettings,
    DesiredRobot,
    HarborEndpoint,
    Identity,
    ObservedRobot,
    SystemInfo,
)
from harbor_operator.model.projects import ObservedProject
from harbor_operator.model.reachability import (
    AnnouncedBody,
    Certificate,
    Component,
    PullResult,
    UploadResult,
    V2Response,
)


class RegistryProbe(Protocol):
    """The registry as a client observes it.

    Every call has a deadline. Raises Unavailable(REGISTRY_UNREACHABLE) when no answer arrives, and Refused with
    CERTIFICATE_UNTRUSTED, SECRET_INVALID (no usable CA bundle) or REGISTRY_NOT_HARBOR (an answer that Harbor never
    gives).
    """

    async def read_certificate(self, endpoint: HarborEndpoint) -> Certificate | None:
        """Returns the certificate of a TLS handshake, also a refused one; None for plain HTTP."""
        ...

    async def read_v2_response(self, endpoint: HarborEndpoint) -> V2Response:
        """Returns the answer to an anonymous GET /v2/."""
        ...

    async def read_health(self, endpoint: HarborEndpoint) -> tuple[Component, ...]:
        """Returns every component of Harbor with its health."""
        ...

    async def try_login(self, endpoint: HarborEndpoint) -> bool:
        """Returns whether GET /v2/ accepts the login; raises Unavailable(REGISTRY_UNHEALTHY) for a server error."""
        ...

    async def try_upload(self, endpoint: HarborEndpoint, repository: str, size: int) -> UploadResult:
        """Starts an upload, sends one body of `size` bytes, and cancels it: no blob and no repository remains.

        Follows the Location of the answer only to the origin of the endpoint. Elsewhere it sends nothing.
        """
        ...

    async def announce_body(self, endpoint: HarborEndpoint, size: int) -> AnnouncedBody:
        """Announces a push of `size` bytes without a login, sends none of them, and returns how it was answered.

        Starts no upload, so nothing remains. Takes a few seconds where a server does not answer an announcement.
        """
        ...

    async def try_pull(self, endpoint: HarborEndpoint, manifest: str | None) -> PullResult:
        """Fetches a token, sends it to /v2/, and requests the manifest ('project/name:tag') if one is given."""
        ...

    async def read_pushable(self, endpoint: HarborEndpoint, projects: Sequence[str]) -> tuple[str, ...]:
        """Returns those of the projects to which the login may push, or of which it may delete images.

        Raises Unavailable(REGISTRY_UNHEALTHY) for a server error.
        """
        ...


class Harbor(Protocol):
    """Harbor's API 2.0; `endpoint` carries the administrator's login.

    Every call has a deadline. Raises Unavailable when Harbor does not answer (REGISTRY_UNREACHABLE) or answers with a
    server error (REGISTRY_UNHEALTHY), Refused(ADMIN_CREDENTIALS_REJECTED) for a rejected login,
    Refused(REGISTRY_READ_ONLY), Refused(REGISTRY_NOT_HARBOR) for an answer that Harbor never gives, and otherwise
    Refused with PROJECT_REFUSED or ROBOT_REFUSED.
    """

    async def read_identity(self, endpoint: HarborEndpoint) -> Identity:
        """Returns the kind of account of the login; ANONYMOUS for a wrong one."""
        ...

    async def read_system(self, endpoint: HarborEndpoint) -> SystemInfo:
        """Returns the version without its build number, and whether Harbor is read-only."""
        ...

    async def read_account_settings(self, endpoint: HarborEndpoint) -> AccountSettings:
        """Returns who can create projects (EVERYONE, or 'adminonly'), and how the logins of robots begin."""
        ...

    async def read_projects(self, endpoint: HarborEndpoint) -> list[ObservedProject]:
        """Returns the first hundred projects."""
        ...

    async def read_project_names(self, endpoint: HarborEndpoint) -> list[str]:
        """Returns the names of all projects that the login can see; one request for each hundred of them.

        Raises Refused(PROJECT_REFUSED) if there are more than 50,000.
        """
        ...

    async def read_image(self, endpoint: HarborEndpoint, project: str) -> str | None:
        """Returns an image of the project as 'project/name:tag', or None if none is found."""
        ...

    async def read_robots(self, endpoint: HarborEndpoint, text: str) -> list[ObservedRobot]:
        """Returns every system-level robot whose name (without Harbor's prefix) contains the text.

        One request for each hundred. Raises Refused(ROBOT_REFUSED) if there are more than 50,000.
        """
        ...

    async def read_project_robots(self, endpoint: HarborEndpoint, project: ObservedProject) -> list[ObservedRobot]:
        """Returns every robot that belongs to the project; one request for each hundred. Empty for an absent one."""
        ...

    async def find_robot(self, endpoint: HarborEndpoint, login: str, prefix: str) -> ObservedRobot | None:
        """Returns the robot with this login, of the system or of a project, or None; `prefix` is that of every robot.

        Raises Refused(ROBOT_REFUSED) if Harbor lists more than 50,000.
        """
        ...

    async def read_last_pull(self, endpoint: HarborEndpoint, login: str) -> datetime | None:
        """Returns the time of the last pull with this login in Harbor's audit log; None if it has none.

        Harbor records no pull if an administrator has switched that off, or if the entry was purged.
        """
        ...

    async def read_last_use(self, endpoint: HarborEndpoint, login: str) -> datetime | None:
        """Returns the time of the newest entry of this login in Harbor's audit log, as `read_last_pull` does."""
        ...

    async def create_robot(self, endpoint: HarborEndpoint, desired: DesiredRobot) -> ObservedRobot:
        """Creates the robot, enabled and with a secret that only Harbor knows.

        Raises Refused(ROBOT_REFUSED) if it exists.
        """
        ...

    async def update_robot(self, endpoint: HarborEndpoint, robot: ObservedRobot, desired: DesiredRobot) -> None:
        """Sets permissions, description, duration, and whether the robot is enabled, as desired. Idempotent."""
        ...

    async def set_robot_secret(self, endpoint: HarborEndpoint, robot: ObservedRobot, secret: SecretStr) -> None:
        """Sets the robot's secret; the previous one is invalid at once. Raises Refused(SECRET_INVALID) if empty."""
        ...

    async def remove_robot(self, endpoint: HarborEndpoint, robot: ObservedRobot) -> None:
        """Deletes the robot; an absent one is a success."""
        ...
