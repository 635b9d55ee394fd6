from __future__ import annotations

import pytest

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.harbor import UNLIMITED, DesiredProject, ObservedProject, ObservedQuota, ProjectChanges
from harbor_operator.plan.configuration import GIB, plan_projects, project_changes

WISH = DesiredProject("team", public=False, storage_limit=50 * GIB)
SEEN = ObservedProject(2, "team", public=False)


def test_projects_keep_their_order_and_no_quota_is_unlimited() -> None:
    spec = {
        "externalURL": "https://cr.example.com",
        "projects": [{"name": "library", "public": True}, {"name": "team", "quotaGiB": 50}],
    }
    metadata = {"name": "cr", "namespace": "intra", "uid": "uid-1"}
    planned = plan_projects(HarborRegistry.parse({"metadata": metadata, "spec": spec}))
    assert planned == (DesiredProject("library", public=True, storage_limit=UNLIMITED), WISH)


@pytest.mark.parametrize(
    ("project", "quota", "expected"),
    [
        (None, None, ProjectChanges(create=True)),
        (SEEN, ObservedQuota(2, 50 * GIB), ProjectChanges()),
        (SEEN, ObservedQuota(2, UNLIMITED), ProjectChanges(set_quota=True)),
        (SEEN, None, ProjectChanges(set_quota=True)),
        (ObservedProject(2, "team", public=True), ObservedQuota(2, 50 * GIB), ProjectChanges(set_public=True)),
    ],
)
def test_only_what_differs_is_written(
    project: ObservedProject | None, quota: ObservedQuota | None, expected: ProjectChanges
) -> None:
    found = project_changes(WISH, project, quota)
    assert found == expected
    assert bool(found) is (expected != ProjectChanges())


def test_a_harbor_without_quotas_is_unlimited() -> None:
    assert not project_changes(DesiredProject("team", public=False, storage_limit=UNLIMITED), SEEN, None)
