"""The configuration files of the daemons of a node."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from lab.node.plan import CAPTURE_PORT, CLUSTER_DOMAIN, NODE_IP, NODE_NAME, POD_RANGE, Plan

PAUSE_IMAGE = "localhost/pause:1"
LOOPBACK_PLUGIN = "lab-loopback"

CONTAINERD = """
version = 2
root = "{home}/containerd"
state = "/run/containerd"
oom_score = 0
[grpc]
  address = "{socket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "{home}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{home}/cni-bin"
    conf_dir = "{home}/cni"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{certs}"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        BinaryName = "{runc}"
        SystemdCgroup = false
"""

COREFILE = """
{domain} in-addr.arpa {{
  bind {ip}
  errors
  kubernetes {domain} in-addr.arpa {{
    kubeconfig {kubeconfig}
    ttl 0
  }}
}}
. {{
  bind {ip}
  template ANY ANY {{
    rcode NXDOMAIN
  }}
}}
"""
"""All other names are NXDOMAIN, because the network has no uplink."""

BORDER = """
table ip lab {{
  chain prerouting {{
    type nat hook prerouting priority -110;
    ip daddr {ip} tcp dport {first}-{last} redirect to :{capture}
  }}
  chain output {{
    type nat hook output priority -110;
    ip daddr 127.0.0.0/8 tcp dport {first}-{last} redirect to :{capture}
  }}
}}
"""


def write_configs(plan: Plan) -> None:
    """Writes all files below the home directory of the node."""
    for folder in ("cni", "cni-bin", "certs.d", "opt", "var-lib", "var-lib-work", "var-log"):
        plan.path(folder).mkdir(parents=True, exist_ok=True)
    texts = {
        "containerd.toml": CONTAINERD.format(
            home=plan.home,
            socket=plan.socket,
            certs=plan.certs_dir,
            pause=PAUSE_IMAGE,
            runc=plan.programs["runc"],
        ),
        "Corefile": COREFILE.format(ip=NODE_IP, domain=CLUSTER_DOMAIN, kubeconfig=plan.kubeconfig),
        "border.nft": BORDER.format(ip=NODE_IP, first=plan.first_port, last=plan.last_port, capture=CAPTURE_PORT),
        "resolv.conf": f"nameserver {NODE_IP}\n",
        "cni/10-lab.conflist": json.dumps(_cni(plan)),
        "kubelet.yaml": _yaml(_kubelet(plan)),
        "kube-proxy.yaml": _yaml(_kube_proxy(plan)),
    }
    for name, text in texts.items():
        plan.path(name).write_text(text)
    _link_cni_plugins(plan)


def hosts_toml(host: str, ca_path: Path) -> str:
    """Returns the `hosts.toml` with which containerd trusts this authority for `host`."""
    url = f"https://{host}"
    return f'server = "{url}"\n[host."{url}"]\n  capabilities = ["pull", "resolve"]\n  ca = "{ca_path}"\n'


def _cni(plan: Plan) -> dict[str, Any]:
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isDefaultGateway": True,
        "hairpinMode": True,
        "ipam": {"type": "host-local", "ranges": [[{"subnet": POD_RANGE}]], "dataDir": f"{plan.home}/cni-state"},
    }
    plugin = {
        "type": LOOPBACK_PLUGIN,
        "nft": plan.programs["nft"],
        "node": NODE_IP,
        "ports": f"{plan.first_port}-{plan.last_port}",
    }
    return {"cniVersion": "0.4.0", "name": "lab", "plugins": [bridge, plugin]}


def _link_cni_plugins(plan: Plan) -> None:
    """Links packaged plugins and the lab's plugin into one directory, because containerd reads only one."""
    target = plan.path("cni-bin")
    for source in Path(plan.cni_dir).iterdir():
        (target / source.name).symlink_to(source)
    script = Path(__file__).with_name("loopback.py")
    plugin = target / LOOPBACK_PLUGIN
    plugin.write_text(f"#!/bin/sh\nexec '{sys.executable}' -I -S '{script}'\n")
    plugin.chmod(0o755)


def _kubelet(plan: Plan) -> dict[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "port": plan.kubelet_port,
        "containerRuntimeEndpoint": f"unix://{plan.socket}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{plan.cgroup}",
        "clusterDNS": [NODE_IP],
        "clusterDomain": CLUSTER_DOMAIN,
        "resolvConf": f"{plan.home}/resolv.conf",
        "serializeImagePulls": False,
        "imageGCHighThresholdPercent": 100,  # the disk belongs to the machine: the lab must not delete images
        "evictionHard": {"memory.available": "50Mi", "nodefs.available": "0%", "imagefs.available": "0%"},
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
    }


def _kube_proxy(plan: Plan) -> dict[str, Any]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "hostnameOverride": NODE_NAME,
        "clusterCIDR": POD_RANGE,
        "clientConnection": {"kubeconfig": plan.kubeconfig},
        "conntrack": {"maxPerCore": 0, "min": 0},  # the table belongs to the machine
    }


def _yaml(content: dict[str, Any], indent: int = 0) -> str:
    """Renders block YAML: the kubelet does not accept a file that starts with a brace."""
    lines = []
    for key, value in content.items():
        if isinstance(value, dict):
            lines.append(f"{' ' * indent}{key}:\n{_yaml(value, indent + 2)}")
        else:
            lines.append(f"{' ' * indent}{key}: {json.dumps(value)}{os.linesep}")
    return "".join(lines)
