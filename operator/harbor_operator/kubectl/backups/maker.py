"""Makes a backup: the Secrets, then the databases, the inventory and the export while Harbor is read-only."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from harbor_operator import __version__
from harbor_operator.adapters.harbor_http import HarborHttp
from harbor_operator.adapters.harbor_ports import http_harbor_ports
from harbor_operator.adapters.postgres import PsycopgPostgres
from harbor_operator.api.request_annotations import BACKUP_COMPLETED_AT
from harbor_operator.kubectl.backups import bundle as files
from harbor_operator.kubectl.backups.bundle import Bundle
from harbor_operator.kubectl.backups.encryption import Recipient, encrypt
from harbor_operator.kubectl.backups.failures import as_command_error
from harbor_operator.kubectl.backups.inventory import write_inventory
from harbor_operator.kubectl.backups.postgres_programs import dump, require_version
from harbor_operator.kubectl.backups.read_only import annotate, check_unmarked, read_only
from harbor_operator.kubectl.backups.source import S3Place, Source, SwiftPlace, read_source
from harbor_operator.kubectl.cluster import Target, connect
from harbor_operator.kubectl.errors import CommandError
from harbor_operator.kubectl.exporting.reader import read_harbor
from harbor_operator.kubectl.exporting.spec import as_yaml, export_spec
from harbor_operator.kubectl.output import notice
from harbor_operator.kubectl.registries import the_registry
from harbor_operator.model.database import LoginResult, ObservedLogin
from harbor_operator.model.release import GeneratedSecret
from harbor_operator.plan import names

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """What the person asked for; `timeout_seconds` is for each program and for the export."""

    target: Target
    name: str
    cluster_id: str
    directory: Path
    recipient: Recipient
    acknowledges: bool
    timeout_seconds: float
    clock: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Backup:
    """A finished bundle: its manifest, the digest of that, and the acknowledgement; empty if there is none.

    `is_released` says whether Harbor's read-only mode has ended as it should; if not, the reason was printed.
    """

    registry: str
    manifest: Fields
    manifest_digest: str
    acknowledged_at: str
    is_released: bool

    @property
    def is_complete(self) -> bool:
        """Whether nothing was left out."""
        return not self.manifest["leftOut"]


def make_backup(request: Request) -> Backup:
    """Returns the bundle that it wrote. Raises CommandError; then there is none, unless the message names it."""
    with connect(request.target) as cluster:
        check_unmarked(the_registry(cluster, request.name))
        source = read_source(cluster, request.name, request.cluster_id)
    with Bundle.create(request.directory) as bundle:
        content, is_released = _write(bundle, source, request)
        digest = bundle.seal(content)
    moment = content["createdAt"] if request.acknowledges and not content["leftOut"] else ""
    if moment:
        _acknowledge(request, source, moment)
    return Backup(source.registry.key, files.read_manifest(request.directory), digest, moment, is_released)


def _acknowledge(request: Request, source: Source, moment: str) -> None:
    """Records the backup on the HarborRegistry. Raises CommandError, which says how to do it by hand."""
    metadata = source.registry.metadata
    try:
        with connect(request.target) as cluster:
            annotate(cluster, the_registry(cluster, metadata.name), {BACKUP_COMPLETED_AT: moment})
    except CommandError as error:
        command = f"kubectl annotate hreg {metadata.name} -n {metadata.namespace} --overwrite"
        raise CommandError(
            f"the bundle in '{request.directory}' is complete, but it could not be acknowledged: {error}. "
            f"Run `{command} {BACKUP_COMPLETED_AT}={moment}`"
        ) from None


def _write(bundle: Bundle, source: Source, request: Request) -> tuple[Fields, bool]:
    """Writes all files but the manifest; returns its content, and whether Harbor's read-only mode has ended."""
    observed = [(name, _log_in(source, name)) for name in source.databases]
    server_version = observed[0][1].server_version
    program_version = require_version("pg_dump", server_version)
    secrets = _write_secrets(bundle, source, request.recipient)
    bundle.write(files.REGISTRY, _as_json(source.object))
    began = request.clock()
    with read_only(request.target, source.registry, source.admin, began) as mode:
        databases = [_write_database(bundle, source, name, login, request) for name, login in observed]
        store = _write_inventory(bundle, source)
        harbor_version, not_exported = _write_export(bundle, source, request.timeout_seconds)
    release = source.registry.spec.release
    content = {
        "createdAt": began.isoformat(),
        "commandVersion": __version__,
        "clusterId": source.cluster_id,
        "registry": {"key": source.registry.key, "uid": source.registry.metadata.uid},
        "chartVersion": release.version if release else "",
        "harborVersion": harbor_version,
        "postgres": {"serverVersion": server_version, "pgDumpVersion": program_version},
        "databases": databases,
        "store": store,
        "secrets": secrets,
        "notExported": not_exported,
        "leftOut": [*source.left_out],
    }
    return content, mode.is_released


