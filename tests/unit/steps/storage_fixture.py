"""The Storage step with a store that has one user, and registries that use it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.plan.storage import PROOF_OBJECT
from harbor_operator.steps.storage import StorageStep, Stores
from tests.fakes.kube import FakeKube
from tests.fakes.object_store import FakeObjectStore, Stored
from tests.fakes.postgres import FakePostgres
from tests.fakes.rgw_admin import FakeRgwAdmin
from tests.fakes.s3_store import FakeS3Store

NAMESPACE = "intra"
LOGIN = "harbor:swift"
CLUSTER = "cluster-1"
OUR_LOGIN = "harbor:intra.cr.a222a995"
PROVISION = {"adminURL": "http://rgw:80", "adminSecretRef": {"name": "rgw-admin"}, "uid": "harbor", "quotaGiB": 5}


@dataclass
class StorageFixture:
    """A store with one user, whose login is in Secret 'swift', and the step."""

    kube: FakeKube = field(default_factory=FakeKube)
    logins: dict[str, str] = field(default_factory=lambda: {LOGIN: "key"})

    def __post_init__(self) -> None:
        self.store = FakeObjectStore(self.logins)
        self.rgw = FakeRgwAdmin(self.logins)
        self.s3 = FakeS3Store()
        self.passwords = 0
        self.postgres = FakePostgres()
        self.step = StorageStep(self.kube, Stores(self.store, self.s3, self.rgw), self.make_password, self.postgres)
        self.kube.put(NAMESPACE, "swift", {"username": LOGIN, "password": "key"})
        self.kube.put(NAMESPACE, "rgw-admin", {"accessKey": "access", "secretKey": "secret"})

    def make_password(self) -> SecretStr:
        self.passwords += 1
        return SecretStr(f"password-{self.passwords}")

    def objects(self) -> list[str]:
        return sorted(self.store.containers.get("harbor", {}))

    def writes(self) -> list[str]:
        return [*self.kube.writes, *self.store.writes, *self.rgw.writes]

    @property
    def mark(self) -> dict[str, str]:
        """The metadata of the proof object."""
        return dict(self.store.containers["harbor"][PROOF_OBJECT].metadata)

    def mark_as(self, **metadata: str) -> None:
        """Marks the container as another operator would."""
        objects = self.store.containers.setdefault("harbor", {})
        objects[PROOF_OBJECT] = Stored(metadata={f"harbor-operator-{key}": value for key, value in metadata.items()})

    def without_login(self) -> StorageFixture:
        del self.kube.secrets[NAMESPACE, "swift"]
        self.logins.clear()
        return self


def registry(
    storage: dict[str, Any] | None = None,
    *,
    delete: bool = False,
    uid: str = "uid-1",
    cluster: str = CLUSTER,
    **sections: Any,
) -> HarborRegistry:
    spec: dict[str, Any] = {"externalURL": "https://cr.example.com", **sections}
    if storage is not None:
        spec["storage"] = storage
    if delete:
        spec["deletionPolicy"] = {"storage": "Delete"}
    return HarborRegistry.parse({"metadata": {"name": "cr", "namespace": NAMESPACE, "uid": uid}, "spec": spec}, cluster)


def swift(**more: Any) -> dict[str, Any]:
    base = {"authURL": "https://s3.example.com/auth/v1.0", "credentialsSecretRef": {"name": "swift"}}
    return {"swift": {**base, **more}}
