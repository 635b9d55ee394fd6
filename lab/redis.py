"""Redis: standalone as Harbor needs it, or in one of the modes that the operator must distinguish."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

import redis

from lab import packages, suites, versions
from lab.addresses import CLIENT_HOST, HOST
from lab.debian import Tool, locate
from lab.process import Process, Processes, free_port, wait_until

if TYPE_CHECKING:
    from pathlib import Path

SUITES = {"redis-7.0": "bookworm", "redis-8.0": "trixie", "valkey-8.1": "trixie", "valkey-9.1": "forky"}
"""The Debian release with each version."""

Mode = Literal["standalone", "cluster", "replica", "sentinel"]
MASTER_NAME = "mymaster"
HASH_SLOTS = 16384
FIXED_BUS_OFFSET = 10000
SIZES: dict[Mode, int] = {"standalone": 1, "cluster": 3, "replica": 2, "sentinel": 3}


class Node:
    """One Redis process."""

    host = CLIENT_HOST

    def __init__(self, directory: Path, processes: Processes, password: str | None) -> None:
        self.port = free_port(second=FIXED_BUS_OFFSET if _has_fixed_bus() else 0)
        self.bus = self.port + FIXED_BUS_OFFSET if _has_fixed_bus() else free_port()
        self.password = password
        self._directory = directory
        self._processes = processes
        self._tool = find_redis()
        self._sentinel = False
        self._process: Process | None = None

    def configure(self, lines: list[str], *, sentinel: bool = False) -> None:
        """Writes the configuration to a file, because process arguments would expose the password."""
        self._sentinel = sentinel
        self._directory.mkdir(parents=True, exist_ok=True)
        own = [f"bind {HOST}", "protected-mode no", f"port {self.port}", f"dir {self._directory}", "daemonize no"]
        secret = [f"requirepass {self.password}"] if self.password else []
        config = self._directory / "redis.conf"
        config.touch(mode=0o600)
        config.write_text("\n".join([*own, *secret, *lines]) + "\n")

    def run(self) -> None:
        """Starts the process and waits until it answers."""
        argv: list[str | Path] = [self._tool.path, self._directory / "redis.conf"]
        name = f"{self._directory.parent.name}-{self._directory.name}"
        extra = ["--sentinel"] if self._sentinel else []
        self._process = self._processes.start(name, [*argv, *extra], env=self._tool.env)
        wait_until(self._answers, f"Redis '{name}' answers", deadline=10, process=self._process)
        versions.REDIS.started.add(self._release())

    def stop(self) -> None:
        """Stops the process; its data are lost."""
        if self._process is not None:
            self._process.stop()

    def client(self, database: int = 0) -> redis.Redis:
        """Returns a client without retries and with a short timeout."""
        return redis.Redis(
            host=HOST, port=self.port, db=database, password=self.password, socket_timeout=5, decode_responses=True
        )

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False

    def _release(self) -> str:
        with self.client() as client:
            info = client.info("server")
        kind = "valkey" if "valkey_version" in info else "redis"
        return f"{kind}-{info[f'{kind}_version']}"


class Redis:
    """One or more nodes; `host` and `port` are the values for `spec.cache.addresses`."""

    master_name = MASTER_NAME

    def __init__(self, mode: Mode, nodes: list[Node]) -> None:
        self.mode = mode
        self.nodes = nodes
        self.front = nodes[-1] if mode in ("replica", "sentinel") else nodes[0]

    @classmethod
    def start(
        cls,
        directory: Path,
        processes: Processes,
        *,
        mode: Mode = "standalone",
        password: str | None = None,
        databases: int = 16,
    ) -> Redis:
        """Starts a Redis without persistence: standalone, three cluster nodes, a replica, or a Sentinel with both."""
        nodes = [Node(directory / f"{number}", processes, password) for number in range(SIZES[mode])]
        _configure(mode, nodes, databases)
        for node in nodes:
            node.run()
        if mode == "cluster":
            _join(nodes)
        if mode in ("replica", "sentinel"):
            wait_until(lambda: _in_sync(nodes[1]), "the Redis replica follows its master", deadline=20)
        return cls(mode, nodes)

    @property
    def host(self) -> str:
        """The address for clients."""
        return self.front.host

    @property
    def port(self) -> int:
        """The port for clients."""
        return self.front.port

    @property
    def password(self) -> str | None:
        """The password, if one is set."""
        return self.front.password

    def client(self, database: int = 0) -> redis.Redis:
        """Returns a client of the address for clients."""
        return self.front.client(database)

    def stop(self) -> None:
        """Stops every node."""
        for node in self.nodes:
            node.stop()

    def restart(self) -> None:
        """Restarts every node, empty, on its port."""
        self.stop()
        for node in self.nodes:
            node.run()


def _configure(mode: Mode, nodes: list[Node], databases: int) -> None:
    first = nodes[0]
    plain = [f"databases {databases}", 'save ""', "appendonly no", "repl-diskless-sync-delay 0"]
    shared = [f"masterauth {first.password}"] if first.password else []
    follow = [*plain, *shared, f"replicaof {HOST} {first.port}"]
    match mode:
        case "standalone":
            first.configure(plain)
        case "cluster":
            for node in nodes:
                bus = [] if _has_fixed_bus() else [f"cluster-port {node.bus}"]
                node.configure([*plain, *shared, "cluster-enabled yes", *bus])
        case "replica":
            first.configure(plain)
            nodes[1].configure(follow)
        case "sentinel":
            first.configure([*plain, *shared])
            nodes[1].configure(follow)
            nodes[2].configure(sentinel_lines(first), sentinel=True)


def sentinel_lines(master: Node) -> list[str]:
    """Returns the configuration of a Sentinel that monitors this primary."""
    secret = [f"sentinel auth-pass {MASTER_NAME} {master.password}"] if master.password else []
    return [
        f"sentinel monitor {MASTER_NAME} {HOST} {master.port} 1",
        *secret,
        f"sentinel down-after-milliseconds {MASTER_NAME} 500",
        f"sentinel failover-timeout {MASTER_NAME} 2000",
    ]


def _join(nodes: list[Node]) -> None:
    """Distributes the hash slots and joins the nodes."""
    share = HASH_SLOTS // len(nodes)
    for number, node in enumerate(nodes):
        last = HASH_SLOTS - 1 if node is nodes[-1] else (number + 1) * share - 1
        with node.client() as client:
            client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            client.execute_command("CLUSTER", "ADDSLOTS", *range(number * share, last + 1))
    with nodes[0].client() as client:
        for node in nodes[1:]:
            client.execute_command("CLUSTER", "MEET", HOST, node.port, node.bus)
    for node in nodes:
        wait_until(partial(_cluster_ok, node), "the Redis cluster state is ok", deadline=20)


def _cluster_ok(node: Node) -> bool:
    with node.client() as client:
        return "cluster_state:ok" in str(client.execute_command("CLUSTER", "INFO"))


def _in_sync(node: Node) -> bool:
    with node.client() as client:
        return bool(client.info("replication").get("master_link_status") == "up")


def find_redis() -> Tool:
    """Returns Redis or Valkey of the selected version, else the one of this machine or its release. Raises LabError."""
    version = versions.REDIS.selected()
    if not version:
        return locate("redis-server", ["redis-server"])
    if version not in SUITES:
        return packages.redis_6_2()
    name = f"{version.partition('-')[0]}-server"
    return suites.locate(SUITES[version], name, [name])


def _has_fixed_bus() -> bool:
    """Whether the port of the cluster bus cannot be configured, which is so before Redis 7."""
    return versions.REDIS.selected() == "redis-6.2"
