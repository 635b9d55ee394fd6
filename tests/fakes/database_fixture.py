"""The Database step with an API server and a PostgreSQL server in memory, and registries that use them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.database import Marker
from harbor_operator.steps.database import DatabaseStep
from tests.fakes.kube import FakeKube
from tests.fakes.postgres import FakePostgres, FakeRole

ROLE = "harbor_intra_cr_2eb2a10b"
LOGIN = "hreg-cr-database-login"
OURS = Marker("intra/cr", "uid-1")
EARLIER = Marker("intra/cr", "uid-0")


def registry(database: dict[str, Any] | None = None, **spec: Any) -> HarborRegistry:
    section = {"host": "pg.example.com", "adminSecretRef": {"name": "pg-admin"}, **(database or {})}
    return HarborRegistry.parse(
        {
            "metadata": {"name": "cr", "namespace": "intra", "uid": "uid-1"},
            "spec": {"externalURL": "https://cr.example.com", "database": section, **spec},
        }
    )


def with_identity(registry: HarborRegistry, uid: str, cluster: str) -> HarborRegistry:
    """Returns the registry as it is in another cluster, or after it was created again."""
    return registry.model_copy(
        update={"metadata": registry.metadata.model_copy(update={"uid": uid, "cluster": cluster})}
    )


@dataclass
class DatabaseFixture:
    kube: FakeKube = field(default_factory=FakeKube)
    postgres: FakePostgres = field(default_factory=FakePostgres)

    def __post_init__(self) -> None:
        self.kube.put("intra", "pg-admin", {"username": "admin", "password": self.postgres.admin_password})
        self.step = DatabaseStep(self.kube, self.postgres, lambda: SecretStr("generated0password"))

    def role(self, marker: Marker | None = OURS, **state: Any) -> FakeRole:
        role = FakeRole("generated0password", marker.comment if marker else "", 200, **state)
        self.postgres.roles[ROLE] = role
        return role

    def forget(self) -> None:
        self.kube.writes.clear()
        self.postgres.changes.clear()

    def is_untouched(self) -> bool:
        return not self.kube.writes and not self.postgres.changes
