from __future__ import annotations

import pytest

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.plan.configuration import (
    GIB,
    UNLIMITED,
    Difference,
    ProjectWish,
    SeenProject,
    SeenQuota,
    difference,
    plan_projects,
)

WISH = ProjectWish("team", public=False, storage_limit=50 * GIB)
SEEN = SeenProject(2, "team", public=False)


def test_projects_keep_their_order_and_no_quota_is_unlimited() -> None:
    spec = {
        "externalURL": "https://cr.example.com",
        "projects": [{"name": "library", "public": True}, {"name": "team", "quotaGiB": 50}],
    }
    metadata = {"name": "cr", "namespace": "intra", "uid": "uid-1"}
    planned = plan_projects(HarborRegistry.parse({"metadata": metadata, "spec": spec}))
    assert planned == (ProjectWish("library", public=True, storage_limit=UNLIMITED), WISH)


@pytest.mark.parametrize(
    ("project", "quota", "expected"),
    [
        (None, None, Difference(create=True)),
        (SEEN, SeenQuota(2, 50 * GIB), Difference()),
        (SEEN, SeenQuota(2, UNLIMITED), Difference(set_quota=True)),
        (SEEN, None, Difference(set_quota=True)),
        (SeenProject(2, "team", public=True), SeenQuota(2, 50 * GIB), Difference(set_public=True)),
    ],
)
def test_only_what_differs_is_written(
    project: SeenProject | None, quota: SeenQuota | None, expected: Difference
) -> None:
    found = difference(WISH, project, quota)
    assert found == expected
    assert bool(found) is (expected != Difference())


def test_a_harbor_without_quotas_is_unlimited() -> None:
    assert not difference(ProjectWish("team", public=False, storage_limit=UNLIMITED), SEEN, None)
