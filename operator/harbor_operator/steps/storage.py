"""Storage: the Swift store is proven through the URL the registry will use; a volume is left to the chart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import DeletionPolicy, HarborRegistry
from harbor_operator.diagnosis.storage import SWIFT_SUNSET, judge_storage_url
from harbor_operator.outcomes import NOT_REQUESTED, Aspect, Blocked, Done, Facts, Outcome
from harbor_operator.plan.storage import (
    MARKER,
    UID_MARK,
    FilesystemWish,
    SwiftWish,
    plan_storage,
    proof_marks,
)
from harbor_operator.ports.kube import Kube
from harbor_operator.ports.object_store import Container, ObjectStore
from harbor_operator.ports.rgw_admin import RgwAdmin
from harbor_operator.reasons import Reason
from harbor_operator.steps.storage_account import StorageAccounts
from harbor_operator.steps.storage_proof import prove
from harbor_operator.steps.storage_removal import StorageRemoval


class StorageStep:
    """Owns StorageReady."""

    aspect: ClassVar[Aspect] = Aspect.STORAGE
    needs: ClassVar[tuple[Aspect, ...]] = ()

    def __init__(self, kube: Kube, store: ObjectStore, rgw: RgwAdmin, make_password: Callable[[], SecretStr]) -> None:
        self._kube = kube
        self._store = store
        self._accounts = StorageAccounts(kube, rgw, make_password)
        self._removal = StorageRemoval(kube, store, rgw, self._accounts)

    async def converge(self, registry: HarborRegistry) -> Outcome:
        """Looks at the store through the registry's own eyes; writes nothing once it was proven."""
        match plan_storage(registry):
            case None:
                return NOT_REQUESTED
            case FilesystemWish() as wish:
                return Done(_volume(wish))
            case SwiftWish() as wish:
                return await self._converge_swift(registry, wish)

    async def dismantle(self, registry: HarborRegistry) -> Outcome:
        """Keeps the data unless the deletion policy says Delete."""
        wish = plan_storage(registry)
        if not isinstance(wish, SwiftWish):
            return Done("no object store to take back; a volume belongs to the Helm release")
        if registry.spec.deletion_policy.storage is DeletionPolicy.RETAIN:
            kept = "with its RGW user and Secret " if wish.provision else ""
            return Done(f"container '{wish.container}' is kept {kept}(`spec.deletionPolicy.storage` is Retain)")
        return await self._removal.remove(registry, wish)

    async def _converge_swift(self, registry: HarborRegistry, wish: SwiftWish) -> Outcome:
        account = await self._accounts.provide(registry, wish)
        if isinstance(account, Blocked):
            return _warned(account)
        session = await self._store.login(account)
        facts = Facts(storage_url=session.storage_url)
        if mismatch := judge_storage_url(wish.auth_url, session.storage_url):
            return _warned(mismatch, facts)
        at = Container(session, wish.container)
        if obstacle := await self._ensure_proven(registry, wish, at):
            return _warned(obstacle, facts)
        message = f"container '{wish.container}' at '{session.storage_url}' is proven for user '{account.username}'"
        return Done(message, facts=facts, cautions=(SWIFT_SUNSET,))

    async def _ensure_proven(self, registry: HarborRegistry, wish: SwiftWish, at: Container) -> Blocked | None:
        """Makes the container once, and proves it again whenever anything the proof depends on has changed."""
        if await self._store.read_container(at) is None:
            await self._store.ensure_container(at)
        wanted = proof_marks(wish, at.session.account.username, at.session.storage_url, registry.metadata.uid)
        seen = await self._store.read_marks(at, MARKER)
        if seen is not None and wanted.items() <= seen.items():
            return None
        return await self._find_other_owner(registry, at, seen) or await prove(
            self._store, at, wish.chunk_bytes, wanted
        )

    async def _find_other_owner(
        self, registry: HarborRegistry, at: Container, marks: Mapping[str, str] | None
    ) -> Blocked | None:
        """Finds a living registry that marked the container: two would collect each other's layers as garbage."""
        uid = (marks or {}).get(UID_MARK, registry.metadata.uid)
        if uid == registry.metadata.uid:
            return None
        for other in await self._kube.read_registries():
            metadata = other["metadata"]
            if metadata.get("uid") == uid:
                return Blocked(
                    Reason.STORAGE_CONTAINER_REFUSED,
                    f"container '{at.name}' is in use by HarborRegistry '{metadata['namespace']}/{metadata['name']}', "
                    "and two registries would delete each other's layers: choose another "
                    "`spec.storage.swift.container`",
                )
        return None


def _warned(obstacle: Blocked, facts: Facts | None = None) -> Blocked:
    return Blocked(obstacle.reason, obstacle.message, facts or obstacle.facts, (SWIFT_SUNSET,))


def _volume(wish: FilesystemWish) -> str:
    storage_class = f"storage class '{wish.storage_class}'" if wish.storage_class else "the default storage class"
    return f"a volume of {wish.size} from {storage_class} will be claimed by the chart; nothing to probe before that"
