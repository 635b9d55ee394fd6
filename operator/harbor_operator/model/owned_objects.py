"""Objects of other projects' kinds that the operator creates beside a release."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ObjectKind:
    """A namespaced kind, in the terms of a manifest and of an RBAC rule."""

    api_version: str
    kind: str
    resource: str
    """The plural name, as in a URL."""
