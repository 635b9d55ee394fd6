from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from harbor_operator.checks.pull_account import check_account, expiry_warnings
from harbor_operator.model.harbor import Identity, ObservedRobot
from harbor_operator.reasons import Reason

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("username", "identity", "refused"),
    [
        ("admin", Identity.USER, True),
        ("alice", Identity.ADMIN, True),
        ("alice", Identity.USER, False),
        ("robot$x", Identity.ROBOT, False),
    ],
)
def test_an_administrator_account_is_blocked(username: str, identity: Identity, refused: bool) -> None:
    blocked = check_account("pull-account", username, identity)
    assert (blocked is not None) is refused
    if blocked:
        assert blocked.reason is Reason.PULL_CREDENTIAL_IS_ADMIN


def test_an_account_that_the_api_does_not_know_is_blocked() -> None:
    """Finding S9: the CLI secret of an OIDC administrator is such a login."""
    blocked = check_account("pull-account", "alice", Identity.ANONYMOUS)
    assert blocked is not None
    assert blocked.reason is Reason.PULL_CREDENTIAL_UNVERIFIABLE


@pytest.mark.parametrize(
    ("days", "left", "warns"), [(365, 15, False), (365, 13, True), (30, 11, False), (30, 9, True), (30, -1, True)]
)
def test_the_end_of_a_robot_is_a_warning_in_its_last_days(days: int, left: int, warns: bool) -> None:
    robot = ObservedRobot(1, "robot$a", "", frozenset(), days, NOW + timedelta(days=left))
    assert [warning.code for warning in expiry_warnings("s", robot, NOW)] == [Reason.PULL_CREDENTIAL_EXPIRING] * warns


def test_an_account_that_lasts_or_is_no_robot_is_no_warning() -> None:
    assert expiry_warnings("s", None, NOW) == ()
    assert expiry_warnings("s", ObservedRobot(1, "robot$a", "", frozenset()), NOW) == ()
