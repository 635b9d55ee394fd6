"""The programs of PostgreSQL: their version, and that no argument or variable has the password."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from harbor_operator.api.backends import SslMode
from harbor_operator.kubectl.backups.postgres_programs import dump, require_version
from harbor_operator.kubectl.errors import CommandError
from harbor_operator.model.database import PostgresLogin, PostgresServer

SERVER = PostgresServer("pg.example.com", 5432, SslMode.DISABLE)
LOGIN = PostgresLogin("harbor", SecretStr("pass:word\\1"), "Secret 'login'")
SCRIPT = """#!/bin/sh
echo "pg_dump (PostgreSQL) 15.18 (Debian)"
{ printf '%s\\n' "$@"; env; } > "$0.seen"
for argument; do
  case $argument in
    --dbname=*) cat "$(echo "$argument" | sed "s/.*passfile='\\([^']*\\)'.*/\\1/")" > "$0.passwords"
                ls -l "$(echo "$argument" | sed "s/.*passfile='\\([^']*\\)'.*/\\1/")" > "$0.mode" ;;
  esac
done
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pg_dump that records how it was called."""
    path = tmp_path / "pg_dump"
    path.write_text(SCRIPT)
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("PGPASSWORD", "of another server")
    return path


@pytest.mark.usefixtures("program")
def test_a_program_that_is_older_than_the_server_is_refused() -> None:
    assert require_version("pg_dump", 15) == 15
    with pytest.raises(CommandError, match="`pg_dump` has version 15 and the server 16"):
        require_version("pg_dump", 16)


def test_the_password_is_only_in_a_private_file(program: Path, tmp_path: Path) -> None:
    dump(SERVER, LOGIN, "it's", tmp_path / "target", 60)
    seen = Path(f"{program}.seen").read_text()
    assert ("word\\1" in seen, "PGPASSWORD" in seen) == (False, False)
    assert "dbname='it\\'s'" in seen
    assert Path(f"{program}.passwords").read_text() == "*:*:*:*:pass\\:word\\\\1\n"
    assert Path(f"{program}.mode").read_text().startswith("-rw------- ")
