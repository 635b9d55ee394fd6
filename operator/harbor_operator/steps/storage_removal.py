"""Removes a container and its login, a batch per pass, and only what carries this registry's mark."""

from __future__ import annotations

from dataclasses import replace

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.container_owner import is_own
from harbor_operator.checks.rgw_user import owns_login
from harbor_operator.checks.storage import check_storage_url
from harbor_operator.model.outcomes import Done, Outcome, Pending, Removed
from harbor_operator.model.storage import Container, DesiredSwift
from harbor_operator.plan import names
from harbor_operator.plan.container_owner import read_owner
from harbor_operator.plan.storage import DATA_PREFIXES, PROOF_OBJECT
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.ports.object_store import ObjectStore
from harbor_operator.ports.rgw_admin import RgwAdmin
from harbor_operator.reasons import Reason
from harbor_operator.steps.rgw_user import remove_unused_user
from harbor_operator.steps.storage_account import StorageAccounts

MAX_BATCH_OBJECTS = 1000
"""Objects per pass; the adapter stops earlier when they take too long."""
NEXT_BATCH_SECONDS = 0.5


class StorageRemoval:
    """Removes data, then the login for it, then the Secret with the login."""

    def __init__(self, kube: NamespaceResources, store: ObjectStore, rgw: RgwAdmin, accounts: StorageAccounts) -> None:
        self._kube = kube
        self._store = store
        self._rgw = rgw
        self._accounts = accounts

    async def remove(self, registry: HarborRegistry, desired: DesiredSwift) -> Outcome:
        """Removes one batch; Done when nothing is left, or when the rest does not belong to this registry."""
        secret = await self._kube.read_secret(registry.metadata.namespace, desired.secret.name)
        if secret is None:
            return Done(
                f"Secret '{desired.secret.name}' does not exist, so container '{desired.container}' is retained"
            )
        ours = names.owner_labels(registry).items() <= secret.labels.items()
        if desired.provision is None or not ours:
            return await self._remove_data(registry, desired) or _removed(desired)
        access = await self._accounts.read_admin(registry, desired, desired.provision)
        stored = secret.values.get(desired.secret.username_key)
        username = stored.get_secret_value() if stored else desired.provision.username
        user = await self._rgw.read_user(access, desired.provision.uid)
        # An earlier pass removed the data before the login.
        left = await self._remove_data(registry, desired) if user and username in user.subusers else None
        if left is not None and not isinstance(left, Done):
            return left
        note = ""
        if user is not None and owns_login(desired.provision, username, user):
            await self._rgw.remove_swift_login(access, username)
            note = await remove_unused_user(self._rgw, access, desired.provision)
        await self._kube.remove_secret(registry.metadata.namespace, desired.secret.name, names.owner_labels(registry))
        outcome = left or _removed(desired)
        return replace(outcome, message=f"{outcome.message}{note}")

    async def _remove_data(self, registry: HarborRegistry, desired: DesiredSwift) -> Outcome | None:
        """Removes a batch of objects, or the empty container; None when it is gone."""
        session = await self._store.login(await self._accounts.read_swift(registry, desired))
        if mismatch := check_storage_url(desired.auth_url, session.storage_url):
            return mismatch
        at = Container(session, desired.container)
        usage = await self._store.read_container(at)
        if usage is None:
            return None
        owner = read_owner(await self._store.read_metadata(at, PROOF_OBJECT))
        if owner is None or not is_own(owner, registry):
            return Done(
                f"container '{at.name}' is retained: it does not carry the mark of this registry ('{PROOF_OBJECT}')"
            )
        if owner.adopted:
            return Done(f"container '{at.name}' is retained: it was adopted (`spec.storage.swift.adoptExisting`)")
        for prefix in DATA_PREFIXES:
            if batch := await self._store.list_objects(at, prefix, MAX_BATCH_OBJECTS):
                await self._store.remove_objects(at, batch)
                return _emptying(at, f"about {usage.objects} objects were left before this batch")
        return await self._remove_container(at)

    async def _remove_container(self, at: Container) -> Outcome | None:
        foreign = [name for name in await self._store.list_objects(at, "", 2) if name != PROOF_OBJECT]
        if foreign:
            return Removed(f"container '{at.name}' is retained: it holds objects of another client ('{foreign[0]}')")
        await self._store.remove_objects(at, [PROOF_OBJECT])
        if await self._store.remove_container(at):
            return None
        return _emptying(at, "it is not empty yet")


def _emptying(at: Container, detail: str) -> Pending:
    return Pending(
        Reason.STORAGE_CLEANING_UP, f"removing container '{at.name}': {detail}", requeue_after=NEXT_BATCH_SECONDS
    )


def _removed(desired: DesiredSwift) -> Removed:
    return Removed(f"container '{desired.container}' is removed")
