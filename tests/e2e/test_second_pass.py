"""A second look at a registry that is already right: nothing is written anywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import pytest

from lab.operator import USER
from lab.registry_fixture import RegistryFixture
from tests.e2e.queries import revisions, wait_all_injected, wait_passes
from tests.e2e.running_operator import RunningOperator

pytestmark = pytest.mark.e2e

WRITE_METHODS = {"PUT", "POST", "DELETE", "PATCH", "COPY"}


@dataclass(frozen=True)
class Written:
    """The writes since a mark, per system."""

    kubernetes: list[str]
    postgres: list[str]
    swift: list[str]
    revisions: dict[str, str]


@dataclass(frozen=True)
class Mark:
    """A position in the logs of every server."""

    full_registry: RegistryFixture
    audit: int
    postgres: int
    swift: int

    @classmethod
    def now(cls, full_registry: RegistryFixture) -> Self:
        services = full_registry.lab.services
        return cls(
            full_registry,
            full_registry.lab.control_plane.audit.mark(),
            services.postgres.mark(),
            services.rgw_front.mark(),
        )

    def written(self) -> Written:
        lab = self.full_registry.lab
        writes = lab.control_plane.audit.writes_since(self.audit, USER)
        requests = lab.services.rgw_front.requests_since(self.swift)
        return Written(
            [f"{event.verb} {event.uri}" for event in writes if event.resource != "leases"],
            [change.statement for change in lab.services.postgres.changes_since(self.postgres)],
            [f"{request.method} {request.path}" for request in requests if request.method in WRITE_METHODS],
            revisions(self.full_registry),
        )


def test_further_passes_write_nothing(full_registry: RegistryFixture, running_operator: RunningOperator) -> None:
    wait_all_injected(full_registry)  # the status reflects the namespaces of earlier tests
    before = revisions(full_registry)
    mark = Mark.now(full_registry)
    wait_passes(running_operator.operator, 2)
    assert full_registry.registry.is_settled()
    assert mark.written() == Written([], [], [], before)


def test_a_new_operator_writes_nothing(full_registry: RegistryFixture, running_operator: RunningOperator) -> None:
    wait_all_injected(full_registry)
    before = revisions(full_registry)
    status = full_registry.registry.status()
    mark = Mark.now(full_registry)
    running_operator.replace()
    wait_passes(running_operator.operator, 1)
    assert full_registry.registry.status() == status
    assert mark.written() == Written([], [], [], before)
