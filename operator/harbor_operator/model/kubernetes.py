"""Secrets and workloads in the namespace of a registry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import SecretStr


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """A Secret as read: decoded values that do not print, what identifies this version, and when it was written."""

    name: str
    values: Mapping[str, SecretStr]
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    resource_version: str
    creation_timestamp: str = ""
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Workload:
    """How far a Deployment or StatefulSet has come, and what its controller says about the delay."""

    kind: str
    name: str
    desired: int
    ready: int
    updated: int
    observed: bool
    trouble: str = ""

    @property
    def is_ready(self) -> bool:
        """Whether every wanted replica runs the newest template and is ready."""
        return self.observed and self.ready >= self.desired and self.updated >= self.desired


Manifest = dict[str, Any]
