"""Networks in which the tests run beside the usual loopback of IPv4; each is a network namespace (Linux, root).

    python -m lab.networks ipv6 -- -q tests/e2e/test_main_job.py

Runs pytest with these arguments. No network has a route to another machine.

- `ipv6`: the servers listen on IPv6 addresses only, and URLs, image references and certificates contain these. As in a
  pod of a cluster with IPv6 only, the one IPv4 address is 127.0.0.1.
- `dual-stack`: the servers listen on IPv4, and have a name with two addresses. The first is an IPv6 address from which
  no answer comes, not even a refusal.

The real node has an IPv4 network of its own, so the lab uses KWOK here.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab.addresses import ADDRESSES_VARIABLE, IPV6_NAME, NAME_VARIABLE
from lab.forward_proxy import find_forward_proxy
from lab.node.choice import KWOK, VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).parents[1]
IPV6, DUAL_STACK = "ipv6", "dual-stack"
SERVER, GATEWAY = "fd00:6c61:62::1", "fd00:6c61:62::2"
NAME = "dual-stack.test"
SILENT = "2001:db8::dead"
"""An address on a link without a neighbour; it sorts before an IPv4 address (RFC 6724)."""
LOCALHOST = "127.0.0.1 localhost\n::1 localhost\n"


@dataclass(frozen=True)
class Network:
    """The shell commands that set up a network, its file /etc/hosts, and the variables of `lab.addresses`."""

    commands: Sequence[str]
    hosts: str
    variables: Mapping[str, str]


NETWORKS = {
    IPV6: Network(
        [f"ip address add {address}/128 dev lo nodad" for address in (SERVER, GATEWAY)],
        f"{LOCALHOST}{SERVER} {IPV6_NAME}\n",
        {ADDRESSES_VARIABLE: f"{SERVER},{GATEWAY}"},
    ),
    DUAL_STACK: Network(
        [
            "ip link add lab0 type bridge",
            "ip link set lab0 up",
            "ip address add 2001:db8::1/64 dev lab0 nodad",
            # Without an address beside loopback, a resolver with AI_ADDRCONFIG returns no IPv4 address.
            "ip address add 192.0.2.1/24 dev lab0",
            f"ip neighbour add {SILENT} lladdr 02:00:00:00:00:01 dev lab0 nud permanent",
        ],
        f"{LOCALHOST}{SILENT} {NAME}\n127.0.0.1 {NAME}\n",
        {NAME_VARIABLE: NAME},
    ),
}


def run_tests(name: str, arguments: Sequence[str]) -> int:
    """Runs pytest in a network, and returns its exit status."""
    network = NETWORKS[name]
    find_forward_proxy()  # what the tests need beside the lab: in the network no package archive can be reached
    with tempfile.NamedTemporaryFile("w", suffix="-hosts") as hosts:
        hosts.write(network.hosts)
        hosts.flush()
        Path(hosts.name).chmod(0o644)
        lines = ["ip link set lo up", *network.commands, f"mount --bind {hosts.name} /etc/hosts", 'exec "$@"']
        inside = ["unshare", "--net", "--mount", "--propagation", "private", "sh", "-ec", "\n".join(lines), "sh"]
        env = {**os.environ, **network.variables, VARIABLE: KWOK, "PYTHONPATH": "operator"}
        command = [*inside, sys.executable, "-m", "pytest", *arguments]
        return subprocess.run(command, cwd=ROOT, env=env, check=False).returncode


def main(arguments: Sequence[str]) -> int:
    """Returns the exit status of pytest, or 2 for wrong usage."""
    match list(arguments):
        case [name, "--", *rest] if name in NETWORKS:
            return run_tests(name, rest)
        case _:
            sys.stderr.write(f"usage: python -m lab.networks {'|'.join(NETWORKS)} -- [PYTEST-ARGUMENT...]\n")
            return 2


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
