"""The directory of a backup: its files, and `manifest.json`, which is written last and has the digest of each."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from harbor_operator.kubectl.errors import CommandError

MANIFEST_VERSION = 1
"""The field `version` of the manifest; a change that breaks a reader raises it."""
MANIFEST = "manifest.json"
INVENTORY = "inventory.jsonl"
REGISTRY = "registry.json"
EXPORT = "export.yaml"
MAX_MANIFEST_BYTES = 1024 * 1024
_FILE_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,99}")

Manifest = dict[str, Any]


class Bundle:
    """A directory that only its owner can enter."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @classmethod
    @contextmanager
    def create(cls, directory: Path) -> Iterator[Bundle]:
        """Yields a new directory, and removes it if the block fails. Raises CommandError if it cannot be created."""
        try:
            directory.mkdir(mode=0o700)
        except FileExistsError:
            raise CommandError(f"`--directory {directory}` exists: name another, because none is overwritten") from None
        except OSError as error:
            raise CommandError(f"`--directory {directory}` cannot be created: {error.strerror}") from None
        try:
            yield cls(directory)
        except BaseException:
            shutil.rmtree(directory, ignore_errors=True)
            raise

    def path(self, name: str) -> Path:
        """Returns the path of a file of the bundle."""
        return self.directory / name

    @contextmanager
    def writing(self, name: str) -> Iterator[IO[bytes]]:
        """Yields a new file that only its owner can read, and stores it on the disk."""
        path = self.path(name)
        path.touch(mode=0o600, exist_ok=False)
        with path.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())

    def write(self, name: str, content: bytes) -> None:
        """Writes a new file that only its owner can read."""
        with self.writing(name) as file:
            file.write(content)

    def seal(self, content: Mapping[str, Any]) -> str:
        """Writes the manifest with the size and the digest of each file, and returns its own digest."""
        files = [describe(path) for path in sorted(self.directory.iterdir())]
        text = json.dumps({"version": MANIFEST_VERSION, **content, "files": files}, indent=2, ensure_ascii=False)
        self.write(MANIFEST, f"{text}\n".encode())
        return digest_of(self.path(MANIFEST))


def read_manifest(directory: Path) -> Manifest:
    """Returns the manifest of a bundle. Raises CommandError if there is none that this version reads."""
    path = directory / MANIFEST
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(MAX_MANIFEST_BYTES))
    except FileNotFoundError:
        text = f"'{directory}' has no '{MANIFEST}', so it is no bundle, or its backup did not finish"
        raise CommandError(f"{text}: make another with `kubectl harbor backup`") from None
    except (OSError, ValueError) as error:
        raise CommandError(f"'{path}' cannot be read: {error}") from None
    if not isinstance(found, dict) or found.get("version") != MANIFEST_VERSION:
        raise CommandError(
            f"'{path}' has another format than version {MANIFEST_VERSION}: use the command that wrote it"
        )
    try:
        files, used = [str(file["name"]) for file in found["files"]], [*_used_files(found)]
    except (LookupError, TypeError):
        raise CommandError(
            f"'{path}' lacks a field, so it is no manifest of a backup: do not use this bundle"
        ) from None
    if not all(map(_FILE_NAME.fullmatch, files)):
        raise CommandError(f"'{path}' names a file outside of its directory: do not use this bundle")
    if unlisted := sorted(set(used) - set(files)):
        raise CommandError(f"'{path}' has no digest of file '{unlisted[0]}': do not use this bundle")
    return found


def _used_files(manifest: Manifest) -> Iterator[str]:
    """Yields the files that a rehearsal reads."""
    yield str(manifest["secrets"]["file"])
    yield from (str(database["file"]) for database in manifest["databases"])
    if manifest["store"]:
        yield str(manifest["store"]["file"])


def describe(path: Path) -> dict[str, Any]:
    """Returns name, size and digest of a file as the manifest has them."""
    return {"name": path.name, "size": path.stat().st_size, "sha256": digest_of(path)}


def digest_of(path: Path) -> str:
    """Returns the SHA-256 of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
