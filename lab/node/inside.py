"""The first process in the node's namespaces: sets up mounts and network, starts the daemons, reaps child processes.

When it ends, the kernel ends all other processes in the namespaces.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from lab.addresses import SERVICE_RANGE
from lab.node.plan import NODE_IP, NODE_NAME, Plan

SOCKET_SECONDS = 20.0


def main() -> int:
    """Runs until a daemon ends, which is a failure; to stop the node, kill this process."""
    plan = Plan.read(Path(sys.argv[1]))
    _mounts(plan)
    _network(plan)
    plan.network_up.touch()
    names = _start_daemons(plan)
    while True:
        pid, status = os.wait()
        if pid in names:
            print(f"'{names[pid]}' ended with status {os.waitstatus_to_exitcode(status)}", flush=True)
            return 1


def _mounts(plan: Plan) -> None:
    """Mounts private directories over the standard paths of the daemons."""
    _run("mount", "--make-rprivate", "/")
    _run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    _run("mount", "--bind", str(plan.path("var-log")), "/var/log")
    layers = f"lowerdir=/var/lib,upperdir={plan.path('var-lib')},workdir={plan.path('var-lib-work')}"
    _run("mount", "-t", "overlay", "-o", layers, "overlay", "/var/lib")  # some machines have programs there
    _run("mount", "--make-rshared", "/")


def _network(plan: Plan) -> None:
    _run("hostname", NODE_NAME)
    _run("ip", "link", "set", "lo", "up")
    _run("ip", "link", "add", "node0", "type", "bridge")
    _run("ip", "address", "add", f"{NODE_IP}/24", "dev", "node0")
    _run("ip", "link", "set", "node0", "up")
    # A Service address needs a route before kube-proxy's rules translate it.
    _run("ip", "route", "add", SERVICE_RANGE, "dev", "node0")
    for setting in ("ipv4/ip_forward", "bridge/bridge-nf-call-iptables"):
        path = Path("/proc/sys/net", setting)
        if path.exists():
            path.write_text("1")
    _run(plan.programs["nft"], "-f", str(plan.path("border.nft")), library_path=plan.library_path)


def _start_daemons(plan: Plan) -> dict[int, str]:
    """Starts all daemons and returns their names by process id; the kubelet needs a running containerd."""
    programs, home = plan.programs, plan.home
    folders = dict.fromkeys(str(Path(path).parent) for path in programs.values())
    path = ":".join([*folders, os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")])
    env = {"PATH": path, "HOME": home, "LD_LIBRARY_PATH": plan.library_path}
    identity = [f"--kubeconfig={plan.kubeconfig}", f"--hostname-override={NODE_NAME}", f"--node-ip={NODE_IP}"]
    commands = {
        "containerd": ["--config", f"{home}/containerd.toml"],
        "coredns": ["-conf", f"{home}/Corefile"],
        "kube-proxy": [f"--config={home}/kube-proxy.yaml"],
        "kubelet": [f"--config={home}/kubelet.yaml", f"--cert-dir={home}/pki", *identity],
    }
    names = {}
    for name, arguments in commands.items():
        if name == "kubelet":
            _await(plan.socket)
        with Path(plan.logs, f"node-{name}.log").open("ab") as log:
            child = subprocess.Popen(
                [programs[name], *arguments], env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        names[child.pid] = name
    return names


def _await(path: Path) -> None:
    end = time.monotonic() + SOCKET_SECONDS
    while not path.exists():
        if time.monotonic() > end:
            raise SystemExit(f"containerd has not created '{path}' within {SOCKET_SECONDS:g} s; see its log")
        time.sleep(0.02)


def _run(*command: str, library_path: str = "") -> None:
    env = {**os.environ, "LD_LIBRARY_PATH": library_path} if library_path else None
    subprocess.run(command, env=env, check=True)


if __name__ == "__main__":
    sys.exit(main())
