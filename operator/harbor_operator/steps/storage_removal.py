"""Taking a container and its login back, in small bites, and only what this very registry marked as its own."""

from __future__ import annotations

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.outcomes import Blocked, Done, Outcome, Pending
from harbor_operator.plan import names
from harbor_operator.plan.storage import (
    DATA_PREFIXES,
    MARKER,
    UID_MARK,
    ProvisionWish,
    SwiftWish,
    is_disposable,
)
from harbor_operator.ports.kube import Kube
from harbor_operator.ports.object_store import Container, ObjectStore
from harbor_operator.ports.rgw_admin import RgwAccess, RgwAdmin
from harbor_operator.reasons import Reason
from harbor_operator.steps.storage_account import StorageAccounts

BATCH = 1000
"""Objects per pass; the adapter stops earlier when they take too long."""
NEXT_BITE = 0.5


class StorageRemoval:
    """Removes data, then the login that reaches it, then the Secret that remembers the login."""

    def __init__(self, kube: Kube, store: ObjectStore, rgw: RgwAdmin, accounts: StorageAccounts) -> None:
        self._kube = kube
        self._store = store
        self._rgw = rgw
        self._accounts = accounts

    async def remove(self, registry: HarborRegistry, wish: SwiftWish) -> Outcome:
        """Removes one bite; Done when nothing of ours is left, or when what is left is not ours to remove."""
        secret = await self._kube.read_secret(registry.metadata.namespace, wish.secret)
        if secret is None:
            return Done(f"Secret '{wish.secret}' is gone, so container '{wish.container}' is left as it is")
        ours = names.owner_labels(registry).items() <= secret.labels.items()
        if wish.provision is None or not ours:
            return await self._remove_data(registry, wish) or _removed(wish)
        access = await self._accounts.read_admin(registry, wish, wish.provision)
        if isinstance(access, Blocked):
            return access
        if await self._knows_login(access, wish.provision) and (unfinished := await self._remove_data(registry, wish)):
            return unfinished
        await self._remove_login(access, wish.provision)
        await self._kube.remove_secret(registry.metadata.namespace, wish.secret, names.owner_labels(registry))
        return _removed(wish)

    async def _knows_login(self, access: RgwAccess, wish: ProvisionWish) -> bool:
        """Whether the login still exists; if not, an earlier pass has removed the data before it."""
        user = await self._rgw.read_user(access, wish.uid)
        return user is not None and wish.username in user.subusers

    async def _remove_data(self, registry: HarborRegistry, wish: SwiftWish) -> Outcome | None:
        """Removes a batch of objects, or the empty container; None when it is gone."""
        account = await self._accounts.read_swift(registry, wish)
        if isinstance(account, Blocked):
            return account
        at = Container(await self._store.login(account), wish.container)
        count = await self._store.read_container(at)
        if count is None:
            return None
        marks = await self._store.read_marks(at, MARKER)
        if marks is None or marks.get(UID_MARK) != registry.metadata.uid:
            return Done(f"container '{at.name}' is kept: it does not carry the mark of this registry ('{MARKER}')")
        for prefix in DATA_PREFIXES:
            if batch := await self._store.list_objects(at, prefix, BATCH):
                await self._store.remove_objects(at, batch)
                return _emptying(at, f"about {count} objects left a moment ago")
        return await self._remove_container(at)

    async def _remove_container(self, at: Container) -> Outcome | None:
        foreign = [name for name in await self._store.list_objects(at, "", 2) if name != MARKER]
        if foreign:
            return Done(f"container '{at.name}' is kept: it holds objects that are not the registry's ('{foreign[0]}')")
        await self._store.remove_objects(at, [MARKER])
        if await self._store.remove_container(at):
            return None
        return _emptying(at, "it is not empty yet")

    async def _remove_login(self, access: RgwAccess, wish: ProvisionWish) -> None:
        """Removes the subuser, and the user too if we made it and it owns nothing else."""
        await self._rgw.remove_swift_login(access, wish.username)
        user = await self._rgw.read_user(access, wish.uid)
        if user is not None and is_disposable(wish, user):
            await self._rgw.remove_user(access, wish.uid)


def _emptying(at: Container, detail: str) -> Pending:
    return Pending(Reason.STORAGE_CLEANING_UP, f"removing container '{at.name}': {detail}", again=NEXT_BITE)


def _removed(wish: SwiftWish) -> Done:
    return Done(f"container '{wish.container}' is removed")
