"""Each test is one row: a world before, an outcome, a world after."""

from __future__ import annotations

import pytest

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.database import Attribute, CreateRole, Marker, ObservedDatabase, SetPassword
from harbor_operator.model.outcomes import Blocked, Done, Pending
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from harbor_operator.reconciler import attempt
from tests.fakes.database_world import EARLIER, LOGIN, OURS, ROLE, DatabaseFixture, registry
from tests.fakes.postgres import FakeRole, admin, marked


@pytest.fixture
def world() -> DatabaseFixture:
    return DatabaseFixture()


async def test_no_section_no_condition(world: DatabaseFixture) -> None:
    empty = HarborRegistry.parse(
        {
            "metadata": {"name": "cr", "namespace": "intra", "uid": "uid-1"},
            "spec": {"externalURL": "https://cr.example.com"},
        }
    )
    for outcome in (await world.step.reconcile(empty), await world.step.teardown(empty)):
        assert outcome.reason is Reason.NOT_REQUESTED
    assert world.is_untouched()


async def test_an_empty_server_becomes_role_database_and_secret(world: DatabaseFixture) -> None:
    outcome = await world.step.reconcile(registry())

    assert isinstance(outcome, Done)
    assert world.kube.values("intra", LOGIN) == {"username": ROLE, "password": "generated0password"}
    assert world.postgres.databases == {"registry": marked("registry", ROLE, OURS)}
    assert (world.postgres.roles[ROLE].comment, world.postgres.roles[ROLE].limit) == (OURS.comment, 200)


async def test_a_second_pass_changes_nothing(world: DatabaseFixture) -> None:
    await world.step.reconcile(registry())
    world.forget()
    assert isinstance(await world.step.reconcile(registry()), Done)
    assert world.is_untouched()


async def test_an_old_chart_gets_four_databases(world: DatabaseFixture) -> None:
    await world.step.reconcile(registry(release={"version": "1.2.0"}))
    assert sorted(world.postgres.databases) == ["clair", "notary_server", "notary_signer", "registry"]


@pytest.mark.parametrize("changes", range(4))
async def test_a_pass_that_was_cut_off_is_continued(world: DatabaseFixture, changes: int) -> None:
    world.postgres.dies_after = changes
    with pytest.raises(Unavailable):
        await world.step.reconcile(registry())
    assert ("intra", LOGIN) in world.kube.secrets
    world.postgres.dies_after, world.postgres.down = None, False
    assert isinstance(await world.step.reconcile(registry()), Done)
    assert world.postgres.databases == {"registry": marked("registry", ROLE, OURS)}
    assert world.postgres.roles[ROLE].comment == OURS.comment


async def test_a_crash_after_the_secret_is_continued_with_its_password(world: DatabaseFixture) -> None:
    world.kube.put(
        "intra",
        LOGIN,
        {"username": ROLE, "password": "older0password"},
        {"app.kubernetes.io/managed-by": "harbor-operator", "harbor-operator.io/registry-name": "cr"},
    )
    assert isinstance(await world.step.reconcile(registry()), Done)
    assert world.postgres.roles[ROLE].password == "older0password"


@pytest.mark.parametrize(
    ("values", "reason", "said"),
    [
        (None, Reason.SECRET_MISSING, "pg-admin"),
        ({"username": "admin"}, Reason.SECRET_KEY_MISSING, "'password'"),
        ({"username": "admin", "password": ""}, Reason.SECRET_KEY_MISSING, "'password'"),
    ],
)
async def test_the_admin_secret_is_incomplete(
    world: DatabaseFixture, values: dict[str, str] | None, reason: Reason, said: str
) -> None:
    del world.kube.secrets["intra", "pg-admin"]
    if values is not None:
        world.kube.put("intra", "pg-admin", values)
    outcome = await attempt(world.step.reconcile, registry())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is reason
    assert said in outcome.message
    assert "spec.database.adminSecretRef" in outcome.message


async def test_a_ca_secret_without_a_certificate(world: DatabaseFixture) -> None:
    world.kube.put("intra", "pg-ca", {"ca.crt": "nonsense"})
    outcome = await attempt(world.step.reconcile, registry({"caSecretRef": {"name": "pg-ca"}}))
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.SECRET_INVALID


async def test_a_wrong_admin_password_is_refused(world: DatabaseFixture) -> None:
    world.kube.put("intra", "pg-admin", {"username": "admin", "password": "wrong"})
    with pytest.raises(Refused) as refusal:
        await world.step.reconcile(registry())
    assert refusal.value.reason is Reason.DATABASE_CREDENTIALS_REJECTED
    assert "Secret 'pg-admin'" in str(refusal.value)
    assert world.is_untouched()


async def test_a_server_that_is_down(world: DatabaseFixture) -> None:
    world.postgres.down = True
    with pytest.raises(Unavailable):
        await world.step.reconcile(registry())


async def test_a_database_of_somebody_else_is_left_alone(world: DatabaseFixture) -> None:
    world.postgres.databases["registry"] = ObservedDatabase("registry", "wiki", "", is_open_to_public=True)
    outcome = await world.step.reconcile(registry())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.DATABASE_OWNED_BY_OTHER
    for word in ("'registry'", "'wiki'", f'ALTER DATABASE "registry" OWNER TO "{ROLE}";', "spec.database.names.core"):
        assert word in outcome.message
    assert world.is_untouched()


