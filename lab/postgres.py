"""PostgreSQL with TLS, and a log of every statement that changes something."""

from __future__ import annotations

import os
import pwd
import re
import secrets
import signal
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from lab import packages, versions
from lab.addresses import CLIENT_HOST, HOST, NAMES
from lab.debian import Tool, locate
from lab.process import Process, Processes, free_port, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lab.certs import Authority

SUPERUSER = "postgres"
PROVISIONER = "provisioner"
UNPRIVILEGED_USER = pwd.getpwuid(65534).pw_name  # the account that every Linux has for programs without rights

CONFIG = """
listen_addresses = '{host}'
port = {port}
unix_socket_directories = ''
ssl = on
ssl_cert_file = '{cert}'
ssl_key_file = '{key}'
password_encryption = scram-sha-256
max_connections = 100
shared_buffers = 16MB
fsync = off
synchronous_commit = off
full_page_writes = off
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
log_statement = mod
log_line_prefix = '%m [%p] %u@%d '
"""

LOGGED = re.compile(
    r"^\S+ \S+ \S+ \[(?P<pid>\d+)\] (?P<user>[^@\n]*)@(?P<database>\S*) LOG:  (?:statement|execute [^:]*): "
    r"(?P<statement>.*(?:\n\t.*)*)",
    re.MULTILINE,
)

SESSION = re.compile(
    r"^\S+ \S+ \S+ \[(?P<pid>\d+)\] (?P<user>[^@\n]*)@(?P<database>\S*) LOG:  connection authorized: .*"
    r"application_name=(?P<application>\S+)",
    re.MULTILINE,
)
REJECTED = "password authentication failed"


@dataclass(frozen=True)
class Session:
    """A connection of a client, with every statement that it sent."""

    user: str
    database: str
    statements: tuple[str, ...]


@dataclass(frozen=True)
class Change:
    """A statement that changes definitions or data, with its user and database."""

    user: str
    database: str
    statement: str


