"""The backing services: PostgreSQL, Redis, and Ceph behind a TLS proxy, started in parallel."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from lab import progress
from lab.addresses import NAMES, join
from lab.ceph import Ceph
from lab.nginx import Front, Site
from lab.postgres import Postgres
from lab.process import LabError, Processes, free_port
from lab.redis import Redis

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from lab.certs import Authority

T = TypeVar("T")

POSTGRES, REDIS, CEPH = "postgres", "redis", "ceph"
REDIS_PASSWORD = "redisPassword0123456789"
ALL = frozenset({POSTGRES, REDIS, CEPH})


class Services:
    """The running services; using a part that was not started raises LabError."""

    def __init__(self, directory: Path, processes: Processes, authority: Authority) -> None:
        self._directory = directory
        self._processes = processes
        self._authority = authority
        self._postgres: Postgres | None = None
        self._redis: Redis | None = None
        self._ceph: Ceph | None = None
        self._front: Front | None = None

    @classmethod
    def start(
        cls, directory: Path, processes: Processes, authority: Authority, *, parts: Collection[str] = ALL
    ) -> Services:
        """Starts the given parts: Redis with a password, and a gateway that advertises the URL of its proxy."""
        services = cls(directory, processes, authority)
        starters: dict[str, Callable[[], None]] = {
            POSTGRES: services._start_postgres,
            REDIS: services._start_redis,
            CEPH: services._start_ceph,
        }
        with progress.task("Backing services"), ThreadPoolExecutor(len(starters)) as pool:
            for started in [pool.submit(starters[part]) for part in parts]:
                started.result()
        return services

    @property
    def postgres(self) -> Postgres:
        """PostgreSQL."""
        return _present(self._postgres, POSTGRES)

    @property
    def redis(self) -> Redis:
        """Redis, standalone."""
        return _present(self._redis, REDIS)

    @property
    def ceph(self) -> Ceph:
        """Ceph with its gateway."""
        return _present(self._ceph, CEPH)

    @property
    def rgw_front(self) -> Front:
        """The TLS proxy in front of the gateway."""
        return _present(self._front, CEPH)

    @property
    def auth_url(self) -> str:
        """The auth URL for Swift clients."""
        return f"{self.rgw_front.url}/auth/v1.0"

    def _start_postgres(self) -> None:
        self._postgres = Postgres.start(self._directory / POSTGRES, self._processes, self._authority)

    def _start_redis(self) -> None:
        self._redis = Redis.start(self._directory / REDIS, self._processes, password=REDIS_PASSWORD)

    def _start_ceph(self) -> None:
        port = free_port()
        self._ceph = Ceph.start(self._directory / CEPH, self._processes, swift_url=f"https://{join(NAMES[0], port)}")
        site = Site(self._ceph.rgw_url)
        self._front = Front.start(self._directory / "rgw-front", self._processes, self._authority, site, port=port)


def _present(part: T | None, name: str) -> T:
    if part is None:
        raise LabError(f"part '{name}' of the backing services was not started: add it to `parts`")
    return part
