"""The port NamespaceResources in memory, with a record of its writes."""

from __future__ import annotations

import copy
from base64 import b64decode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from pydantic import SecretStr
from typing_extensions import override

from harbor_operator.model.kubernetes import OPAQUE, Manifest, StoredSecret, Workload, WorkloadPod
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.reasons import Reason

T = TypeVar("T")
FIRST_WRITE = datetime(2026, 11, 23, 12, tzinfo=UTC)


class FakeKube(NamespaceResources):
    """Objects in dictionaries; `down` and `forbidden` make every call fail as the real server does."""

    def __init__(self) -> None:
        self.secrets: dict[tuple[str, str], StoredSecret] = {}
        self.config_maps: dict[tuple[str, str], dict[str, str]] = {}
        self.workloads: dict[tuple[str, str], list[Workload]] = {}
        self.late_pods: dict[tuple[str, str], list[WorkloadPod]] = {}
        self.registries: list[Manifest] = []
        self.down = False
        self.forbidden = False
        self.forbids_pods = False
        self.writes: list[str] = []
        self.reads: list[str] = []
        self.listings: list[str] = []
        self._version = 0

    # What a test prepares and looks at

    def put(
        self,
        namespace: str,
        name: str,
        values: Mapping[str, str],
        labels: Mapping[str, str] | None = None,
        annotations: Mapping[str, str] | None = None,
    ) -> StoredSecret:
        """Stores a Secret as another client would; not recorded as a write of ours."""
        self._version += 1
        secret = StoredSecret(
            name,
            {key: SecretStr(value) for key, value in values.items()},
            dict(labels or {}),
            dict(annotations or {}),
            str(self._version),
            changed_at=self._now(),
        )
        self.secrets[namespace, name] = secret
        return secret

    def values(self, namespace: str, name: str) -> dict[str, str]:
        """Returns the values of a Secret in the clear; KeyError if there is none."""
        return {key: value.get_secret_value() for key, value in self.secrets[namespace, name].values.items()}

    # The port

    @override
    async def read_secret(self, namespace: str, name: str) -> StoredSecret | None:
        self._answer()
        self.reads.append(f"{namespace}/{name}")
        return self.secrets.get((namespace, name))

    @override
    async def read_secrets(self, namespace: str, label_selector: str) -> list[StoredSecret]:
        self._answer()
        self.listings.append(f"{namespace}?{label_selector}")
        mine = [secret for (space, _), secret in self.secrets.items() if space == namespace]
        return [secret for secret in mine if _matches(secret.labels, label_selector)]

    @override
    async def read_config_map(self, namespace: str, name: str) -> Mapping[str, str] | None:
        self._answer()
        return self.config_maps.get((namespace, name))

    @override
    async def ensure_secret(
        self, namespace: str, name: str, make: Callable[[], Mapping[str, SecretStr]], owner: Mapping[str, str]
    ) -> StoredSecret:
        self._answer()
        found = self._ours(namespace, name, owner)
        fresh = make() if found is None else _missing(found, make)
        if found is not None and not fresh:
            return found
        return self._store(namespace, name, {**fresh, **(found.values if found else {})}, owner, found)

    @override
    async def apply_secret(
        self,
        namespace: str,
        name: str,
        values: Mapping[str, SecretStr],
        owner: Mapping[str, str],
        secret_type: str = OPAQUE,
    ) -> StoredSecret:
        self._answer()
        found = self._ours(namespace, name, owner)
        if found is not None and (dict(found.values), found.type) == (dict(values), secret_type):
            return found
        return self._store(namespace, name, values, owner, found, secret_type=secret_type)

    @override
    async def patch_secret(self, namespace: str, name: str, patch: Manifest, resource_version: str) -> None:
        self._answer()
        found = self.secrets.get((namespace, name))
        if found is None or found.resource_version != resource_version:
            raise Unavailable(f"Secret '{namespace}/{name}' has changed")
        values: dict[str, SecretStr | None] = {
            key: None if value is None else SecretStr(b64decode(value).decode())
            for key, value in patch.get("data", {}).items()
        }
        values |= {
            key: None if value is None else SecretStr(value) for key, value in patch.get("stringData", {}).items()
        }
        metadata = patch.get("metadata", {})
        self._version += 1
        self.writes.append(f"patch {namespace}/{name}")
        self.secrets[namespace, name] = StoredSecret(
            name,
            _merged(found.values, values),
            _merged(found.labels, metadata.get("labels", {})),
            _merged(found.annotations, metadata.get("annotations", {})),
            str(self._version),
            found.creation_timestamp,
            self._now(),
        )

    @override
    async def remove_secret(self, namespace: str, name: str, owner: Mapping[str, str]) -> None:
        self._answer()
        found = self.secrets.get((namespace, name))
        if found is not None and _has_labels(found.labels, owner):
            self.writes.append(f"remove {namespace}/{name}")
            del self.secrets[namespace, name]

    @override
    async def read_workloads(self, namespace: str, label_selector: str) -> list[Workload]:
        self._answer()
        return list(self.workloads.get((namespace, label_selector), []))

    @override
    async def read_late_pods(self, namespace: str, label_selector: str) -> list[WorkloadPod]:
        self._answer()
        if self.forbids_pods:
            raise Refused(Reason.RIGHTS_MISSING, "pods is forbidden")
        return list(self.late_pods.get((namespace, label_selector), []))

    @override
    async def read_registries(self) -> list[Manifest]:
        self._answer()
        return copy.deepcopy(self.registries)

    def _now(self) -> datetime:
        # One second for each write, so that a later write has a later date.
        return FIRST_WRITE + timedelta(seconds=self._version)

    def _answer(self) -> None:
        if self.down:
            raise Unavailable("the API server does not answer")
        if self.forbidden:
            raise Refused(Reason.RIGHTS_MISSING, "secrets is forbidden")

    def _ours(self, namespace: str, name: str, owner: Mapping[str, str]) -> StoredSecret | None:
        self.reads.append(f"{namespace}/{name}")
        found = self.secrets.get((namespace, name))
        if found is not None and not _has_labels(found.labels, owner):
            raise Refused(Reason.SECRET_INVALID, f"Secret '{namespace}/{name}' was not created for this registry")
        return found

    def _store(
        self,
        namespace: str,
        name: str,
        values: Mapping[str, SecretStr],
        owner: Mapping[str, str],
        found: StoredSecret | None,
        *,
        secret_type: str = OPAQUE,
    ) -> StoredSecret:
        self._version += 1
        self.writes.append(f"write {namespace}/{name}")
        labels = {**(found.labels if found else {}), **owner}
        annotations = found.annotations if found else {}
        version = str(self._version)
        stored = StoredSecret(
            name, dict(values), labels, annotations, version, changed_at=self._now(), type=secret_type
        )
        self.secrets[namespace, name] = stored
        return stored


def _missing(found: StoredSecret, make: Callable[[], Mapping[str, SecretStr]]) -> dict[str, SecretStr]:
    return {key: value for key, value in make().items() if key not in found.values}


def _has_labels(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(labels.get(key) == value for key, value in wanted.items())


def _matches(labels: Mapping[str, str], selector: str) -> bool:
    """Whether the labels satisfy `a=b,c!=d`; other forms are not needed here and fail loudly."""
    for part in filter(None, selector.split(",")):
        key, equals, value = part.partition("=")
        assert equals, f"the fake does not understand '{part}'"
        if (labels.get(key.removesuffix("!")) == value) is key.endswith("!"):
            return False
    return True


def _merged(old: Mapping[str, T], patch: Mapping[str, Any]) -> dict[str, T]:
    merged = {**old, **patch}
    return {key: value for key, value in merged.items() if value is not None}
