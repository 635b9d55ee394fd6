"""The Storage step with an S3 store that has one user, and registries that use it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.steps.storage import StorageStep, Stores
from tests.fakes.kube import FakeKube
from tests.fakes.object_store import FakeObjectStore
from tests.fakes.postgres import FakePostgres
from tests.fakes.rgw_admin import FakeRgwAdmin
from tests.fakes.s3_store import FakeS3Store, StoredObject
from tests.unit.steps.storage_fixture import CLUSTER, NAMESPACE, PROVISION
from tests.unit.steps.storage_fixture import registry as with_storage

PROOF = "harbor-operator/proof"


@dataclass
class S3Fixture:
    """A store with bucket 'harbor' and one user, whose keys are in Secret 's3', and the step."""

    kube: FakeKube = field(default_factory=FakeKube)
    keys: dict[str, SecretStr] = field(default_factory=lambda: {"ACCESS": SecretStr("key")})

    def __post_init__(self) -> None:
        self.store = FakeS3Store(self.keys)
        self.store.buckets["harbor"] = {}
        self.rgw = FakeRgwAdmin(keys=self.keys)
        self.passwords = 0
        self.step = StorageStep(
            self.kube, Stores(FakeObjectStore(), self.store, self.rgw), self.make_password, FakePostgres()
        )
        self.kube.put(NAMESPACE, "s3", {"accessKey": "ACCESS", "secretKey": "key"})
        self.kube.put(NAMESPACE, "rgw-admin", {"accessKey": "access", "secretKey": "secret"})

    def make_password(self) -> SecretStr:
        self.passwords += 1
        return SecretStr(f"password-{self.passwords}")

    @property
    def objects(self) -> dict[str, StoredObject]:
        return self.store.buckets["harbor"]

    def writes(self) -> list[str]:
        return [*self.kube.writes, *self.store.writes, *self.rgw.writes]

    def put(self, *keys: str) -> None:
        """Stores an object of another client below each key."""
        self.objects.update({key: StoredObject((b"x",)) for key in keys})

    def mark_as(self, **metadata: str) -> None:
        """Marks the bucket as another operator would."""
        mark = {f"harbor-operator-{key}": value for key, value in metadata.items()}
        self.objects[PROOF] = StoredObject(metadata=mark)

    def without_keys(self) -> S3Fixture:
        """Nothing is provisioned yet: no Secret, no keys, no bucket."""
        del self.kube.secrets[NAMESPACE, "s3"]
        self.keys.clear()
        self.store.buckets.clear()
        return self


def registry(*, delete: bool = False, cluster: str = CLUSTER, version: str = "", **s3: Any) -> HarborRegistry:
    wanted = {"endpoint": "https://s3.example.com", "credentialsSecretRef": {"name": "s3"}, "chunkSizeMiB": 5, **s3}
    made = with_storage({"s3": wanted}, delete=delete, cluster=cluster)
    if not version:
        return made
    body = {
        "metadata": made.metadata.model_dump(by_alias=True, exclude={"cluster"}),
        "spec": {},
    }
    spec = {"externalURL": "https://cr.example.com", "storage": {"s3": wanted}, "release": {"version": version}}
    return HarborRegistry.parse({**body, "spec": spec}, cluster)


def provisioned(**more: Any) -> HarborRegistry:
    return registry(provision=PROVISION, **more)
