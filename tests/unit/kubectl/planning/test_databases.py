"""A plan of PostgreSQL: the statements that the step would run, and no write."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.kubectl.plan import Action, Line
from harbor_operator.kubectl.planning.databases import PlannedPostgres
from harbor_operator.kubectl.planning.recorder import PlanEnds, Recorder
from harbor_operator.model.database import PostgresLogin, PostgresServer
from harbor_operator.model.outcomes import Done
from harbor_operator.ports import Unavailable
from harbor_operator.steps.database import DatabaseStep
from tests.fakes.database_fixture import LOGIN, ROLE, DatabaseFixture
from tests.fakes.database_fixture import registry as database_registry
from tests.fakes.postgres import FakePostgres

MADE = SecretStr("planned0password")


class DatabasePlan:
    """The step on a server that already exists, with a plan of it."""

    def __init__(self, fixture: DatabaseFixture) -> None:
        self.recorder = Recorder(lambda: MADE)
        self.postgres = PlannedPostgres(fixture.postgres, self.recorder)
        self._step = DatabaseStep(fixture.kube, self.postgres, self.recorder.make_password)

    async def lines(self, registry: HarborRegistry) -> list[Line]:
        with pytest.raises(PlanEnds):
            await self._step.reconcile(registry)
        return self.recorder.lines


async def test_a_new_server_gets_role_and_database() -> None:
    fixture = DatabaseFixture()
    lines = await DatabasePlan(fixture).lines(database_registry())
    assert [(line.action, line.subject) for line in lines] == [
        (Action.CREATE, f"role '{ROLE}'"),
        (Action.CREATE, "database 'registry'"),
    ]
    created = lines[0].details[0]
    assert created.startswith(f'CREATE ROLE "{ROLE}" LOGIN ')
    assert created.endswith(" PASSWORD '***'")
    assert any(detail.startswith('CREATE DATABASE "registry"') for detail in lines[1].details)
    assert fixture.postgres.changes == []


async def test_a_complete_server_is_only_tried() -> None:
    fixture = DatabaseFixture()
    expected = await fixture.step.reconcile(database_registry())
    fixture.forget()
    plan = DatabasePlan(fixture)
    assert await plan._step.reconcile(database_registry()) == expected
    assert isinstance(expected, Done)
    assert (plan.recorder.lines, fixture.is_untouched()) == ([], True)


async def test_another_limit_is_one_statement() -> None:
    fixture = DatabaseFixture()
    await fixture.step.reconcile(database_registry())
    fixture.forget()
    (line,) = await DatabasePlan(fixture).lines(database_registry({"connectionLimit": 70}))
    assert (line.action, line.details) == (Action.CHANGE, (f'ALTER ROLE "{ROLE}" CONNECTION LIMIT 70 ',))
    assert fixture.is_untouched()


async def test_a_lost_secret_sets_the_password_and_sends_none() -> None:
    fixture = DatabaseFixture()
    await fixture.step.reconcile(database_registry())
    del fixture.kube.secrets["intra", LOGIN]
    fixture.forget()
    (line,) = await DatabasePlan(fixture).lines(database_registry())
    assert (line.action, line.details) == (Action.CHANGE, (f"ALTER ROLE \"{ROLE}\" PASSWORD '***'",))
    assert fixture.postgres.changes == []


async def test_the_content_of_a_database_is_read_only_with_a_login_that_exists() -> None:
    fixture = DatabaseFixture()
    plan = DatabasePlan(fixture)
    await plan.lines(database_registry())
    login = PostgresLogin(ROLE, MADE, "the plan")
    server = PostgresServer("pg.example.com", 5432, database_registry().spec.database.ssl_mode)  # type: ignore[union-attr]
    assert not await plan.postgres.has_harbor_tables(server, login, "registry")
    assert (await plan.postgres.try_login(server, login, "registry")).schema is None
    with pytest.raises(Unavailable, match="its login is not set yet"):
        await plan.postgres.has_harbor_tables(server, login, "another")
    with pytest.raises(Unavailable, match="its login is not set yet"):
        await plan.postgres.try_login(server, login, "another")
    assert isinstance(fixture.postgres, FakePostgres)
