"""Restarts of core, and failures of its backends; with the stand-in only."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

import aiohttp
import pytest
import pytest_asyncio

from lab.process import LabError
from tests.contract.harbor.client import HarborClient
from tests.contract.harbor.conftest import login_of, pull_only

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from typing import Any

    from lab.harbor.standalone import Standalone
    from tests.contract.harbor.specification import Specification


@pytest_asyncio.fixture
async def own(standalone: Standalone, specification: Specification) -> AsyncIterator[HarborClient]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield HarborClient(standalone.url, standalone.admin_password, specification, session)


@contextmanager
def restarted(standalone: Standalone, **environment: str) -> Iterator[None]:
    """Restarts core with changed environment variables, and restores them at the end."""
    before = dict(standalone.environment)
    standalone.stop_core()
    try:
        standalone.environment |= environment
        standalone.start_core()
        yield
    finally:
        standalone.stop_core()
        standalone.environment = before
        standalone.start_core()


async def components(own: HarborClient) -> dict[str, str]:
    answer = await own.api("GET", "/health")
    assert answer.status == 200
    return {one["name"]: one["status"] for one in answer.json()["components"]}


async def test_a_restart_keeps_everything_and_ignores_a_new_admin_password(
    standalone: Standalone, own: HarborClient, fresh: str
) -> None:
    made: dict[str, Any] = (await own.as_admin("POST", "/robots", pull_only(fresh))).json()
    with restarted(standalone, HARBOR_ADMIN_PASSWORD="Another-password-1"):
        assert (await own.call("GET", "/v2/", login=login_of(made))).status == 200
        assert (await own.as_admin("GET", "/users/current")).status == 200
        assert (await own.call("GET", "/v2/", login=("admin", "Another-password-1"))).status == 401
    assert (await own.as_admin("DELETE", f"/robots/{made['id']}")).status == 200


async def test_a_changed_password_is_valid_at_once(standalone: Standalone, own: HarborClient) -> None:
    old, new = standalone.admin_password, "Changed-password-1"
    body = {"old_password": old, "new_password": new}
    assert (await own.as_admin("PUT", "/users/1/password", body)).status == 200
    assert (await own.as_admin("GET", "/users/current")).status == 401
    back = {"old_password": new, "new_password": old}
    assert (await own.api("PUT", "/users/1/password", back, login=("admin", new))).status == 200


async def test_settings_fixed_by_the_environment_cannot_be_changed(standalone: Standalone, own: HarborClient) -> None:
    with restarted(standalone, CONFIG_OVERWRITE_JSON=json.dumps({"oidc_name": "fixed"})):
        observed = (await own.as_admin("GET", "/configurations")).json()
        assert observed["oidc_name"] == {"value": "fixed", "editable": False}
        assert not any(one["editable"] for one in observed.values())
        answer = await own.as_admin("PUT", "/configurations", {"oidc_name": "other"})
        assert (answer.status, "CONFIG_OVERWRITE_JSON" in answer.message) == (403, True)


async def test_health_without_redis_is_an_unhealthy_200(standalone: Standalone, own: HarborClient) -> None:
    standalone.redis.stop()
    try:
        observed = await components(own)
    finally:
        standalone.redis.restart()
    assert (observed["redis"], observed["database"]) == ("unhealthy", "healthy")


async def test_ping_and_health_answer_without_a_database(standalone: Standalone, own: HarborClient) -> None:
    standalone.postgres.stop()
    try:
        assert (await own.api("GET", "/ping")).status == 200
        assert (await components(own))["database"] == "unhealthy"
        answer = await own.as_admin("GET", "/users/current")
    finally:
        standalone.postgres.restart()
    assert (answer.status, answer.code, answer.message) == (500, "UNKNOWN", "internal server error")
    assert (await own.as_admin("GET", "/users/current")).status == 200


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"POSTGRESQL_PASSWORD": "Wrong1"}, "password authentication failed"),
        ({"KEY_PATH": "/nonexistent"}, "`KEY_PATH`"),
        ({"TOKEN_PRIVATE_KEY_PATH": "/nonexistent"}, "`TOKEN_PRIVATE_KEY_PATH`"),
        ({"SSL_CERT_FILE": "/nonexistent"}, "root certificate file"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_core_does_not_start_with_invalid_settings(
    standalone: Standalone, change: dict[str, str], message: str
) -> None:
    with pytest.raises(LabError, match=message), restarted(standalone, **change):
        pass


def test_core_does_not_start_with_an_incomplete_migration(standalone: Standalone) -> None:
    standalone.postgres.query("UPDATE schema_migrations SET dirty = true", dbname="registry")
    try:
        with pytest.raises(LabError, match="Dirty database"), restarted(standalone):
            pass
    finally:
        standalone.postgres.query("UPDATE schema_migrations SET dirty = false", dbname="registry")
        standalone.start_core()


def test_core_migrates_an_older_database_and_does_not_start_on_a_newer_one(standalone: Standalone) -> None:
    def version() -> int:
        ((found,),) = standalone.postgres.query("SELECT version FROM schema_migrations", dbname="registry")
        return int(found)

    standalone.postgres.query("UPDATE schema_migrations SET version = 120", dbname="registry")
    with restarted(standalone, HARBOR_LAB_VERSION="v2.13.4"):
        assert version() == 160
    assert version() == 180
    with (
        pytest.raises(LabError, match="no migration found for version 180"),
        restarted(standalone, HARBOR_LAB_VERSION="v2.13.4"),
    ):
        pass
