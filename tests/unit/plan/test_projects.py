"""Desired projects and members, and the smallest set of writes."""

from __future__ import annotations

from typing import Any

import pytest

from harbor_operator.api.projects import Project
from harbor_operator.model.projects import (
    UNLIMITED,
    DesiredMember,
    DesiredProject,
    ObservedMember,
    ObservedProject,
    ObservedQuota,
    ProjectChanges,
)
from harbor_operator.plan.projects import GIB, member_changes, plan_project, project_changes

DESIRED = DesiredProject("team", public=False, storage_limit=50 * GIB)
OBSERVED = ObservedProject(2, "team", public=False)
QUOTA = ObservedQuota(2, 2, 50 * GIB)
ADMIN = ObservedMember(1, 1, "admin", entity=1)
ANA = ObservedMember(2, 2, "ana", entity=5)
OPS = ObservedMember(3, 3, "ops", is_group=True, entity=5)
LDAP = {"cn=ops,dc=example": 5}


def project(**spec: Any) -> Project:
    return Project.model_validate({"name": "team", **spec})


def test_only_what_the_spec_names_is_a_setting() -> None:
    assert plan_project(project(quotaGiB=50)) == DESIRED
    assert plan_project(project()) == DesiredProject("team", public=False, storage_limit=UNLIMITED)
    full = plan_project(project(autoScan=True, preventVulnerable="High", allowedCVEs=["CVE-2026-1"]), 7)
    assert full.metadata == {
        "auto_scan": "true",
        "prevent_vul": "true",
        "severity": "high",
        "reuse_sys_cve_allowlist": "false",
    }
    assert (full.allowed_cves, full.registry) == (frozenset({"CVE-2026-1"}), 7)
    assert plan_project(project(preventVulnerable="Disabled")).metadata == {"prevent_vul": "false"}


@pytest.mark.parametrize(
    ("observed", "quota", "expected"),
    [
        (None, None, ProjectChanges(create=True)),
        (OBSERVED, QUOTA, ProjectChanges()),
        (OBSERVED, ObservedQuota(2, 2, UNLIMITED), ProjectChanges(set_quota=True)),
        (OBSERVED, None, ProjectChanges(set_quota=True)),
        (ObservedProject(2, "team", public=True), QUOTA, ProjectChanges(update=True)),
        (ObservedProject(2, "team", public=False, metadata={"auto_scan": "true"}), QUOTA, ProjectChanges()),
    ],
)
def test_only_the_difference_is_written(
    observed: ObservedProject | None, quota: ObservedQuota | None, expected: ProjectChanges
) -> None:
    changes = project_changes(DESIRED, observed, quota)
    assert changes == expected
    assert bool(changes) is (expected != ProjectChanges())


def test_without_a_quota_in_harbor_storage_is_unlimited() -> None:
    assert not project_changes(DesiredProject("team", public=False), OBSERVED, None)


def test_another_list_of_vulnerabilities_is_written() -> None:
    desired = plan_project(project(allowedCVEs=[]))
    settings = {"reuse_sys_cve_allowlist": "false"}
    assert desired.is_met_by(ObservedProject(2, "team", public=False, metadata=settings))
    other = ObservedProject(2, "team", public=False, metadata=settings, allowed_cves=frozenset({"CVE-2026-1"}))
    assert not desired.is_met_by(other)


def test_members_are_added_changed_and_otherwise_left_alone() -> None:
    spec = project(members=[{"user": "ana", "role": "Maintainer"}, {"oidcGroup": "dev", "role": "Developer"}])
    changes = member_changes(spec, [ADMIN, ANA, OPS], {})
    assert changes.add == (DesiredMember(2, oidc_group="dev"),)
    assert changes.set_role == ((ANA, 4),)
    assert changes.remove == ()


def test_a_name_in_other_letters_is_another_member() -> None:
    spec = project(members=[{"user": "Ana", "role": "Maintainer"}, {"oidcGroup": "Ops", "role": "Guest"}])
    changes = member_changes(spec, [ADMIN, ANA, OPS], {})
    assert changes.add == (DesiredMember(4, "Ana"), DesiredMember(3, oidc_group="Ops"))
    assert changes.set_role == ()


def test_unlisted_members_are_removed_only_on_request_and_never_the_admin() -> None:
    spec = project(members=[{"user": "ana", "role": "Developer"}], unlisted="Delete")
    changes = member_changes(spec, [ADMIN, ANA, OPS], {})
    assert (changes.add, changes.set_role, changes.remove) == ((), (), (OPS,))


def test_an_ldap_group_is_found_by_its_dn() -> None:
    ldap = project(members=[{"ldapGroup": "CN=ops,DC=example", "role": "Guest"}])
    assert not member_changes(ldap, [ADMIN, OPS], LDAP)
    assert member_changes(ldap, [ADMIN, OPS], {}).add
    oidc = project(members=[{"oidcGroup": "ops", "role": "Guest"}])
    assert member_changes(oidc, [ADMIN, OPS], LDAP).add == (DesiredMember(3, oidc_group="ops"),)
    assert not member_changes(oidc, [ADMIN, OPS], {})


@pytest.mark.parametrize("member", [{}, {"user": "a", "oidcGroup": "b"}])
def test_a_member_is_exactly_one(member: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="exactly one"):
        project(members=[{**member, "role": "Guest"}])
