"""The rehearsal of a restore: what a bundle proves when it is read, decrypted and loaded into scratch databases."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from harbor_operator.adapters.scratch_database import ScratchDatabase, ScratchServer
from harbor_operator.api.charts import find_chart
from harbor_operator.kubectl.backups import checks
from harbor_operator.kubectl.backups.bundle import describe, read_manifest
from harbor_operator.kubectl.backups.encryption import Format, decrypt
from harbor_operator.kubectl.backups.failures import as_command_error
from harbor_operator.kubectl.backups.inventory import read_blobs
from harbor_operator.kubectl.backups.postgres_programs import require_version, restore
from harbor_operator.kubectl.backups.problems import Problem, found, passed
from harbor_operator.kubectl.backups.programs import ProgramFailed
from harbor_operator.kubectl.errors import CommandError
from harbor_operator.kubectl.findings import Finding
from harbor_operator.kubectl.output import notice

MAX_NAMED_BLOBS = 1000


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What the person asked for; an empty `chart_version` is that of the backup."""

    directory: Path
    server: ScratchServer
    identity: str
    chart_version: str
    timeout_seconds: float


def rehearse(request: Rehearsal) -> tuple[str, list[Finding]]:
    """Returns the registry of the bundle, and what was proved. Raises CommandError if it cannot run."""
    manifest = read_manifest(request.directory)
    require_version("pg_restore", manifest["postgres"]["pgDumpVersion"])
    run = _Run(request, manifest)
    with as_command_error():
        return str(manifest["registry"]["key"]), [*run.findings()]


class _Run:
    def __init__(self, request: Rehearsal, manifest: dict[str, Any]) -> None:
        self._request = request
        self._manifest = manifest
        self._damaged: set[str] = set()

    def findings(self) -> Iterator[Finding]:
        """Yields the findings in the order of the checks; a damaged file is not used."""
        for name in self._request.server.leftovers():
            yield found(
                Problem.SCRATCH_LEFT, name, f"database '{name}' is one of an earlier rehearsal, or of one that runs"
            )
        yield from self._check_files()
        secret_key, finding = self._read_secret_key()
        yield finding
        core, *others = self._manifest["databases"]  # others are those of Notary and Clair
        yield from self._check_database(core, secret_key, is_core=True)
        for database in others:
            yield from self._check_database(database, secret_key, is_core=False)

    def _check_files(self) -> Iterator[Finding]:
        for expected in self._manifest["files"]:
            name, path = expected["name"], self._request.directory / expected["name"]
            if not path.is_file():
                self._damaged.add(name)
                yield found(Problem.FILE_MISSING, name, "the manifest lists this file, and the bundle lacks it")
            elif describe(path) != expected:
                self._damaged.add(name)
                yield found(Problem.DIGEST_DIFFERS, name, f"its SHA-256 is not {expected['sha256']}")
        if not self._damaged:
            yield passed("files", f"{len(self._manifest['files'])} files have the sizes and digests of the manifest")

    def _read_secret_key(self) -> tuple[SecretStr | None, Finding]:
        """Returns the secretKey, None without one."""
        secrets = self._manifest["secrets"]
        name = secrets["file"]
        if name in self._damaged:
            return None, found(Problem.SECRETS_UNREADABLE, name, "the file is damaged, so it was not decrypted")
        content = (self._request.directory / name).read_bytes()
        try:
            listed = json.loads(decrypt(Format(secrets["format"]), self._request.identity, content))["items"]
        except (ProgramFailed, ValueError, LookupError) as error:
            return None, found(Problem.SECRETS_UNREADABLE, name, f"the Secrets were not decrypted: {error}")
        place = secrets["secretKey"]
        values = {one["metadata"]["name"]: one.get("data") or {} for one in listed}
        encoded = values.get(place["secret"], {}).get(place["key"])
        if encoded is None:
            text = f"the bundle has no key '{place['key']}' of Secret '{place['secret']}'"
            return None, found(Problem.SECRET_KEY_MISSING, name, text)
        secret_key = SecretStr(base64.b64decode(encoded).decode())
        return secret_key, passed(name, f"{len(listed)} Secrets were decrypted, among them the secretKey")

    def _check_database(
        self, database: dict[str, Any], secret_key: SecretStr | None, *, is_core: bool
    ) -> Iterator[Finding]:
        file = database["file"]
        if file in self._damaged:
            yield found(Problem.DUMP_UNREADABLE, file, "the file is damaged, so it was not loaded")
            return
        notice(f"loading database '{database['name']}'")
        with self._request.server.database() as scratch:
            try:
                restore(scratch.conninfo, self._request.directory / file, self._request.timeout_seconds)
            except ProgramFailed as error:
                yield found(Problem.DUMP_UNREADABLE, file, f"`pg_restore` failed: {error}")
                return
            yield passed(file, f"database '{database['name']}' was loaded")
            if is_core:
                yield self._check_schema(scratch, file)
                yield checks.check_secret_key(secret_key, scratch.read_encrypted(), file)
                yield self._check_blobs(scratch)

    def _check_schema(self, scratch: ScratchDatabase, where: str) -> Finding:
        version = self._request.chart_version or self._manifest["chartVersion"]
        return checks.check_schema(scratch.read_schema(), find_chart(version) if version else None, version, where)

    def _check_blobs(self, scratch: ScratchDatabase) -> Finding:
        store = self._manifest["store"]
        if store is None:
            return found(Problem.INVENTORY_MISSING, "store", "the backup has no inventory of the images")
        file = store["file"]
        if file in self._damaged:
            return found(Problem.INVENTORY_UNREADABLE, file, "the file is damaged, so no image was compared with it")
        blobs = read_blobs(self._request.directory / file)
        try:
            # Swift lists a large object with 0 bytes.
            missing = scratch.find_missing(blobs, MAX_NAMED_BLOBS + 1, has_sizes=store["type"] == "s3")
        except (ValueError, LookupError, TypeError):
            return found(Problem.INVENTORY_UNREADABLE, file, "a line is not one of an inventory")
        return checks.check_blobs(missing, MAX_NAMED_BLOBS, file)


def parse_server(conninfo: str) -> ScratchServer:
    """Returns the scratch server of `--scratch`. Raises CommandError."""
    try:
        return ScratchServer(conninfo)
    except ValueError as error:
        raise CommandError(f"`--scratch` is not usable: {error}") from None
