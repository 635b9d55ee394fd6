"""The live objects of a Helm release, with the rights of the service account that Helm acts as."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from harbor_operator.model.release_drift import ObjectFailure, ObservedObject, ReleaseObject


class ReleaseObjects(Protocol):
    """Compares and applies objects; every call has a deadline, whatever the number of objects.

    Both verbs raise as `ReleaseIdentity.issue_token`, and Unavailable when the server does not answer in time.
    """

    async def observe(
        self, namespace: str, service_account: str, objects: Sequence[ReleaseObject]
    ) -> tuple[ObservedObject, ...]:
        """Returns each object as it is, and as it would be if Helm applied it again; in the order of `objects`.

        The API server answers the latter by a dry run, with defaults and the changes of admission. It stores nothing.
        """
        ...

    async def apply(
        self, namespace: str, service_account: str, objects: Sequence[ReleaseObject]
    ) -> tuple[ObjectFailure, ...]:
        """Applies the objects as Helm does, and returns those that the API server refused. Idempotent."""
        ...
