"""What a backup reads from, as the HarborRegistry and its Secrets name it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from harbor_operator.adapters.rgw_admin import HttpRgwAdmin
from harbor_operator.adapters.secrets import make_password
from harbor_operator.api.backends import Database
from harbor_operator.api.base import CredentialsRef
from harbor_operator.api.kind import GROUP, KIND, VERSION
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.kubectl.backups.failures import as_command_error
from harbor_operator.kubectl.cluster import Cluster, Manifest
from harbor_operator.kubectl.doctor import CLUSTER_ID_PATH
from harbor_operator.kubectl.dry_run import dry_run_resources
from harbor_operator.kubectl.errors import CommandError
from harbor_operator.kubectl.registries import key_of, the_registry
from harbor_operator.model.database import PostgresLogin, PostgresServer
from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.release import GeneratedSecret
from harbor_operator.model.s3 import Bucket, DesiredS3
from harbor_operator.model.storage import DesiredSwift, SwiftAccount
from harbor_operator.model.storage_migration import ENDED
from harbor_operator.plan import names
from harbor_operator.plan.database import plan_database
from harbor_operator.plan.storage import plan_storage
from harbor_operator.plan.storage_migration import in_use
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.steps.database_logins import read_logins
from harbor_operator.steps.harbor_access import read_access, require_admin
from harbor_operator.steps.references import read_bundle, read_login
from harbor_operator.steps.s3_account import S3Accounts
from harbor_operator.steps.storage_account import StorageAccounts
from harbor_operator.steps.storage_in_use import MigrationRecords

APPLIED_METADATA = ("name", "namespace", "labels", "annotations")
"""What a restored object has; an old uid or owner would make the API server refuse or delete it."""


@dataclass(frozen=True, slots=True)
class SwiftPlace:
    """A Swift container with the login for it."""

    account: SwiftAccount
    container: str


@dataclass(frozen=True, slots=True)
class S3Place:
    """An S3 bucket with the keys for it; `prefix` is empty or ends with a slash."""

    bucket: Bucket
    prefix: str


@dataclass(frozen=True, slots=True)
class Source:
    """A registry with the logins to its servers; `admin` has that of Harbor's administrator.

    `cluster_id` is the identity of the cluster. `object` and `secrets` are as `kubectl apply` takes them. `left_out` is
    what no backup of this command contains.
    """

    registry: HarborRegistry
    cluster_id: str
    object: Manifest
    admin: HarborEndpoint
    server: PostgresServer
    login: PostgresLogin
    databases: tuple[str, ...]
    place: SwiftPlace | S3Place | None
    secrets: Sequence[Manifest]
    left_out: tuple[str, ...]


def read_source(cluster: Cluster, name: str, cluster_id: str) -> Source:
    """Returns the registry of that name with everything that its backup needs. Raises CommandError.

    Without a `cluster_id`, it is the uid of Namespace 'kube-system', as for the operator.
    """
    found = the_registry(cluster, name)
    registry = _parsed(found)
    if registry.spec.database is None:
        raise CommandError(
            f"HarborRegistry '{registry.key}' has no `spec.database`: back up the chart's own database in its volume"
        )
    secrets, missing = _read_secrets(cluster, registry, found["spec"])
    cluster_id = cluster_id or cluster.get(CLUSTER_ID_PATH)["metadata"]["uid"]
    whole = _Found(registry, cluster_id, found, registry.spec.database, secrets, tuple(missing))
    with as_command_error():
        return asyncio.run(_read(dry_run_resources(cluster), whole))


def read_admin(cluster: Cluster, found: Manifest) -> tuple[HarborRegistry, HarborEndpoint]:
    """Returns a registry, and its Harbor with the administrator's login. Raises CommandError."""
    registry = _parsed(found)
    with as_command_error():
        return registry, asyncio.run(_read_admin(dry_run_resources(cluster), registry))


def _parsed(found: Manifest) -> HarborRegistry:
    try:
        return HarborRegistry.parse(found)
    except ValidationError as error:
        place, key = ".".join(map(str, error.errors()[0]["loc"])), key_of(found)
        raise CommandError(f"`{place}` of HarborRegistry '{key}' is not known here: update this command") from None


@dataclass(frozen=True, slots=True)
class _Found:
    registry: HarborRegistry
    cluster_id: str
    object: Manifest
    database: Database
    secrets: Sequence[Manifest]
    missing: tuple[str, ...]


