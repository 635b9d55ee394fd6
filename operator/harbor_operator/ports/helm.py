"""Helm runs: start one, ask for its progress, and read how the last one ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from harbor_operator.model.release import DesiredRelease, ListedObject, Progress, RunResult


class Helm(Protocol):
    """Runs Helm in the background, at most one run per release and namespace; every call returns at once.

    A run acts as the service account of the release and has no right of the operator. `start_*` raises
    Refused(RELEASE_SERVICE_ACCOUNT_MISSING) or Refused(RIGHTS_MISSING) when the operator gets no credential of that
    account, and Unavailable when the API server does not answer.

    `start_*` is idempotent: while a run on the release is in progress, it does nothing. When a run ends, the adapter
    calls back with namespace and name of the release (see its constructor), so that no one polls for the end.
    """

    async def start_upgrade(self, desired: DesiredRelease) -> None:
        """Starts an installation or upgrade; values go to Helm's standard input, never into its arguments.

        A chart of a repository or registry is obtained first, within limits of time and memory, and Helm gets that
        archive only if it is the one that `desired` names; if not, the result has a `reason` and no release is
        written. Raises Refused(CHART_SOURCE_REFUSED) for a chart that is not from an allowed source, and
        Refused(CHART_UNAVAILABLE) or Refused(CHART_DIGEST_MISMATCH) for a wrong chart at a path.
        """
        ...

    async def start_uninstall(self, namespace: str, name: str, service_account: str, timeout_seconds: int) -> None:
        """Starts to uninstall; a release that does not exist is a success. The digest of the run is empty."""
        ...

    async def find_unreadable(
        self, namespace: str, service_account: str, objects: Sequence[ListedObject]
    ) -> ListedObject | None:
        """Returns the first of the objects that Helm must not read as this account; see `ReleaseIdentity`."""
        ...

    def running(self, namespace: str, name: str) -> Progress | None:
        """Returns the run on this release, queued runs included, or None."""
        ...

    def result(self, namespace: str, name: str) -> RunResult | None:
        """Returns how the last run ended, or None if there was none since the operator started."""
        ...
