"""The rotation of the database's login on a real PostgreSQL, with pods of every age that log in all the time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from harbor_operator.adapters.postgres import PsycopgPostgres
from harbor_operator.api.request_annotations import ROTATE_DATABASE_PASSWORD_REQUESTED_AT
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.outcomes import Blocked, Done
from harbor_operator.model.release import GeneratedSecret, ReleaseLogin, keyed_digest
from harbor_operator.plan import names
from harbor_operator.plan.generated_secrets import CORE_LOGIN_KEY, JOBSERVICE_LOGIN_KEY, SETTLED_LOGIN_KEY
from harbor_operator.reasons import Reason
from harbor_operator.steps.database import DatabaseStep
from harbor_operator.steps.harbor_database import read_database_login
from lab.postgres import Postgres
from tests.contract.database_server import (
    DELETE,
    DatabaseFixture,
    database_of_test,  # noqa: F401 - a fixture
    host_rule,
    server_of_module,  # noqa: F401 - a fixture
)

pytestmark = pytest.mark.lab

DIGEST_KEY = "digest0key"


@dataclass(frozen=True)
class Template:
    """What the pod template of core has: the username itself, and the Secret with the password."""

    username: str
    secret: str


@dataclass
class Pods:
    """Pods with the login that each of them read when it started; a thread logs in with all of them, all the time."""

    fixture: DatabaseFixture
    failures: list[str] = field(default_factory=list)
    running: dict[str, tuple[str, str]] = field(default_factory=dict)
    logins: int = 0

    def start(self, name: str, template: Template) -> None:
        """Starts a pod, or starts it again, with what its template refers to now."""
        password = self.fixture.kube.values("intra", template.secret)["password"]
        self.running[name] = (template.username, password)
        self.log_in()

    def copy(self, name: str, source: str) -> None:
        """Starts a pod that gets its login from another one, as jobservice does from core."""
        self.running[name] = self.running[source]
        self.log_in()

    def stop(self, name: str) -> None:
        del self.running[name]

    def log_in(self) -> None:
        """Logs in once with each running pod, and uses the database as its owner."""
        for name, (username, password) in dict(self.running).items():
            try:
                with self.connect(username, password) as connection:
                    connection.execute("CREATE TABLE IF NOT EXISTS used (id int)")
                    connection.execute("INSERT INTO used VALUES (1)")
                    self.logins += 1
            except psycopg.Error as error:
                self.failures.append(f"{name}: {error}")

    def connect(self, username: str, password: str) -> psycopg.Connection[tuple[Any, ...]]:
        return self.fixture.server.connect(username, password, dbname=f"core_{self.fixture.name}")

    @contextmanager
    def logging_in(self) -> Iterator[None]:
        end = threading.Event()

        def work() -> None:
            while not end.is_set():
                self.log_in()

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join()


@dataclass
class Rotating:
    """The step, and the release step as far as the rotation sees it: the records that it keeps."""

    fixture: DatabaseFixture
    request: str = ""
    passwords: int = 0

    def __post_init__(self) -> None:
        self.step = DatabaseStep(self.fixture.kube, PsycopgPostgres(), self.make_password, lambda: datetime.now(UTC))

    @classmethod
    async def settled(cls, fixture: DatabaseFixture) -> Rotating:
        """Returns it with a login that core has."""
        rotating = cls(fixture)
        await rotating.reconcile()
        await rotating.record(CORE_LOGIN_KEY)
        return rotating

    def make_password(self) -> SecretStr:
        self.passwords += 1
        return SecretStr(f"gEnErAtEd0{self.passwords}" * 3)

    def registry(self, **spec: Any) -> HarborRegistry:
        made = self.fixture.registry(release={"version": "1.19.1"}, **spec)
        annotations = {ROTATE_DATABASE_PASSWORD_REQUESTED_AT: self.request} if self.request else {}
        return made.model_copy(update={"metadata": made.metadata.model_copy(update={"annotations": annotations})})

    async def reconcile(self) -> Done:
        outcome = await self.step.reconcile(self.registry())
        assert isinstance(outcome, Done), outcome.message
        assert outcome.warnings == ()
        return outcome

    async def fails(self, said: str) -> None:
        """Requires that the registry is ready with the warning that the rotation did not happen."""
        outcome = await self.step.reconcile(self.registry())
        assert isinstance(outcome, Done), outcome.message
        (warning,) = outcome.warnings
        assert warning.code is Reason.DATABASE_ROTATION_REFUSED
        assert said in warning.message

    async def login(self) -> ReleaseLogin:
        login = await read_database_login(self.fixture.kube, self.registry())
        assert login
        return login

    async def template(self) -> Template:
        login = await self.login()
        return Template(login.username, login.secret or names.database_secret(self.registry()))

    async def record(self, *keys: str) -> None:
        """Stores that these pods have the login that is in use."""
        login, secret = await self.login(), names.generated_secrets(self.registry())
        digest = keyed_digest(SecretStr(DIGEST_KEY), login.username, login.password.get_secret_value())
        known = (
            self.fixture.kube.values("intra", secret)
            if ("intra", secret) in self.fixture.kube.secrets
            else {str(GeneratedSecret.DIGEST_KEY): DIGEST_KEY}
        )
        self.fixture.kube.put(
            "intra", secret, {**known, **dict.fromkeys(keys, digest)}, names.owner_labels(self.registry())
        )


async def rotate(rotating: Rotating, pods: Pods, request: str) -> None:
    """Rotates once, with the rollouts that the release step does: core, and jobservice after it."""
    old = await rotating.template()
    rotating.request = request
    assert "gets the login of role" in (await rotating.reconcile()).changes[0]
    new = await rotating.template()
    assert new != old
    for again in ("core-old", "exporter-old"):
        pods.start(again, old)  # a pod of the old template can start again until it is replaced
    pods.start("core-new", new)
    assert (await rotating.reconcile()).changes == ()
    pods.start("core-old", old)
    pods.stop("core-old")
    pods.stop("exporter-old")
    pods.start("exporter-new", new)
    await rotating.record(CORE_LOGIN_KEY, JOBSERVICE_LOGIN_KEY)
    assert (await rotating.reconcile()).changes == ()  # jobservice still has the old login
    pods.log_in()
    pods.copy("jobservice", "core-new")
    await rotating.record(SETTLED_LOGIN_KEY)
    (retired,) = (await rotating.reconcile()).changes
    assert f"removed the password of role '{old.username}'" in retired
    assert (await rotating.reconcile()).changes == ()
    for name in ("core", "exporter"):
        pods.running[f"{name}-old"] = pods.running.pop(f"{name}-new")


async def test_no_pod_is_rejected_during_two_rotations(fixture: DatabaseFixture) -> None:
    server: Postgres = fixture.server
    rotating, pods = Rotating(fixture), Pods(fixture)
    await rotating.reconcile()
    await rotating.record(CORE_LOGIN_KEY)
    first = await rotating.login()
    pods.start("core-old", await rotating.template())
    pods.start("exporter-old", await rotating.template())
    pods.copy("jobservice", "core-old")
    mark = server.mark()
    with pods.logging_in():
        await rotate(rotating, pods, "1")
        second = await rotating.login()
        await rotate(rotating, pods, "2")
        third = await rotating.login()
    assert pods.failures == []
    assert server.rejected_since(mark) == []
    assert pods.logins > 20
    assert len({login.password.get_secret_value() for login in (first, second, third)}) == 3
    assert (first.username, third.username) == (fixture.role, fixture.role)
    assert server.query(
        "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relname = 'used'", dbname=f"core_{fixture.name}"
    ) == [(fixture.role,)]

    for login in (first, second):
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            pods.connect(login.username, login.password.get_secret_value())
    fixture.mark = server.mark()
    assert (await rotating.reconcile()).changes == ()
    assert fixture.changes() == []

    assert isinstance(await rotating.step.teardown(rotating.registry(**DELETE)), Done)
    assert not fixture.exists(f"core_{fixture.name}")
    assert server.query(f"SELECT rolname FROM pg_roles WHERE rolname LIKE '{fixture.role}%'") == []  # noqa: S608
    assert not [name for _, name in fixture.kube.secrets if "database-login" in name]


async def test_a_role_that_was_not_created_for_the_registry_is_not_given_to_harbor(fixture: DatabaseFixture) -> None:
    rotating = await Rotating.settled(fixture)
    before = await rotating.login()
    second = names.second_database_role(fixture.role)
    fixture.server.query(f"CREATE ROLE {second}")
    rotating.request = "1"
    await rotating.fails(f"role '{second}' exists and was not created for this registry")
    assert await rotating.login() == before


async def test_a_login_that_the_server_does_not_admit_is_not_given_to_harbor(fixture: DatabaseFixture) -> None:
    rotating = await Rotating.settled(fixture)
    before = await rotating.login()
    second = names.second_database_role(fixture.role)
    rotating.request = "1"
    with host_rule(fixture.server, f"host all {second} all reject"):
        await rotating.fails(f"role '{second}'")
        secret = fixture.kube.values("intra", names.second_database_secret(rotating.registry()))
        fixture.mark = fixture.server.mark()
        await rotating.fails(f"role '{second}'")
        assert fixture.changes() == []
        assert fixture.kube.values("intra", names.second_database_secret(rotating.registry())) == secret
        assert await rotating.login() == before
    assert "gets the login of role" in (await rotating.reconcile()).changes[0]
    assert (await rotating.login()).password.get_secret_value() == secret["password"]
    assert fixture.changes() == []


async def test_a_restored_server_without_the_second_role_becomes_ready(fixture: DatabaseFixture) -> None:
    rotating = await Rotating.settled(fixture)
    rotating.request = "1"
    await rotating.reconcile()
    await rotating.record(CORE_LOGIN_KEY)
    await rotating.reconcile()  # the first role has no password any more
    login, pods = await rotating.login(), Pods(fixture)
    second = names.second_database_role(fixture.role)
    assert login.username == second
    fixture.server.query(f"DROP ROLE {second}")

    restored = await rotating.reconcile()
    assert f"role '{second}'" in restored.message
    assert await rotating.login() == login
    pods.start("core", await rotating.template())
    assert pods.failures == []
    fixture.mark = fixture.server.mark()
    await rotating.reconcile()
    assert fixture.changes() == []

    fixture.connection_limit = 51
    fixture.server.query(f"ALTER ROLE {second} NOLOGIN VALID UNTIL '2020-01-01'")
    await rotating.reconcile()
    pods.log_in()
    assert pods.failures == []
    assert fixture.server.query(f"SELECT rolconnlimit FROM pg_roles WHERE rolname = '{second}'") == [(51,)]  # noqa: S608


async def test_a_second_role_without_the_mark_is_not_changed(fixture: DatabaseFixture) -> None:
    rotating = await Rotating.settled(fixture)
    rotating.request = "1"
    await rotating.reconcile()
    second = names.second_database_role(fixture.role)
    fixture.server.query(f"COMMENT ON ROLE {second} IS NULL")
    fixture.server.query(f"ALTER ROLE {second} PASSWORD NULL")
    fixture.mark = fixture.server.mark()
    blocked = await rotating.step.reconcile(rotating.registry())
    assert isinstance(blocked, Blocked)
    assert blocked.reason is Reason.DATABASE_ROLE_TAKEN
    assert fixture.changes() == []
    fixture.run(blocked.message.split("run: ", 1)[1].removesuffix(";"))
    assert (await rotating.reconcile()).message.count(f"role '{second}'") == 1
