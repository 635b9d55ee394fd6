"""A registry with images and Harbor's own tables, the keys of age, and the commands that back it up and rehearse."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from harbor_operator.kubectl.cli import ERROR
from harbor_operator.kubectl.rights import Scope
from lab.debian import locate
from lab.images import make_image
from lab.postgres import find_postgres
from lab.process import wait_until
from lab.registry_fixture import RegistryFixture
from tests.contract.kubectl_harbor import Done, KubectlHarbor, environment, execute
from tests.e2e.harbor_api import call_harbor

STORED_PASSWORD = "the password of a remote registry"
VECTOR = bytes(range(16))
# The columns of Harbor's migrations that a rehearsal reads.
TABLES = """
SET ROLE {role};
CREATE TABLE artifact (id serial PRIMARY KEY, repository_name varchar(255) NOT NULL, digest varchar(255) NOT NULL);
CREATE TABLE artifact_blob (id serial PRIMARY KEY, digest_af varchar(255), digest_blob varchar(255));
CREATE TABLE blob (id serial PRIMARY KEY, digest varchar(255), content_type varchar(1024), size bigint);
CREATE TABLE registry (id serial PRIMARY KEY, name varchar(256), access_secret varchar(4096));
UPDATE schema_migrations SET version = {schema};
"""
REMOVED = "DROP TABLE artifact, artifact_blob, blob, registry; UPDATE schema_migrations SET version = 1"
SCHEMA = 180
"""The first migration of Harbor 2.15."""


class Age:
    """Two pairs of keys of age."""

    def __init__(self, directory: Path) -> None:
        self.directory = locate("age", ["age"]).path.parent
        self.identity, self.other_identity = directory / "identity", directory / "other-identity"
        self.recipient = self._create(self.identity)
        self._create(self.other_identity)

    def decrypt(self, path: Path) -> bytes:
        return self._run("age", "--decrypt", "--identity", str(self.identity), str(path))

    def encrypt(self, content: bytes) -> bytes:
        return self._run("age", "--encrypt", "--recipient", self.recipient, content=content)

    def _create(self, path: Path) -> str:
        self._run("age-keygen", "-o", str(path))
        return self._run("age-keygen", "-y", str(path)).decode().strip()

    def _run(self, program: str, *arguments: str, content: bytes = b"") -> bytes:
        command = [str(self.directory / program), *arguments]
        return subprocess.run(command, input=content, capture_output=True, check=True, timeout=60).stdout


@dataclass
class BackupFixture:
    """The registry, and the two commands with the keys."""

    fixture: RegistryFixture
    age: Age
    directory: Path

    def __post_init__(self) -> None:
        registry, lab = self.fixture.registry, self.fixture.lab
        self.database = self.fixture.spec["database"]["names"]["core"]
        path = os.pathsep.join(
            [str(self.age.directory), str(find_postgres().beside("pg_dump").parent), environment()["PATH"]]
        )
        self.variables = {**environment(), "PATH": path, "PGPASSWORD": lab.services.postgres.admin_password}
        self.harbor = KubectlHarbor(lab.control_plane, {Scope.REGISTRY: registry.namespace}, self.variables)
        self.image = self._push()
        self._create_tables()

    def remove_tables(self) -> None:
        self.fixture.lab.services.postgres.query(REMOVED, dbname=self.database)

    def arguments(self, directory: Path) -> list[str]:
        return ["cr", "-n", "intra", "--directory", str(directory), "--recipient", self.age.recipient]

    def command(self, directory: Path) -> list[str]:
        """Returns the command for a process of its own."""
        # Without `env`, a process in the background would pass on that it ignores the signal.
        module = [
            "env",
            "--default-signal=INT",
            "--default-signal=HUP",
            sys.executable,
            "-m",
            "harbor_operator.kubectl",
            "backup",
        ]
        return [*module, *self.arguments(directory), "--kubeconfig", str(self.harbor.person("backup"))]

    @contextmanager
    def without_rights(self) -> Iterator[None]:
        """Takes the rights in the namespace of the registry from the person who backs up."""
        plane, kubeconfig = self.fixture.lab.control_plane, self.harbor.person("backup")
        binding = json.loads(plane.kubectl("-n", "intra", "get", "rolebinding", "backup-registry", "-o", "json"))
        plane.kubectl("-n", "intra", "delete", "rolebinding", "backup-registry")
        status = ["status", "cr", "-n", "intra", "--kubeconfig", str(kubeconfig)]
        try:
            wait_until(lambda: self.harbor.execute(status).code == ERROR, "the rights are taken", deadline=30)
            yield
        finally:
            metadata = {"namespace": "intra", "name": "backup-registry"}
            plane.apply({**binding, "metadata": metadata})
            wait_until(lambda: self.harbor.execute(status).code != ERROR, "the rights are back", deadline=30)

    def rehearse(self, bundle: Path, *arguments: str, identity: Path | None = None) -> Done:
        postgres = self.fixture.lab.services.postgres
        scratch = (
            f"host={postgres.host} port={postgres.port} user={postgres.admin_user} dbname=postgres "
            f"sslmode=verify-full sslrootcert={postgres.ca_path}"
        )
        chosen = ["--scratch", scratch, "--identity", str(identity or self.age.identity)]
        return execute(["restore", str(bundle), "--rehearse", *chosen, "-o", "json", *arguments], "", self.variables)

    def is_read_only(self) -> bool:
        return bool(call_harbor(self.fixture, "GET", "/configurations")["read_only"]["value"])

    def annotations(self) -> dict[str, str]:
        found: dict[str, str] = self.fixture.registry.read()["metadata"].get("annotations", {})
        return found

    def changed(self, bundle: Path, name: str, change: Callable[[bytes], bytes], *, seal: bool = True) -> Path:
        """Returns a copy of the bundle with another content of a file; `seal` also changes its digest."""
        copy = self.directory / f"changed-{len(list(self.directory.iterdir()))}"
        shutil.copytree(bundle, copy)
        content = change((copy / name).read_bytes())
        (copy / name).write_bytes(content)
        if seal:
            manifest = json.loads((copy / "manifest.json").read_text())
            for file in manifest["files"]:
                if file["name"] == name:
                    file |= {"size": len(content), "sha256": sha256(content).hexdigest()}
            (copy / "manifest.json").write_text(json.dumps(manifest))
        return copy

    def with_secret_key(self, encrypted: bytes, value: str) -> bytes:
        """Returns the encrypted Secrets with another secretKey."""
        path = self.directory / "secrets"
        path.write_bytes(encrypted)
        listed = json.loads(self.age.decrypt(path))
        for secret in listed["items"]:
            if secret["metadata"]["name"] == "hreg-cr-pins":
                secret["data"]["secretKey"] = base64.b64encode(value.encode()).decode()
        return self.age.encrypt(json.dumps(listed).encode())

    def _push(self) -> Path:
        fixture, layout = self.fixture, self.directory / "image"
        make_image(layout, size=1000)
        reference = f"{fixture.front.url.removeprefix('https://')}/team-a/backup:1"
        credential, ca_dir = fixture.admin_credential(), fixture.lab.authority.ca_dir
        fixture.skopeo.copy_in(layout, reference, authfile=credential, ca_dir=ca_dir)
        return layout

    def _create_tables(self) -> None:
        postgres = self.fixture.lab.services.postgres
        owner = f"SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = '{self.database}'"  # noqa: S608
        role = postgres.query(owner)[0][0]
        postgres.query(TABLES.format(role=role, schema=SCHEMA), dbname=self.database)
        manifest = json.loads((self.image / "index.json").read_text())["manifests"][0]["digest"]
        blobs = {f"sha256:{path.name}": path.stat().st_size for path in (self.image / "blobs/sha256").iterdir()}
        rows = [f"INSERT INTO artifact (repository_name, digest) VALUES ('team-a/backup', '{manifest}')"]  # noqa: S608
        foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
        for digest, size, kind in [*((*blob, "") for blob in blobs.items()), ("sha256:0f", 1, foreign)]:
            rows += [
                f"INSERT INTO artifact_blob (digest_af, digest_blob) VALUES ('{manifest}', '{digest}')",  # noqa: S608
                f"INSERT INTO blob (digest, content_type, size) VALUES ('{digest}', '{kind}', {size})",  # noqa: S608
            ]
        value = encrypted(self.fixture.registry.secret("hreg-cr-pins")["secretKey"], STORED_PASSWORD)
        rows.append(f"INSERT INTO registry (name, access_secret) VALUES ('hub', '{value}')")  # noqa: S608
        postgres.query("; ".join(rows), dbname=self.database)


def encrypted(secret_key: str, text: str) -> str:
    """Returns a value as Harbor's core encrypts it."""
    encryptor = Cipher(AES(secret_key.encode()), CFB(VECTOR)).encryptor()
    return "<enc-v1>" + base64.b64encode(VECTOR + encryptor.update(text.encode())).decode()


def levels(done: Done) -> dict[str, Any]:
    """Returns the codes of the findings by level."""
    found: dict[str, Any] = {}
    for finding in done.json["findings"]:
        found.setdefault(finding["level"], []).append(finding["code"])
    return found
