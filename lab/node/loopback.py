"""A CNI plugin: forwards the lab's ports of 127.0.0.1 in a pod to the node, which forwards them to the lab's servers.

containerd runs it for each new pod; it uses the standard library only.
"""

import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path

CLONE_NEWNET = 0x40000000

RULES = """
table ip lab {{
  chain output {{
    type nat hook output priority -100;
    ip daddr 127.0.0.1 tcp dport {ports} dnat to {node}
  }}
  chain postrouting {{
    type nat hook postrouting priority 100;
    oifname != "lo" ip saddr 127.0.0.0/8 masquerade
  }}
}}
"""


def main() -> int:
    """Executes the CNI command in the environment."""
    command = os.environ.get("CNI_COMMAND", "")
    if command == "VERSION":
        print(json.dumps({"cniVersion": "0.4.0", "supportedVersions": ["0.3.1", "0.4.0"]}))
        return 0
    config = json.load(sys.stdin)
    if command == "ADD":
        _enter(os.environ["CNI_NETNS"])
        for name in ("all", os.environ["CNI_IFNAME"]):
            Path("/proc/sys/net/ipv4/conf", name, "route_localnet").write_text("1")
        rules = RULES.format(ports=config["ports"], node=config["node"])
        subprocess.run([config["nft"], "-f", "-"], input=rules, text=True, check=True)
        print(json.dumps(config["prevResult"]))
    return 0


def _enter(namespace: str) -> None:
    with Path(namespace).open() as handle:
        if ctypes.CDLL(None, use_errno=True).setns(handle.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"cannot enter '{namespace}'")


if __name__ == "__main__":
    sys.exit(main())
