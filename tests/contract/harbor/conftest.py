"""One Harbor for all contract tests: a real one, or the stand-in.

`HARBOR_URL`, `HARBOR_ADMIN_PASSWORD` and, if necessary, `HARBOR_CA_FILE` select a real one, best its core without a
proxy in front (tests/contract/real_harbor.py). Do not use one in production: the tests remove its schedules, and
temporarily enable read-only mode and change the robot prefix.
`HARBOR_API_SPEC` is the path of the API description.
"""

from __future__ import annotations

import os
import secrets
import ssl
from typing import TYPE_CHECKING

import aiohttp
import pytest
import pytest_asyncio

from lab.certs import Authority
from lab.harbor.standalone import Standalone
from lab.process import LabError, Processes
from tests.contract.harbor.client import HarborClient, Login
from tests.contract.harbor.specification import Specification, path_of_description

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from typing import Any


@pytest.fixture(scope="session")
def specification() -> Specification:
    path = path_of_description()
    if not path.exists():
        pytest.skip(f"Harbor's API description is not at {path}; set HARBOR_API_SPEC")
    return Specification(path)


@pytest.fixture(scope="session")
def standalone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    """The stand-in, for tests that are not possible with a real Harbor."""
    directory = tmp_path_factory.mktemp("harbor")
    directory.parent.chmod(0o711)  # PostgreSQL runs as another user when the tests run as root
    directory.chmod(0o711)
    processes = Processes(directory / "logs")
    try:
        yield Standalone.start(directory, processes, Authority.create(directory / "ca"))
    except LabError as error:
        pytest.skip(f"the Harbor stand-in cannot run here: {error}")
    finally:
        processes.stop_all()


@pytest.fixture(scope="session")
def address(request: pytest.FixtureRequest) -> tuple[str, str]:
    """URL and administrator's password."""
    if url := os.environ.get("HARBOR_URL"):
        return url, os.environ["HARBOR_ADMIN_PASSWORD"]
    standalone: Standalone = request.getfixturevalue("standalone")
    return standalone.url, standalone.admin_password


@pytest_asyncio.fixture
async def harbor(address: tuple[str, str], specification: Specification) -> AsyncIterator[HarborClient]:
    ca_file = os.environ.get("HARBOR_CA_FILE")
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=ca_file) if ca_file else True)
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), timeout=timeout
    ) as session:
        yield HarborClient(*address, specification, session)


@pytest.fixture
def fresh() -> str:
    """An unused name."""
    return f"contract-{secrets.token_hex(4)}"


@pytest_asyncio.fixture
async def project(harbor: HarborClient, fresh: str) -> AsyncIterator[str]:
    """An empty private project."""
    body = {"project_name": fresh, "metadata": {"public": "false"}}
    assert (await harbor.as_admin("POST", "/projects", body)).status == 201
    yield fresh
    for repository in (await harbor.as_admin("GET", f"/projects/{fresh}/repositories")).json():
        name = repository["name"].partition("/")[2]
        await harbor.as_admin("DELETE", f"/projects/{fresh}/repositories/{name}")
    await harbor.as_admin("DELETE", f"/projects/{fresh}")


def pull_only(name: str, *projects: str) -> dict[str, Any]:
    """Returns the request body for a robot that can pull from these projects (`*` for all)."""
    access = [{"resource": "repository", "action": "pull"}]
    return {
        "name": name,
        "description": "created by a contract test",
        "level": "system",
        "duration": -1,
        "disable": False,
        "permissions": [{"kind": "project", "namespace": one, "access": access} for one in projects or ("*",)],
    }


@pytest_asyncio.fixture
async def robot(harbor: HarborClient) -> AsyncIterator[Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]]:
    """Creates robots and deletes them at the end."""
    made: list[int] = []

    async def make(body: dict[str, Any]) -> dict[str, Any]:
        answer = await harbor.as_admin("POST", "/robots", body)
        assert answer.status == 201, answer.body
        created: dict[str, Any] = answer.json()
        made.append(created["id"])
        return created

    yield make
    for number in made:
        await harbor.as_admin("DELETE", f"/robots/{number}")


def login_of(robot: dict[str, Any]) -> Login:
    """Returns the login of a created robot."""
    return robot["name"], robot["secret"]
