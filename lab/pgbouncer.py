"""PgBouncer in front of a PostgreSQL of the lab: it knows every role of the server, and speaks TLS on both sides.

It reads the passwords as a superuser, in the database to which the client connects: before 1.19 it cannot read them in
another one. So it has a session in each database.
"""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Literal

import psycopg

from lab import suites
from lab.addresses import HOST, NAMES
from lab.debian import Tool, locate
from lab.postgres import PROVISIONER, SUPERUSER, UNPRIVILEGED_USER
from lab.process import Process, Processes, free_port, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from lab.certs import Authority
    from lab.postgres import Postgres

PACKAGES = ["pgbouncer"]
NEWER_SUITE = "trixie"
"""The Debian release whose PgBouncer (1.24) follows prepared statements in transaction mode; 1.18 does not."""

PoolMode = Literal["session", "transaction", "statement"]

CONFIG = """
[databases]
* = host={host} port={server_port}

[pgbouncer]
listen_addr = {host}
listen_port = {port}
unix_socket_dir =
pool_mode = {mode}
default_pool_size = {size}
query_wait_timeout = 20
auth_type = scram-sha-256
auth_file = {users}
{lookup}
client_tls_sslmode = require
client_tls_cert_file = {cert}
client_tls_key_file = {key}
server_tls_sslmode = verify-full
server_tls_ca_file = {ca}
"""


class PgBouncer:
    """A running pooler; clients use `port` instead of that of the server."""

    def __init__(self, directory: Path, processes: Processes, authority: Authority, server: Postgres) -> None:
        self.port = free_port()
        self._directory = directory
        self._processes = processes
        self._authority = authority
        self._server = server
        self._process: Process | None = None

    @classmethod
    def start(
        cls,
        directory: Path,
        processes: Processes,
        authority: Authority,
        server: Postgres,
        *,
        mode: PoolMode = "transaction",
        size: int = 10,
        follows_prepared: bool = False,
        has_list: bool = False,
    ) -> PgBouncer:
        """Starts a pooler with `size` connections for each role and database. Raises LabError.

        With `follows_prepared` it is a version with `max_prepared_statements`, else the one of this machine's release.
        With `has_list` it knows only the two administrators, from a file.
        """
        pooler = cls(directory, processes, authority, server)
        pooler._configure(mode, size, has_list=has_list)
        tool = find_pgbouncer(follows_prepared=follows_prepared)
        argv: list[str | Path] = [tool.path, pooler._config]
        user = UNPRIVILEGED_USER if os.geteuid() == 0 else None
        pooler._process = processes.start(directory.name, argv, env=tool.env, user=user)
        wait_until(pooler._answers, "PgBouncer answers", deadline=20, process=pooler._process)
        return pooler

    def add_user(self, role: str) -> None:
        """Copies the verifier of a role of the server to the list of users, and waits until it is in use."""
        ((verifier,),) = self._server.query(f"SELECT rolpassword FROM pg_authid WHERE rolname = '{role}'")  # noqa: S608
        with self._users.open("a") as users:
            users.write(f'"{role}" "{verifier}"\n')
        assert self._process is not None
        log = self._process.log
        position = log.stat().st_size
        os.kill(self._process.pid, signal.SIGHUP)
        wait_until(lambda: b"SIGHUP" in log.read_bytes()[position:], "PgBouncer reads its files again", deadline=10)

    @property
    def _users(self) -> Path:
        return self._directory / "users.txt"

    @property
    def _config(self) -> Path:
        return self._directory / "pgbouncer.ini"

    def _configure(self, mode: PoolMode, size: int, *, has_list: bool) -> None:
        self._directory.mkdir(parents=True)
        issued = self._authority.issue(self._directory.name, hosts=NAMES)
        known = {SUPERUSER: self._server.admin_password, PROVISIONER: self._server.provisioner_password}
        self._users.touch(mode=0o600)
        self._users.write_text("".join(f'"{user}" "{password}"\n' for user, password in known.items()))
        self._config.write_text(
            CONFIG.format(
                host=HOST,
                server_port=self._server.port,
                port=self.port,
                mode=mode,
                size=size,
                users=self._users,
                lookup="" if has_list else f"auth_user = {SUPERUSER}",
                cert=issued.cert_path,
                key=issued.key_path,
                ca=self._authority.ca_path,
            )
        )

    def _answers(self) -> bool:
        try:
            with self._server.connect(SUPERUSER, self._server.admin_password, port=self.port) as connection:
                return connection.execute("SELECT 1").fetchone() == (1,)
        except psycopg.OperationalError:
            return False


def find_pgbouncer(*, follows_prepared: bool = False) -> Tool:
    """Returns PgBouncer. Raises LabError if this machine neither has nor can download it."""
    return suites.locate(NEWER_SUITE, "pgbouncer", PACKAGES) if follows_prepared else locate("pgbouncer", PACKAGES)
