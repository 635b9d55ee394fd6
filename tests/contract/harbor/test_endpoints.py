"""The endpoints of other registries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest_asyncio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.contract.harbor.client import HarborClient


@pytest_asyncio.fixture
async def endpoint(harbor: HarborClient, fresh: str) -> AsyncIterator[dict[str, Any]]:
    """An endpoint with a login; Harbor tests that a registry answers, so it is this Harbor itself."""
    login = {"type": "basic", "access_key": harbor.admin[0], "access_secret": harbor.admin[1]}
    body = {"name": fresh, "type": "harbor", "url": harbor.url, "insecure": True, "credential": login}
    made = await harbor.as_admin("POST", "/registries", body)
    assert made.status == 201, made.body
    path = made.headers["Location"].removeprefix("/api/v2.0")
    yield {**body, "path": path}
    await harbor.as_admin("DELETE", path)


async def test_a_password_is_never_returned(harbor: HarborClient, endpoint: dict[str, Any]) -> None:
    observed = (await harbor.as_admin("GET", endpoint["path"])).json()
    assert observed["credential"]["access_key"] == "admin"
    assert observed["credential"]["access_secret"] == "*****"
    listed = (await harbor.as_admin("GET", f"/registries?q=name={endpoint['name']}")).json()
    assert [(one["name"], one["type"], one["insecure"]) for one in listed] == [(endpoint["name"], "harbor", True)]


async def test_an_update_is_partial(harbor: HarborClient, endpoint: dict[str, Any]) -> None:
    assert (await harbor.as_admin("PUT", endpoint["path"], {"insecure": False})).status == 200
    observed = (await harbor.as_admin("GET", endpoint["path"])).json()
    assert observed.get("insecure", False) is False
    assert (observed["url"], observed["credential"]["access_key"]) == (endpoint["url"], "admin")


async def test_a_second_endpoint_of_that_name_is_a_conflict(harbor: HarborClient, endpoint: dict[str, Any]) -> None:
    body = {name: value for name, value in endpoint.items() if name != "path"}
    assert (await harbor.as_admin("POST", "/registries", body)).status == 409


async def test_an_absent_endpoint_is_not_found(harbor: HarborClient) -> None:
    assert (await harbor.as_admin("GET", "/registries/999999999")).status == 404
