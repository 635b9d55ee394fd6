"""The Gateway API as the operator observes it: the HTTPRoute of a release, and the Gateways that serve it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from typing_extensions import override


@dataclass(frozen=True, slots=True)
class GatewayRef:
    """A Gateway by namespace and name."""

    namespace: str
    name: str

    @override
    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class GatewayCondition:
    """A condition that a controller reported; `is_current` is False if it is about an earlier generation."""

    status: str
    reason: str
    message: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class RouteParent:
    """What the controller of one Gateway reports about a route; `section` is the listener, empty = any."""

    gateway: GatewayRef
    section: str
    conditions: Mapping[str, GatewayCondition]


@dataclass(frozen=True, slots=True)
class ObservedRoute:
    """An HTTPRoute with what each controller reports about it."""

    name: str
    parents: tuple[RouteParent, ...]


@dataclass(frozen=True, slots=True)
class ObservedGateway:
    """A Gateway: its conditions by type, and those of each listener by the listener's name."""

    conditions: Mapping[str, GatewayCondition]
    listeners: Mapping[str, Mapping[str, GatewayCondition]] = field(default_factory=dict)
