"""Storage: probes the Swift store through the URL that the registry uses; a volume is left to the chart."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import DeletionPolicy, HarborRegistry
from harbor_operator.checks.container_owner import check_owner, is_own, marked_meanwhile
from harbor_operator.checks.storage import SWIFT_SUNSET, check_storage_url
from harbor_operator.model.outcomes import NOT_REQUESTED, Blocked, ConditionType, Done, Facts, Outcome
from harbor_operator.model.storage import Container, DesiredSwift, DesiredVolume
from harbor_operator.plan.container_owner import owner_metadata, plan_owner, read_owner
from harbor_operator.plan.storage import IMAGE_PREFIXES, PROOF_DIGEST, PROOF_OBJECT, plan_storage, proof_digest
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.ports.object_store import ObjectStore
from harbor_operator.ports.rgw_admin import RgwAdmin
from harbor_operator.steps.storage_account import StorageAccounts
from harbor_operator.steps.storage_probe import probe
from harbor_operator.steps.storage_removal import StorageRemoval


class StorageStep:
    """Probes the object store, provisions its user if the spec asks for it, and removes data if the policy says so."""

    condition_type: ClassVar[ConditionType] = ConditionType.STORAGE
    depends_on: ClassVar[tuple[ConditionType, ...]] = ()

    def __init__(
        self, kube: NamespaceResources, store: ObjectStore, rgw: RgwAdmin, make_password: Callable[[], SecretStr]
    ) -> None:
        self._kube = kube
        self._store = store
        self._accounts = StorageAccounts(kube, rgw, make_password)
        self._removal = StorageRemoval(kube, store, rgw, self._accounts)

    async def reconcile(self, registry: HarborRegistry) -> Outcome:
        """Returns Done once the store passed the probe; a store that passed is not probed again."""
        match plan_storage(registry):
            case None:
                return NOT_REQUESTED
            case DesiredVolume() as desired:
                return Done(_volume(desired))
            case DesiredSwift() as desired:
                return await self._reconcile_swift(registry, desired)

    async def teardown(self, registry: HarborRegistry) -> Outcome:
        """Retains the data unless the deletion policy is Delete."""
        desired = plan_storage(registry)
        if not isinstance(desired, DesiredSwift):
            return Done("there is no object store to remove; a volume belongs to the Helm release")
        if registry.spec.deletion_policy.storage is DeletionPolicy.RETAIN:
            kept = "with its RGW user and Secret " if desired.provision else ""
            return Done(f"container '{desired.container}' is retained {kept}(`spec.deletionPolicy.storage` is Retain)")
        return await self._removal.remove(registry, desired)

    async def _reconcile_swift(self, registry: HarborRegistry, desired: DesiredSwift) -> Outcome:
        account = await self._accounts.provide(registry, desired)
        if isinstance(account, Blocked):
            return _with_warning(account)
        session = await self._store.login(account)
        facts = Facts(storage_url=session.storage_url)
        if mismatch := check_storage_url(desired.auth_url, session.storage_url):
            return _with_warning(mismatch, facts)
        at = Container(session, desired.container)
        if blocked := await self._ensure_probed(registry, desired, at):
            return _with_warning(blocked, facts)
        message = (
            f"container '{desired.container}' at '{session.storage_url}' passed the probe for user '{account.username}'"
        )
        return Done(message, facts=facts, warnings=(SWIFT_SUNSET,))

    async def _ensure_probed(self, registry: HarborRegistry, desired: DesiredSwift, at: Container) -> Blocked | None:
        """Creates and marks the container once; probes it again when something that the result depends on changes."""
        if await self._store.read_container(at) is None:
            await self._store.ensure_container(at)
        observed = await self._store.read_metadata(at, PROOF_OBJECT)
        owner = read_owner(observed)
        holds_images = owner is None and await self._holds_images(at)
        blocked = check_owner(
            registry,
            desired,
            owner,
            holds_images=holds_images,
            registries=await self._kube.read_registries() if owner and not is_own(owner, registry) else (),
        )
        if blocked:
            return blocked
        digest = proof_digest(desired, at.session.account.username, at.session.storage_url)
        mark = owner_metadata(plan_owner(registry, owner, holds_images=holds_images))
        wanted = {PROOF_DIGEST: digest, **mark}
        if observed is None or observed.get(PROOF_DIGEST) != digest:
            if failure := await probe(self._store, at, desired.chunk_bytes):
                return failure
            # The probe takes seconds, and a PUT has no precondition in RGW's Swift API.
            if await self._store.read_metadata(at, PROOF_OBJECT) != observed:
                return marked_meanwhile(at.name)
        elif wanted.items() <= observed.items():
            return None
        await self._store.write_object(at, PROOF_OBJECT, b"", wanted)
        return None

    async def _holds_images(self, at: Container) -> bool:
        return any([await self._store.list_objects(at, prefix, 1) for prefix in IMAGE_PREFIXES])


def _with_warning(blocked: Blocked, facts: Facts | None = None) -> Blocked:
    return Blocked(blocked.reason, blocked.message, facts or blocked.facts, (SWIFT_SUNSET,))


def _volume(desired: DesiredVolume) -> str:
    storage_class = f"storage class '{desired.storage_class}'" if desired.storage_class else "the default storage class"
    return f"a volume of {desired.size} from {storage_class} is claimed by the chart, so there is nothing to probe"
