"""A registry whose images can move from Swift to S3, with fakes of both stores and of Harbor."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.harbor import HarborEndpoint, Login
from harbor_operator.model.outcomes import Outcome, Pending
from harbor_operator.model.storage_migration import MigrationPhase
from harbor_operator.steps.s3_account import S3Accounts
from harbor_operator.steps.storage import StorageStep, Stores
from harbor_operator.steps.storage_account import StorageAccounts
from harbor_operator.steps.storage_copy import BATCH_OBJECTS
from harbor_operator.steps.storage_in_use import MigrationRecords, StorageInUseStep
from harbor_operator.steps.storage_migration import (
    MigrationStores,
    StorageMigrationSection,
)
from harbor_operator.steps.storage_migration_harbor import MigrationHarbor
from tests.fakes.harbor import FakeHarbor, StoredProject
from tests.fakes.harbor_configuration import FakeHarborConfiguration
from tests.fakes.image_proof import FakeImageProof
from tests.fakes.kube import FakeKube
from tests.fakes.object_store import FakeObjectStore, Stored
from tests.fakes.postgres import FakePostgres
from tests.fakes.rgw_admin import FakeRgwAdmin
from tests.fakes.s3_store import FakeS3Store

NAMESPACE, PINS = "intra", "hreg-cr-pins"
ROOT = "docker/registry/v2/"
LINKS = [f"{ROOT}repositories/library/app-{number:03d}/link" for number in range(BATCH_OBJECTS + 10)]
OWNER = {"app.kubernetes.io/managed-by": "harbor-operator", "harbor-operator.io/registry-name": "cr"}
LAYER = b"a layer"
DIGEST = sha256(LAYER).hexdigest()
BLOB = f"{ROOT}blobs/sha256/{DIGEST[:2]}/{DIGEST}/data"
TARGET = {"endpoint": "https://s3.example.com", "bucket": "images", "credentialsSecretRef": {"name": "s3"}}
SWIFT = {"swift": {"authURL": "https://s3.example.com/auth/v1.0", "credentialsSecretRef": {"name": "swift"}}}
MIGRATION = {"to": {"s3": TARGET}}


def registry(storage: dict[str, Any], annotations: dict[str, str] | None = None, **spec: Any) -> HarborRegistry:
    wanted = {"externalURL": "https://cr.example.com", "storage": storage, "release": {"version": "1.19.1"}, **spec}
    metadata = {"name": "cr", "namespace": NAMESPACE, "uid": "uid-1", "annotations": annotations or {}}
    return HarborRegistry.parse({"metadata": metadata, "spec": wanted}, "cluster-1")


SOURCE, MIGRATING, MOVED = registry(SWIFT), registry({**SWIFT, "migration": MIGRATION}), registry({"s3": TARGET})


@dataclass
class MigrationFixture:
    """A container with images, an empty bucket, and a Harbor with one image."""

    kube: FakeKube = field(default_factory=FakeKube)
    swift: FakeObjectStore = field(default_factory=lambda: FakeObjectStore({"harbor:swift": "key"}))
    s3: FakeS3Store = field(default_factory=lambda: FakeS3Store({"ACCESS": SecretStr("secret")}))
    settings: FakeHarborConfiguration = field(default_factory=FakeHarborConfiguration)
    images: FakeImageProof = field(default_factory=FakeImageProof)
    harbor: FakeHarbor = field(default_factory=FakeHarbor)
    seconds_per_reading: float = 0.0
    now: float = 0.0

    def __post_init__(self) -> None:
        self.kube.put(NAMESPACE, "swift", {"username": "harbor:swift", "password": "key"})
        self.kube.put(NAMESPACE, "s3", {"accessKey": "ACCESS", "secretKey": "secret"})
        self.kube.put(NAMESPACE, PINS, {"SECRET_KEY": "0123456789abcdef"}, OWNER)
        files = {f"files/{key}": key.encode() for key in LINKS} | {f"files/{BLOB}": LAYER}
        self.swift.containers["harbor"] = {name: Stored(body, len(body)) for name, body in files.items()}
        self.s3.buckets["images"] = {}
        self.harbor.projects["library"] = StoredProject(1, public=True, images=["library/app:1"])
        self.harbor.projects["mirror"] = StoredProject(2, public=True, images=["mirror/app:1"], registry=1)
        rgw, password = FakeRgwAdmin({}), lambda: SecretStr("made")
        self.records = MigrationRecords(self.kube)
        storage = StorageStep(self.kube, Stores(self.swift, self.s3, rgw), password, FakePostgres())
        self.storage = StorageInUseStep(storage, self.records)
        accounts = StorageAccounts(self.kube, rgw, password), S3Accounts(self.kube, rgw, password)
        self.section = StorageMigrationSection(
            self.records,
            storage,
            MigrationStores(self.swift, self.s3, *accounts, lambda: "unique"),
            MigrationHarbor(self.settings, self.harbor, self.images),
            self.monotonic,
        )
        self.admin = HarborEndpoint(self.harbor.url, login=Login("admin", SecretStr("Admin-pass-1")))

    def monotonic(self) -> float:
        self.now += self.seconds_per_reading
        return self.now

    async def once(self, spec: HarborRegistry) -> Outcome:
        return await self.section.reconcile(spec, self.admin)

    async def run(self, spec: HarborRegistry, passes: int = 100) -> Outcome:
        outcome = await self.once(spec)
        for _ in range(passes - 1):
            if not isinstance(outcome, Pending):
                break
            outcome = await self.once(spec)
        return outcome

    async def until(self, phase: MigrationPhase) -> None:
        for _ in range(20):
            if self.record.get("phase") == phase:
                return
            await self.once(MIGRATING)
        raise AssertionError(f"no phase {phase}")

    def copies(self) -> dict[str, bytes]:
        stored = self.s3.buckets["images"]
        return {key: b"".join(map(bytes, one.content)) for key, one in stored.items() if key.startswith(ROOT)}

    def originals(self) -> dict[str, bytes]:
        stored = self.swift.containers["harbor"].items()
        return {name.removeprefix("files/"): one.body for name, one in stored if name.startswith("files/")}

    @property
    def is_read_only(self) -> bool:
        return bool(self.settings.settings["read_only"])

    @property
    def record(self) -> dict[str, Any]:
        text = self.kube.values(NAMESPACE, PINS).get("STORAGE_MIGRATION", "")
        found: dict[str, Any] = json.loads(text) if text else {}
        return found
