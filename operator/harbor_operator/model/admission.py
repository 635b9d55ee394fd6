"""MutatingAdmissionPolicies and their bindings, desired and observed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class AdmissionKind(StrEnum):
    """What the policy consists of, in the order of creation: without its binding, a policy does nothing."""

    POLICY = "MutatingAdmissionPolicy"
    BINDING = "MutatingAdmissionPolicyBinding"


@dataclass(frozen=True, slots=True)
class ObservedPolicy:
    """A policy or a binding as the API server holds it."""

    uid: str
    revision: str
    labels: Mapping[str, str]
    spec: Spec


@dataclass(frozen=True, slots=True)
class DesiredPolicy:
    """A policy or a binding as it shall be."""

    kind: AdmissionKind
    name: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    spec: Spec

    def owns(self, observed: ObservedPolicy) -> bool:
        """Whether it was made for this registry."""
        return all(observed.labels.get(key) == value for key, value in self.labels.items())

    def is_met_by(self, observed: ObservedPolicy) -> bool:
        """Whether nothing has to be written; the spec holds every default of the server, so equal means equal."""
        return observed.spec == self.spec


Spec = dict[str, Any]
