"""The section `spec.authentication`: what is checked before a write, what is written, and in which order."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.authentication import DEFAULT_GRANT_TYPES
from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.outcomes import Done
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from harbor_operator.steps.authentication import AuthenticationSection
from harbor_operator.steps.configuration import StoringSection
from tests.fakes.harbor_logins import FakeHarborLogins
from tests.fakes.kube import FakeKube
from tests.fakes.oidc_provider import CA, ISSUER, FakeOidcProvider
from tests.unit.api.test_authentication import LDAP, OIDC

ADMIN = HarborEndpoint("https://cr.example.com")
RECORD = "hreg-cr-authentication"


def registry_of(**authentication: Any) -> HarborRegistry:
    metadata = {"name": "cr", "namespace": "intra", "uid": "uid-1"}
    spec = {"externalURL": "https://cr.example.com", "authentication": authentication}
    return HarborRegistry.parse({"metadata": metadata, "spec": spec})


def oidc(**fields: Any) -> HarborRegistry:
    return registry_of(oidc={**OIDC, **fields})


def ldap(**fields: Any) -> HarborRegistry:
    return registry_of(ldap={**LDAP, **fields})


@dataclass
class AuthenticationFixture:
    kube: FakeKube = field(default_factory=FakeKube)
    harbor: FakeHarborLogins = field(default_factory=FakeHarborLogins)
    provider: FakeOidcProvider = field(default_factory=FakeOidcProvider)

    def __post_init__(self) -> None:
        self.kube.put("intra", "oidc", {"clientSecret": "client-s3cr3t"})
        self.kube.put("intra", "ldap", {"password": "ldap-s3cr3t"})
        self.section = AuthenticationSection(self.kube, self.harbor, self.harbor, self.provider)

    async def reconcile(self, registry: HarborRegistry) -> Done:
        outcome = await self.section.reconcile(registry, ADMIN)
        assert isinstance(outcome, Done)
        return outcome

    async def refusal(self, registry: HarborRegistry) -> Refused:
        """Returns why the section is blocked; Harbor is as before."""
        before = list(self.harbor.writes)
        with pytest.raises(Refused) as refused:
            await self.section.reconcile(registry, ADMIN)
        assert self.harbor.writes == before
        return refused.value


@pytest.fixture
def fixture() -> AuthenticationFixture:
    return AuthenticationFixture()


async def test_the_settings_are_written_before_the_mode_and_only_once(fixture: AuthenticationFixture) -> None:
    outcome = await fixture.reconcile(oidc())
    settings, mode = fixture.harbor.writes
    assert settings["oidc_endpoint"] == ISSUER
    assert settings["oidc_client_secret"] == "client-s3cr3t"
    assert "oidc_logout" not in settings
    assert mode == {"auth_mode": "oidc_auth"}
    assert outcome.message == f"users log in through OIDC at {ISSUER}"
    (change,) = outcome.changes
    assert "oidc_client_secret, auth_mode as `spec.authentication.oidc` says" in change
    assert "client-s3cr3t" not in change
    fixture.kube.writes.clear()
    assert (await fixture.reconcile(oidc())).changes == ()
    assert len(fixture.harbor.writes) == 2
    assert fixture.kube.writes == []


async def test_a_setting_that_another_client_has_changed_is_corrected(fixture: AuthenticationFixture) -> None:
    await fixture.reconcile(oidc())
    fixture.harbor.settings["oidc_scope"] = "openid"
    await fixture.reconcile(oidc())
    scope = "openid,profile,email,offline_access"
    assert fixture.harbor.writes[2:] == [{"oidc_scope": scope, "oidc_client_secret": "client-s3cr3t"}]


async def test_a_changed_secret_is_written_and_remembered_by_a_digest(fixture: AuthenticationFixture) -> None:
    await fixture.reconcile(oidc())
    assert "client-s3cr3t" not in str(fixture.kube.values("intra", RECORD))
    fixture.kube.put("intra", "oidc", {"clientSecret": "another-s3cr3t"})
    await fixture.reconcile(oidc())
    assert fixture.harbor.writes[2:] == [{"oidc_client_secret": "another-s3cr3t"}]
    await fixture.reconcile(oidc())
    assert len(fixture.harbor.writes) == 3


async def test_a_secret_of_another_owner_is_no_record(fixture: AuthenticationFixture) -> None:
    fixture.kube.put("intra", RECORD, {"digest": "x"})
    with pytest.raises(Refused) as refused:
        await fixture.section.reconcile(oidc(), ADMIN)
    assert refused.value.reason is Reason.SECRET_INVALID


async def test_a_provider_without_refresh_tokens_is_a_warning_until_it_has_them(fixture: AuthenticationFixture) -> None:
    refreshing = fixture.provider.metadata
    fixture.provider.metadata = replace(refreshing, grant_types=DEFAULT_GRANT_TYPES)
    outcome = await fixture.reconcile(oidc())
    assert [warning.code for warning in outcome.warnings] == [Reason.OIDC_NO_REFRESH_TOKEN]
    fixture.provider.metadata = refreshing
    assert (await fixture.reconcile(oidc())).warnings == ()


async def test_a_wrong_provider_is_found_before_a_write(fixture: AuthenticationFixture) -> None:
    wrong = await fixture.refusal(oidc(endpoint="https://www.example.com"))
    assert wrong.reason is Reason.OIDC_ENDPOINT_INVALID
    fixture.provider.metadata = replace(fixture.provider.metadata, issuer="https://other.example.com")
    assert (await fixture.refusal(oidc())).reason is Reason.OIDC_ISSUER_MISMATCH


async def test_the_ca_of_the_spec_is_trusted(fixture: AuthenticationFixture) -> None:
    fixture.provider.needs_ca = True
    refusal = await fixture.refusal(oidc())
    assert refusal.reason is Reason.CERTIFICATE_UNTRUSTED
    assert "`spec.authentication.oidc.caSecretRef`" in str(refusal)
    fixture.kube.put("intra", "id-ca", {"ca.crt": CA})
    await fixture.reconcile(oidc(caSecretRef={"name": "id-ca"}))
    assert fixture.provider.reads[-1].ca == CA


async def test_what_only_harbor_cannot_reach_is_found_before_a_write(fixture: AuthenticationFixture) -> None:
    fixture.harbor.reaches_provider = False
    assert (await fixture.refusal(oidc())).reason is Reason.OIDC_UNUSABLE_BY_HARBOR


@pytest.mark.parametrize("secret", [None, {"other": "x"}, {"clientSecret": "x\n"}])
async def test_a_client_secret_that_cannot_be_used(
    fixture: AuthenticationFixture, secret: dict[str, str] | None
) -> None:
    del fixture.kube.secrets["intra", "oidc"]
    if secret:
        fixture.kube.put("intra", "oidc", secret)
    assert "`spec.authentication.oidc.clientSecretRef`" in str(await fixture.refusal(oidc()))


async def test_users_lock_the_mode(fixture: AuthenticationFixture) -> None:
    fixture.harbor.has_users = True
    assert (await fixture.refusal(oidc())).reason is Reason.AUTH_MODE_LOCKED
    fixture.harbor.has_users = False
    await fixture.reconcile(oidc())
    fixture.harbor.has_users = True
    await fixture.reconcile(oidc())


async def test_the_environment_locks_every_setting(fixture: AuthenticationFixture) -> None:
    fixture.harbor.is_fixed = True
    assert (await fixture.refusal(oidc())).reason is Reason.CONFIGURATION_LOCKED


async def test_an_environment_that_agrees_with_the_spec_is_fine(fixture: AuthenticationFixture) -> None:
    await fixture.reconcile(oidc())
    fixture.harbor.is_fixed = True
    fixture.kube.put("intra", "oidc", {"clientSecret": "another-s3cr3t"})
    assert (await fixture.reconcile(oidc())).changes == ()


async def test_an_older_harbor_without_a_setting(fixture: AuthenticationFixture) -> None:
    del fixture.harbor.settings["oidc_logout"]
    await fixture.reconcile(oidc())
    assert (await fixture.refusal(oidc(logout=True))).reason is Reason.CONFIGURATION_UNSUPPORTED


async def test_in_read_only_mode_only_a_change_is_refused(fixture: AuthenticationFixture) -> None:
    await fixture.reconcile(oidc())
    fixture.harbor.settings["read_only"] = True
    await fixture.reconcile(oidc())
    assert (await fixture.refusal(oidc(name="Other"))).reason is Reason.REGISTRY_READ_ONLY


async def test_ldap_is_tried_written_searched_and_switched_in_this_order(fixture: AuthenticationFixture) -> None:
    outcome = await fixture.reconcile(ldap())
    settings, mode = fixture.harbor.writes
    assert settings["ldap_search_password"] == "ldap-s3cr3t"
    assert mode == {"auth_mode": "ldap_auth"}
    assert fixture.harbor.tests == [LDAP["url"], f"search {LDAP['baseDN']}"]
    assert outcome.message == f"users log in through LDAP at {LDAP['url']}"
    await fixture.reconcile(ldap())
    assert len(fixture.harbor.writes) == 2


async def test_a_directory_that_rejects_the_account_is_found_before_a_write(fixture: AuthenticationFixture) -> None:
    fixture.harbor.ldap_error = "error: invalid credential"
    refusal = await fixture.refusal(ldap())
    assert refusal.reason is Reason.LDAP_CREDENTIALS_REJECTED
    assert "ldap-s3cr3t" not in str(refusal)


async def test_a_directory_that_harbor_does_not_reach_is_tried_again(fixture: AuthenticationFixture) -> None:
    fixture.harbor.ldap_error = "error: ldap server network timeout"
    with pytest.raises(Unavailable) as unavailable:
        await fixture.section.reconcile(ldap(), ADMIN)
    assert unavailable.value.reason is Reason.LDAP_UNREACHABLE
    assert fixture.harbor.writes == []


async def test_a_search_that_fails_keeps_the_mode(fixture: AuthenticationFixture) -> None:
    fixture.harbor.finds_users = False
    with pytest.raises(Refused) as refused:
        await fixture.section.reconcile(ldap(), ADMIN)
    assert refused.value.reason is Reason.LDAP_SEARCH_FAILED
    assert fixture.harbor.settings["auth_mode"] == "db_auth"


async def test_the_record_of_the_written_secret_is_removed(fixture: AuthenticationFixture) -> None:
    await fixture.reconcile(oidc())
    assert isinstance(fixture.section, StoringSection)
    await fixture.section.remove(oidc())
    assert ("intra", RECORD) not in fixture.kube.secrets
    assert fixture.harbor.settings["auth_mode"] == "oidc_auth"


async def test_a_spec_without_the_section_requests_nothing(fixture: AuthenticationFixture) -> None:
    metadata = {"name": "cr", "namespace": "intra", "uid": "uid-1"}
    plain = HarborRegistry.parse({"metadata": metadata, "spec": {"externalURL": "https://cr.example.com"}})
    assert not fixture.section.is_requested(plain)
    assert fixture.section.is_requested(oidc())
