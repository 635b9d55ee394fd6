"""One case per test: a server before, the outcome, and the server after."""

from __future__ import annotations

import pytest

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.database import Attribute, Marker, ObservedDatabase
from harbor_operator.model.database_changes import CreateRole, SetPassword
from harbor_operator.model.outcomes import Blocked, Done, Pending
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from harbor_operator.steps.attempt import attempt
from tests.fakes.database_fixture import EARLIER, LOGIN, OURS, ROLE, DatabaseFixture, registry
from tests.fakes.postgres import FakeRole, admin, marked


@pytest.fixture
def fixture() -> DatabaseFixture:
    return DatabaseFixture()


async def test_no_section_no_condition(fixture: DatabaseFixture) -> None:
    empty = HarborRegistry.parse(
        {
            "metadata": {"name": "cr", "namespace": "intra", "uid": "uid-1"},
            "spec": {"externalURL": "https://cr.example.com"},
        }
    )
    for outcome in (await fixture.step.reconcile(empty), await fixture.step.teardown(empty)):
        assert outcome.reason is Reason.NOT_REQUESTED
    assert fixture.is_untouched()


async def test_an_empty_server_becomes_role_database_and_secret(fixture: DatabaseFixture) -> None:
    outcome = await fixture.step.reconcile(registry())

    assert isinstance(outcome, Done)
    assert fixture.kube.values("intra", LOGIN) == {"username": ROLE, "password": "generated0password"}
    assert fixture.postgres.databases == {"registry": marked("registry", ROLE, OURS)}
    assert (fixture.postgres.roles[ROLE].comment, fixture.postgres.roles[ROLE].limit) == (OURS.comment, 200)


async def test_a_second_pass_changes_nothing(fixture: DatabaseFixture) -> None:
    await fixture.step.reconcile(registry())
    fixture.forget()
    assert isinstance(await fixture.step.reconcile(registry()), Done)
    assert fixture.is_untouched()


async def test_an_old_chart_gets_four_databases(fixture: DatabaseFixture) -> None:
    await fixture.step.reconcile(registry(release={"version": "1.2.0"}))
    assert sorted(fixture.postgres.databases) == ["clair", "notary_server", "notary_signer", "registry"]


@pytest.mark.parametrize("changes", range(4))
async def test_a_pass_that_was_cut_off_is_continued(fixture: DatabaseFixture, changes: int) -> None:
    fixture.postgres.dies_after = changes
    with pytest.raises(Unavailable):
        await fixture.step.reconcile(registry())
    assert ("intra", LOGIN) in fixture.kube.secrets
    fixture.postgres.dies_after, fixture.postgres.down = None, False
    assert isinstance(await fixture.step.reconcile(registry()), Done)
    assert fixture.postgres.databases == {"registry": marked("registry", ROLE, OURS)}
    assert fixture.postgres.roles[ROLE].comment == OURS.comment


async def test_a_crash_after_the_secret_is_continued_with_its_password(fixture: DatabaseFixture) -> None:
    fixture.kube.put(
        "intra",
        LOGIN,
        {"username": ROLE, "password": "older0password"},
        {"app.kubernetes.io/managed-by": "harbor-operator", "harbor-operator.io/registry-name": "cr"},
    )
    assert isinstance(await fixture.step.reconcile(registry()), Done)
    assert fixture.postgres.roles[ROLE].password == "older0password"


@pytest.mark.parametrize(
    ("values", "reason", "said"),
    [
        (None, Reason.SECRET_MISSING, "pg-admin"),
        ({"username": "admin"}, Reason.SECRET_KEY_MISSING, "'password'"),
        ({"username": "admin", "password": ""}, Reason.SECRET_KEY_MISSING, "'password'"),
    ],
)
async def test_the_admin_secret_is_incomplete(
    fixture: DatabaseFixture, values: dict[str, str] | None, reason: Reason, said: str
) -> None:
    del fixture.kube.secrets["intra", "pg-admin"]
    if values is not None:
        fixture.kube.put("intra", "pg-admin", values)
    outcome = await attempt(fixture.step.reconcile, registry())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is reason
    assert said in outcome.message
    assert "spec.database.adminSecretRef" in outcome.message


