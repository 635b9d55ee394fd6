"""The password of admin: changed with the Secret, rotated on request, and never lost by a crash."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import SecretStr

from harbor_operator.api.request_annotations import ROTATE_ADMIN_PASSWORD_REQUESTED_AT
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.harbor import HarborEndpoint, Identity
from harbor_operator.plan import names
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from harbor_operator.steps.admin_password import AcceptedAdmin, AdminPassword
from tests.fakes.harbor import FakeHarbor
from tests.fakes.harbor_accounts import FakeHarborAccounts
from tests.fakes.kube import FakeKube

ACCESS = HarborEndpoint("https://cr.example.com")
FIRST, SECOND, GENERATED = "Admin-pass-1", "Admin-pass-2", "Generated-3"
GIVEN = {"adminPasswordSecretRef": {"name": "mine"}}


def registry(annotations: dict[str, str] | None = None, **spec: Any) -> HarborRegistry:
    metadata = {"name": "cr", "namespace": "intra", "uid": "uid-1", "annotations": annotations or {}}
    return HarborRegistry.parse({"metadata": metadata, "spec": {"externalURL": ACCESS.url, **spec}})


@dataclass
class PasswordFixture:
    kube: FakeKube = field(default_factory=FakeKube)
    harbor: FakeHarbor = field(default_factory=FakeHarbor)

    def __post_init__(self) -> None:
        self.accounts = FakeHarborAccounts(self.harbor)
        self.password = AdminPassword(self.kube, self.harbor, self.accounts, lambda: SecretStr(GENERATED))
        self.kube.put("intra", "mine", {"password": FIRST})
        generated = names.admin_secret(registry())
        self.kube.put("intra", generated, {"password": FIRST}, names.owner_labels(registry()))

    async def ensure(self, spec: HarborRegistry) -> AcceptedAdmin:
        accepted = await self.password.ensure(spec, ACCESS)
        assert await self.harbor.read_identity(accepted.endpoint) is Identity.ADMIN
        return accepted

    def accepted(self) -> str:
        return self.kube.values("intra", "hreg-cr-admin-accepted")["password"]


@pytest.fixture
def fixture() -> PasswordFixture:
    return PasswordFixture()


async def test_an_accepted_password_is_recorded_and_nothing_is_changed(fixture: PasswordFixture) -> None:
    for _ in range(2):
        assert (await fixture.ensure(registry(**GIVEN))).changes == ()
    assert fixture.accepted() == FIRST
    assert fixture.harbor.writes == []
    assert len(fixture.kube.writes) == 1


async def test_a_changed_secret_changes_the_password_in_harbor(fixture: PasswordFixture) -> None:
    await fixture.ensure(registry(**GIVEN))
    fixture.kube.put("intra", "mine", {"password": SECOND})
    accepted = await fixture.ensure(registry(**GIVEN))
    assert accepted.changes == ("set the password of user 'admin' to the one in Secret 'mine'",)
    assert fixture.harbor.accounts["admin"][0] == fixture.accepted() == SECOND
    assert (await fixture.ensure(registry(**GIVEN))).changes == ()


async def test_a_crash_after_the_change_loses_no_password(fixture: PasswordFixture) -> None:
    await fixture.ensure(registry(**GIVEN))
    fixture.kube.put("intra", "mine", {"password": SECOND})
    fixture.accounts.crash = Unavailable("killed")
    with pytest.raises(Unavailable):
        await fixture.ensure(registry(**GIVEN))
    await fixture.ensure(registry(**GIVEN))
    assert fixture.accepted() == SECOND


@pytest.mark.parametrize("recorded", [False, True])
async def test_a_password_that_was_changed_in_harbor_is_reported(fixture: PasswordFixture, recorded: bool) -> None:
    if recorded:
        await fixture.ensure(registry(**GIVEN))
    fixture.harbor.accounts["admin"] = ("Changed-by-hand-9", True)
    with pytest.raises(Refused) as refused:
        await fixture.ensure(registry(**GIVEN))
    assert refused.value.reason is Reason.ADMIN_CREDENTIALS_REJECTED
    assert fixture.harbor.writes == []


async def test_a_weak_password_is_refused_before_harbor_is_asked(fixture: PasswordFixture) -> None:
    await fixture.ensure(registry(**GIVEN))
    fixture.kube.put("intra", "mine", {"password": "weak"})
    with pytest.raises(Refused) as refused:
        await fixture.ensure(registry(**GIVEN))
    assert refused.value.reason is Reason.SECRET_INVALID
    assert "'weak'" not in str(refused.value)
    assert fixture.harbor.accounts["admin"][0] == FIRST


async def test_a_generated_password_is_rotated_once_for_each_request(fixture: PasswordFixture) -> None:
    await fixture.ensure(registry())
    requested = registry({ROTATE_ADMIN_PASSWORD_REQUESTED_AT: "2026-01-01"})
    assert len((await fixture.ensure(requested)).changes) == 1
    assert fixture.harbor.accounts["admin"][0] == fixture.accepted() == GENERATED
    assert (await fixture.ensure(requested)).changes == ()
    assert fixture.harbor.writes == ["change password"]


async def test_a_crash_in_a_rotation_does_not_rotate_a_second_time(fixture: PasswordFixture) -> None:
    requested = registry({ROTATE_ADMIN_PASSWORD_REQUESTED_AT: "2026-01-01"})
    fixture.accounts.crash = Unavailable("killed")
    with pytest.raises(Unavailable):
        await fixture.ensure(requested)
    assert (await fixture.ensure(requested)).changes == ()
    assert fixture.harbor.writes == ["change password"]


async def test_a_given_password_is_not_rotated(fixture: PasswordFixture) -> None:
    accepted = await fixture.ensure(registry({ROTATE_ADMIN_PASSWORD_REQUESTED_AT: "2026-01-01"}, **GIVEN))
    assert [warning.code for warning in accepted.warnings] == [Reason.ADMIN_ROTATION_REFUSED]
    assert fixture.kube.values("intra", "mine") == {"password": FIRST}


async def test_the_recorded_password_is_removed_and_the_given_one_stays(fixture: PasswordFixture) -> None:
    await fixture.ensure(registry(**GIVEN))
    await fixture.password.remove(registry(**GIVEN))
    assert ("intra", "hreg-cr-admin-accepted") not in fixture.kube.secrets
    assert ("intra", "mine") in fixture.kube.secrets


async def test_the_default_password_is_a_warning_until_another_one_is_set(fixture: PasswordFixture) -> None:
    fixture.harbor.accounts["admin"] = ("Harbor12345", True)
    fixture.kube.put("intra", "mine", {"password": "Harbor12345"})
    (warning,) = (await fixture.ensure(registry(**GIVEN))).warnings
    assert warning.code is Reason.ADMIN_PASSWORD_DEFAULT
    assert "Secret 'mine' in namespace 'intra' contains the default password" in warning.message
    assert "Harbor12345" not in warning.message

    fixture.kube.put("intra", "mine", {"password": SECOND})
    assert (await fixture.ensure(registry(**GIVEN))).warnings == ()


async def test_the_default_password_of_an_adopted_release_is_replaced_on_request(fixture: PasswordFixture) -> None:
    """The chart's default is then in the operator's own Secret."""
    fixture.harbor.accounts["admin"] = ("Harbor12345", True)
    own = names.admin_secret(registry())
    fixture.kube.put("intra", own, {"password": "Harbor12345"}, names.owner_labels(registry()))
    (warning,) = (await fixture.ensure(registry())).warnings
    assert warning.code is Reason.ADMIN_PASSWORD_DEFAULT
    assert f"Secret '{own}'" in warning.message
    assert f"set annotation '{ROTATE_ADMIN_PASSWORD_REQUESTED_AT}'" in warning.message
    assert "put another password" not in warning.message

    requested = registry({ROTATE_ADMIN_PASSWORD_REQUESTED_AT: "2026-01-01"})
    for _ in range(2):
        assert (await fixture.ensure(requested)).warnings == ()
    assert fixture.accepted() == GENERATED
