"""One lab, one operator and one full registry for all end-to-end tests; small registries for tests of failures.

They end with the last of these tests, not with the run: a lab at rest uses processor time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest

from lab.lab import Lab
from lab.observer import Observer
from lab.registries import Registry
from lab.registry_fixture import RegistryFixture, install
from tests.e2e.canaries import canaries_in
from tests.e2e.failure_report import failure_sections
from tests.e2e.queries import remove_namespace
from tests.e2e.running_operator import RunningOperator

MakeRegistry = Callable[[str], Registry]

WITH_REGISTRY = {"full_registry", "dedicated", "make_registry"}
"""Fixtures of which every test with a registry uses one."""


@pytest.fixture(scope="package")
def lab() -> Iterator[Lab]:
    with Lab.start() as lab:
        install(lab)
        yield lab


@pytest.fixture(scope="package")
def running_operator(lab: Lab) -> Iterator[RunningOperator]:
    running_operator = RunningOperator(lab)
    running_operator.operator.wait_leading()
    yield running_operator
    running_operator.end()


@pytest.fixture(scope="package")
def full_registry(lab: Lab, running_operator: RunningOperator) -> RegistryFixture:
    """The full registry of deploy/examples, ready."""
    fixture = RegistryFixture.set_up(lab)
    fixture.registry.apply(fixture.spec)
    fixture.registry.wait_ready()
    canaries_in(lab).add_registry(fixture)
    return fixture


@pytest.fixture(autouse=True)
def canaries(request: pytest.FixtureRequest) -> Iterator[None]:
    """Asserts after each test with a registry that the objects of other owners in its lab are as they were."""
    if WITH_REGISTRY.isdisjoint(request.fixturenames):
        yield
        return
    canaries = canaries_in(request.getfixturevalue("lab"))
    yield
    canaries.check()


@pytest.fixture
def observer(lab: Lab) -> Iterator[Observer]:
    observer = Observer(lab.control_plane)
    yield observer
    observer.close()


@pytest.fixture
def make_registry(lab: Lab, running_operator: RunningOperator) -> Iterator[MakeRegistry]:
    """Creates registries, each in its own prepared namespace; the end of the test deletes both."""
    made: list[Registry] = []

    def make(name: str) -> Registry:
        registry = Registry(lab.control_plane, f"t-{name}", "cr")
        registry.prepare()
        made.append(registry)
        return registry

    yield make
    for registry in made:
        registry.delete()
        lab.control_plane.kubectl("delete", "namespace", registry.namespace, "--wait=false")


@pytest.fixture
def namespace(request: pytest.FixtureRequest, lab: Lab) -> Iterator[str]:
    """A namespace name that is derived from the test; the namespace is deleted at the end."""
    name = re.sub("[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower())[:60].strip("-")
    yield name
    remove_namespace(lab, name)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Adds logs and the state of pods and node to the report of a failed test."""
    report = yield
    if report.failed:
        report.sections += failure_sections(getattr(item, "funcargs", {}))
    return report
