"""Each test is one row: settings before, an outcome, settings after."""

from __future__ import annotations

from typing import Any

import pytest

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.outcomes import Blocked, Done
from harbor_operator.reasons import Reason
from harbor_operator.steps.harbor_settings import SettingSection
from tests.fakes.harbor_configuration import FakeHarborConfiguration

ADMIN = HarborEndpoint("https://cr.example.com")


def registry(**settings: Any) -> HarborRegistry:
    metadata = {"name": "cr", "namespace": "intra", "uid": "uid-1"}
    return HarborRegistry.parse({"metadata": metadata, "spec": {"externalURL": ADMIN.url, "configuration": settings}})


@pytest.fixture
def harbor() -> FakeHarborConfiguration:
    return FakeHarborConfiguration()


async def test_only_what_differs_is_written_and_reported(harbor: FakeHarborConfiguration) -> None:
    section, spec = SettingSection(harbor), registry(robot_token_duration=7, read_only=False)
    outcome = await section.reconcile(spec, ADMIN)
    assert isinstance(outcome, Done)
    assert harbor.writes == [{"robot_token_duration": 7}]
    assert outcome.changes == ("set `spec.configuration.robot_token_duration` to 7 (before: 30)",)
    assert await section.reconcile(spec, ADMIN) == Done("2 settings are as the spec says")
    assert len(harbor.writes) == 1


@pytest.mark.parametrize(
    ("settings", "reason", "words"),
    [
        ({"robot_token": 7}, Reason.CONFIGURATION_UNSUPPORTED, "`spec.configuration.robot_token`"),
        ({"read_only": "yes"}, Reason.CONFIGURATION_REFUSED, "`spec.configuration.read_only` must be true or false"),
        ({"read_only": 1}, Reason.CONFIGURATION_REFUSED, "must be true or false"),
        ({"robot_token_duration": True}, Reason.CONFIGURATION_REFUSED, "must be a number"),
    ],
)
async def test_a_setting_that_harbor_does_not_have_is_named(
    harbor: FakeHarborConfiguration, settings: dict[str, Any], reason: Reason, words: str
) -> None:
    outcome = await SettingSection(harbor).reconcile(registry(banner_message="x", **settings), ADMIN)
    assert isinstance(outcome, Blocked)
    assert outcome.reason is reason
    assert words in outcome.message
    assert harbor.writes == []


async def test_a_locked_setting_is_reported_and_not_written(harbor: FakeHarborConfiguration) -> None:
    harbor.is_locked = True
    section = SettingSection(harbor)
    outcome = await section.reconcile(registry(robot_token_duration=7), ADMIN)
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.CONFIGURATION_LOCKED
    assert "`spec.configuration.robot_token_duration`" in outcome.message
    assert isinstance(await section.reconcile(registry(robot_token_duration=30), ADMIN), Done)


async def test_a_long_value_is_shortened_in_the_event(harbor: FakeHarborConfiguration) -> None:
    outcome = await SettingSection(harbor).reconcile(registry(banner_message="x" * 5000), ADMIN)
    assert len(outcome.changes[0]) < 200
