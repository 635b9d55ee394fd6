"""What the release step may ask of Helm: start a run, look at it, and hear how it ended."""

from __future__ import annotations

from typing import Protocol

from harbor_operator.model.release import DesiredRelease, Progress, RunResult


class Helm(Protocol):
    """Runs Helm in the background, one run per release at a time; every call returns at once.

    A run acts as the service account of the release and has no right of the operator. `start_*` raises Refused when
    the operator gets no credential of that account (RELEASE_SERVICE_ACCOUNT_MISSING, RIGHTS_MISSING), when the chart
    is not from an allowed source (CHART_SOURCE_REFUSED), or when it is known to be wrong before it is tried
    (CHART_UNAVAILABLE); Unavailable when the API server does not answer. A start while a run is active changes nothing.
    """

    async def start_upgrade(self, desired: DesiredRelease) -> None:
        """Starts to install or upgrade; the values go to Helm's standard input, never to its arguments."""
        ...

    async def start_uninstall(self, namespace: str, name: str, service_account: str, timeout_seconds: int) -> None:
        """Starts to uninstall; a release that is gone is a success. Its digest is the empty string."""
        ...

    def running(self, namespace: str, name: str) -> Progress | None:
        """Returns the run on this release, or None."""
        ...

    def result(self, namespace: str, name: str) -> RunResult | None:
        """Returns how the last run ended, or None if there was none since the operator started."""
        ...
