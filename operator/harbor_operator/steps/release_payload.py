"""Reads the payload of a release Secret."""

from __future__ import annotations

import asyncio

from harbor_operator.checks.release import unreadable_release
from harbor_operator.model.kubernetes import StoredSecret
from harbor_operator.model.release import StoredRelease
from harbor_operator.plan.helm_storage import read_payload
from harbor_operator.steps.outcomes import BlockedError


async def read_stored(newest: StoredSecret) -> StoredRelease:
    """Returns the stored release; BlockedError if the Secret does not contain one."""
    try:
        # In a thread: any user who can write Secrets in the namespace controls the size of the payload.
        return await asyncio.to_thread(read_payload, newest.values["release"])
    except (KeyError, TypeError, ValueError) as error:
        raise BlockedError(unreadable_release(newest.name)) from error
