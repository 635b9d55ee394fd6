"""The robots of projects: the Secrets with their logins, and what the operator stores about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import SecretStr
from typing_extensions import override

from harbor_operator.model.robots import RobotCredential

RobotKey = tuple[str, str]
"""Project, and name of a robot in the spec."""


@dataclass(frozen=True, slots=True)
class SecretPlace:
    """Namespace and name of a Secret."""

    namespace: str
    name: str

    @override
    def __str__(self) -> str:
        """Returns it as in messages."""
        return f"Secret '{self.namespace}/{self.name}'"


@dataclass(frozen=True, slots=True)
class LoginSecret:
    """The Secret with a login, as a pipeline reads it; `labels` prove that it belongs to the robot."""

    place: SecretPlace
    type: str
    values: Mapping[str, SecretStr]
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RobotState:
    """What the operator stores about one robot; `place` is the Secret that has its login, None before the first."""

    credential: RobotCredential = field(default_factory=RobotCredential)
    place: SecretPlace | None = None
