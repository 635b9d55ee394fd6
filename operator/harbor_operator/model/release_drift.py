"""The objects of a Helm release: as Helm applied them, as they are, and how the two differ."""

from __future__ import annotations

from dataclasses import dataclass, field

from harbor_operator.model.kubernetes import Manifest
from harbor_operator.model.release import ListedObject


@dataclass(frozen=True, slots=True)
class ReleaseObject:
    """An object as Helm applies it; it may be a Secret, so that the manifest is never printed."""

    listed: ListedObject
    manifest: Manifest = field(repr=False)


@dataclass(frozen=True, slots=True)
class ObservedObject:
    """An object that was compared.

    `live` is None if it does not exist. `applied` is what the API server would store if Helm applied the object again;
    None if there was nothing to compare. `error` is why it could not be compared, and empty otherwise.
    """

    desired: ReleaseObject
    live: Manifest | None = field(default=None, repr=False)
    applied: Manifest | None = field(default=None, repr=False)
    error: str = ""


@dataclass(frozen=True, slots=True)
class DriftedObject:
    """An object that is not as Helm applied it.

    `fields` are the paths that differ, without values; none if the object does not exist. `repair` is what to apply,
    and None for an object that is not created again.
    """

    listed: ListedObject
    fields: tuple[str, ...] = ()
    repair: ReleaseObject | None = None


@dataclass(frozen=True, slots=True)
class ObjectFailure:
    """Why one object could not be compared or applied."""

    listed: ListedObject
    error: str
