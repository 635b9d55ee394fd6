"""Keeps the policies and members of the projects of the spec.

Harbor lists them project by project only. So a pass reads them for the projects whose entry or whose project in Harbor
has changed since they were last found as desired, and for some of the others in turn, with a bounded number of reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, takewhile
from typing import Protocol, TypeVar

from pydantic import SecretStr

from harbor_operator.api.projects import Project
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.projects import ObservedProject
from harbor_operator.ports import Refused
from harbor_operator.ports.harbor_projects import HarborProjects

VersionT = TypeVar("VersionT")

MAX_REPEATED_READS = 50
"""Policies that a pass reads although nothing indicates a change."""


@dataclass(slots=True)
class ProjectPass:
    """One pass over the projects of a registry, with what its projects share."""

    registry: HarborRegistry
    admin: HarborEndpoint
    projects: HarborProjects
    _ldap_groups: Mapping[str, int] | None = None

    async def ldap_groups(self) -> Mapping[str, int]:
        """Returns the id of each LDAP group by its DN in lower case, read once."""
        if self._ldap_groups is None:
            self._ldap_groups = await self.projects.read_ldap_groups(self.admin)
        return self._ldap_groups


@dataclass(slots=True)
class PolicyResult:
    """What a pass changed, and what was refused."""

    changes: list[str] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


class ProjectPolicy(Protocol):
    """One kind of policy that Harbor keeps for each project."""

    def is_requested(self, project: Project) -> bool:
        """Whether the spec has such a policy for the project; if not, nothing is read and nothing is written."""
        ...

    async def read_secrets(
        self,
        registry: HarborRegistry,  # noqa: ARG002 - most kinds refer to no Secret
        project: Project,  # noqa: ARG002
    ) -> Mapping[str, SecretStr]:
        """Returns the values of the Secrets that the policy refers to; raises BlockedError for one without it."""
        return {}

    async def reconcile(self, current: ProjectPass, project: Project, observed: ObservedProject) -> list[str]:
        """Reads the policy, writes the difference, and returns what was changed."""
        ...


@dataclass(frozen=True, slots=True)
class _Version:
    """What tells that the policies of a project must be read.

    That is its entry in the spec with the values of its Secrets, and the ids in Harbor's list of projects.
    """

    project: Project
    secrets: Mapping[str, SecretStr] | None
    number: int
    retention: int


class ProjectPolicies:
    """Corrects the policies of projects; one that is refused stops no other."""

    def __init__(self, projects: HarborProjects, kinds: Sequence[ProjectPolicy]) -> None:
        self._projects = projects
        self._kinds = kinds
        self._verified: dict[str, dict[str, _Version]] = {}

    async def reconcile(
        self, registry: HarborRegistry, admin: HarborEndpoint, observed: Mapping[str, ObservedProject]
    ) -> PolicyResult:
        """Compares the policies of the observed projects with the spec, and writes the difference."""
        current, result = ProjectPass(registry, admin, self._projects), PolicyResult()
        requested = {
            project.name: project
            for project in registry.spec.projects
            if project.name in observed and self._kinds_of(project)
        }
        versions = {name: await self._version(registry, one, observed[name]) for name, one in requested.items()}
        verified = self._verified.setdefault(registry.metadata.uid, {})
        for name in due_projects(versions, verified, lambda version: len(self._kinds_of(version.project))):
            verified.pop(name, None)
            one = await self._correct(current, requested[name], observed[name])
            result.changes += one.changes
            result.refused += one.refused
            if one == PolicyResult():
                verified[name] = versions[name]
        return result

    def forget(self, registry: HarborRegistry) -> None:
        """Forgets what was verified, and with it the values of Secrets."""
        self._verified.pop(registry.metadata.uid, None)

    def _kinds_of(self, project: Project) -> list[ProjectPolicy]:
        return [kind for kind in self._kinds if kind.is_requested(project)]

    async def _version(self, registry: HarborRegistry, project: Project, observed: ObservedProject) -> _Version:
        secrets: dict[str, SecretStr] = {}
        try:
            for kind in self._kinds_of(project):
                secrets |= await kind.read_secrets(registry, project)
        except Refused:  # `reconcile` reads them again and reports it
            return _Version(project, None, observed.number, observed.retention)
        return _Version(project, secrets, observed.number, observed.retention)

    async def _correct(self, current: ProjectPass, project: Project, observed: ObservedProject) -> PolicyResult:
        result = PolicyResult()
        for kind in self._kinds_of(project):
            try:
                result.changes += await kind.reconcile(current, project, observed)
            except Refused as error:
                result.refused.append(error)
        return result


def due_projects(
    versions: dict[str, VersionT], verified: dict[str, VersionT], reads: Callable[[VersionT], int] = lambda _: 1
) -> Iterable[str]:
    """Returns the projects with another version than the verified one, and those that were verified longest ago.

    `verified` is in the order of time. Projects that are not in `versions` are dropped from it. `reads` tells how many
    requests an unchanged project costs; together they are at most MAX_REPEATED_READS.
    """
    for name in verified.keys() - versions.keys():
        del verified[name]
    changed = [name for name, version in versions.items() if verified.get(name) != version]
    unchanged = [name for name in verified if verified[name] == versions[name]]
    total = accumulate(reads(versions[name]) for name in unchanged)
    repeated = takewhile(lambda one: one[1] <= MAX_REPEATED_READS, zip(unchanged, total, strict=True))
    return [*changed, *(name for name, _ in repeated)]
