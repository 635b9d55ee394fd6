"""Rules of RBAC that a verb needs, and where."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Scope(StrEnum):
    """Where a right is needed."""

    CLUSTER = "the cluster"
    REGISTRY = "the namespace of the HarborRegistry"
    OPERATOR = "the namespace of the operator"
    POD = "the namespace of the pod"
    VERIFIED = "the namespace that is verified"


class Right(NamedTuple):
    """A rule of RBAC; without names it covers all objects of the resource."""

    scope: Scope
    group: str
    resource: str
    verbs: tuple[str, ...]
    names: tuple[str, ...] = ()
