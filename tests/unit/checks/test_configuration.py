from __future__ import annotations

import pytest

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.configuration import check_admin, check_projects, check_read_only, read_only_warnings
from harbor_operator.model.harbor import Identity, SystemInfo
from harbor_operator.reasons import Reason


def _registry(*projects: str) -> HarborRegistry:
    metadata = {"name": "cr", "namespace": "intra", "uid": "uid-1"}
    spec = {"externalURL": "https://cr.example.com", "projects": [{"name": name} for name in projects]}
    return HarborRegistry.parse({"metadata": metadata, "spec": spec})


@pytest.mark.parametrize("identity", [Identity.NOBODY, Identity.USER, Identity.ROBOT])
def test_only_an_admin_can_set_harbor_up(identity: Identity) -> None:
    obstacle = check_admin(_registry(), "cr-admin", identity)
    assert obstacle is not None
    assert obstacle.reason is Reason.ADMIN_CREDENTIALS_REJECTED
    assert "Secret 'cr-admin'" in obstacle.message
    assert check_admin(_registry(), "cr-admin", Identity.ADMIN) is None


def test_a_project_named_twice_is_refused() -> None:
    assert check_projects(_registry("a", "b")) is None
    obstacle = check_projects(_registry("a", "b", "a"))
    assert obstacle is not None
    assert obstacle.reason is Reason.PROJECT_REFUSED
    assert "'a'" in obstacle.message


def test_read_only_stops_only_what_has_to_be_written() -> None:
    assert check_read_only(SystemInfo(read_only=True), 0) is None
    assert check_read_only(SystemInfo(), 3) is None
    obstacle = check_read_only(SystemInfo(read_only=True), 3)
    assert obstacle is not None
    assert obstacle.reason is Reason.REGISTRY_READ_ONLY


def test_read_only_is_a_caution_at_all_times() -> None:
    assert [caution.code for caution in read_only_warnings(SystemInfo(read_only=True))] == [Reason.REGISTRY_READ_ONLY]
    assert read_only_warnings(SystemInfo()) == ()
