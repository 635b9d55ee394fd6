from __future__ import annotations

import pytest

from harbor_operator.api.v1alpha1 import Metadata
from harbor_operator.model.outcomes import Blocked, Done, Pending
from harbor_operator.plan import names
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from tests.fakes.release import ADMIN_PASSWORD, CACHE_PASSWORD, NAMESPACE, STORAGE_PASSWORD
from tests.fakes.release_fixture import CR_CA, S3_CA, ReleaseFixture, torn_down
from tests.unit.api.test_authentication import LDAP, OIDC


@pytest.fixture
def cr() -> ReleaseFixture:
    return ReleaseFixture()


async def test_secrets_hold_what_the_chart_looks_for(cr: ReleaseFixture) -> None:
    await cr.reconcile()
    assert cr.kube.values(NAMESPACE, "hreg-cr-storage-login") == {"REGISTRY_STORAGE_SWIFT_PASSWORD": STORAGE_PASSWORD}
    assert cr.kube.values(NAMESPACE, "hreg-cr-ca-bundle") == {"ca.crt": CR_CA + S3_CA}
    assert cr.kube.values(NAMESPACE, "hreg-cr-redis-urls")["REGISTRY_REDIS_PASSWORD"] == CACHE_PASSWORD
    assert len(cr.kube.values(NAMESPACE, "hreg-cr-pins")["secretKey"]) == 16
    assert cr.kube.values(NAMESPACE, "hreg-cr-admin-password")["password"]
    own = names.owner_labels(cr.registry)
    for name in ("pins", "admin-password", "storage-login", "ca-bundle", "redis-urls"):
        assert own.items() <= cr.kube.secrets[NAMESPACE, f"hreg-cr-{name}"].labels.items()


@pytest.mark.parametrize("kind", ["oidc", "ldap"])
async def test_harbors_pods_trust_the_ca_of_the_login(cr: ReleaseFixture, kind: str) -> None:
    ca = "-----BEGIN CERTIFICATE-----\nlogin\n-----END CERTIFICATE-----\n"
    login = {"oidc": OIDC, "ldap": LDAP}[kind]
    cr.spec(authentication={kind: {**login, "caSecretRef": {"name": "login-ca"}}})
    cr.kube.put(NAMESPACE, "login-ca", {"ca.crt": ca})
    await cr.reconcile()
    assert cr.kube.values(NAMESPACE, "hreg-cr-ca-bundle")["ca.crt"].endswith(ca)


async def test_a_changed_secret_makes_a_new_revision(cr: ReleaseFixture) -> None:
    await cr.deployed()
    await cr.reconcile()
    cr.kube.put(NAMESPACE, "swift", {"username": "harbor:registry", "password": "another-Secret-Key-2"})
    outcome = await cr.reconcile()
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.RELEASE_UPGRADING
    assert outcome.facts.release_revision == 1
    assert cr.kube.values(NAMESPACE, "hreg-cr-storage-login").popitem()[1] == "another-Secret-Key-2"
    cr.finish()
    outcome = await cr.reconcile()
    assert isinstance(outcome, Done)
    assert outcome.facts.release_revision == 2


@pytest.mark.parametrize("name", ["redis", "swift", "s3-ca", "cr-ca", "hreg-cr-database-login"])
async def test_a_missing_secret_is_named(cr: ReleaseFixture, name: str) -> None:
    del cr.kube.secrets[NAMESPACE, name]
    with pytest.raises(Refused, match=f"Secret '{name}'") as caught:
        await cr.reconcile()
    assert caught.value.reason is Reason.SECRET_MISSING
    assert cr.helm.started == []


async def test_a_missing_key_is_named(cr: ReleaseFixture) -> None:
    cr.kube.put(NAMESPACE, "redis", {"passwort": "x"})
    with pytest.raises(Refused, match=r"holds nothing under .password.") as caught:
        await cr.reconcile()
    assert caught.value.reason is Reason.SECRET_KEY_MISSING


