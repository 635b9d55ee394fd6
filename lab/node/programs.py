"""Finds the programs of a node, and checks whether this machine can run one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from lab.debian import Tool, find_installed, locate
from lab.gotools import PROGRAMS, Program, program
from lab.node import cgroups
from lab.process import LabError

PACKAGES = ("containerd", "runc", "containernetworking-plugins", "nftables", "busybox-static")
FROM_PACKAGES = ("containerd", "containerd-shim-runc-v2", "ctr", "runc", "nft")
CNI_PLACES = ("usr/lib/cni", "opt/cni/bin", "usr/libexec/cni")
GO_PROGRAMS = {
    **{
        name: Program("kubernetes", "k8s.io/kubernetes", f"k8s.io/kubernetes/cmd/{name}")
        for name in ("kubelet", "kube-proxy")
    },
    "coredns": Program("coredns", "github.com/coredns/coredns", "harbor-operator.io/lab/tools/coredns", ("-version",)),
}
PROGRAMS.update(GO_PROGRAMS)
FROM_MACHINE = ("unshare", "nsenter", "ip", "mount")
NAMESPACES = ("-n", "-m", "-p", "-u", "-i", "-f", "--kill-child", "--mount-proc", "--propagation", "private")
PROBE = """
mount -t tmpfs tmpfs /run
mkdir /run/lower /run/upper /run/work /run/merged
mount -t overlay -o lowerdir=/run/lower,upperdir=/run/upper,workdir=/run/work overlay /run/merged
ip link add node0 type bridge
"""
"""The first steps of a node; root in a container often lacks the rights for them."""


def missing_requirement() -> str:
    """Returns why this machine cannot run a node, or an empty string."""
    if sys.platform != "linux":
        return "the kubelet needs Linux"
    if os.geteuid() != 0:
        return "the kubelet needs root"
    if missing := [name for name in FROM_MACHINE if shutil.which(name) is None]:
        return f"the node needs '{missing[0]}' on PATH"
    absent = [name for name in FROM_PACKAGES if find_installed(name) is None]
    if absent and not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        return f"the node needs '{absent[0]}', and this machine has no apt-get to download it"
    if closed := [str(path) for path in cgroups.hierarchies() if not os.access(path, os.W_OK)]:
        return f"control groups cannot be created in '{closed[0]}'"
    probe = ["unshare", *NAMESPACES, "sh", "-ec", PROBE]
    done = subprocess.run(probe, capture_output=True, text=True, check=False)
    return f"namespaces cannot be created and set up: {done.stderr.strip()}" if done.returncode else ""


def node_programs() -> tuple[dict[str, str], str, str]:
    """Returns paths by name, the directory of the CNI plugins, and the library path for unpacked programs."""
    tools = {name: locate(name, PACKAGES) for name in FROM_PACKAGES}
    paths = {name: str(tool.path) for name, tool in tools.items()}
    paths |= {name: str(program(name)) for name in GO_PROGRAMS}
    libraries = dict.fromkeys(tool.env.get("LD_LIBRARY_PATH", "") for tool in tools.values())
    return paths, _cni_dir(tools["containerd"]), ":".join(filter(None, libraries))


def busybox() -> Path:
    """Returns a statically linked busybox. Raises LabError if there is none."""
    tool = locate("containerd", PACKAGES)
    candidates = [root / "bin" / "busybox" for root in (tool.prefix, Path("/usr"), Path("/")) if root is not None]
    found = next((path for path in candidates if os.access(path, os.X_OK)), None)
    if found is None:
        raise LabError("'busybox' is missing: install the Debian package busybox-static and try again")
    return found


def _cni_dir(tool: Tool) -> str:
    candidates = [(tool.prefix or Path("/")) / place for place in CNI_PLACES]
    found = next((str(path) for path in candidates if os.access(path / "host-local", os.X_OK)), None)
    if found is None:
        raise LabError("the CNI plugins are missing: install the Debian package containernetworking-plugins")
    return found
