"""The desired projects and registries of Harbor, and the smallest set of writes that creates them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pydantic import SecretStr

from harbor_operator.api.projects import Member, Project, Registry, Role, Unlisted
from harbor_operator.model.harbor import Login
from harbor_operator.model.projects import (
    UNLIMITED,
    DesiredMember,
    DesiredProject,
    DesiredRegistry,
    MemberChanges,
    ObservedMember,
    ObservedProject,
    ObservedQuota,
    ProjectChanges,
)

GIB = 1 << 30
ADMIN = "admin"
ROLES: Mapping[Role, int] = {
    Role.PROJECT_ADMIN: 1,
    Role.DEVELOPER: 2,
    Role.GUEST: 3,
    Role.MAINTAINER: 4,
    Role.LIMITED_GUEST: 5,
}
"""Harbor's numbers (`RoleProjectAdmin` and so on in src/common/const.go)."""


def plan_project(project: Project, registry: int = 0) -> DesiredProject:
    """Returns the project as desired; `registry` is the id of the registry that it mirrors."""
    allowed = project.allowed_cves
    return DesiredProject(
        name=project.name,
        public=project.public,
        storage_limit=project.quota_gib * GIB if project.quota_gib else UNLIMITED,
        metadata=dict(_metadata(project)),
        allowed_cves=frozenset(allowed) if allowed is not None else None,
        registry=registry,
    )


def project_changes(
    desired: DesiredProject, project: ObservedProject | None, quota: ObservedQuota | None
) -> ProjectChanges:
    """Returns what to change in a project; without a quota in Harbor, its storage is unlimited."""
    if project is None:
        return ProjectChanges(create=True)
    limit = quota.storage_limit if quota else UNLIMITED
    return ProjectChanges(update=not desired.is_met_by(project), set_quota=limit != desired.storage_limit)


def plan_registry(registry: Registry, login: Login | None) -> DesiredRegistry:
    """Returns the endpoint as desired, with its login."""
    return DesiredRegistry(
        registry.name,
        registry.type,
        registry.url,
        registry.insecure,
        login.username if login else "",
        login.password if login else SecretStr(""),
    )


def plan_member(member: Member) -> DesiredMember:
    """Returns the member as desired."""
    return DesiredMember(ROLES[member.role], member.user or "", member.oidc_group or "", member.ldap_group or "")


def member_changes(
    project: Project, observed: Sequence[ObservedMember], ldap_groups: Mapping[str, int]
) -> MemberChanges:
    """Returns which members to add, to give another role, and to remove.

    `ldap_groups` has the ids of LDAP groups by DN in lower case. The user `admin` is never removed.
    """
    desired = [plan_member(member) for member in project.members]
    found = {member: _find(member, observed, ldap_groups) for member in desired}
    listed = {member.number for member in found.values() if member}
    surplus = [
        member for member in observed if member.number not in listed and (member.is_group or member.name != ADMIN)
    ]
    return MemberChanges(
        add=tuple(member for member, current in found.items() if current is None),
        set_role=tuple(
            (current, member.role) for member, current in found.items() if current and current.role != member.role
        ),
        remove=tuple(surplus) if project.unlisted is Unlisted.DELETE else (),
    )


def _find(
    desired: DesiredMember, observed: Sequence[ObservedMember], ldap_groups: Mapping[str, int]
) -> ObservedMember | None:
    for member in observed:
        if member.is_group != desired.is_group:
            continue
        if desired.ldap_group:
            if member.entity == ldap_groups.get(desired.ldap_group.lower()):
                return member
        # 'Ana' and 'ana' are two users of Harbor. An LDAP group can have the name of an OIDC group.
        elif member.name == desired.name and not (member.is_group and member.entity in ldap_groups.values()):
            return member
    return None


def _metadata(project: Project) -> Iterator[tuple[str, str]]:
    """Yields Harbor's settings of the project that the spec names."""
    if project.auto_scan is not None:
        yield "auto_scan", str(project.auto_scan).lower()
    if project.prevent_vulnerable is not None:
        yield "prevent_vul", str(project.prevent_vulnerable != "Disabled").lower()
        if project.prevent_vulnerable != "Disabled":
            yield "severity", project.prevent_vulnerable.lower()
    if project.allowed_cves is not None:
        yield "reuse_sys_cve_allowlist", "false"