def _log_in(source: Source, database: str) -> ObservedLogin:
    with as_command_error():
        tried = asyncio.run(PsycopgPostgres().try_login(source.server, source.login, database))
    if tried.result is not LoginResult.ACCEPTED:
        text = f"a login with {source.login.origin} to database '{database}' failed: {tried.error_message}"
        raise CommandError(f"{text}. Check `spec.database`, and that this computer reaches it")
    return tried


def _write_secrets(bundle: Bundle, source: Source, recipient: Recipient) -> Fields:
    name = f"secrets.json.{recipient.format}"
    listed = {"apiVersion": "v1", "kind": "List", "items": [*source.secrets]}
    bundle.write(name, encrypt(recipient, _as_json(listed)))
    place = {"secret": names.generated_secrets(source.registry), "key": str(GeneratedSecret.SECRET_KEY)}
    return {"file": name, "format": str(recipient.format), "recipient": recipient.key, "secretKey": place}


def _write_database(bundle: Bundle, source: Source, name: str, login: ObservedLogin, request: Request) -> Fields:
    notice(f"dumping database '{name}'")
    file = f"database-{name}.dump"
    bundle.write(file, b"")  # pg_dump keeps the mode of a file that exists
    dump(source.server, source.login, name, bundle.path(file), request.timeout_seconds)
    return {"name": name, "file": file, "schemaVersion": login.schema.version if login.schema else None}


def _write_inventory(bundle: Bundle, source: Source) -> Fields | None:
    match source.place:
        case SwiftPlace(account, container):
            store = {"type": "swift", "endpoint": account.auth_url, "name": container, "prefix": ""}
        case S3Place(bucket, prefix):
            store = {"type": "s3", "endpoint": bucket.account.endpoint, "name": bucket.name, "prefix": prefix}
        case None:
            return None
    notice(f"listing the objects of '{store['name']}'")
    with as_command_error(), bundle.writing(files.INVENTORY) as file:
        totals = asyncio.run(write_inventory(source.place, file))
    return {**store, "file": files.INVENTORY, "objects": totals.objects, "bytes": totals.bytes}


def _write_export(bundle: Bundle, source: Source, timeout_seconds: float) -> tuple[str, list[str]]:
    """Returns the version of Harbor, and what of its configuration has no place in the exported spec."""

    async def read() -> tuple[str, Any]:
        ports = http_harbor_ports(HarborHttp())
        async with asyncio.timeout(timeout_seconds):
            system = await ports.harbor.read_system(source.admin)
            return system.version, await read_harbor(ports, source.admin)

    notice("reading Harbor's configuration")
    try:
        with as_command_error():
            version, found = asyncio.run(read())
    except TimeoutError:
        raise CommandError(f"Harbor was not read within {timeout_seconds:g} s: raise `--timeout`") from None
    exported = export_spec(found, source.admin.url, has_ca=bool(source.admin.ca))
    bundle.write(files.EXPORT, as_yaml(exported).encode())
    return version, exported.left_out


def _as_json(content: Any) -> bytes:
    return json.dumps(content, indent=2, ensure_ascii=False).encode() + b"\n"
