"""Storage: probes the Swift store through the URL that the registry uses; a volume is left to the chart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import DeletionPolicy, HarborRegistry
from harbor_operator.checks.storage import SWIFT_SUNSET, check_storage_url
from harbor_operator.model.outcomes import NOT_REQUESTED, Blocked, ConditionType, Done, Facts, Outcome
from harbor_operator.model.storage import Container, DesiredSwift, DesiredVolume
from harbor_operator.plan.storage import OWNER_UID, PROOF_OBJECT, plan_storage, proof_metadata
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.ports.object_store import ObjectStore
from harbor_operator.ports.rgw_admin import RgwAdmin
from harbor_operator.reasons import Reason
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
        """Creates the container once; probes it again when something that the result depends on has changed."""
        if await self._store.read_container(at) is None:
            await self._store.ensure_container(at)
        wanted = proof_metadata(desired, at.session.account.username, at.session.storage_url, registry.metadata.uid)
        observed = await self._store.read_metadata(at, PROOF_OBJECT)
        if observed is not None and wanted.items() <= observed.items():
            return None
        return await self._find_other_owner(registry, at, observed) or await probe(
            self._store, at, desired.chunk_bytes, wanted
        )

    async def _find_other_owner(
        self, registry: HarborRegistry, at: Container, proof: Mapping[str, str] | None
    ) -> Blocked | None:
        """Returns another registry that uses the container: each would delete the other's layers as garbage."""
        uid = (proof or {}).get(OWNER_UID, registry.metadata.uid)
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


def _with_warning(blocked: Blocked, facts: Facts | None = None) -> Blocked:
    return Blocked(blocked.reason, blocked.message, facts or blocked.facts, (SWIFT_SUNSET,))


def _volume(desired: DesiredVolume) -> str:
    storage_class = f"storage class '{desired.storage_class}'" if desired.storage_class else "the default storage class"
    return f"a volume of {desired.size} from {storage_class} is claimed by the chart, so there is nothing to probe"
