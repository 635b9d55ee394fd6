"""The projects of a FakeHarbor, and endpoints of other registries in memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from typing_extensions import override

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
from harbor_operator.ports import Refused
from harbor_operator.ports.harbor_projects import HarborProjects, HarborRegistries
from harbor_operator.reasons import Reason
from harbor_operator.steps.project_policies import ProjectPolicies
from harbor_operator.steps.projects import ProjectSection
from tests.fakes.harbor import FakeHarbor, StoredProject


class FakeHarborProjects(HarborProjects):
    """Changes the projects of a FakeHarbor; `users` and `ldap_groups` exist, `requests` lists what was read."""

    def __init__(self, harbor: FakeHarbor) -> None:
        self._harbor = harbor
        self.users = {"admin", "ana", "bob"}
        self.ldap_groups: dict[str, int] = {}
        self.requests: list[str] = []

    @override
    async def find_projects(self, endpoint: HarborEndpoint, names: Collection[str]) -> Mapping[str, ObservedProject]:
        self._harbor.must_be_admin(endpoint)
        self.requests.append("projects")
        return {name: self._harbor.observed(name) for name in self._harbor.projects if name in names}

    @override
    async def find_quotas(
        self, endpoint: HarborEndpoint, projects: Collection[ObservedProject]
    ) -> Mapping[int, ObservedQuota]:
        self._harbor.must_be_admin(endpoint)
        self.requests.append("quotas")
        limits = {project.number: self._harbor.projects[project.name].storage_limit for project in projects}
        quotas = {number: ObservedQuota(number, number, limit) for number, limit in limits.items()}
        return quotas if self._harbor.keeps_quotas else {}

    @override
    async def create_project(self, endpoint: HarborEndpoint, desired: DesiredProject) -> None:
        self._harbor.must_be_admin(endpoint)
        if self._harbor.read_only:
            raise Refused(Reason.REGISTRY_READ_ONLY, "Harbor is in read-only mode")
        if not desired.name.isascii() or desired.name != desired.name.lower():
            raise Refused(Reason.PROJECT_REFUSED, f"project name {desired.name} contains illegal characters")
        if desired.name in self._harbor.projects:
            return
        made = StoredProject(self._harbor.next_number(), desired.public, desired.storage_limit)
        made.registry = desired.registry
        made.members = [ObservedMember(self._harbor.next_number(), 1, "admin", entity=1)]
        self._harbor.projects[desired.name] = made
        self._set(desired)
        self._harbor.writes.append(f"create project {desired.name}")

    @override
    async def update_project(self, endpoint: HarborEndpoint, desired: DesiredProject) -> None:
        self._harbor.must_be_admin(endpoint)
        self._set(desired)
        self._harbor.writes.append(f"update project {desired.name}")

    @override
    async def set_quota(self, endpoint: HarborEndpoint, quota: ObservedQuota, storage_limit: int) -> None:
        self._harbor.must_be_admin(endpoint)
        project = next(one for one in self._harbor.projects.values() if one.number == quota.number)
        project.storage_limit = storage_limit
        self._harbor.writes.append(f"set quota {quota.number}")

    @override
    async def read_members(self, endpoint: HarborEndpoint, project: str) -> list[ObservedMember]:
        self._harbor.must_be_admin(endpoint)
        self.requests.append(f"members {project}")
        return list(self._harbor.projects[project].members)

    @override
    async def read_ldap_groups(self, endpoint: HarborEndpoint) -> Mapping[str, int]:
        self._harbor.must_be_admin(endpoint)
        self.requests.append("groups")
        return dict(self.ldap_groups)

    @override
    async def add_member(self, endpoint: HarborEndpoint, project: str, desired: DesiredMember) -> None:
        self._harbor.must_be_admin(endpoint)
        if desired.user and desired.user not in self.users:
            raise Refused(Reason.PROJECT_REFUSED, f"user {desired.user} not found")
        members, number = self._harbor.projects[project].members, self._harbor.next_number()
        if any((member.name, member.is_group) == (desired.name, desired.is_group) for member in members):
            raise Refused(Reason.PROJECT_REFUSED, "the project member already exists")
        entity = self.ldap_groups.setdefault(desired.ldap_group.lower(), number) if desired.ldap_group else number
        name = desired.ldap_group.partition(",")[0].partition("=")[2] or desired.name
        members.append(ObservedMember(number, desired.role, name, desired.is_group, entity))
        self._harbor.writes.append(f"add {desired.name} to {project}")

    @override
    async def set_role(self, endpoint: HarborEndpoint, project: str, member: ObservedMember, role: int) -> None:
        self._harbor.must_be_admin(endpoint)
        members = self._harbor.projects[project].members
        members[members.index(member)] = replace(member, role=role)
        self._harbor.writes.append(f"set role of {member.name} in {project}")

    @override
    async def remove_member(self, endpoint: HarborEndpoint, project: str, member: ObservedMember) -> None:
        self._harbor.must_be_admin(endpoint)
        if member in (members := self._harbor.projects[project].members):
            members.remove(member)
            self._harbor.writes.append(f"remove {member.name} from {project}")

    def _set(self, desired: DesiredProject) -> None:
        project = self._harbor.projects[desired.name]
        project.public = desired.public
        project.metadata = {**project.metadata, **desired.metadata}
        if desired.allowed_cves is not None:
            project.allowed_cves = desired.allowed_cves


class FakeHarborRegistries(HarborRegistries):
    """Endpoints in a dictionary; `secrets` has their passwords, which Harbor does not return."""

    def __init__(self) -> None:
        self.registries: dict[str, ObservedRegistry] = {}
        self.secrets: dict[str, str] = {}
        self.writes: list[str] = []

    @override
    async def read_registries(self, endpoint: HarborEndpoint) -> Mapping[str, ObservedRegistry]:
        return dict(self.registries)

    @override
    async def create_registry(self, endpoint: HarborEndpoint, desired: DesiredRegistry) -> None:
        if desired.name in self.registries:
            raise Refused(Reason.ENDPOINT_REFUSED, f"the registry named {desired.name} already exists")
        self._set(len(self.registries) + 1, desired)
        self.writes.append(f"create {desired.name}")

    @override
    async def update_registry(
        self, endpoint: HarborEndpoint, observed: ObservedRegistry, desired: DesiredRegistry
    ) -> None:
        self._set(observed.number, desired)
        self.writes.append(f"update {desired.name}")

    def _set(self, number: int, desired: DesiredRegistry) -> None:
        self.registries[desired.name] = ObservedRegistry(
            number, desired.name, desired.type, desired.url, desired.is_insecure, desired.access_key
        )
        self.secrets[desired.name] = desired.access_secret.get_secret_value()


def project_section(harbor: FakeHarbor) -> ProjectSection:
    """Returns the section of projects over this Harbor, which mirrors no registry."""
    projects = FakeHarborProjects(harbor)
    return ProjectSection(harbor, projects, FakeHarborRegistries(), ProjectPolicies(projects, ()))
