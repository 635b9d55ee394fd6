"""MutatingAdmissionPolicy and MutatingAdmissionPolicyBinding, desired and observed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class AdmissionKind(StrEnum):
    """The two objects, in the order of creation: a policy without a binding has no effect."""

    POLICY = "MutatingAdmissionPolicy"
    BINDING = "MutatingAdmissionPolicyBinding"


@dataclass(frozen=True, slots=True)
class ObservedPolicy:
    """A policy or a binding as the API server returns it; `revision` is its resourceVersion."""

    uid: str
    revision: str
    labels: Mapping[str, str]
    spec: Spec


@dataclass(frozen=True, slots=True)
class DesiredPolicy:
    """A policy or a binding as it must be."""

    kind: AdmissionKind
    name: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    spec: Spec

    def owns(self, observed: ObservedPolicy) -> bool:
        """Whether the observed object has the labels of this registry."""
        return all(observed.labels.get(key) == value for key, value in self.labels.items())

    def is_met_by(self, observed: ObservedPolicy) -> bool:
        """Whether nothing has to be written; the desired spec contains every default of the API server."""
        return observed.spec == self.spec


Spec = dict[str, Any]
