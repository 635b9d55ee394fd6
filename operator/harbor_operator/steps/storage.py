"""Storage: probes the object store through the URL that the registry uses.

A volume, and a store that the operator has no client or no keys for, are left to the chart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, NamedTuple

from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.references import describe_secret
from harbor_operator.checks.s3 import check_redirect
from harbor_operator.checks.storage import SWIFT_SUNSET, check_storage_url
from harbor_operator.checks.storage_driver import check_credential, describe_driver
from harbor_operator.model.outcomes import NOT_REQUESTED, Blocked, ConditionType, Done, Facts, Outcome
from harbor_operator.model.s3 import DesiredS3
from harbor_operator.model.storage import DRIVER_SPEC, Container, DesiredDriver, DesiredSwift, DesiredVolume
from harbor_operator.plan.deletion import why_retained
from harbor_operator.plan.storage import IMAGE_PREFIXES, PROOF_OBJECT, plan_storage, proof_digest, swift_place
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.ports.object_store import ObjectStore
from harbor_operator.ports.postgres import Postgres
from harbor_operator.ports.rgw_admin import RgwAdmin
from harbor_operator.ports.s3_store import S3Store
from harbor_operator.steps.harbor_database import HarborDatabase
from harbor_operator.steps.references import read_values
from harbor_operator.steps.s3_storage import S3Storage
from harbor_operator.steps.storage_account import StorageAccounts
from harbor_operator.steps.storage_mark import StorageMarks
from harbor_operator.steps.storage_probe import probe
from harbor_operator.steps.storage_removal import StorageRemoval


class Stores(NamedTuple):
    """The clients of the object stores, and of the users of a gateway."""

    swift: ObjectStore
    s3: S3Store
    rgw: RgwAdmin


class StorageStep:
    """Probes the object store, provisions its user if the spec asks for it, and removes data if the policy says so."""

    condition_type: ClassVar[ConditionType] = ConditionType.STORAGE
    depends_on: ClassVar[tuple[ConditionType, ...]] = ()

    def __init__(
        self,
        kube: NamespaceResources,
        stores: Stores,
        make_password: Callable[[], SecretStr],
        postgres: Postgres,
    ) -> None:
        self._marks = StorageMarks(kube, HarborDatabase(kube, postgres))
        self._s3 = S3Storage(kube, stores.s3, stores.rgw, make_password, self._marks)
        self._kube = kube
        self._store = stores.swift
        self._accounts = StorageAccounts(kube, stores.rgw, make_password)
        self._removal = StorageRemoval(kube, stores.swift, stores.rgw, self._accounts)

    async def reconcile(self, registry: HarborRegistry) -> Outcome:
        """Returns Done once the store passed the probe; a store that passed is not probed again."""
        match plan_storage(registry):
            case None:
                return NOT_REQUESTED
            case DesiredVolume() as desired:
                return Done(_volume(desired))
            case DesiredDriver() as desired:
                return await self._reconcile_driver(registry, desired)
            case DesiredS3() as desired:
                return await self._s3.reconcile(registry, desired)
            case DesiredSwift() as desired:
                return await self._reconcile_swift(registry, desired)

    async def teardown(self, registry: HarborRegistry) -> Outcome:
        """Retains the data unless the deletion policy is Delete."""
        desired = plan_storage(registry)
        if desired is None or isinstance(desired, DesiredVolume):
            return Done("there is no object store to remove; a volume belongs to the Helm release")
        if isinstance(desired, DesiredDriver):
            return Done(f"the images of driver '{desired.name}' ({desired.place}) are retained")
        place = desired.place if isinstance(desired, DesiredS3) else swift_place(desired)
        if why := why_retained(registry, "storage"):
            kept = "with its RGW user and Secret " if desired.provision else ""
            return Done(f"{place.noun} '{place.name}' is retained {kept}({why})")
        if isinstance(desired, DesiredS3):
            return await self._s3.remove(registry, desired)
        return await self._removal.remove(registry, desired)

    async def _reconcile_driver(self, registry: HarborRegistry, desired: DesiredDriver) -> Outcome:
        storage = registry.spec.storage
        if storage and storage.s3 and (blocked := check_redirect(storage.s3)):
            return blocked
        if desired.secret:
            field, where = f"{DRIVER_SPEC}.secretRef", describe_secret(registry.metadata.namespace, desired.secret.name)
            found = await read_values(self._kube, registry, desired.secret, field, desired.keys)
            values = dict(zip(desired.keys, found, strict=True))
            if blocked := check_credential(desired.name, where, field, values):
                return blocked
        warnings = (SWIFT_SUNSET,) if storage and storage.uses_swift else ()
        return Done(describe_driver(desired), warnings=warnings)

    async def _reconcile_swift(self, registry: HarborRegistry, desired: DesiredSwift) -> Outcome:
        account = await self._accounts.provide(registry, desired)
        if isinstance(account, Blocked):
            return _with_warning(account)
        session = await self._store.login(account)
        facts = Facts(storage_url=session.storage_url)
        if mismatch := check_storage_url(desired.auth_url, session.storage_url):
            return _with_warning(mismatch, facts)
        at = Container(session, desired.container)
        if await self._store.read_container(at) is None:
            await self._store.ensure_container(at)
        digest = proof_digest(desired, account.username, session.storage_url)
        marked = _MarkedContainer(self._store, desired, at)
        if blocked := await self._marks.ensure(registry, marked, digest):
            return _with_warning(blocked, facts)
        message = (
            f"container '{desired.container}' at '{session.storage_url}' passed the probe for user '{account.username}'"
        )
        return Done(message, facts=facts, warnings=(SWIFT_SUNSET,))


class _MarkedContainer:
    """A Swift container, as the mark needs it."""

    def __init__(self, store: ObjectStore, desired: DesiredSwift, at: Container) -> None:
        self.place = swift_place(desired)
        self._store = store
        self._desired = desired
        self._at = at

    async def read_mark(self) -> Mapping[str, str] | None:
        return await self._store.read_metadata(self._at, PROOF_OBJECT)

    async def write_mark(self, mark: Mapping[str, str]) -> None:
        await self._store.write_object(self._at, PROOF_OBJECT, b"", mark)

    async def holds_images(self) -> bool:
        return any([await self._store.list_objects(self._at, prefix, 1) for prefix in IMAGE_PREFIXES])

    async def check_images(self) -> Blocked | None:
        return None

    async def probe(self) -> Blocked | None:
        return await probe(self._store, self._at, self._desired.chunk_bytes)


def _with_warning(blocked: Blocked, facts: Facts | None = None) -> Blocked:
    return Blocked(blocked.reason, blocked.message, facts or blocked.facts, (SWIFT_SUNSET,))


def _volume(desired: DesiredVolume) -> str:
    storage_class = f"storage class '{desired.storage_class}'" if desired.storage_class else "the default storage class"
    return f"a volume of {desired.size} from {storage_class} is claimed by the chart, so there is nothing to probe"
