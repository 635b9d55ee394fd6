"""Which robots of projects the operator accepts from a file; the API server has the same rules."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from pydantic import ValidationError

from harbor_operator.api.project_robots import (
    ACTION_MESSAGE,
    ACTIONS,
    OWN_NAME_MESSAGE,
    PUSH_MESSAGE,
    ProjectRobot,
    RobotAccess,
)
from harbor_operator.api.robot import ROTATION_BEFORE_EXPIRY_MESSAGE

PULL = {"resource": "repository", "action": "pull"}


def robot(**changes: Any) -> ProjectRobot:
    return ProjectRobot.model_validate({"name": "ci", "access": [PULL], "secret": {"name": "login"}, **changes})


def test_every_listed_action_is_accepted() -> None:
    fields = RobotAccess.model_fields
    assert set(get_args(fields["resource"].annotation)) == set(ACTIONS)
    assert set(get_args(fields["action"].annotation)) == {action for actions in ACTIONS.values() for action in actions}
    for resource, actions in ACTIONS.items():
        for action in actions:
            assert RobotAccess.model_validate({"resource": resource, "action": action}).action == action


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"access": [{"resource": "scan", "action": "push"}]}, ACTION_MESSAGE),
        ({"access": [{"resource": "repository", "action": "push"}]}, PUSH_MESSAGE),
        ({"rotateAfterDays": 30, "expireAfterDays": 30}, ROTATION_BEFORE_EXPIRY_MESSAGE),
        ({"access": []}, "at least 1 item"),
        ({"name": "ci_2"}, "should match pattern"),
        ({"secret": {"name": "login", "namespace": "a/b"}}, "should match pattern"),
        ({"secret": {"name": "hreg-cr-robot", "namespace": "other"}}, OWN_NAME_MESSAGE),
    ],
    ids=str,
)
def test_an_impossible_robot_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as refused:
        robot(**changes)
    assert message in str(refused.value)