async def test_a_ca_secret_without_a_certificate(fixture: DatabaseFixture) -> None:
    fixture.kube.put("intra", "pg-ca", {"ca.crt": "nonsense"})
    outcome = await attempt(fixture.step.reconcile, registry({"caSecretRef": {"name": "pg-ca"}}))
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.SECRET_INVALID


async def test_a_wrong_admin_password_is_refused(fixture: DatabaseFixture) -> None:
    fixture.kube.put("intra", "pg-admin", {"username": "admin", "password": "wrong"})
    with pytest.raises(Refused) as refusal:
        await fixture.step.reconcile(registry())
    assert refusal.value.reason is Reason.DATABASE_CREDENTIALS_REJECTED
    assert "Secret 'pg-admin'" in str(refusal.value)
    assert fixture.is_untouched()


async def test_a_server_that_is_down(fixture: DatabaseFixture) -> None:
    fixture.postgres.down = True
    with pytest.raises(Unavailable):
        await fixture.step.reconcile(registry())


async def test_a_database_of_another_owner_is_left_alone(fixture: DatabaseFixture) -> None:
    fixture.postgres.databases["registry"] = ObservedDatabase("registry", "wiki", "", is_open_to_public=True)
    outcome = await fixture.step.reconcile(registry())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.DATABASE_OWNED_BY_OTHER
    for word in ("'registry'", "'wiki'", f'ALTER DATABASE "registry" OWNER TO "{ROLE}";', "spec.database.names.core"):
        assert word in outcome.message
    assert fixture.is_untouched()


async def test_the_remedy_for_a_database_of_another_owner_works(fixture: DatabaseFixture) -> None:
    fixture.postgres.databases["registry"] = ObservedDatabase("registry", ROLE, "", is_open_to_public=True)
    fixture.postgres.roles[ROLE] = FakeRole(comment=OURS.comment, limit=-1, missing_attributes=(Attribute.LOGIN,))
    assert isinstance(await fixture.step.reconcile(registry()), Done)
    assert fixture.postgres.databases["registry"] == ObservedDatabase("registry", ROLE, "", is_open_to_public=False)


@pytest.mark.parametrize("marker", [None, Marker("other/cr", "uid-7")])
async def test_a_role_of_another_owner_is_left_alone(fixture: DatabaseFixture, marker: Marker | None) -> None:
    fixture.role(marker)
    outcome = await fixture.step.reconcile(registry())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.DATABASE_ROLE_TAKEN
    assert fixture.is_untouched()


async def test_a_recreated_registry_takes_up_what_was_retained(fixture: DatabaseFixture) -> None:
    await fixture.step.reconcile(registry())
    requeue_after = registry()
    requeue_after = requeue_after.model_copy(
        update={"metadata": requeue_after.metadata.model_copy(update={"uid": "uid-2"})}
    )
    assert isinstance(await fixture.step.reconcile(requeue_after), Done)
    assert fixture.postgres.databases["registry"].comment == Marker("intra/cr", "uid-2").comment
    assert fixture.postgres.roles[ROLE].password == "generated0password"


async def test_a_role_without_a_cluster_needs_its_password(fixture: DatabaseFixture) -> None:
    """Finding D5: also while no Harbor has a session."""
    fixture.role(EARLIER).password = "of0the0other0cluster"
    fixture.postgres.databases["registry"] = marked("registry", ROLE, EARLIER)
    outcome = await fixture.step.reconcile(registry())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.DATABASE_ROLE_TAKEN
    assert fixture.is_untouched()


async def test_a_role_without_a_cluster_is_taken_up_with_its_password(fixture: DatabaseFixture) -> None:
    await fixture.step.reconcile(registry())
    fixture.postgres.roles[ROLE].comment = EARLIER.comment
    assert isinstance(await fixture.step.reconcile(registry()), Done)
    assert fixture.postgres.roles[ROLE].comment == OURS.comment


