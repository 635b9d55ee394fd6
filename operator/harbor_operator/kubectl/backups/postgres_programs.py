"""pg_dump and pg_restore, those of the person; the password is in no argument, and in no variable of a process."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

from harbor_operator.adapters import tls
from harbor_operator.api.backends import SslMode
from harbor_operator.kubectl.backups.programs import ProgramFailed, find_program, run_program
from harbor_operator.kubectl.errors import CommandError
from harbor_operator.model.database import PostgresLogin, PostgresServer

VERSION_SECONDS = 30
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
_NO_PASSWORD = ("env", "-u", "PGPASSWORD")
"""The variable would count more than the file with the password."""


def require_version(program: str, server: int) -> int:
    """Returns the major version of the program. Raises CommandError if it is absent or older than the server."""
    try:
        found = _VERSION.search(run_program([find_program(program), "--version"], VERSION_SECONDS).decode())
    except ProgramFailed as error:
        raise CommandError(f"`{program} --version` failed: {error}") from None
    version = int(found[1]) if found else 0
    if version < server:
        raise CommandError(
            f"`{program}` has version {version or 'unknown'} and the server {server}: put one of at least the server's "
            "version first on PATH"
        )
    return version


def dump(server: PostgresServer, login: PostgresLogin, database: str, target: Path, timeout_seconds: float) -> None:
    """Writes a database into an existing file, in the format of pg_restore. Raises CommandError."""
    with _private_login(server, login) as conninfo:
        argv = [*_NO_PASSWORD, find_program("pg_dump"), "--format=custom", "--no-password", f"--file={target}"]
        try:
            run_program([*argv, f"--dbname={conninfo} dbname={_quoted(database)}"], timeout_seconds)
        except ProgramFailed as error:
            raise CommandError(f"`pg_dump` of database '{database}' failed: {error}") from None


def restore(conninfo: str, source: Path, timeout_seconds: float) -> None:
    """Loads a dump into an empty database; everything belongs to the login of `conninfo`. Raises ProgramFailed."""
    options = ["--no-owner", "--no-privileges", "--single-transaction", "--no-password"]
    run_program([find_program("pg_restore"), *options, f"--dbname={conninfo}", str(source)], timeout_seconds)


@contextmanager
def _private_login(server: PostgresServer, login: PostgresLogin) -> Iterator[str]:
    """Yields a connection string without the password, which is in a file until the end of the block."""
    verifies = server.ssl_mode in {SslMode.VERIFY_CA, SslMode.VERIFY_FULL}
    with (
        TemporaryDirectory(prefix="kubectl-harbor-") as directory,
        tls.ca_file(server.ca or "") if verifies else nullcontext("") as ca_file,
    ):
        passwords = Path(directory) / "pgpass"
        passwords.touch(mode=0o600)
        password = re.sub(r"([:\\])", r"\\\1", login.password.get_secret_value())
        passwords.write_text(f"*:*:*:*:{password}\n", encoding="utf-8")
        parameters = {
            "host": server.host,
            "port": str(server.port),
            "user": login.username,
            "sslmode": server.ssl_mode.value,
            **({"sslrootcert": ca_file} if ca_file else {}),
            "gssencmode": "disable",
            "passfile": str(passwords),
        }
        yield " ".join(f"{key}={_quoted(value)}" for key, value in parameters.items())


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
