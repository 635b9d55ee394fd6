"""What all parts of the API share: settings, state, and login."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web
from cryptography.fernet import Fernet

from lab.harbor.access import Principal, basic_credentials, usable, verifies
from lab.harbor.configuration_values import current

if TYPE_CHECKING:
    import ssl
    from collections.abc import Coroutine

    from lab.harbor.settings import Settings
    from lab.harbor.state import Document, State

ADMIN_ID = 1


@dataclass
class Core:
    """The running stand-in."""

    settings: Settings
    state: State
    http: aiohttp.ClientSession
    _jobs: set[asyncio.Task[None]] = field(default_factory=set)

    def start(self, job: Coroutine[Any, Any, None]) -> None:
        """Runs a job in the background, until its end or that of the stand-in."""
        task = asyncio.create_task(job)
        self._jobs.add(task)
        task.add_done_callback(self._jobs.discard)

    async def stop_jobs(self) -> None:
        """Ends the jobs that still run."""
        for task in self._jobs:
            task.cancel()
        await asyncio.gather(*self._jobs, return_exceptions=True)

    @property
    def registry_ssl(self) -> ssl.SSLContext | bool:
        """How the registry and its controller are verified."""
        return self.settings.internal_tls or True

    async def configuration(self) -> dict[str, Any]:
        """Returns all settings with their current values."""
        return current(await self.state.get("configuration", "all"), self.settings.config_overwrite)

    def encrypt(self, secret: str) -> str:
        """Returns a secret setting as the database contains it."""
        return Fernet(self.settings.encryption_key).encrypt(secret.encode()).decode()

    def decrypt(self, stored: str) -> str:
        """Returns the secret of a stored setting; an empty one was never set."""
        return Fernet(self.settings.encryption_key).decrypt(stored.encode()).decode() if stored else ""

    async def project(self, name: str) -> Document | None:
        """Returns the project of this name, or None."""
        return await self.state.find("project", "name", name)

    async def login(self, header: str) -> Principal:
        """Returns the sender of a basic Authorization header; anonymous if it is wrong."""
        credentials = basic_credentials(header)
        if credentials is None:
            return Principal()
        name, password = credentials
        prefix = (await self.configuration())["robot_name_prefix"]
        if name.startswith(prefix):
            robot = await self.state.find("robot", "name", name.removeprefix(prefix))
            good = robot is not None and usable(robot) and verifies(password, robot)
            return Principal(name=name, robot=robot) if good else Principal()
        admin = await self.state.get("user", ADMIN_ID)
        good = admin is not None and name == admin["username"] and verifies(password, admin)
        return Principal(name=name, admin=True) if good else Principal()


CORE = web.AppKey("core", Core)
PRINCIPAL = web.RequestKey("principal", Principal)


def core_of(request: web.Request) -> Core:
    """Returns the stand-in that serves this request."""
    return request.app[CORE]


def sender_of(request: web.Request) -> Principal:
    """Returns the sender of this request."""
    return request[PRINCIPAL]
