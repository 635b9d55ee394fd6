"""What the operator has written to each system since a mark, from the logs of the servers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from lab.operator import USER
from lab.registry_fixture import RegistryFixture
from tests.e2e.queries import revisions

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
