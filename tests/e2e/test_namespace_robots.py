"""A robot for each namespace on a real API server and the stand-in: rights, tenants, deletion, restarts."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from lab.observer import Observer
from lab.process import wait_until
from lab.registries import Registry
from tests.e2e.pull_only import PullOnlyLab, lab_of_pull_only, pull_only_lab  # noqa: F401 - fixtures
from tests.e2e.queries import PULL_SECRET, create_namespace, pull_secret, remove_namespace

pytestmark = pytest.mark.e2e

NAMESPACES = [f"tenant-{number}" for number in range(30)]
PROJECTS = "harbor-operator.io/projects"


@pytest.fixture(scope="module")
def registry(pull_only: PullOnlyLab) -> Iterator[Registry]:
    """A registry with a project for each namespace, and one that all share."""
    registry = pull_only.prepare("t-robots")
    observer = Observer(pull_only.lab.control_plane)
    for namespace in NAMESPACES:
        create_namespace(pull_only.lab, observer, namespace)
    spec = pull_only.spec(
        credential={"robot": {"scope": "Namespace", "projects": ["base"], "selectableProjects": ["team-*"]}}
    )
    projects = [{"name": name} for name in ("base", "team-a", *NAMESPACES)]
    registry.apply({**spec, "projects": projects})
    registry.wait_ready(deadline=120)
    observer.close()
    yield registry
    pull_only.remove(registry)


def login(registry: Registry, namespace: str) -> tuple[str, str]:
    (entry,) = json.loads(registry.secret(PULL_SECRET, namespace)[".dockerconfigjson"])["auths"].values()
    return entry["username"], entry["password"]


def granted(pull_only: PullOnlyLab, username: str) -> set[str]:
    robots = {robot["name"]: robot for robot in pull_only.harbor.robots()}
    return {permission["namespace"] for permission in robots[username]["permissions"]}


def delete_namespace(pull_only: PullOnlyLab, name: str) -> None:
    """Deletes a namespace and waits until its name is free."""
    remove_namespace(pull_only.lab, name)
    client = pull_only.lab.control_plane.client
    wait_until(lambda: client.read(f"/api/v1/namespaces/{name}") is None, f"'{name}' is deleted", deadline=90)


def test_every_namespace_has_a_robot_for_its_own_projects(pull_only: PullOnlyLab, registry: Registry) -> None:
    logins = {namespace: login(registry, namespace) for namespace in NAMESPACES}
    assert len(set(logins.values())) == len(NAMESPACES)
    for namespace, (username, password) in logins.items():
        assert username.endswith(f".{namespace}")
        assert pull_only.harbor.accepts(username, password)
        assert granted(pull_only, username) == {namespace, "base"}


def test_a_restart_writes_nothing(pull_only: PullOnlyLab, registry: Registry, observer: Observer) -> None:
    before = {namespace: login(registry, namespace) for namespace in NAMESPACES}
    mark = pull_only.harbor.front.mark()
    pull_only.running_operator.replace(sigkill=True)
    registry.wait_ready()
    counted = pull_only.harbor.front.requests_since
    wait_until(lambda: sum("/robots" in one.path for one in counted(mark)) >= 2, "two passes", deadline=60)
    writes = [f"{one.method} {one.path}" for one in counted(mark) if one.method not in {"GET", "HEAD"}]
    assert [write for write in writes if "/robots" in write] == []
    assert {namespace: login(registry, namespace) for namespace in NAMESPACES} == before


def test_a_tenant_chooses_and_cannot_widen_its_rights(
    pull_only: PullOnlyLab, registry: Registry, observer: Observer
) -> None:
    plane = pull_only.lab.control_plane
    username, _ = login(registry, "tenant-0")
    plane.kubectl("annotate", "namespace", "tenant-0", f"{PROJECTS}=team-a,tenant-1,library,*")
    wait_until(lambda: granted(pull_only, username) == {"team-a"}, "the choice is in force", deadline=60)
    plane.kubectl("annotate", "namespace", "tenant-0", f"{PROJECTS}-")
    wait_until(lambda: granted(pull_only, username) == {"tenant-0", "base"}, "the default again", deadline=60)


def test_a_deleted_namespace_takes_its_robot_along(
    pull_only: PullOnlyLab, registry: Registry, observer: Observer
) -> None:
    username, password = login(registry, "tenant-1")
    delete_namespace(pull_only, "tenant-1")
    wait_until(
        lambda: username not in {robot["name"] for robot in pull_only.harbor.robots()}, "it is deleted", deadline=90
    )
    create_namespace(pull_only.lab, observer, "tenant-1")
    wait_until(lambda: pull_secret(observer, "tenant-1") is not None, "the new one has a Secret", deadline=60)
    assert login(registry, "tenant-1") != (username, password)
    assert not pull_only.harbor.accepts(username, password)
    assert pull_only.harbor.accepts(*login(registry, "tenant-1"))


def test_new_namespaces_wait_for_a_harbor_that_is_away(
    pull_only: PullOnlyLab, registry: Registry, observer: Observer
) -> None:
    core = pull_only.harbor.core
    core.stop_core()
    try:
        delete_namespace(pull_only, "tenant-2")
        create_namespace(pull_only.lab, observer, "tenant-2")
        username, _ = login(registry, "tenant-3")
        assert username.endswith(".tenant-3")
    finally:
        core.start_core()
    wait_until(lambda: pull_secret(observer, "tenant-2") is not None, "its Secret is written", deadline=120)
    registry.wait_ready()
    assert pull_only.harbor.accepts(*login(registry, "tenant-2"))