async def test_values_come_from_secrets_and_config_maps_in_order(cr: ReleaseFixture) -> None:
    sources = [{"kind": "ConfigMap", "name": "c"}, {"kind": "Secret", "name": "s", "key": "k"}]
    cr.spec(release={"version": "1.19.1", "valuesFrom": sources, "values": {"core": {"replicas": 3}}})
    cr.kube.config_maps[NAMESPACE, "c"] = {"values.yaml": "core: {replicas: 1}\nportal: {replicas: 1}\n"}
    cr.kube.put(NAMESPACE, "s", {"k": "portal: {replicas: 2}\n"})
    desired = await cr.desired()
    assert desired.values["core"]["replicas"] == 3
    assert desired.values["portal"]["replicas"] == 2
    del cr.kube.config_maps[NAMESPACE, "c"]
    with pytest.raises(Refused, match=r"ConfigMap 'c'.*`spec.release.valuesFrom\[0\]`"):
        await cr.reconcile()


async def test_bad_values_from_a_secret_are_blocked(cr: ReleaseFixture) -> None:
    sources = [{"kind": "Secret", "name": "s"}]
    cr.spec(release={"version": "1.19.1", "valuesFrom": sources})
    cr.kube.put(NAMESPACE, "s", {"values.yaml": "a: [hush"})
    outcome = await cr.reconcile()
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.VALUES_INVALID
    assert "hush" not in outcome.message


async def test_the_users_admin_password_is_used_and_never_removed(cr: ReleaseFixture) -> None:
    cr.spec(adminPasswordSecretRef={"name": "mine", "key": "word"}, deletionPolicy={"database": "Delete"})
    cr.kube.put(NAMESPACE, "mine", {"word": ADMIN_PASSWORD})
    desired = await cr.desired()
    assert desired.values["existingSecretAdminPassword"] == "mine"
    assert desired.values["existingSecretAdminPasswordKey"] == "word"
    assert (NAMESPACE, "hreg-cr-admin-password") not in cr.kube.secrets
    await cr.teardown()
    assert (NAMESPACE, "mine") in cr.kube.secrets


async def test_generated_secrets_of_another_owner_are_refused(cr: ReleaseFixture) -> None:
    cr.kube.put(NAMESPACE, "hreg-cr-pins", {"a": "b"})
    with pytest.raises(Refused):
        await cr.reconcile()


async def test_retained_generated_secrets_are_used_by_the_next_registry_of_that_name(cr: ReleaseFixture) -> None:
    await cr.deployed()
    await torn_down(cr)
    before = cr.kube.values(NAMESPACE, "hreg-cr-pins")
    body = {"name": "cr", "namespace": NAMESPACE, "uid": "another"}
    cr.registry = cr.registry.model_copy(update={"metadata": Metadata.model_validate(body)})
    await cr.reconcile()
    assert cr.kube.values(NAMESPACE, "hreg-cr-pins") == before


async def test_no_outcome_ever_shows_a_secret(cr: ReleaseFixture) -> None:
    outcomes = [await cr.reconcile()]
    secrets = [*(await cr.desired()).secrets]
    cr.finish("Error: no luck")
    outcomes += [await cr.reconcile()]
    shown = repr([outcomes, cr.helm.started, await cr.desired()])
    assert not [s for s in secrets if s.get_secret_value() in shown]


async def test_the_release_uses_a_given_database_login(cr: ReleaseFixture) -> None:
    """Finding D10."""
    cr.spec(database={"host": "pg.example.com", "credentialsSecretRef": {"name": "pg"}})
    cr.kube.put(NAMESPACE, "pg", {"username": "own", "password": "own0password"})
    external = (await cr.desired()).values["database"]["external"]
    assert (external["username"], external["existingSecret"]) == ("own", "pg")
    await cr.teardown()
    assert (NAMESPACE, "pg") in cr.kube.secrets
