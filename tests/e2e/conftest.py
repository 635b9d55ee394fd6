"""One lab, one operator and one full registry for all end-to-end tests; small registries for what must go wrong."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest

from lab.lab import Lab
from lab.observer import Observer
from lab.operator import Operator
from lab.registries import Registry
from lab.stage import Stage, install
from tests.e2e.evidence import ON_DUTY, evidence

MakeRegistry = Callable[[str], Registry]


class Shift:
    """The operator that is on duty; it can be killed and replaced."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._count = 0
        self.logs: list[str] = []
        self.operator = self.begin()
        ON_DUTY.append(self)

    def begin(self) -> Operator:
        """Starts another replica under a name of its own."""
        identity = f"operator-{self._count}"
        self._count += 1
        plane = self.lab.control_plane
        self.operator = Operator.start(plane, self.lab.processes, identity=identity)
        return self.operator

    def replace(self, *, sigkill: bool = False) -> Operator:
        """Ends the one on duty and returns the next, which leads."""
        self.logs.append(self.operator.log)
        if sigkill:
            self.operator.kill()
        else:
            self.operator.stop()
        self.begin()
        self.operator.wait_leading()
        return self.operator

    def end(self) -> None:
        """Ends the one on duty, and the shift."""
        self.operator.stop()
        ON_DUTY.remove(self)

    def all_logs(self) -> str:
        """Everything any replica of this shift has logged."""
        return "\n".join([*self.logs, self.operator.log])


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    with Lab.start() as lab:
        install(lab)
        yield lab


@pytest.fixture(scope="session")
def shift(lab: Lab) -> Iterator[Shift]:
    shift = Shift(lab)
    shift.operator.wait_leading()
    yield shift
    shift.end()


@pytest.fixture(scope="session")
def stage(lab: Lab, shift: Shift) -> Stage:
    """The full registry of deploy/examples, with everything True."""
    stage = Stage.set_up(lab)
    stage.registry.apply(stage.spec)
    stage.registry.wait_ready()
    return stage


@pytest.fixture
def observer(lab: Lab) -> Iterator[Observer]:
    observer = Observer(lab.control_plane)
    yield observer
    observer.close()


@pytest.fixture
def make_registry(lab: Lab, shift: Shift) -> Iterator[MakeRegistry]:
    """Makes registries in prepared namespaces of their own; they and their namespaces go with the test."""
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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Adds to a failure what anybody would ask for first."""
    report = yield
    if report.failed:
        report.sections += evidence(getattr(item, "funcargs", {}))
    return report
