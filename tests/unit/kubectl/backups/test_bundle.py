"""The directory of a backup: never overwritten, removed after an error, and its manifest."""

from __future__ import annotations

import hashlib
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from harbor_operator.kubectl.backups.bundle import Bundle, read_manifest
from harbor_operator.kubectl.errors import CommandError

SECRETS = "secrets.json.age"
USED: dict[str, Any] = {"secrets": {"file": SECRETS}, "databases": [], "store": None}


def test_a_bundle_is_private_and_its_manifest_has_the_digest_of_each_file(tmp_path: Path) -> None:
    directory = tmp_path / "bundle"
    with Bundle.create(directory) as bundle:
        bundle.write(SECRETS, b"content")
        digest = bundle.seal({"createdAt": "now", **USED})

    manifest = read_manifest(directory)
    assert manifest["files"] == [{"name": SECRETS, "size": 7, "sha256": hashlib.sha256(b"content").hexdigest()}]
    assert (manifest["version"], manifest["createdAt"]) == (1, "now")
    assert digest == hashlib.sha256((directory / "manifest.json").read_bytes()).hexdigest()
    assert {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == {0o600}
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_an_existing_directory_is_not_used(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="exists: name another"), Bundle.create(tmp_path):
        pass


def test_a_directory_without_a_parent_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file"), Bundle.create(tmp_path / "none" / "bundle"):
        pass


@pytest.mark.parametrize("error", [CommandError("no"), KeyboardInterrupt(), SystemExit(2)])
def test_nothing_remains_of_a_bundle_that_fails(tmp_path: Path, error: BaseException) -> None:
    def fail() -> None:
        with Bundle.create(tmp_path / "bundle") as bundle:
            bundle.write("export.yaml", b"content")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_written_once(tmp_path: Path) -> None:
    bundle = Bundle(tmp_path)
    bundle.write("export.yaml", b"first")
    with pytest.raises(FileExistsError):
        bundle.write("export.yaml", b"second")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "its backup did not finish"),
        ("{", "cannot be read"),
        ([], "another format"),
        ({"version": 2}, "another format"),
        ({"version": 1, **USED, "files": [{"name": "../pgpass"}]}, "outside of its directory"),
        ({"version": 1, **USED, "files": [{"name": "/etc/passwd"}]}, "outside of its directory"),
        ({"version": 1, **USED, "files": []}, f"no digest of file '{SECRETS}'"),
        ({"version": 1, **USED, "databases": [{"file": "../x"}], "files": [{"name": SECRETS}]}, "of file '../x'"),
        ({"version": 1, **USED, "store": {"file": "/x"}, "files": [{"name": SECRETS}]}, "of file '/x'"),
        ({"version": 1, "files": []}, "lacks a field"),
        ({"version": 1, **USED, "databases": 1, "files": []}, "lacks a field"),
    ],
)
def test_a_manifest_that_cannot_be_used(tmp_path: Path, content: Any, message: str) -> None:
    if content is not None:
        (tmp_path / "manifest.json").write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(CommandError, match=message):
        read_manifest(tmp_path)
