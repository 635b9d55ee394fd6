"""A real PostgreSQL that is too old for Harbor: the step names it before any write, and each remedy ends it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harbor_operator.model.outcomes import Blocked, Done
from harbor_operator.reasons import Reason
from lab import packages
from lab.certs import Authority
from lab.postgres import Postgres
from lab.process import LabError, Processes
from tests.contract.database_server import DatabaseFixture

pytestmark = pytest.mark.lab

OLD = "11"
"""The last version that Harbor 2.9 and newer refuse."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Postgres]:
    directory = tmp_path_factory.mktemp("old")
    for folder in (directory, directory.parent):
        folder.chmod(0o711)  # PostgreSQL runs as another user when the tests run as root
    processes = Processes(directory / "logs")
    try:
        yield Postgres.start(directory / "postgres", processes, authority, packages.old_postgres())
    except LabError as error:
        pytest.skip(f"PostgreSQL {OLD} cannot run here: {error}")
    finally:
        processes.stop_all()


async def test_an_older_chart_or_a_newer_server_is_used_instead(
    old: Postgres, authority: Authority, tmp_path_factory: pytest.TempPathFactory, processes: Processes
) -> None:
    fixture = DatabaseFixture(old, "version")
    wanted = {"release": {"version": "1.19.1"}}
    refused = await fixture.step.reconcile(fixture.registry(**wanted))
    assert isinstance(refused, Blocked), refused.message
    assert refused.reason is Reason.DATABASE_VERSION_UNSUPPORTED
    assert f"PostgreSQL {OLD} at `spec.database.host` is too old" in refused.message
    assert "needs 12 or newer; upgrade the server, or choose an older `spec.release.version`" in refused.message
    assert fixture.changes() == []

    assert isinstance(await fixture.step.reconcile(fixture.registry(release={"version": "1.12.6"})), Done)

    directory = tmp_path_factory.mktemp("new")
    directory.chmod(0o711)
    upgraded = DatabaseFixture(Postgres.start(directory / "postgres", processes, authority), "version")
    assert isinstance(await upgraded.step.reconcile(upgraded.registry(**wanted)), Done)
