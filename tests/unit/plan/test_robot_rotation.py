"""The Secret of the robot is read as it was written, whatever another client has put into it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from harbor_operator.model.harbor import Login, ObservedRobot
from harbor_operator.model.kubernetes import StoredSecret
from harbor_operator.model.outcomes import PullSecretFacts
from harbor_operator.model.robots import Candidate, Replaced, Retirement, RobotCredential
from harbor_operator.plan.robot_rotation import is_distributed, plan_retirement, read_credential, write_credential

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
EARLIER = ObservedRobot(1, "robot$a", "", frozenset())
LOGIN = Login("robot$a", SecretStr("Abcdefg1"))


def stored(values: dict[str, SecretStr]) -> StoredSecret:
    return StoredSecret("hreg-cr-pull-robot", values, {}, {}, "1", changed_at=NOON)


@pytest.mark.parametrize(
    "credential",
    [
        RobotCredential(LOGIN, 1, NOON),
        RobotCredential(
            LOGIN,
            3,
            NOON,
            NOON + HOUR,
            Candidate(4, SecretStr("Abcdefg2")),
            retires=True,
            distributed_at=NOON,
            rotate_request="a",
            revoke_request="b",
        ),
        RobotCredential(candidate=Candidate(1, SecretStr("Abcdefg2"))),
    ],
)
def test_what_was_written_is_read(credential: RobotCredential) -> None:
    assert read_credential(stored(write_credential(credential))) == credential


def test_a_secret_of_an_earlier_version_is_read() -> None:
    assert read_credential(None) == RobotCredential()
    password = SecretStr("Abcdefg1")
    assert read_credential(stored({"password": password})).candidate == Candidate(1, password)
    known = {"username": SecretStr("robot$a"), "password": password}
    assert read_credential(stored(known)) == RobotCredential(LOGIN, rotated_at=NOON)


@given(st.dictionaries(st.sampled_from(["generation", "rotated-at", "expires-at", "next-generation"]), st.text()))
def test_what_another_client_wrote_is_never_an_error(texts: dict[str, str]) -> None:
    values = {"username": "robot$a", "password": "Abcdefg1", "next-password": "Abcdefg2", **texts}
    credential = read_credential(stored({key: SecretStr(value) for key, value in values.items()}))
    assert credential.login == LOGIN
    assert credential.generation >= 1


@pytest.mark.parametrize(
    ("after", "last_pull", "enabled", "expected"),
    [
        (HOUR / 2, None, True, Retirement.WAIT),
        (HOUR, None, True, Retirement.DISABLE),
        (HOUR, -HOUR, True, Retirement.DISABLE),
        (HOUR, HOUR / 2, True, Retirement.IN_USE),
        (2 * HOUR, HOUR / 2, True, Retirement.DISABLE),
        (HOUR / 2, None, False, Retirement.WAIT),
        (HOUR, None, False, Retirement.DELETE),
    ],
)
def test_a_replaced_robot_ends_when_it_is_unused(
    after: timedelta, last_pull: timedelta | None, enabled: bool, expected: Retirement
) -> None:
    robot = replace(EARLIER, is_enabled=enabled)
    pulled = None if last_pull is None else NOON + last_pull
    assert plan_retirement(robot, pulled, Replaced(NOON, HOUR), NOON + after) is expected


def test_a_robot_is_deleted_some_time_after_it_was_disabled() -> None:
    disabled = replace(EARLIER, is_enabled=False, updated_at=NOON + HOUR)
    assert plan_retirement(disabled, None, Replaced(NOON, HOUR), NOON + HOUR) is Retirement.WAIT
    assert plan_retirement(disabled, None, Replaced(NOON, HOUR), NOON + 2 * HOUR) is Retirement.DELETE


def test_a_namespace_that_failed_does_not_wait() -> None:
    assert is_distributed(PullSecretFacts(namespaces=3, ready=2, failed=1))
    assert not is_distributed(PullSecretFacts(namespaces=3, ready=2, failed=0))
