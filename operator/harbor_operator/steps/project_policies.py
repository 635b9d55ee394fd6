"""The part of Configured that keeps the policies of the projects of the spec.

Harbor lists policies project by project only. So a pass reads them for the projects whose entry or whose project in
Harbor has changed since they were last found as desired, and for a bounded number of the others in turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from pydantic import SecretStr

from harbor_operator.api.projects import Project
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.outcomes import Blocked, Done
from harbor_operator.model.projects import ObservedProject
from harbor_operator.ports import Refused
from harbor_operator.ports.harbor_projects import HarborProjects

VersionT = TypeVar("VersionT")

MAX_REPEATED_PROJECTS = 50
"""Projects whose policies a pass reads although nothing indicates a change."""


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

    async def reconcile(
        self, registry: HarborRegistry, admin: HarborEndpoint, project: Project, observed: ObservedProject
    ) -> list[str]:
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


class ProjectPolicySection:
    """Corrects the policies of projects; one that is refused stops no other."""

    def __init__(self, projects: HarborProjects, kinds: Sequence[ProjectPolicy]) -> None:
        self._projects = projects
        self._kinds = kinds
        self._verified: dict[str, dict[str, _Version]] = {}

    def is_requested(self, registry: HarborRegistry) -> bool:
        """Whether a project of the spec has a policy."""
        return any(self._kinds_of(project) for project in registry.spec.projects)

    async def reconcile(self, registry: HarborRegistry, admin: HarborEndpoint) -> Done | Blocked:
        """Compares the policies with the spec, project by project, and writes the difference."""
        requested = {project.name: project for project in registry.spec.projects if self._kinds_of(project)}
        # A project that Harbor does not have was refused; the section of projects reports it.
        observed = await self._projects.find_projects(admin, requested)
        versions = {name: await self._version(registry, requested[name], found) for name, found in observed.items()}
        verified = self._verified.setdefault(registry.metadata.uid, {})
        changes: list[str] = []
        refused: list[Refused] = []
        for name in due_projects(versions, verified):
            verified.pop(name, None)
            done, errors = await self._correct(registry, admin, requested[name], observed[name])
            changes += done
            refused += errors
            if not done and not errors:
                verified[name] = versions[name]
        if refused:
            message = "; ".join(dict.fromkeys(map(str, refused)))
            return Blocked(refused[0].reason, message, changes=tuple(changes))
        count = len(requested)
        message = f"the policies of {count} {'project' if count == 1 else 'projects'} are as the spec says"
        return Done(message, changes=tuple(changes))

    async def remove(self, registry: HarborRegistry) -> None:
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

    async def _correct(
        self, registry: HarborRegistry, admin: HarborEndpoint, project: Project, observed: ObservedProject
    ) -> tuple[list[str], list[Refused]]:
        """Returns what was changed, and what was refused."""
        changes: list[str] = []
        refused: list[Refused] = []
        for kind in self._kinds_of(project):
            try:
                changes += await kind.reconcile(registry, admin, project, observed)
            except Refused as error:
                refused.append(error)
        return changes, refused


def due_projects(versions: dict[str, VersionT], verified: dict[str, VersionT]) -> Iterable[str]:
    """Returns the projects with another version than the verified one, and those that were verified longest ago.

    `verified` is in the order of time. Projects that are not in `versions` are dropped from it.
    """
    for name in verified.keys() - versions.keys():
        del verified[name]
    changed = [name for name, version in versions.items() if verified.get(name) != version]
    repeated = [name for name in verified if verified[name] == versions[name]]
    return [*changed, *repeated[:MAX_REPEATED_PROJECTS]]
