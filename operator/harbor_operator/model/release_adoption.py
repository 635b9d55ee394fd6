"""Taking over a release that another client installed: where its secrets are, and what would be kept and changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

TOKEN_PAIR_PATH = "core.secretName"  # noqa: S105 - a path in the values
"""The chart value that names the Secret with the key pair for tokens."""


@dataclass(frozen=True, slots=True)
class SecretLocation:
    """Name and key of a Secret; an empty name means that the release has no such Secret."""

    secret: str
    key: str


@dataclass(frozen=True, slots=True)
class ChangedValue:
    """A chart value that the operator would set differently; `default` is the chart's value if the release has it."""

    path: str
    where_to_set: str
    default: str = ""


@dataclass(frozen=True, slots=True)
class AdoptionPlan:
    """The Secrets whose content would be kept, and the paths of chart values that the next Helm run replaces.

    `helm_release` is the HelmRelease of Flux in the labels of the objects.
    """

    identifier: str
    revision: int
    secrets: Sequence[str]
    replaced: Sequence[str]
    helm_release: str = ""
