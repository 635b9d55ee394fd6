"""When the login of the databases is rotated, and when it stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from typing_extensions import override

from harbor_operator.api.request_annotations import ROTATE_DATABASE_PASSWORD_REQUESTED_AT
from harbor_operator.api.v1alpha1 import HarborRegistry, Release
from harbor_operator.model.outcomes import Blocked, Done
from harbor_operator.model.release import GeneratedSecret, keyed_digest
from harbor_operator.plan import names
from harbor_operator.plan.generated_secrets import CORE_LOGIN_KEY
from harbor_operator.reasons import Reason
from harbor_operator.steps.database import DatabaseStep
from harbor_operator.steps.harbor_database import HarborDatabase
from tests.fakes.database_fixture import LOGIN, ROLE, DatabaseFixture, registry
from tests.fakes.postgres import FakeRole, admin

SECOND, SECOND_LOGIN = f"{ROLE}_b", f"{LOGIN}-b"


class Rotating(DatabaseFixture):
    """A registry whose release has the first login, and a clock."""

    @override
    def __post_init__(self) -> None:
        super().__post_init__()
        self.now = datetime(2026, 11, 1, 12, tzinfo=UTC)
        self.passwords = 0
        self.step = DatabaseStep(self.kube, self.postgres, self.make_password, lambda: self.now)

    def make_password(self) -> SecretStr:
        self.passwords += 1
        return SecretStr(f"generated{self.passwords}password")

    async def deployed(self) -> None:
        assert isinstance(await self.step.reconcile(wanting()), Done)
        self.settle()

    def settle(self) -> None:
        """Records that every pod has the login in use."""
        login = self.kube.values("intra", LOGIN if self.active() == "first" else SECOND_LOGIN)
        digest = keyed_digest(SecretStr("key"), login["username"], login["password"])
        values = {str(GeneratedSecret.DIGEST_KEY): "key", CORE_LOGIN_KEY: digest}
        self.kube.put("intra", "hreg-cr-pins", values, names.owner_labels(wanting()))

    def active(self) -> str:
        return self.kube.values("intra", LOGIN).get("active", "first")


@pytest.fixture
def fixture() -> Rotating:
    return Rotating()


def wanting(request: str = "", version: str = "1.19.1", **database: Any) -> HarborRegistry:
    made = registry(database, release={"version": version} if version else None)
    annotations = {ROTATE_DATABASE_PASSWORD_REQUESTED_AT: request} if request else {}
    return made.model_copy(update={"metadata": made.metadata.model_copy(update={"annotations": annotations})})


async def done(fixture: Rotating, registry: HarborRegistry) -> Done:
    outcome = await fixture.step.reconcile(registry)
    assert isinstance(outcome, Done), outcome.message
    return outcome


async def test_a_request_is_answered_once(fixture: Rotating) -> None:
    await fixture.deployed()
    assert (await done(fixture, wanting("1"))).changes == (
        f"Harbor gets the login of role '{SECOND}' for its databases",
    )
    assert fixture.active() == "second"
    fixture.forget()
    assert (await done(fixture, wanting("1"))).changes == ()
    assert fixture.is_untouched()


async def test_a_second_request_waits_until_the_pods_have_the_first(fixture: Rotating) -> None:
    await fixture.deployed()
    await done(fixture, wanting("1"))
    fixture.forget()
    assert (await done(fixture, wanting("2"))).changes == ()
    assert fixture.is_untouched()


async def test_nothing_is_rotated_before_the_release_is_deployed(fixture: Rotating) -> None:
    assert (await done(fixture, wanting("1"))).changes == ()
    assert SECOND not in fixture.postgres.roles


async def test_a_login_is_rotated_by_age(fixture: Rotating) -> None:
    await fixture.deployed()
    assert (await done(fixture, wanting(rotateAfterDays=30))).changes == ()
    fixture.now += timedelta(days=29)
    assert (await done(fixture, wanting(rotateAfterDays=30))).changes == ()
    fixture.now += timedelta(days=1)
    assert (await done(fixture, wanting(rotateAfterDays=30))).changes
    assert fixture.active() == "second"


async def test_a_rotation_that_was_cut_off_is_continued(fixture: Rotating) -> None:
    await fixture.deployed()
    fixture.postgres.dies_after = len(fixture.postgres.changes)
    (warning,) = (await done(fixture, wanting("1"))).warnings
    assert "PostgreSQL does not answer" in warning.message
    assert fixture.active() == "first"
    fixture.postgres.dies_after, fixture.postgres.down = None, False
    assert (await done(fixture, wanting("1"))).changes
    assert fixture.active() == "second"
    login = fixture.kube.values("intra", SECOND_LOGIN)
    assert fixture.postgres.roles[SECOND].password == login["password"]


async def test_a_role_that_is_not_admitted_is_not_given_to_harbor(fixture: Rotating) -> None:
    await fixture.deployed()
    fixture.postgres.rejected.add(SECOND)
    (warning,) = (await done(fixture, wanting("1"))).warnings
    assert warning.code is Reason.DATABASE_ROTATION_REFUSED
    assert "no pg_hba.conf entry" in warning.message
    assert fixture.active() == "first"


async def test_an_admin_without_the_right_to_create_roles_keeps_the_login(fixture: Rotating) -> None:
    await fixture.deployed()
    fixture.postgres.admin = admin("CREATEDB")
    fixture.forget()
    (warning,) = (await done(fixture, wanting("1"))).warnings
    assert warning.code is Reason.DATABASE_ROTATION_REFUSED
    assert 'ALTER ROLE "admin" CREATEROLE;' in warning.message
    assert fixture.is_untouched()


async def test_a_server_without_a_connection_for_the_other_login_keeps_the_first(fixture: Rotating) -> None:
    await fixture.deployed()
    fixture.postgres.exhausted.add(SECOND)
    (warning,) = (await done(fixture, wanting("1"))).warnings
    assert warning.code is Reason.DATABASE_ROTATION_REFUSED
    assert f"no connection left for role '{SECOND}'" in warning.message
    assert fixture.active() == "first"
    fixture.postgres.exhausted.clear()
    assert (await done(fixture, wanting("1"))).changes
    assert fixture.active() == "second"


@pytest.mark.parametrize("reason", ["rejected", "outdated"])
async def test_a_rotation_that_failed_writes_nothing_until_the_role_is_admitted(fixture: Rotating, reason: str) -> None:
    await fixture.deployed()
    refused: set[str] = getattr(fixture.postgres, reason)
    refused.add(SECOND)
    assert (await done(fixture, wanting("1"))).warnings
    password = fixture.kube.values("intra", SECOND_LOGIN)["password"]
    fixture.forget()
    assert (await done(fixture, wanting("1"))).warnings
    assert fixture.is_untouched()
    refused.clear()
    assert (await done(fixture, wanting("1"))).changes
    assert fixture.active() == "second"
    assert fixture.postgres.changes == []
    assert fixture.kube.values("intra", SECOND_LOGIN)["password"] == password


async def test_a_rotation_back_that_failed_keeps_one_new_password(fixture: Rotating) -> None:
    await fixture.deployed()
    first = fixture.kube.values("intra", LOGIN)["password"]
    await done(fixture, wanting("1"))
    fixture.settle()
    assert "removed the password" in (await done(fixture, wanting("1"))).changes[0]
    fixture.postgres.rejected.add(ROLE)
    assert (await done(fixture, wanting("2"))).warnings
    stored = fixture.kube.values("intra", LOGIN)
    assert stored["password"] == fixture.postgres.roles[ROLE].password != first
    assert "retired" not in stored
    fixture.forget()
    assert (await done(fixture, wanting("2"))).warnings
    assert fixture.is_untouched()
    fixture.postgres.rejected.clear()
    assert (await done(fixture, wanting("2"))).changes
    assert fixture.active() == "first"
    assert fixture.kube.values("intra", LOGIN)["password"] == stored["password"]


async def test_a_failed_rotation_that_is_not_wanted_any_more_leaves_no_valid_password(fixture: Rotating) -> None:
    await fixture.deployed()
    fixture.postgres.rejected.add(SECOND)
    await done(fixture, wanting("1"))
    assert fixture.postgres.roles[SECOND].password
    assert f"removed the password of role '{SECOND}'" in (await done(fixture, wanting())).changes[0]
    assert not fixture.postgres.roles[SECOND].password
    fixture.forget()
    assert (await done(fixture, wanting())).changes == ()
    assert fixture.is_untouched()
    fixture.postgres.rejected.clear()
    assert "gets the login" in (await done(fixture, wanting("1"))).changes[0]


async def test_a_restored_server_without_the_second_role_gets_it_again(fixture: Rotating) -> None:
    await fixture.deployed()
    await done(fixture, wanting("1"))
    stored = fixture.kube.values("intra", SECOND_LOGIN)
    del fixture.postgres.roles[SECOND]
    message = (await done(fixture, wanting("1"))).message
    assert message.startswith(f"a login with Secret '{SECOND_LOGIN}', role '{SECOND}', databases")
    role = fixture.postgres.roles[SECOND]
    assert (role.password, role.acts_as) == (stored["password"], ROLE)
    fixture.forget()
    await done(fixture, wanting("1"))
    assert fixture.is_untouched()


async def test_a_second_role_of_another_client_gets_no_password(fixture: Rotating) -> None:
    await fixture.deployed()
    await done(fixture, wanting("1"))
    fixture.postgres.roles[SECOND] = FakeRole("theirs", "of the reports")
    fixture.forget()
    outcome = await fixture.step.reconcile(wanting("1"))
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.DATABASE_ROLE_TAKEN
    assert fixture.is_untouched()


async def test_a_second_login_with_another_role_is_refused(fixture: Rotating) -> None:
    await fixture.deployed()
    await done(fixture, wanting("1"))
    stored = fixture.kube.values("intra", SECOND_LOGIN)
    labels = names.owner_labels(wanting())
    fixture.kube.put("intra", SECOND_LOGIN, {**stored, "username": "postgres"}, labels)
    outcome = await fixture.step.reconcile(wanting("1"))
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.SECRET_INVALID
    assert f"key 'username' of Secret '{SECOND_LOGIN}' is not '{SECOND}'" in outcome.message


async def test_a_new_limit_reaches_the_second_role(fixture: Rotating) -> None:
    await fixture.deployed()
    await done(fixture, wanting("1"))
    await done(fixture, wanting("1", connectionLimit=77))
    assert (fixture.postgres.roles[ROLE].limit, fixture.postgres.roles[SECOND].limit) == (77, 77)


async def test_the_release_names_the_secret_of_the_login_in_use(fixture: Rotating) -> None:
    await fixture.deployed()
    await done(fixture, wanting("1"))
    fixture.postgres.logins.clear()
    assert await HarborDatabase(fixture.kube, fixture.postgres).starts_empty(wanting())
    ((username, origin),) = fixture.postgres.logins
    assert (username, origin) == (SECOND, f"Secret '{SECOND_LOGIN}'")


@pytest.mark.parametrize("is_inline", [True, False])
async def test_a_migration_hook_of_the_chart_refuses_a_rotation(fixture: Rotating, is_inline: bool) -> None:
    await fixture.deployed()
    fixture.kube.put("intra", "extra", {"values.yaml": "enableMigrateHelmHook: true"})
    source = (
        {"values": {"enableMigrateHelmHook": True}}
        if is_inline
        else {"valuesFrom": [{"kind": "Secret", "name": "extra", "key": "values.yaml"}]}
    )
    wanted = wanting("1")
    release = Release.model_validate({"version": "1.19.1", **source})
    wanted = wanted.model_copy(update={"spec": wanted.spec.model_copy(update={"release": release})})
    fixture.forget()
    (warning,) = (await done(fixture, wanted)).warnings
    assert warning.code is Reason.DATABASE_ROTATION_REFUSED
    assert "`enableMigrateHelmHook`" in warning.message
    assert fixture.is_untouched()
    assert (await done(fixture, wanting("1"))).changes


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (wanting("1", version="1.12.4"), "charts 1.13"),
        (wanting("1", version=""), "`spec.release` is absent"),
        (
            wanting("1", adminSecretRef=None, credentialsSecretRef={"name": "pg-harbor"}),
            "the operator did not create it",
        ),
    ],
)
async def test_a_rotation_that_is_not_possible_is_refused(fixture: Rotating, wanted: HarborRegistry, said: str) -> None:
    await fixture.deployed()
    login = fixture.kube.values("intra", LOGIN)
    fixture.kube.put("intra", "pg-harbor", login)
    (warning,) = (await done(fixture, wanted)).warnings
    assert warning.code is Reason.DATABASE_ROTATION_REFUSED
    assert said in warning.message
    assert SECOND not in fixture.postgres.roles
