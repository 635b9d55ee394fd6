"""What the account of a release must be able to read before Helm changes the release.

Before Helm deletes an object of the stored release, it reads it, and it takes every error for "it is gone": the run
succeeds, and the object stays. A right that the account has lost, or an object that another client has written into
the release Secret, would never be reported.
"""

from __future__ import annotations

import asyncio

from harbor_operator.checks.release import unreadable_release
from harbor_operator.checks.release_rights import listed_unreadable
from harbor_operator.model.kubernetes import StoredSecret
from harbor_operator.model.outcomes import Blocked
from harbor_operator.plan.helm_manifest import listed_objects
from harbor_operator.ports.helm import Helm


async def check_rights(helm: Helm, namespace: str, account: str, stored: StoredSecret | None) -> Blocked | None:
    """Returns that the account must not read an object of the stored release; raises as `Helm.find_unreadable`."""
    if stored is None:
        return None
    try:
        objects = await asyncio.to_thread(listed_objects, stored.values["release"], namespace)
    except (KeyError, TypeError, ValueError):
        return unreadable_release(stored.name)
    found = await helm.find_unreadable(namespace, account, objects)
    return listed_unreadable(stored.name, account, namespace, found) if found else None
