"""The schedules of Harbor's own jobs."""

from __future__ import annotations

from typing import Protocol

from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.schedules import DesiredSchedule, JobRun, ObservedSchedule, SystemJob


class HarborSchedules(Protocol):
    """Schedules and runs of Harbor's jobs; `endpoint` carries the administrator's login.

    Every call has a deadline and raises as the port `Harbor` does, with SCHEDULE_REFUSED for what Harbor rejects.
    """

    async def read_schedule(self, endpoint: HarborEndpoint, job: SystemJob) -> ObservedSchedule | None:
        """Returns the schedule of the job, or None if it has none."""
        ...

    async def set_schedule(self, endpoint: HarborEndpoint, desired: DesiredSchedule) -> None:
        """Creates, replaces or removes the schedule. Idempotent."""
        ...

    async def read_image_bytes(self, endpoint: HarborEndpoint) -> int | None:
        """Returns the bytes of all layers and manifests in Harbor's database, each counted once.

        None for a version of Harbor that does not count them.
        """
        ...

    async def read_collections(self, endpoint: HarborEndpoint) -> list[JobRun]:
        """Returns the last ten runs of garbage collection, the newest first."""
        ...
