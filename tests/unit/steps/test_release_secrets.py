from __future__ import annotations

import pytest

from harbor_operator.api.v1alpha1 import Metadata
from harbor_operator.model.outcomes import Blocked, Done, Pending
from harbor_operator.plan import names
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from tests.fakes.release import ADMIN_PASSWORD, CACHE_PASSWORD, NAMESPACE, STORAGE_PASSWORD
from tests.fakes.release_world import CR_CA, S3_CA, ReleaseWorld, dismantled


@pytest.fixture
def world() -> ReleaseWorld:
    return ReleaseWorld()


async def test_secrets_hold_what_the_chart_looks_for(world: ReleaseWorld) -> None:
    await world.reconcile()
    assert world.kube.values(NAMESPACE, "hreg-cr-storage-login") == {
        "REGISTRY_STORAGE_SWIFT_PASSWORD": STORAGE_PASSWORD
    }
    assert world.kube.values(NAMESPACE, "hreg-cr-ca-bundle") == {"ca.crt": CR_CA + S3_CA}
    assert world.kube.values(NAMESPACE, "hreg-cr-redis-urls")["REGISTRY_REDIS_PASSWORD"] == CACHE_PASSWORD
    assert len(world.kube.values(NAMESPACE, "hreg-cr-pins")["secretKey"]) == 16
    assert world.kube.values(NAMESPACE, "hreg-cr-admin-password")["password"]
    own = names.owner_labels(world.registry)
    for name in ("pins", "admin-password", "storage-login", "ca-bundle", "redis-urls"):
        assert own.items() <= world.kube.secrets[NAMESPACE, f"hreg-cr-{name}"].labels.items()


async def test_a_changed_secret_makes_a_new_revision(world: ReleaseWorld) -> None:
    await world.deployed()
    await world.reconcile()
    world.kube.put(NAMESPACE, "swift", {"username": "harbor:registry", "password": "another-Secret-Key-2"})
    outcome = await world.reconcile()
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.RELEASE_UPGRADING
    assert outcome.facts.release_revision == 1
    assert world.kube.values(NAMESPACE, "hreg-cr-storage-login").popitem()[1] == "another-Secret-Key-2"
    world.finish()
    outcome = await world.reconcile()
    assert isinstance(outcome, Done)
    assert outcome.facts.release_revision == 2


@pytest.mark.parametrize("name", ["redis", "swift", "s3-ca", "cr-ca", "hreg-cr-database-login"])
async def test_a_missing_secret_is_named(world: ReleaseWorld, name: str) -> None:
    del world.kube.secrets[NAMESPACE, name]
    with pytest.raises(Refused, match=f"Secret '{name}'") as caught:
        await world.reconcile()
    assert caught.value.reason is Reason.SECRET_MISSING
    assert world.helm.started == []


async def test_a_missing_key_is_named(world: ReleaseWorld) -> None:
    world.kube.put(NAMESPACE, "redis", {"passwort": "x"})
    with pytest.raises(Refused, match=r"holds nothing under .password.") as caught:
        await world.reconcile()
    assert caught.value.reason is Reason.SECRET_KEY_MISSING


async def test_values_come_from_secrets_and_config_maps_in_order(world: ReleaseWorld) -> None:
    sources = [{"kind": "ConfigMap", "name": "c"}, {"kind": "Secret", "name": "s", "key": "k"}]
    world.spec(release={"version": "1.19.1", "valuesFrom": sources, "values": {"core": {"replicas": 3}}})
    world.kube.config_maps[NAMESPACE, "c"] = {"values.yaml": "core: {replicas: 1}\nportal: {replicas: 1}\n"}
    world.kube.put(NAMESPACE, "s", {"k": "portal: {replicas: 2}\n"})
    desired = await world.desired()
    assert desired.values["core"]["replicas"] == 3
    assert desired.values["portal"]["replicas"] == 2
    del world.kube.config_maps[NAMESPACE, "c"]
    with pytest.raises(Refused, match=r"ConfigMap 'c'.*`spec.release.valuesFrom\[0\]`"):
        await world.reconcile()


async def test_bad_values_from_a_secret_are_blocked(world: ReleaseWorld) -> None:
    sources = [{"kind": "Secret", "name": "s"}]
    world.spec(release={"version": "1.19.1", "valuesFrom": sources})
    world.kube.put(NAMESPACE, "s", {"values.yaml": "a: [hush"})
    outcome = await world.reconcile()
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.VALUES_INVALID
    assert "hush" not in outcome.message


async def test_the_users_admin_password_is_used_and_never_removed(world: ReleaseWorld) -> None:
    world.spec(adminPasswordSecretRef={"name": "mine", "key": "word"}, deletionPolicy={"database": "Delete"})
    world.kube.put(NAMESPACE, "mine", {"word": ADMIN_PASSWORD})
    desired = await world.desired()
    assert desired.values["existingSecretAdminPassword"] == "mine"
    assert desired.values["existingSecretAdminPasswordKey"] == "word"
    assert (NAMESPACE, "hreg-cr-admin-password") not in world.kube.secrets
    await world.teardown()
    assert (NAMESPACE, "mine") in world.kube.secrets


async def test_pins_of_somebody_else_are_refused(world: ReleaseWorld) -> None:
    world.kube.put(NAMESPACE, "hreg-cr-pins", {"a": "b"})
    with pytest.raises(Refused):
        await world.reconcile()


async def test_pins_kept_from_a_deleted_registry_serve_the_next_of_that_name(world: ReleaseWorld) -> None:
    await world.deployed()
    await dismantled(world)
    before = world.kube.values(NAMESPACE, "hreg-cr-pins")
    body = {"name": "cr", "namespace": NAMESPACE, "uid": "another"}
    world.registry = world.registry.model_copy(update={"metadata": Metadata.model_validate(body)})
    await world.reconcile()
    assert world.kube.values(NAMESPACE, "hreg-cr-pins") == before


async def test_no_outcome_ever_shows_a_secret(world: ReleaseWorld) -> None:
    outcomes = [await world.reconcile()]
    secrets = [*(await world.desired()).secrets]
    world.finish("Error: no luck")
    outcomes += [await world.reconcile()]
    shown = repr([outcomes, world.helm.started, await world.desired()])
    assert not [s for s in secrets if s.get_secret_value() in shown]
