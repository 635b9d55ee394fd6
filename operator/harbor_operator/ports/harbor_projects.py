"""The projects of a Harbor, with their quota and members, and the endpoints of other registries."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.projects import (
    DesiredMember,
    DesiredProject,
    DesiredRegistry,
    ObservedMember,
    ObservedProject,
    ObservedQuota,
    ObservedRegistry,
)


class HarborProjects(Protocol):
    """Projects and what belongs to them; `endpoint` carries the administrator's login.

    Every call has a deadline and raises as the port `Harbor` does, with PROJECT_REFUSED for what Harbor rejects.
    """

    async def find_projects(self, endpoint: HarborEndpoint, names: Collection[str]) -> Mapping[str, ObservedProject]:
        """Returns those of the projects that exist, by name.

        Sends one request for each hundred projects in Harbor, or one for each name if that is less.
        """
        ...

    async def find_quotas(
        self, endpoint: HarborEndpoint, projects: Collection[ObservedProject]
    ) -> Mapping[int, ObservedQuota]:
        """Returns the quotas of the projects by the id of the project; needs as few requests as `find_projects`.

        A Harbor that keeps no quotas returns none.
        """
        ...

    async def create_project(self, endpoint: HarborEndpoint, desired: DesiredProject) -> None:
        """Creates the project with its settings and quota; an existing one stays unchanged and is a success."""
        ...

    async def update_project(self, endpoint: HarborEndpoint, desired: DesiredProject) -> None:
        """Sets the visibility and the named settings; all others stay. Idempotent."""
        ...

    async def set_quota(self, endpoint: HarborEndpoint, quota: ObservedQuota, storage_limit: int) -> None:
        """Sets the limit in bytes; UNLIMITED removes it. Idempotent."""
        ...

    async def read_members(self, endpoint: HarborEndpoint, project: str) -> list[ObservedMember]:
        """Returns the members of the project; one request for each hundred."""
        ...

    async def read_ldap_groups(self, endpoint: HarborEndpoint) -> Mapping[str, int]:
        """Returns the id of each LDAP group that Harbor knows, by its DN in lower case."""
        ...

    async def add_member(self, endpoint: HarborEndpoint, project: str, desired: DesiredMember) -> None:
        """Adds the member; raises Refused if the user or group does not exist, or is a member already."""
        ...

    async def set_role(self, endpoint: HarborEndpoint, project: str, member: ObservedMember, role: int) -> None:
        """Gives the member another role. Idempotent."""
        ...

    async def remove_member(self, endpoint: HarborEndpoint, project: str, member: ObservedMember) -> None:
        """Removes the member; an absent one is a success."""
        ...


class HarborRegistries(Protocol):
    """The endpoints of other registries; raises as the port `Harbor` does, with ENDPOINT_REFUSED."""

    async def read_registries(self, endpoint: HarborEndpoint) -> Mapping[str, ObservedRegistry]:
        """Returns every endpoint by name; one request for each hundred."""
        ...

    async def create_registry(self, endpoint: HarborEndpoint, desired: DesiredRegistry) -> None:
        """Creates the endpoint; Harbor checks that the registry answers and accepts the login."""
        ...

    async def update_registry(
        self, endpoint: HarborEndpoint, observed: ObservedRegistry, desired: DesiredRegistry
    ) -> None:
        """Sets URL, login and certificate check; the type stays. Idempotent."""
        ...
