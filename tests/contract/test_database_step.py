"""The Database step on a real PostgreSQL, as an admin who is no superuser; the server's log tells who changed what."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import SecretStr

from harbor_operator.adapters.postgres import PsycopgPostgres
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.outcomes import Blocked, Done
from harbor_operator.plan import names
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from harbor_operator.steps.database import DatabaseStep
from lab.certs import Authority
from lab.postgres import Postgres
from lab.process import Processes
from tests.fakes.kube import FakeKube

pytestmark = pytest.mark.lab

DELETE = {"deletionPolicy": {"database": "Delete"}}


@dataclass
class World:
    """A real server, a registry of the test's own in it, and the step under test."""

    server: Postgres
    name: str
    kube: FakeKube = field(default_factory=FakeKube)
    uid: str = "uid-1"

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
            "port": self.server.port,
            "caSecretRef": {"name": "pg-ca"},
            "adminSecretRef": {"name": "pg-admin"},
            "connectionLimit": 50,
            "names": {"core": f"core_{self.name}", "clair": f"clair_{self.name}"},
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


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    directory = tmp_path_factory.mktemp("postgres")
    processes = Processes(directory / "logs")
    try:
        yield Postgres.start(directory / "server", processes, Authority.create(directory / "ca"))
    finally:
        processes.stop_all()


@pytest.fixture
def world(request: pytest.FixtureRequest, server: Postgres) -> World:
    return World(server, request.node.name.removeprefix("test_").replace("_", "")[:30])


async def test_a_second_pass_sends_no_statement_that_changes_anything(world: World) -> None:
    assert isinstance(await world.step.reconcile(world.registry()), Done)
    assert world.changes()
    world.mark = world.server.mark()
    assert isinstance(await world.step.reconcile(world.registry()), Done)
    assert world.changes() == []


async def test_two_operators_at_once_make_everything_once(world: World) -> None:
    outcomes = await asyncio.gather(*(world.step.reconcile(world.registry()) for _ in range(3)))
    assert all(isinstance(outcome, Done) for outcome in outcomes)
    assert len([statement for statement in world.changes() if statement.startswith("CREATE")]) == 2


async def test_harbor_can_make_tables_with_the_secret_it_is_handed(world: World) -> None:
    await world.step.reconcile(world.registry())
    login = world.kube.values("intra", f"hreg-{world.name}-database-login")
    with world.server.connect(login["username"], login["password"], dbname=f"core_{world.name}") as connection:
        connection.execute("CREATE TABLE probe (id int)")
    assert isinstance(await world.step.reconcile(world.registry()), Done)


async def test_a_password_that_drifted_is_set_again(world: World) -> None:
    await world.step.reconcile(world.registry())
    world.server.query(f"ALTER ROLE \"{world.role}\" PASSWORD 'drifted'")
    world.mark = world.server.mark()
    assert isinstance(await world.step.reconcile(world.registry()), Done)
    (statement,) = world.changes()
    assert "SCRAM-SHA-256$" in statement


async def test_a_wrong_admin_password(world: World) -> None:
    world.give_admin(world.server.provisioner_user, "wrong0secret")
    with pytest.raises(Refused) as refusal:
        await world.step.reconcile(world.registry())
    assert refusal.value.reason is Reason.DATABASE_CREDENTIALS_REJECTED
    assert "Secret 'pg-admin'" in str(refusal.value)
    assert "wrong0secret" not in str(refusal.value)


async def test_a_foreign_database_and_the_remedy_of_the_message(world: World) -> None:
    world.server.query(f"CREATE DATABASE core_{world.name}")
    world.mark = world.server.mark()
    refused = await world.step.reconcile(world.registry())
    assert isinstance(refused, Blocked)
    assert refused.reason is Reason.DATABASE_OWNED_BY_OTHER
    assert world.changes() == []

    world.run(refused.message.split("(", 1)[1].split(")", 1)[0])
    assert isinstance(await world.step.reconcile(world.registry()), Done)


async def test_a_role_of_somebody_else(world: World) -> None:
    world.server.query(f'CREATE ROLE "{world.role}" LOGIN')
    refused = await world.step.reconcile(world.registry())
    assert isinstance(refused, Blocked)
    assert refused.reason is Reason.DATABASE_ROLE_TAKEN
    world.run(refused.message.split("run: ", 1)[1].split(" Otherwise", 1)[0])
    assert isinstance(await world.step.reconcile(world.registry()), Done)


async def test_a_recreated_registry_takes_up_what_was_kept(world: World) -> None:
    await world.step.reconcile(world.registry())
    assert isinstance(await world.step.teardown(world.registry()), Done)
    world.uid = "uid-2"
    assert isinstance(await world.step.reconcile(world.registry()), Done)
    assert isinstance(await world.step.teardown(world.registry(**DELETE)), Done)
    assert not world.exists(f"core_{world.name}")


async def test_a_role_in_use_elsewhere_keeps_its_password(world: World) -> None:
    await world.step.reconcile(world.registry())
    login = world.kube.values("intra", f"hreg-{world.name}-database-login")
    other = World(world.server, world.name, uid="uid-of-another-cluster")
    other.step = DatabaseStep(other.kube, PsycopgPostgres(), lambda: SecretStr("another0password"))
    with world.server.connect(login["username"], login["password"], dbname=f"core_{world.name}"):
        refused = await other.step.reconcile(other.registry())
    assert isinstance(refused, Blocked)
    assert refused.reason is Reason.DATABASE_ROLE_TAKEN
    assert other.changes() == []


async def test_delete_drops_even_what_is_in_use(world: World) -> None:
    await world.step.reconcile(world.registry(release={"version": "1.5.0"}))
    login = world.kube.values("intra", f"hreg-{world.name}-database-login")
    with world.server.connect(login["username"], login["password"], dbname=f"core_{world.name}"):
        assert isinstance(await world.step.teardown(world.registry(**DELETE)), Done)
    assert not world.exists(f"core_{world.name}")
    assert not world.exists(f"clair_{world.name}")
    assert (world.role,) not in world.server.query("SELECT rolname FROM pg_roles")


async def test_a_superuser_will_do_as_well(world: World) -> None:
    world.give_admin(world.server.admin_user, world.server.admin_password)
    assert isinstance(await world.step.reconcile(world.registry()), Done)
    world.mark = world.server.mark()
    assert isinstance(await world.step.reconcile(world.registry()), Done)
    assert world.changes() == []
    assert isinstance(await world.step.teardown(world.registry(**DELETE)), Done)
    assert not world.exists(f"core_{world.name}")