async def test_the_remedy_for_a_database_of_somebody_else_works(world: DatabaseFixture) -> None:
    world.postgres.databases["registry"] = ObservedDatabase("registry", ROLE, "", is_open_to_public=True)
    world.postgres.roles[ROLE] = FakeRole(comment=OURS.comment, limit=-1, missing_attributes=(Attribute.LOGIN,))
    assert isinstance(await world.step.reconcile(registry()), Done)
    assert world.postgres.databases["registry"] == ObservedDatabase("registry", ROLE, "", is_open_to_public=False)


@pytest.mark.parametrize("marker", [None, Marker("other/cr", "uid-7")])
async def test_a_role_of_somebody_else_is_left_alone(world: DatabaseFixture, marker: Marker | None) -> None:
    world.role(marker)
    outcome = await world.step.reconcile(registry())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.DATABASE_ROLE_TAKEN
    assert world.is_untouched()


async def test_a_recreated_registry_takes_up_what_was_kept(world: DatabaseFixture) -> None:
    await world.step.reconcile(registry())
    requeue_after = registry()
    requeue_after = requeue_after.model_copy(
        update={"metadata": requeue_after.metadata.model_copy(update={"uid": "uid-2"})}
    )
    assert isinstance(await world.step.reconcile(requeue_after), Done)
    assert world.postgres.databases["registry"].comment == Marker("intra/cr", "uid-2").comment
    assert world.postgres.roles[ROLE].password == "generated0password"


async def test_a_role_in_use_by_an_earlier_registry_needs_its_password(world: DatabaseFixture) -> None:
    world.role(EARLIER, sessions=5).password = "of0the0other0cluster"
    world.postgres.databases["registry"] = marked("registry", ROLE, EARLIER)
    outcome = await world.step.reconcile(registry())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.DATABASE_ROLE_TAKEN
    assert world.is_untouched()


async def test_a_role_in_use_is_taken_up_with_its_password(world: DatabaseFixture) -> None:
    await world.step.reconcile(registry())
    world.postgres.roles[ROLE].comment = EARLIER.comment
    world.postgres.roles[ROLE].sessions = 5
    assert isinstance(await world.step.reconcile(registry()), Done)
    assert world.postgres.roles[ROLE].comment == OURS.comment


async def test_a_password_that_drifted_is_set_again(world: DatabaseFixture) -> None:
    await world.step.reconcile(registry())
    world.postgres.roles[ROLE].password = "drifted"
    world.forget()
    assert isinstance(await world.step.reconcile(registry()), Done)
    assert [type(change) for change in world.postgres.changes] == [SetPassword]
    assert world.kube.writes == []


async def test_a_login_that_is_not_let_in_is_not_answered_with_a_new_password(world: DatabaseFixture) -> None:
    world.postgres.rejected.add(ROLE)
    await world.step.reconcile(registry())
    world.forget()
    outcome = await world.step.reconcile(registry())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.DATABASE_LOGIN_FAILED
    assert world.is_untouched()


async def test_a_schema_the_role_may_not_use(world: DatabaseFixture) -> None:
    world.postgres.closed_schemas.add("registry")
    outcome = await world.step.reconcile(registry())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.DATABASE_RIGHTS_MISSING
    assert "ALTER SCHEMA public OWNER" in outcome.message


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"username": "somebody", "password": "aB3"}, "'username'"),
        ({"username": ROLE, "password": "p@ss word"}, "'password'"),
    ],
)
async def test_a_login_secret_that_harbor_cannot_use(world: DatabaseFixture, values: dict[str, str], said: str) -> None:
    world.kube.put(
        "intra",
        LOGIN,
        values,
        {"app.kubernetes.io/managed-by": "harbor-operator", "harbor-operator.io/registry-name": "cr"},
    )
    outcome = await world.step.reconcile(registry())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.SECRET_INVALID
    assert said in outcome.message
    assert "p@ss" not in outcome.message
    assert world.is_untouched()


async def test_somebody_holds_the_lock(world: DatabaseFixture) -> None:
    world.postgres.locked = True
    outcome = await world.step.reconcile(registry())
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.DATABASE_BUSY
    assert world.postgres.changes == []


async def test_a_lock_matters_only_to_those_who_write(world: DatabaseFixture) -> None:
    await world.step.reconcile(registry())
    world.postgres.locked = True
    assert isinstance(await world.step.reconcile(registry()), Done)


async def test_too_few_connections_are_a_warning(world: DatabaseFixture) -> None:
    world.postgres.max_connections = 100
    outcome = await world.step.reconcile(registry())
    assert isinstance(outcome, Done)
    assert [caution.code for caution in outcome.warnings] == [Reason.DATABASE_CONNECTIONS_LOW]


async def test_an_error_in_the_middle_is_continued(world: DatabaseFixture) -> None:
    world.postgres.admin = admin("CREATEROLE")
    assert isinstance(await world.step.reconcile(registry()), Blocked)
    assert world.is_untouched()
    world.role(members={"admin"})
    world.postgres.admin = admin()
    assert isinstance(await world.step.reconcile(registry()), Done)
    assert not any(isinstance(change, CreateRole) for change in world.postgres.changes)
