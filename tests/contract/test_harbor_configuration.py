"""The ports HarborConfiguration and HarborAccounts: the same cases against the fakes and a Harbor over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from pydantic import SecretStr

from harbor_operator.adapters.harbor import HttpHarbor
from harbor_operator.adapters.harbor_accounts import HttpHarborAccounts
from harbor_operator.adapters.harbor_configuration import HttpHarborConfiguration
from harbor_operator.model.harbor import HarborEndpoint, Identity, Login
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.harbor import Harbor
from harbor_operator.ports.harbor_accounts import HarborAccounts
from harbor_operator.ports.harbor_configuration import HarborConfiguration
from harbor_operator.reasons import Reason
from tests.fakes.harbor import FakeHarbor
from tests.fakes.harbor_accounts import FakeHarborAccounts
from tests.fakes.harbor_configuration import FakeHarborConfiguration

NEW = SecretStr("Another-pass-2")


@dataclass
class SettingsFixture:
    """A Harbor with its settings and its administrator."""

    harbor: Harbor
    configuration: HarborConfiguration
    accounts: HarborAccounts
    admin: HarborEndpoint


@pytest_asyncio.fixture(params=["fake", pytest.param("http", marks=pytest.mark.lab)])
async def fixture(request: pytest.FixtureRequest) -> AsyncIterator[SettingsFixture]:
    if request.param == "fake":
        fake = FakeHarbor()
        admin = HarborEndpoint(fake.url, login=Login("admin", SecretStr(fake.accounts["admin"][0])))
        yield SettingsFixture(fake, FakeHarborConfiguration(), FakeHarborAccounts(fake), admin)
        return
    endpoint: HarborEndpoint = request.getfixturevalue("harbor_endpoint")
    yield SettingsFixture(HttpHarbor(), HttpHarborConfiguration(), HttpHarborAccounts(), endpoint)


async def test_settings_have_the_types_of_the_api(fixture: SettingsFixture) -> None:
    observed = await fixture.configuration.read_configuration(fixture.admin)
    types = {name: type(observed[name].value) for name in ("read_only", "robot_token_duration", "banner_message")}
    assert types == {"read_only": bool, "robot_token_duration": int, "banner_message": str}
    assert observed["read_only"].is_editable
    assert "oidc_client_secret" not in observed


async def test_a_write_changes_only_what_it_names(fixture: SettingsFixture) -> None:
    before = await fixture.configuration.read_configuration(fixture.admin)
    days = before["robot_token_duration"].value
    await fixture.configuration.write_configuration(fixture.admin, {"robot_token_duration": 7})
    after = await fixture.configuration.read_configuration(fixture.admin)
    await fixture.configuration.write_configuration(fixture.admin, {"robot_token_duration": days})
    assert {name for name, setting in after.items() if setting != before[name]} == {"robot_token_duration"}
    assert after["robot_token_duration"].value == 7


async def test_a_password_is_changed_with_the_one_before(fixture: SettingsFixture) -> None:
    assert fixture.admin.login
    changed = fixture.admin.with_login(Login("admin", NEW))
    await fixture.accounts.change_password(fixture.admin, NEW)
    try:
        assert await fixture.harbor.read_identity(changed) is Identity.ADMIN
        assert await fixture.harbor.read_identity(fixture.admin) is Identity.ANONYMOUS
        with pytest.raises((Refused, Unavailable)):  # Harbor's handler crashes
            await fixture.accounts.change_password(fixture.admin, NEW)
    finally:
        await fixture.accounts.change_password(changed, fixture.admin.login.password)
    assert await fixture.harbor.read_identity(fixture.admin) is Identity.ADMIN


async def test_a_weak_password_is_refused(fixture: SettingsFixture) -> None:
    with pytest.raises(Refused) as refused:
        await fixture.accounts.change_password(fixture.admin, SecretStr("weak"))
    assert refused.value.reason is Reason.SECRET_INVALID
