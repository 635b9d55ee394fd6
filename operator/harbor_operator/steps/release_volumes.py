"""The volumes of a release at its deletion.

The chart writes `deletionPolicy.storage` into the manifest of the release at a Helm run, and `helm uninstall` reads it
there. The policy can have changed since that run, so the deletion writes it again.
"""

from __future__ import annotations

import asyncio
from functools import partial

from harbor_operator.api.v1alpha1 import DeletionPolicy, HarborRegistry
from harbor_operator.checks.release import unreadable_release
from harbor_operator.model.kubernetes import StoredSecret
from harbor_operator.plan.helm_storage import volume_policy_patch
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.steps.outcomes import BlockedError


async def apply_volume_policy(kube: NamespaceResources, registry: HarborRegistry, newest: StoredSecret) -> None:
    """Makes the next `helm uninstall` follow the policy of the spec; `newest` is the newest revision of the release.

    Idempotent. Raises Unavailable if the revision has changed since it was read, BlockedError if it is not Helm's.
    """
    storage = registry.spec.storage
    if storage is None or storage.filesystem is None:
        return
    keep = registry.spec.deletion_policy.storage is DeletionPolicy.RETAIN
    # In a thread: any user who can write Secrets in the namespace controls the size of the payload.
    try:
        patch = await asyncio.to_thread(partial(volume_policy_patch, newest.values["release"], keep=keep))
    except (KeyError, TypeError, ValueError) as error:
        raise BlockedError(unreadable_release(newest.name)) from error
    if patch:
        await kube.patch_secret(registry.metadata.namespace, newest.name, patch, newest.resource_version)
