"""Secrets and workloads in the namespace of a registry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import SecretStr

Manifest = dict[str, Any]
"""A Kubernetes object as decoded JSON."""

OPAQUE = "Opaque"
"""The type of a Secret whose keys have no fixed meaning."""
TLS = "kubernetes.io/tls"
"""The type of a Secret with the keys `tls.crt` and `tls.key`."""


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """A Secret as read; values are decoded and never printed, `changed_at` is when its data was last written."""

    name: str
    values: Mapping[str, SecretStr]
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    resource_version: str
    creation_timestamp: str = ""
    changed_at: datetime | None = None
    type: str = OPAQUE

    def belongs_to(self, owner: Mapping[str, str]) -> bool:
        """Whether it carries all these owner labels."""
        return owner.items() <= self.labels.items()


@dataclass(frozen=True, slots=True)
class SecretChange:
    """A Secret that was listed, created or changed; the resource version is empty if it was deleted."""

    namespace: str
    name: str
    resource_version: str


@dataclass(frozen=True, slots=True)
class WorkloadPod:
    """A pod that is not ready, with the first of its containers that is not.

    `workload` is the name of its Deployment or StatefulSet. `waits_for` is the word of the kubelet or the scheduler,
    such as ImagePullBackOff, and `detail` what the scheduler adds.
    """

    name: str
    workload: str
    image: str
    waits_for: str
    detail: str = ""
    creation_timestamp: str = ""


@dataclass(frozen=True, slots=True)
class Workload:
    """The progress of a Deployment or StatefulSet; `failure` is what its controller reports as failing."""

    kind: str
    name: str
    desired: int
    ready: int
    updated: int
    observed: bool
    failure: str = ""

    @property
    def is_ready(self) -> bool:
        """Whether every desired replica runs the newest template and is ready."""
        return self.observed and self.ready >= self.desired and self.updated >= self.desired
