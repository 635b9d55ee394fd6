"""`backup`: everything that a restore of Harbor needs but the images, in a new directory."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from harbor_operator.kubectl.cluster import connect
from harbor_operator.kubectl.errors import CommandError
from harbor_operator.kubectl.output import wrapped, write, write_json
from harbor_operator.kubectl.registries import key_of, the_registry
from harbor_operator.kubectl.target import target_of

if TYPE_CHECKING:
    from harbor_operator.kubectl.backups.maker import Backup

MIB = 1024 * 1024


def run(options: argparse.Namespace) -> int:
    """Writes the bundle, or ends the read-only mode of a run that was killed.

    Returns 1 if something was left out, or the read-only mode has not ended as it should.
    """
    try:
        from harbor_operator.kubectl.backups.encryption import parse_recipient  # noqa: PLC0415 - not in the file
        from harbor_operator.kubectl.backups.maker import Request, make_backup  # noqa: PLC0415
    except ImportError:
        text = "`backup` needs the whole package, and this is the single file: run `uv tool install ./harbor-operator`"
        raise CommandError(text) from None
    if options.release:
        return _release(options)
    if not (options.directory and options.recipient):
        raise CommandError("set `--directory DIRECTORY` and `--recipient RECIPIENT`, or `--release`")
    request = Request(
        target=target_of(options),
        name=options.name,
        cluster_id=options.cluster_id,
        directory=Path(options.directory),
        recipient=parse_recipient(options.recipient),
        acknowledges=options.acknowledge,
        timeout_seconds=options.timeout,
        clock=options.clock,
    )
    backup = make_backup(request)
    if options.output == "json":
        write_json({**_as_mapping(backup), "directory": options.directory})
    else:
        write([*_lines(backup, options.directory)])
    return 0 if backup.is_complete and backup.is_released else 1


def _release(options: argparse.Namespace) -> int:
    from harbor_operator.api.backup import READ_ONLY_SINCE  # noqa: PLC0415 - see above
    from harbor_operator.kubectl.backups.read_only import release  # noqa: PLC0415
    from harbor_operator.kubectl.backups.source import read_admin  # noqa: PLC0415

    target = target_of(options)
    with connect(target) as cluster:
        found = the_registry(cluster, options.name)
        is_held = READ_ONLY_SINCE in (found["metadata"].get("annotations") or {})
        registry, admin = read_admin(cluster, found)
    if is_held:
        release(target, registry, admin)
    if options.output == "json":
        write_json({"registry": key_of(found), "released": is_held})
    elif not is_held:
        write([f"no backup keeps Harbor of '{key_of(found)}' read-only"])
    return 0


def _as_mapping(backup: Backup) -> dict[str, object]:
    return {
        "registry": backup.registry,
        "complete": backup.is_complete,
        "manifestDigest": backup.manifest_digest,
        "acknowledgedAt": backup.acknowledged_at,
        "released": backup.is_released,
        "manifest": backup.manifest,
    }


def _lines(backup: Backup, directory: str) -> Iterator[str]:
    from harbor_operator.kubectl.backups.read_only import release_command  # noqa: PLC0415 - see above

    manifest, store = backup.manifest, backup.manifest["store"]
    yield f"{backup.registry}: backup of {manifest['createdAt']} in '{directory}'"
    for database in manifest["databases"]:
        yield f"  database '{database['name']}', schema {database['schemaVersion']}"
    if store:
        size = f"{store['bytes'] / MIB:.1f} MiB"
        yield f"  inventory of '{store['name']}': {store['objects']} objects, {size}; the objects are not in the bundle"
    yield f"  Secrets, encrypted to {manifest['secrets']['recipient']}"
    yield f"  SHA-256 of manifest.json: {backup.manifest_digest}"
    for text in manifest["leftOut"]:
        yield from wrapped(f"Not in it: {text}.", "  ")
    if backup.acknowledged_at:
        yield "The backup is acknowledged on the HarborRegistry."
    if not backup.is_released:
        command = release_command(*backup.registry.split("/"))
        yield from wrapped(
            f"The bundle is kept, but the read-only mode has not ended as it should: run `{command}`.", ""
        )
