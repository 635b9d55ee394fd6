"""Every credential that the spec refers to is read in the same way."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from harbor_operator.model.outcomes import Blocked
from harbor_operator.reasons import Reason
from harbor_operator.steps.admin_password import AdminPassword
from harbor_operator.steps.attempt import attempt
from harbor_operator.steps.cache import CacheStep
from harbor_operator.steps.configuration import ConfigurationStep
from tests.fakes.harbor import FakeHarbor
from tests.fakes.harbor_accounts import FakeHarborAccounts
from tests.fakes.harbor_projects import project_section
from tests.fakes.kube import FakeKube
from tests.fakes.redis import FakeRedis
from tests.fakes.release import NAMESPACE, registry
from tests.fakes.release_fixture import ReleaseFixture
from tests.unit.steps.storage_fixture import PROVISION, StorageFixture

USER = {"username": "u", "password": "p"}


@pytest.mark.parametrize(
    ("secret", "values", "field"),
    [
        ("redis", {"password": "p\n"}, "spec.cache.passwordSecretRef"),
        ("swift", {**USER, "password": "p\n"}, "spec.storage.swift.credentialsSecretRef"),
        ("swift", {**USER, "username": "u\n"}, "spec.storage.swift.credentialsSecretRef"),
        ("mine", {"password": "p\n"}, "spec.adminPasswordSecretRef"),
        ("pg", {**USER, "password": "p\n"}, "spec.database.credentialsSecretRef"),
    ],
)
async def test_a_release_names_a_credential_with_a_line_break(secret: str, values: dict[str, str], field: str) -> None:
    """Finding F11."""
    cr = ReleaseFixture()
    database = {"host": "pg.example.com", "credentialsSecretRef": {"name": "pg"}}
    cr.spec(adminPasswordSecretRef={"name": "mine"}, database=database)
    cr.kube.put(NAMESPACE, "mine", {"password": "p"})
    cr.kube.put(NAMESPACE, "pg", USER)
    cr.kube.put(NAMESPACE, secret, values)
    names_a_line_break(await attempt(cr.step.reconcile, cr.registry), secret, field)


async def test_a_cache_names_a_password_with_a_line_break() -> None:
    """Finding F11."""
    kube = FakeKube()
    kube.put(NAMESPACE, "redis", {"password": "p\n"})
    outcome = await attempt(CacheStep(kube, FakeRedis()).reconcile, registry())
    names_a_line_break(outcome, "redis", "spec.cache.passwordSecretRef")


@pytest.mark.parametrize(("key", "value"), [("accessKey", "access\n"), ("secretKey", "secret\r\n")])
async def test_the_storage_names_a_key_with_a_line_break(key: str, value: str) -> None:
    """Finding F11."""
    fixture = StorageFixture()
    del fixture.kube.secrets[NAMESPACE, "swift"]
    fixture.kube.put(NAMESPACE, "rgw-admin", {"accessKey": "access", "secretKey": "secret", key: value})
    swift = {"authURL": "http://rgw:80/auth/v1.0", "credentialsSecretRef": {"name": "swift"}, "provision": PROVISION}
    outcome = await attempt(fixture.step.reconcile, registry(caSecretRef=None, storage={"swift": swift}))
    names_a_line_break(outcome, "rgw-admin", "spec.storage.swift.provision.adminSecretRef")


async def test_the_configuration_names_an_admin_password_with_a_line_break() -> None:
    """Finding F11."""
    kube = FakeKube()
    kube.put(NAMESPACE, "mine", {"password": "p\n"})
    harbor = FakeHarbor()
    password = AdminPassword(kube, harbor, FakeHarborAccounts(harbor), lambda: SecretStr("New-1pass"))
    spec = registry(adminPasswordSecretRef={"name": "mine"}, caSecretRef=None, projects=[{"name": "library"}])
    outcome = await attempt(ConfigurationStep(kube, password, [project_section(harbor)]).reconcile, spec)
    names_a_line_break(outcome, "mine", "spec.adminPasswordSecretRef")


def names_a_line_break(outcome: object, secret: str, field: str) -> None:
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.SECRET_INVALID
    assert f"in Secret '{secret}' in namespace '{NAMESPACE}', named by `{field}`, ends with a line break" in (
        outcome.message
    )