async def _read(kube: NamespaceResources, found: _Found) -> Source:
    registry, database = found.registry, found.database
    ref, field = database.credentials_secret_ref, "spec.database.credentialsSecretRef"
    ref = ref or CredentialsRef(name=(await read_logins(kube, registry)).active_secret(registry))
    username, password = await read_login(kube, registry, ref, field)
    ca = await read_bundle(kube, registry, database.ca_secret_ref, "spec.database.caSecretRef")
    place = await read_place(kube, registry)
    return Source(
        registry=registry,
        cluster_id=found.cluster_id,
        object=_as_applied(found.object, f"{GROUP}/{VERSION}", KIND),
        admin=await _read_admin(kube, registry),
        server=PostgresServer(database.host, database.port, database.ssl_mode, ca, database.maintenance_database),
        login=PostgresLogin(username, password, f"Secret '{ref.name}'"),
        databases=tuple(one.name for one in plan_database(registry).databases),
        place=place,
        secrets=found.secrets,
        left_out=(*found.missing, *_left_out(registry, found.secrets, has_place=place is not None)),
    )


async def _read_admin(kube: NamespaceResources, registry: HarborRegistry) -> HarborEndpoint:
    access = await read_access(kube, registry)
    return access.with_login(await require_admin(kube, registry))


async def read_place(kube: NamespaceResources, registry: HarborRegistry) -> SwiftPlace | S3Place | None:
    """Returns the storage that the release uses, which is the target of a migration after the switch.

    None for one that cannot be listed. Raises CommandError while a migration runs, and as the ports do.
    """
    record = await MigrationRecords(kube).read(registry)
    if record and record.phase not in ENDED:
        raise CommandError(
            f"the images of HarborRegistry '{registry.key}' are being migrated (phase {record.phase}): wait until "
            "`status.storageMigration.phase` is Finished, or abort the migration by removing `spec.storage.migration`, "
            "and repeat the command"
        )
    registry = in_use(registry, record)
    match plan_storage(registry):
        case DesiredSwift() as desired:
            accounts = StorageAccounts(kube, HttpRgwAdmin(), make_password)
            return SwiftPlace(await accounts.read_swift(registry, desired), desired.container)
        case DesiredS3() as desired:
            account = await S3Accounts(kube, HttpRgwAdmin(), make_password).read(registry, desired)
            return S3Place(Bucket(account, desired.bucket), desired.prefix)
        case _:
            return None


def _left_out(registry: HarborRegistry, secrets: Sequence[Manifest], *, has_place: bool) -> Iterator[str]:
    name = names.generated_secrets(registry)
    values = {one["metadata"]["name"]: one.get("data") or {} for one in secrets}
    if GeneratedSecret.SECRET_KEY not in values.get(name, {}):
        yield f"the secretKey: there is no Secret '{name}' with it, so save that of the chart"
    if not has_place:
        yield "the inventory of the images: this command lists only Swift, and S3 with `credentialsSecretRef`"


def _read_secrets(
    cluster: Cluster, registry: HarborRegistry, spec: Mapping[str, Any]
) -> tuple[list[Manifest], list[str]]:
    """Returns the Secrets that the operator generated and those that the spec names, and which of these are absent."""
    path = f"/api/v1/namespaces/{registry.metadata.namespace}/secrets"
    owner = names.label_selector(names.owner_labels(registry))
    # Helm copies the labels to its own Secrets: a restored one would say that Harbor is installed.
    listed = cluster.get(path, labelSelector=owner, fieldSelector="type!=helm.sh/release.v1")["items"]
    found = {one["metadata"]["name"]: one for one in listed}
    missing = []
    for name in sorted(set(referenced_secrets(spec)) - found.keys()):
        secret = cluster.find(f"{path}/{name}")
        if secret is None:
            missing.append(f"Secret '{name}', which the spec names and which does not exist")
        else:
            found[name] = secret
    return [_as_applied(found[name], "v1", "Secret") for name in sorted(found)], missing


def referenced_secrets(node: Any) -> Iterator[str]:
    """Yields the name of each Secret to which a spec refers."""
    if isinstance(node, list):
        for item in node:
            yield from referenced_secrets(item)
    elif isinstance(node, dict):
        for key, value in node.items():
            if isinstance(value, dict) and "name" in value and str(key).lower().endswith("secretref"):
                yield str(value["name"])
            elif key == "valuesFrom":
                yield from (str(one["name"]) for one in value if one.get("kind") == "Secret")
            else:
                yield from referenced_secrets(value)


def _as_applied(found: Manifest, api_version: str, kind: str) -> Manifest:
    content = {key: value for key, value in found.items() if key != "status"}
    metadata = {key: value for key, value in found["metadata"].items() if key in APPLIED_METADATA}
    return {**content, "apiVersion": api_version, "kind": kind, "metadata": metadata}  # a list leaves out the kind
