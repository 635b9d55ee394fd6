from __future__ import annotations

import pytest

from harbor_operator.api.backup import READ_ONLY_SINCE
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.configuration import check_admin, check_projects, check_read_only, read_only_warnings
from harbor_operator.model.harbor import Identity, SystemInfo
from harbor_operator.reasons import Reason


def _registry(*projects: str) -> HarborRegistry:
    metadata = {"name": "cr", "namespace": "intra", "uid": "uid-1"}
    spec = {"externalURL": "https://cr.example.com", "projects": [{"name": name} for name in projects]}
    return HarborRegistry.parse({"metadata": metadata, "spec": spec})


@pytest.mark.parametrize("identity", [Identity.ANONYMOUS, Identity.USER, Identity.ROBOT])
def test_only_an_admin_can_configure_harbor(identity: Identity) -> None:
    finding = check_admin(_registry(), "cr-admin", identity)
    assert finding is not None
    assert finding.reason is Reason.ADMIN_CREDENTIALS_REJECTED
    assert "Secret 'cr-admin'" in finding.message
    assert check_admin(_registry(), "cr-admin", Identity.ADMIN) is None


def test_a_project_named_twice_is_refused() -> None:
    assert check_projects(_registry("a", "b")) is None
    finding = check_projects(_registry("a", "b", "a"))
    assert finding is not None
    assert finding.reason is Reason.PROJECT_REFUSED
    assert "'a'" in finding.message


def test_read_only_stops_only_writes() -> None:
    assert check_read_only(SystemInfo(read_only=True), 0) is None
    assert check_read_only(SystemInfo(), 3) is None
    finding = check_read_only(SystemInfo(read_only=True), 3)
    assert finding is not None
    assert finding.reason is Reason.REGISTRY_READ_ONLY


def test_read_only_is_always_a_warning() -> None:
    registry = _registry()
    (warning,) = read_only_warnings(registry, SystemInfo(read_only=True))
    assert (warning.code, "--release" in warning.message) == (Reason.REGISTRY_READ_ONLY, False)
    assert read_only_warnings(registry, SystemInfo()) == ()


def test_the_warning_of_a_backup_says_how_to_end_it() -> None:
    registry = _registry()
    registry.metadata.annotations[READ_ONLY_SINCE] = "2026-01-02T03:04:05+00:00"
    (warning,) = read_only_warnings(registry, SystemInfo(read_only=True))
    assert "a backup that began at 2026-01-02T03:04:05+00:00 set it" in warning.message
    assert "`kubectl harbor backup cr -n intra --release`" in warning.message