class Postgres:
    """A running server, with a superuser for tests and a less privileged administrator for the operator."""

    host = CLIENT_HOST
    admin_user = SUPERUSER
    provisioner_user = PROVISIONER

    def __init__(self, directory: Path, processes: Processes, authority: Authority, tool: Tool) -> None:
        self._data = directory / "data"
        self._processes = processes
        self._authority = authority
        self._tool = tool
        self._user = UNPRIVILEGED_USER if os.geteuid() == 0 else None
        self._process: Process | None = None
        self.directory = directory
        self.port = free_port()
        self.admin_password = secrets.token_urlsafe(24)
        self.provisioner_password = secrets.token_urlsafe(24)

    @classmethod
    def start(cls, directory: Path, processes: Processes, authority: Authority, tool: Tool | None = None) -> Postgres:
        """Starts an empty server in `directory`: another program than the selected one with `tool`."""
        server = cls(directory, processes, authority, tool or find_postgres())
        server._initialise()
        server._run()
        server._create_provisioner()
        return server

    @property
    def ca_path(self) -> Path:
        """The CA certificate for clients."""
        return self._authority.ca_path

    def query(self, sql: str, *, dbname: str = "postgres") -> list[tuple[Any, ...]]:
        """Runs `sql` as the superuser in `dbname` with autocommit, and returns the rows."""
        with self.connect(SUPERUSER, self.admin_password, dbname=dbname) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def connect(
        self, user: str, password: str, *, dbname: str = "postgres", port: int | None = None
    ) -> psycopg.Connection[tuple[Any, ...]]:
        """Returns a connection with verified TLS and autocommit; `port` is that of a pooler in front of the server."""
        return psycopg.connect(
            host=self.host,
            hostaddr=HOST,
            port=port or self.port,
            user=user,
            password=password,
            dbname=dbname,
            sslmode="verify-full",
            sslrootcert=str(self.ca_path),
            autocommit=True,
            connect_timeout=5,
        )

    def mark(self) -> int:
        """Returns the current position in the log, for `changes_since`; a statement is logged before it runs."""
        return self._log.stat().st_size

    def changes_since(self, mark: int) -> list[Change]:
        """Returns every statement since `mark` that changes definitions or data, including failed ones."""
        return [
            Change(found["user"], found["database"], found["statement"].replace("\n\t", "\n"))
            for found in LOGGED.finditer(self._logged_since(mark))
        ]

    @contextmanager
    def logs_every_statement(self) -> Iterator[None]:
        """Logs connections and reads as well until the end, for `sessions_since`."""
        settings = {"log_statement": "'all'", "log_connections": "on"}
        for name, value in settings.items():
            self.query(f"ALTER SYSTEM SET {name} = {value}")
        self.query("SELECT pg_reload_conf()")
        try:
            yield
        finally:
            for name in settings:
                self.query(f"ALTER SYSTEM RESET {name}")
            self.query("SELECT pg_reload_conf()")

    def sessions_since(self, mark: int, application: str) -> list[Session]:
        """Returns the connections of a client program since `mark`, while every statement is logged."""
        text = self._logged_since(mark)
        statements: dict[str, list[str]] = {}
        for found in LOGGED.finditer(text):
            statements.setdefault(found["pid"], []).append(found["statement"].replace("\n\t", "\n"))
        return [
            Session(found["user"], found["database"], tuple(statements.get(found["pid"], ())))
            for found in SESSION.finditer(text)
            if found["application"] == application
        ]

    def rejected_since(self, mark: int) -> list[str]:
        """Returns each login since `mark` that the server rejected for its password."""
        return [line for line in self._logged_since(mark).splitlines() if REJECTED in line]

    def stop(self) -> None:
        """Disconnects every client and stops the server; its data stay."""
        if self._process is not None:
            self._process.stop()

    def restart(self) -> None:
        """Restarts the server on the same port with the same data."""
        self.stop()
        self._run()

    def _logged_since(self, mark: int) -> str:
        with self._log.open("rb") as log:
            log.seek(mark)
            return log.read().decode(errors="replace")

    @property
    def _log(self) -> Path:
        return self._processes.log_dir / f"{self.directory.name}.log"

    def _initialise(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        password_file = self.directory / "superuser-password"
        password_file.touch(mode=0o600)
        password_file.write_text(self.admin_password)
        if self._user is not None:
            self._data.mkdir(mode=0o700)
            os.chown(self._data, *_ids(self._user))
        options = ["--encoding=UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256", "--no-sync"]
        argv: list[str | Path] = [
            self._tool.beside("initdb"),
            "-D",
            self._data,
            "-U",
            SUPERUSER,
            f"--pwfile={password_file}",
            *options,
        ]
        self._processes.run(f"{self.directory.name}-initdb", argv, env=self._tool.env, user=self._user)
        issued = self._authority.issue(self.directory.name, hosts=NAMES)
        with (self._data / "postgresql.conf").open("a") as config:
            config.write(CONFIG.format(host=HOST, port=self.port, cert=issued.cert_path, key=issued.key_path))
        with (self._data / "pg_hba.conf").open("a") as access:
            access.write("host all all all scram-sha-256\n")  # initdb allows the loopback addresses only

    def _run(self) -> None:
        argv: list[str | Path] = [self._tool.beside("postgres"), "-D", self._data]
        self._process = self._processes.start(self.directory.name, argv, env=self._tool.env, user=self._user)
        self._process.stop_signal = signal.SIGINT
        wait_until(self._answers, "PostgreSQL accepts connections", deadline=20, process=self._process)
        versions.POSTGRES.started.add(str(self.query("SHOW server_version")[0][0]))

    def _create_provisioner(self) -> None:
        with self.connect(SUPERUSER, self.admin_password) as connection:
            verifier = connection.pgconn.encrypt_password(self.provisioner_password.encode(), PROVISIONER.encode())
            sql = f"CREATE ROLE {PROVISIONER} LOGIN CREATEROLE CREATEDB PASSWORD '{verifier.decode()}'"
            connection.execute(sql.encode())  # the verifier, because the statement is logged

    def _answers(self) -> bool:
        try:
            return bool(self.query("SELECT 1"))
        except psycopg.OperationalError:
            return False


def find_postgres() -> Tool:
    """Returns PostgreSQL of the selected version, else the one of this machine or its release. Raises LabError."""
    version = versions.POSTGRES.selected()
    return packages.postgres(version) if version else locate("postgres", ["postgresql"])


def _ids(user: str) -> tuple[int, int]:
    entry = pwd.getpwnam(user)
    return entry.pw_uid, entry.pw_gid
