from __future__ import annotations

import pytest

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.harbor import UNLIMITED, DesiredProject, ObservedProject, ObservedQuota, ProjectChanges
from harbor_operator.plan.configuration import GIB, plan_projects, project_changes

DESIRED = DesiredProject("team", public=False, storage_limit=50 * GIB)
OBSERVED = ObservedProject(2, "team", public=False)


def test_projects_keep_their_order_and_no_quota_is_unlimited() -> None:
    spec = {
        "externalURL": "https://cr.example.com",
        "projects": [{"name": "library", "public": True}, {"name": "team", "quotaGiB": 50}],
    }
    metadata = {"name": "cr", "namespace": "intra", "uid": "uid-1"}
    desired = plan_projects(HarborRegistry.parse({"metadata": metadata, "spec": spec}))
    assert desired == (DesiredProject("library", public=True, storage_limit=UNLIMITED), DESIRED)


@pytest.mark.parametrize(
    ("project", "quota", "expected"),
    [
        (None, None, ProjectChanges(create=True)),
        (OBSERVED, ObservedQuota(2, 50 * GIB), ProjectChanges()),
        (OBSERVED, ObservedQuota(2, UNLIMITED), ProjectChanges(set_quota=True)),
        (OBSERVED, None, ProjectChanges(set_quota=True)),
        (ObservedProject(2, "team", public=True), ObservedQuota(2, 50 * GIB), ProjectChanges(set_public=True)),
    ],
)
def test_only_the_difference_is_written(
    project: ObservedProject | None, quota: ObservedQuota | None, expected: ProjectChanges
) -> None:
    changes = project_changes(DESIRED, project, quota)
    assert changes == expected
    assert bool(changes) is (expected != ProjectChanges())


def test_without_a_quota_in_harbor_storage_is_unlimited() -> None:
    assert not project_changes(DesiredProject("team", public=False, storage_limit=UNLIMITED), OBSERVED, None)