async def test_a_password_that_drifted_is_set_again(fixture: DatabaseFixture) -> None:
    await fixture.step.reconcile(registry())
    fixture.postgres.roles[ROLE].password = "drifted"
    fixture.forget()
    assert isinstance(await fixture.step.reconcile(registry()), Done)
    assert [type(change) for change in fixture.postgres.changes] == [SetPassword]
    assert fixture.kube.writes == []


async def test_a_login_that_is_refused_does_not_get_a_new_password(fixture: DatabaseFixture) -> None:
    fixture.postgres.rejected.add(ROLE)
    await fixture.step.reconcile(registry())
    fixture.forget()
    outcome = await fixture.step.reconcile(registry())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.DATABASE_LOGIN_FAILED
    assert fixture.is_untouched()


async def test_a_schema_the_role_may_not_use(fixture: DatabaseFixture) -> None:
    fixture.postgres.closed_schemas.add("registry")
    outcome = await fixture.step.reconcile(registry())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.DATABASE_RIGHTS_MISSING
    assert "ALTER SCHEMA public OWNER" in outcome.message


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"username": "other", "password": "aB3"}, "'username'"),
        ({"username": ROLE, "password": "p@ss word"}, "'password'"),
    ],
)
async def test_a_login_secret_that_harbor_cannot_use(
    fixture: DatabaseFixture, values: dict[str, str], said: str
) -> None:
    fixture.kube.put(
        "intra",
        LOGIN,
        values,
        {"app.kubernetes.io/managed-by": "harbor-operator", "harbor-operator.io/registry-name": "cr"},
    )
    outcome = await fixture.step.reconcile(registry())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.SECRET_INVALID
    assert said in outcome.message
    assert "p@ss" not in outcome.message
    assert fixture.is_untouched()


async def test_another_session_holds_the_lock(fixture: DatabaseFixture) -> None:
    fixture.postgres.locked = True
    outcome = await fixture.step.reconcile(registry())
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.DATABASE_BUSY
    assert fixture.postgres.changes == []


async def test_a_lock_is_needed_for_writes_only(fixture: DatabaseFixture) -> None:
    await fixture.step.reconcile(registry())
    fixture.postgres.locked = True
    assert isinstance(await fixture.step.reconcile(registry()), Done)


async def test_too_few_connections_are_a_warning(fixture: DatabaseFixture) -> None:
    fixture.postgres.max_connections = 100
    outcome = await fixture.step.reconcile(registry())
    assert isinstance(outcome, Done)
    assert [warning.code for warning in outcome.warnings] == [Reason.DATABASE_CONNECTIONS_LOW]


async def test_an_error_in_the_middle_is_continued(fixture: DatabaseFixture) -> None:
    fixture.postgres.admin = admin("CREATEROLE")
    assert isinstance(await fixture.step.reconcile(registry()), Blocked)
    assert fixture.is_untouched()
    fixture.role(members={"admin"})
    fixture.postgres.admin = admin()
    assert isinstance(await fixture.step.reconcile(registry()), Done)
    assert not any(isinstance(change, CreateRole) for change in fixture.postgres.changes)


async def test_a_password_that_does_not_help_is_set_once(fixture: DatabaseFixture) -> None:
    """A pooler with a list of passwords: each new verifier would differ from the one in its list."""
    fixture.postgres.outdated.add(ROLE)
    for _ in range(3):
        refused = await fixture.step.reconcile(registry())
        assert isinstance(refused, Blocked)
        assert refused.reason is Reason.DATABASE_LOGIN_FAILED
    assert [type(change) for change in fixture.postgres.changes].count(SetPassword) == 1

    fixture.postgres.outdated.clear()
    assert isinstance(await fixture.step.reconcile(registry()), Done)
    fixture.postgres.roles[ROLE].password = "drifted"
    fixture.forget()
    assert isinstance(await fixture.step.reconcile(registry()), Done)
    assert [type(change) for change in fixture.postgres.changes] == [SetPassword]
