"""While Harbor is down or unhealthy, the operator still does what needs no Harbor."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.lab import Lab
from lab.observer import Observer
from lab.process import wait_until
from lab.registries import Registry
from tests.e2e.pull_only import (  # noqa: F401 - fixtures
    PullOnlyLab,
    lab_of_pull_only,
    naming_secrets,
    pull_only_lab,
    ready_registry,
)
from tests.e2e.queries import PULL_SECRET, create_namespace, pull_secret, references, remove_namespace

pytestmark = pytest.mark.e2e

OTHER_SECRET = "other-pull"
EXCLUDED = ["kube-*"]


@pytest.fixture(params=["down", "unhealthy"])
def broken(request: pytest.FixtureRequest, pull_only: PullOnlyLab, registry: Registry) -> Iterator[Registry]:
    """The registry while nothing answers behind the proxy of Harbor, or while Harbor reports an unhealthy component."""
    registry.wait_ready()
    core = pull_only.harbor.core
    stop, start = (
        (core.stop_core, core.start_core) if request.param == "down" else (core.redis.stop, core.redis.restart)
    )
    stop()
    try:
        wait_until(lambda: registry.condition("RegistryReachable")["status"] != "True", "it is noticed", deadline=60)
        yield registry
    finally:
        start()
        registry.wait_ready()


def is_released(observer: Observer, namespace: str) -> bool:
    """Whether neither the pull Secret nor a reference to it is left."""
    return pull_secret(observer, namespace) is None and PULL_SECRET not in references(observer, namespace)


def test_an_exclusion_is_acted_on(broken: Registry, lab: Lab, observer: Observer, namespace: str) -> None:
    """Finding R9."""
    create_namespace(lab, observer, namespace)
    observer.wait_injected(namespace)
    broken.patch({"pullSecrets": {"namespaces": {"exclude": [*EXCLUDED, namespace]}}})
    try:
        wait_until(lambda: is_released(observer, namespace), "the excluded namespace is released", deadline=60)
        assert observer.is_injected("default")
    finally:
        broken.patch({"pullSecrets": {"namespaces": {"exclude": EXCLUDED}}})


def test_another_name_of_the_secret_is_acted_on(broken: Registry, lab: Lab, observer: Observer) -> None:
    """Finding R9."""
    with naming_secrets(lab, PULL_SECRET, OTHER_SECRET):
        broken.patch({"pullSecrets": {"secretName": OTHER_SECRET}})
        wait_until(lambda: observer.is_injected("default", OTHER_SECRET), "the new Secret is injected", deadline=60)
        wait_until(lambda: is_released(observer, "default"), "the old Secret is gone", deadline=60)
        broken.patch({"pullSecrets": {"secretName": PULL_SECRET}})
        observer.wait_injected("default")
        gone = "the renamed Secret is gone"
        wait_until(lambda: pull_secret(observer, "default", OTHER_SECRET) is None, gone, deadline=60)


def test_a_deleted_namespace_is_no_longer_counted(
    broken: Registry, lab: Lab, observer: Observer, namespace: str
) -> None:
    """Finding R9."""
    create_namespace(lab, observer, namespace)
    observer.wait_injected(namespace)
    total = len([name for name in namespaces(lab) if not name.startswith("kube-")])
    wait_until(lambda: counted(broken) == (total, total), "the namespace is counted", deadline=60)
    remove_namespace(lab, namespace)
    wait_until(lambda: counted(broken) == (total - 1, total - 1), "it is no longer counted", deadline=60)


def namespaces(lab: Lab) -> list[str]:
    found = lab.control_plane.client.items("/api/v1/namespaces")
    return [item["metadata"]["name"] for item in found if item["status"]["phase"] == "Active"]


def counted(registry: Registry) -> tuple[int, int]:
    counts = registry.status().get("pullSecrets", {})
    return counts.get("namespaces", 0), counts.get("ready", 0)


def test_a_removed_section_is_acted_on(broken: Registry, observer: Observer) -> None:
    """Finding R9."""
    section = broken.read()["spec"]["pullSecrets"]
    broken.patch({"pullSecrets": None})
    try:
        wait_until(lambda: is_released(observer, "default"), "the Secret is gone", deadline=60)
    finally:
        broken.patch({"pullSecrets": section})


def test_a_leaked_credential_is_replaced(pull_only: PullOnlyLab, registry: Registry, observer: Observer) -> None:
    """Finding R9: Harbor is unhealthy, its API works."""
    leaked = registry.secret("hreg-cr-pull-robot")
    redis = pull_only.harbor.core.redis
    redis.stop()
    try:
        registry.wait_condition("RegistryReachable", "False", "RegistryUnhealthy")
        assert pull_only.harbor.accepts(leaked["username"], leaked["password"])
        pull_only.lab.control_plane.kubectl("-n", registry.namespace, "delete", "secret", "hreg-cr-pull-robot")
        refused = "Harbor refuses the leaked password"
        wait_until(lambda: not pull_only.harbor.accepts(leaked["username"], leaked["password"]), refused, deadline=60)

        def is_replaced() -> bool:
            # Until Harbor has the new password, the Secret holds it as a candidate.
            fresh = registry.secret("hreg-cr-pull-robot").get("password")
            return fresh is not None and fresh in registry.secret(PULL_SECRET, "default")[".dockerconfigjson"]

        wait_until(is_replaced, "the namespaces have the new password", deadline=60)
    finally:
        redis.restart()
    registry.wait_ready()
