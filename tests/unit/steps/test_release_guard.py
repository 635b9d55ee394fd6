"""Harbor is never started beside its data: another release, another database, or a new key."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from harbor_operator.api.v1alpha1 import PreviousStatus
from harbor_operator.model.outcomes import Blocked, Done, Outcome, Pending
from harbor_operator.plan import names
from harbor_operator.reasons import Reason
from tests.fakes.release import NAMESPACE
from tests.fakes.release_fixture import READY, ReleaseFixture

PINS = (NAMESPACE, "hreg-cr-pins")
MOVED = {"host": "other.example.com", "adminSecretRef": {"name": "pg-admin"}}
OLD_KEY = "0123456789abcdef"


@pytest.fixture
def cr() -> ReleaseFixture:
    return ReleaseFixture()


async def deployed(cr: ReleaseFixture) -> None:
    await cr.deployed()
    assert isinstance(await cr.reconcile(), Done)
    cr.kube.writes.clear()
    cr.helm.started.clear()


def assert_blocked(cr: ReleaseFixture, outcome: Outcome, reason: Reason) -> str:
    assert isinstance(outcome, Blocked), outcome
    assert outcome.reason is reason
    assert cr.helm.started == []
    assert cr.kube.writes == []
    return outcome.message


def remove_keys(cr: ReleaseFixture, *keys: str) -> None:
    left = {key: value for key, value in cr.kube.values(*PINS).items() if key not in keys}
    cr.kube.put(*PINS, left, names.owner_labels(cr.registry))


async def test_lost_secrets_of_a_deployed_release_are_not_generated_again(cr: ReleaseFixture) -> None:
    """Finding D1."""
    await deployed(cr)
    before = cr.kube.secrets.pop(PINS)
    message = assert_blocked(cr, await cr.reconcile(), Reason.GENERATED_SECRETS_MISSING)
    assert "'hreg-cr-pins'" in message
    assert "`spec.release.secretKeyRef`" in message
    cr.kube.secrets[PINS] = before
    assert isinstance(await cr.reconcile(), Done)


async def test_a_lost_key_counts_although_the_release_is_gone(cr: ReleaseFixture) -> None:
    """Finding D1."""
    cr.registry = cr.registry.model_copy(update={"observed": PreviousStatus(release_revision=3)})
    message = assert_blocked(cr, await cr.reconcile(), Reason.GENERATED_SECRETS_MISSING)
    assert "`status.releaseRevision`" in message


async def test_a_database_of_an_earlier_harbor_needs_its_key(cr: ReleaseFixture) -> None:
    """Finding D1."""
    cr.postgres.harbor_databases.add("registry")
    message = assert_blocked(cr, await cr.reconcile(), Reason.GENERATED_SECRETS_MISSING)
    assert "the database of `spec.database` contains tables of Harbor" in message
    cr.kube.put(NAMESPACE, "old", {"secretKey": OLD_KEY})
    cr.spec(release={"version": "1.19.1", "secretKeyRef": {"name": "old"}})
    assert isinstance(await cr.reconcile(), Pending)
    assert cr.kube.values(*PINS)["secretKey"] == OLD_KEY
    cr.finish()
    cr.workloads(*READY)
    cr.spec()
    assert isinstance(await cr.reconcile(), Done)
    assert cr.kube.values(*PINS)["secretKey"] == OLD_KEY


async def test_another_key_than_the_deployed_one_never_reaches_harbor(cr: ReleaseFixture) -> None:
    await deployed(cr)
    before = cr.kube.secrets[PINS]
    cr.kube.put(*PINS, {**cr.kube.values(*PINS), "secretKey": OLD_KEY}, names.owner_labels(cr.registry))
    message = assert_blocked(cr, await cr.reconcile(), Reason.SECRET_KEY_CHANGED)
    assert "put the old key back" in message
    assert OLD_KEY not in message
    cr.kube.secrets[PINS] = before
    assert isinstance(await cr.reconcile(), Done)
    assert cr.helm.started == []


async def test_a_key_that_replaces_a_lost_one_must_be_the_recorded_one(cr: ReleaseFixture) -> None:
    await deployed(cr)
    before = cr.kube.values(*PINS)["secretKey"]
    remove_keys(cr, "secretKey")
    cr.kube.put(NAMESPACE, "old", {"secretKey": OLD_KEY})
    cr.spec(release={"version": "1.19.1", "secretKeyRef": {"name": "old"}})
    message = assert_blocked(cr, await cr.reconcile(), Reason.SECRET_KEY_CHANGED)
    assert "`spec.release.secretKeyRef`" in message
    assert OLD_KEY not in message
    cr.kube.put(NAMESPACE, "old", {"secretKey": before})
    assert isinstance(await cr.reconcile(), Done)
    assert cr.kube.values(*PINS)["secretKey"] == before


async def test_the_key_of_an_empty_database_is_accepted_after_its_record_is_removed(cr: ReleaseFixture) -> None:
    await deployed(cr)
    cr.kube.put(*PINS, {**cr.kube.values(*PINS), "secretKey": OLD_KEY}, names.owner_labels(cr.registry))
    assert "'SECRET_KEY_DIGEST'" in assert_blocked(cr, await cr.reconcile(), Reason.SECRET_KEY_CHANGED)
    remove_keys(cr, "SECRET_KEY_DIGEST")
    assert isinstance(await cr.reconcile(), Pending)
    assert cr.kube.values(*PINS)["SECRET_KEY_DIGEST"] == hashlib.sha256(OLD_KEY.encode()).hexdigest()


async def test_the_key_of_a_harbor_of_an_earlier_operator_is_recorded_without_an_upgrade(cr: ReleaseFixture) -> None:
    await deployed(cr)
    recorded = cr.kube.values(*PINS)
    remove_keys(cr, "SECRET_KEY_DIGEST")
    assert isinstance(await cr.reconcile(), Done)
    assert cr.kube.values(*PINS) == recorded
    assert cr.helm.started == []


@pytest.mark.parametrize("key", ["short", f"{OLD_KEY}\n"])
async def test_a_key_of_another_length_is_refused(cr: ReleaseFixture, key: str) -> None:
    """Finding D1."""
    cr.kube.put(NAMESPACE, "old", {"secretKey": key})
    cr.spec(release={"version": "1.19.1", "secretKeyRef": {"name": "old"}})
    message = assert_blocked(cr, await cr.reconcile(), Reason.SECRET_INVALID)
    assert f"{len(key)} characters" in message
    assert key.strip() not in message


async def test_another_key_than_the_stored_one_is_refused(cr: ReleaseFixture) -> None:
    """Finding D1."""
    await deployed(cr)
    cr.kube.put(NAMESPACE, "old", {"secretKey": OLD_KEY})
    cr.spec(release={"version": "1.19.1", "secretKeyRef": {"name": "old"}})
    assert_blocked(cr, await cr.reconcile(), Reason.SECRET_INVALID)


async def test_the_remedy_for_a_stored_key_that_harbor_never_used_ends_the_refusal(cr: ReleaseFixture) -> None:
    """The digest is recorded before Helm first runs, so that it can belong to a key that Harbor never used."""
    await deployed(cr)
    del cr.kube.secrets[NAMESPACE, "sh.helm.release.v1.cr.v1"]
    cr.kube.put(NAMESPACE, "old", {"secretKey": OLD_KEY})
    cr.spec(release={"version": "1.19.1", "secretKeyRef": {"name": "old"}})
    message = assert_blocked(cr, await cr.reconcile(), Reason.SECRET_INVALID)
    assert "replace it there and remove 'SECRET_KEY_DIGEST' from that Secret" in message
    cr.kube.put(*PINS, {**cr.kube.values(*PINS), "secretKey": OLD_KEY}, names.owner_labels(cr.registry))
    remove_keys(cr, "SECRET_KEY_DIGEST")
    outcome = await cr.reconcile()
    assert isinstance(outcome, Pending), outcome
    assert cr.kube.values(*PINS)["SECRET_KEY_DIGEST"] == hashlib.sha256(OLD_KEY.encode()).hexdigest()


async def test_a_damaged_stored_key_is_named(cr: ReleaseFixture) -> None:
    """Finding D1."""
    await deployed(cr)
    cr.kube.put(*PINS, {**cr.kube.values(*PINS), "secretKey": "cut"}, names.owner_labels(cr.registry))
    assert_blocked(cr, await cr.reconcile(), Reason.SECRET_INVALID)


async def test_only_secrets_whose_loss_is_harmless_are_generated_again(cr: ReleaseFixture) -> None:
    """Finding D1."""
    await deployed(cr)
    key = cr.kube.values(*PINS)["secretKey"]
    remove_keys(cr, "CSRF_KEY", "tls.key", "DATABASE_PASSWORD")
    assert (await cr.reconcile()).reason is Reason.RELEASE_UPGRADING
    assert cr.kube.values(*PINS)["secretKey"] == key
    assert cr.kube.values(*PINS)["CSRF_KEY"]
    cr.kube.writes.clear()
    cr.finish()
    cr.helm.started.clear()
    remove_keys(cr, "secretKey")
    assert_blocked(cr, await cr.reconcile(), Reason.GENERATED_SECRETS_MISSING)


async def test_the_password_of_the_charts_database_is_not_generated_again(cr: ReleaseFixture) -> None:
    """Finding D1."""
    cr.spec(database=None)
    await deployed(cr)
    remove_keys(cr, "DATABASE_PASSWORD")
    message = assert_blocked(cr, await cr.reconcile(), Reason.GENERATED_SECRETS_MISSING)
    assert "'DATABASE_PASSWORD'" in message


@pytest.mark.parametrize(
    "database",
    [
        None,
        MOVED,
        {**MOVED, "host": "pg.example.com", "port": 6432},
        {**MOVED, "host": "pg.example.com", "names": {"core": "harbor"}},
    ],
)
async def test_a_deployed_release_does_not_start_on_an_empty_database(
    cr: ReleaseFixture, database: dict[str, Any] | None
) -> None:
    """Finding D2."""
    await deployed(cr)
    cr.spec(database=database)
    message = assert_blocked(cr, await cr.reconcile(), Reason.DATABASE_CHANGED)
    assert "'registry' at 'pg.example.com:5432'" in message


async def test_a_database_moves_once_the_new_one_has_harbors_tables(cr: ReleaseFixture) -> None:
    """Finding D2."""
    await deployed(cr)
    cr.spec(database=MOVED)
    assert_blocked(cr, await cr.reconcile(), Reason.DATABASE_CHANGED)
    cr.postgres.harbor_databases.add("registry")
    assert (await cr.reconcile()).reason is Reason.RELEASE_UPGRADING
    cr.finish()
    assert isinstance(await cr.reconcile(), Done)


async def test_a_database_may_change_until_harbor_has_run(cr: ReleaseFixture) -> None:
    """Finding D2."""
    await cr.reconcile()
    cr.finish("Error: INSTALLATION FAILED: no luck")
    cr.spec(database=MOVED)
    assert (await cr.reconcile()).reason is Reason.RELEASE_INSTALLING


async def test_a_second_release_beside_the_first_is_refused(cr: ReleaseFixture) -> None:
    """Finding D2."""
    await deployed(cr)
    cr.spec(release={"version": "1.19.1", "name": "other"})
    message = assert_blocked(cr, await cr.reconcile(), Reason.RELEASE_NAME_CHANGED)
    assert "Helm release 'cr'" in message


async def test_volumes_of_an_earlier_release_name_are_not_left_behind(cr: ReleaseFixture) -> None:
    """Finding D2."""
    cr.spec(database=None)
    await deployed(cr)
    del cr.kube.secrets[NAMESPACE, "sh.helm.release.v1.cr.v1"]
    cr.spec(database=None, release={"version": "1.19.1", "name": "other"})
    message = assert_blocked(cr, await cr.reconcile(), Reason.RELEASE_NAME_CHANGED)
    assert "belong to Helm release 'cr'" in message
    cr.spec(database=None)
    assert (await cr.reconcile()).reason is Reason.RELEASE_INSTALLING


async def test_a_release_without_volumes_may_take_another_name(cr: ReleaseFixture) -> None:
    """Finding D2: database and images are outside of the chart, so nothing is left behind."""
    await deployed(cr)
    del cr.kube.secrets[NAMESPACE, "sh.helm.release.v1.cr.v1"]
    cr.spec(release={"version": "1.19.1", "name": "other"})
    assert (await cr.reconcile()).reason is Reason.RELEASE_INSTALLING


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"fullnameOverride": "harbor"}, Reason.RELEASE_NAME_CHANGED),
        ({"nameOverride": "registry"}, Reason.RELEASE_NAME_CHANGED),
        ({"persistence": {"persistentVolumeClaim": {"database": {"existingClaim": "x"}}}}, Reason.VOLUME_CHANGED),
        ({"persistence": {"persistentVolumeClaim": {"registry": {"subPath": "x"}}}}, Reason.VOLUME_CHANGED),
        ({"persistence": {"enabled": False}}, Reason.VOLUME_CHANGED),
    ],
)
async def test_values_that_select_other_volumes_are_refused(
    cr: ReleaseFixture, values: dict[str, Any], reason: Reason
) -> None:
    """Finding D2."""
    inside: dict[str, Any] = {"database": None, "storage": None}
    cr.spec(**inside)
    await deployed(cr)
    cr.spec(release={"version": "1.19.1", "values": values}, **inside)
    assert_blocked(cr, await cr.reconcile(), reason)


async def test_nothing_is_asked_of_the_database_in_a_pass_without_a_change(cr: ReleaseFixture) -> None:
    await deployed(cr)
    cr.postgres.down = True
    assert isinstance(await cr.reconcile(), Done)
