"""What the comparison of a release with its live objects means for a person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum

from harbor_operator.model.outcomes import StatusWarning
from harbor_operator.model.release import ListedObject
from harbor_operator.model.release_drift import DriftedObject, ObjectFailure
from harbor_operator.reasons import Reason

MAX_LISTED_OBJECTS = 10
MAX_LISTED_FIELDS = 3
MAX_ERROR_CHARACTERS = 300
MAX_PATH_CHARACTERS = 200


class Drift(StrEnum):
    """What a warning says about objects of a release."""

    CHANGED = (
        "another client has changed objects of release '{release}' that Helm installed: {objects}. Undo the change, put"
        " it into `spec.release.values`, or set `spec.release.drift` to 'Repair' to have the operator apply these"
        " objects again"
    )
    CONFLICTING = (
        "another client changes objects of release '{release}' again after each repair: {objects}. The operator does"
        " not apply them any more: find the client in `metadata.managedFields` of the object and end its changes, then"
        " run `kubectl harbor reconcile`"
    )
    VOLUME_LOST = (
        "another client has deleted volume claims of release '{release}': {objects}. The operator does not create them"
        " again, because they would be empty: create them under the same names from a backup of the volume, before the"
        " next change of `spec.release` runs Helm, which creates them"
    )


def describe_drift(drift: Drift, release: str, drifted: Sequence[DriftedObject]) -> Iterator[StatusWarning]:
    """Yields a warning about the objects; never a value, which can be secret."""
    if drifted:
        listed = _join([describe_object(each) for each in drifted])
        yield StatusWarning(Reason.RELEASE_DRIFTED, drift.format(release=release, objects=listed))


def describe_failures(release: str, failures: Sequence[ObjectFailure], verb: str) -> Iterator[StatusWarning]:
    """Yields a warning about the objects that the API server did not compare, or not apply (`verb`)."""
    if failures:
        listed = _join([f"{_name(each.listed)}: {each.error[:MAX_ERROR_CHARACTERS]}" for each in failures])
        yield drift_unknown(f"objects of release '{release}' could not be {verb}: {listed}")


def drift_unknown(message: str) -> StatusWarning:
    """Returns the warning that changes of other clients may go unnoticed."""
    return StatusWarning(Reason.DRIFT_UNKNOWN, message)


def describe_object(drifted: DriftedObject) -> str:
    """Returns the object with the paths of the fields that differ."""
    if not drifted.fields:
        return f"{_name(drifted.listed)} (deleted)"
    shown = [f"`{path[:MAX_PATH_CHARACTERS]}`" for path in drifted.fields[:MAX_LISTED_FIELDS]]
    more = len(drifted.fields) - len(shown)
    return f"{_name(drifted.listed)} ({', '.join(shown)}{f' and {more} more' if more else ''})"


def _name(listed: ListedObject) -> str:
    return f"{listed.kind} '{listed.name}'"


def _join(texts: Sequence[str]) -> str:
    more = len(texts) - MAX_LISTED_OBJECTS
    return "; ".join([*texts[:MAX_LISTED_OBJECTS], *([f"and {more} more"] if more > 0 else [])])
