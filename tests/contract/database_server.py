"""A real PostgreSQL for a test module, and for each test a registry of its own in it with the Database step.

The module imports the fixtures `server` and `fixture` by the names of the functions here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from harbor_operator.adapters.postgres import PsycopgPostgres
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.plan import names
from harbor_operator.steps.database import DatabaseStep
from lab.certs import Authority
from lab.pgbouncer import PgBouncer
from lab.postgres import Postgres
from lab.process import Processes
from tests.fakes.kube import FakeKube

DELETE = {"deletionPolicy": {"database": "Delete"}}


@dataclass
class DatabaseFixture:
    """A real server, a registry of the test's own in it, and the step under test."""

    server: Postgres
    name: str
    kube: FakeKube = field(default_factory=FakeKube)
    uid: str = "uid-1"
    connection_limit: int = 50
    port: int = 0
    """Of a pooler in front of the server; 0 = the server itself."""
    pooler: PgBouncer | None = None
    section: dict[str, Any] = field(default_factory=dict)
    """What a test adds to `spec.database`."""

    def __post_init__(self) -> None:
        self.step = DatabaseStep(self.kube, PsycopgPostgres(), lambda: SecretStr("gEnErAtEd0" * 3))
        self.kube.put("intra", "pg-ca", {"ca.crt": self.server.ca_path.read_text()})
        self.give_admin(self.server.provisioner_user, self.server.provisioner_password)
        self.mark = self.server.mark()

    def give_admin(self, username: str, password: str) -> None:
        self.kube.put("intra", "pg-admin", {"username": username, "password": password})

    def registry(self, **spec: Any) -> HarborRegistry:
        database = {
            "host": self.server.host,
            "port": self.port or self.server.port,
            "caSecretRef": {"name": "pg-ca"},
            "adminSecretRef": {"name": "pg-admin"},
            "connectionLimit": self.connection_limit,
            "names": {"core": f"core_{self.name}", "clair": f"clair_{self.name}"},
            **self.section,
        }
        return HarborRegistry.parse(
            {
                "metadata": {"name": self.name, "namespace": "intra", "uid": self.uid},
                "spec": {"externalURL": "https://cr.example.com", "database": database, **spec},
            }
        )

    @property
    def role(self) -> str:
        return names.database_role(self.registry())

    def changes(self) -> list[str]:
        return [change.statement for change in self.server.changes_since(self.mark)]

    def run(self, remedy: str) -> None:
        """Does what a message asks of a superuser."""
        for statement in remedy.split(";"):
            self.server.query(statement)

    def exists(self, database: str) -> bool:
        return (database,) in self.server.query("SELECT datname FROM pg_database")


def create_role(server: Postgres, name: str, password: str, rights: str = "") -> None:
    """Creates a login role; the server gets the verifier of the password only."""
    with server.connect(server.admin_user, server.admin_password) as connection:
        verifier = connection.pgconn.encrypt_password(password.encode(), name.encode()).decode()
    server.query(f"CREATE ROLE \"{name}\" LOGIN PASSWORD '{verifier}' {rights}")


@pytest.fixture(scope="module", name="server")
def server_of_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """The server of the module."""
    directory = tmp_path_factory.mktemp("postgres")
    processes = Processes(directory / "logs")
    try:
        yield Postgres.start(directory / "server", processes, Authority.create(directory / "ca"))
    finally:
        processes.stop_all()


@pytest.fixture(name="fixture")
def database_of_test(request: pytest.FixtureRequest, server: Postgres) -> DatabaseFixture:
    """The registry of the test."""
    return DatabaseFixture(server, f"t{hashlib.sha256(request.node.name.encode()).hexdigest()[:12]}")


@contextmanager
def host_rule(server: Postgres, rule: str) -> Iterator[None]:
    """Puts a line in front of pg_hba.conf."""
    ((path,),) = server.query("SHOW hba_file")
    rules = Path(path).read_text()
    try:
        Path(path).write_text(f"{rule}\n{rules}")
        server.query("SELECT pg_reload_conf()")
        yield
    finally:
        Path(path).write_text(rules)
        server.query("SELECT pg_reload_conf()")
